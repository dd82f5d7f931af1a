"""Soft actor critic."""
