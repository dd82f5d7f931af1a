"""What is known of each world; simulators and grids, stepped many episodes at once."""
