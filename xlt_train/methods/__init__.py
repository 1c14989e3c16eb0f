"""Training methods: one file each behind one contract (`base.Method`), named in one registry."""
