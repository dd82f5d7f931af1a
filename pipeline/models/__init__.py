"""Models: one file each, every one a transformers `PreTrainedModel`."""
