"""Synonym sets: what they are (`synonym_set`) and how they lie on disk (`files`)."""
