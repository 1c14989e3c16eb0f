"""Datasets, synonym sets and what belongs to them, shared between teams by content (docs/store.md)."""
