"""Encoders for sequence classification: by name or path, or `nano`, small and random."""
