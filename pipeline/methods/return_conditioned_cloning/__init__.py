"""Return conditioned cloning."""
