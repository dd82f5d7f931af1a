"""Episodes and demonstrations: stored, read, described."""
