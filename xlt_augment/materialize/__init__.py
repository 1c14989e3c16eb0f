"""A corpus -> an augmented dataset on disk (docs/format.md), and back: build, open, verify."""
