"""Perceptrons that look at the present observation alone: what several methods train."""
