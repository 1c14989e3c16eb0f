"""Word vectors: fetching, reading, and judging them against human ratings of similarity."""
