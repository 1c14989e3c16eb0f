"""What differences between runs say: over training seeds, over test items, over languages. Functions of arrays."""
