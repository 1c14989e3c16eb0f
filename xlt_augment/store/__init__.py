"""A store that teams share: immutable objects under their sha256, and references that are created exclusively, last."""
