"""A folder a method."""
