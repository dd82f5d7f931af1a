"""Published checkpoints and datasets."""
