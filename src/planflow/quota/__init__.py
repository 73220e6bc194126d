"""Exact sums and splits: pure arithmetic on whole numbers, no knowledge of rounds or units."""
