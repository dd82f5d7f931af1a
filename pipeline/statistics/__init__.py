"""Intervals, shares, patterns of attention, and what follows from what was played."""
