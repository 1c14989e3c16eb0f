"""A run judged on test files: one language each."""
