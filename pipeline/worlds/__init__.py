"""Simulators and grids, stepped many episodes at once."""
