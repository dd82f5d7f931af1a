"""Uniform actions on a level."""
