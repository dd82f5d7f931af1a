"""What is run, as data: every run of the post, and those of its controls."""
