"""Trajectory transformer."""
