"""Uniform torques."""
