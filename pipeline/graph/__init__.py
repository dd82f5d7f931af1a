"""What is stale, made again, and judged."""
