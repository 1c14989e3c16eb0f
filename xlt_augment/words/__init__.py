"""What a word is, and texts as bytes: the definitions that every later stage relies on (docs/format.md, "Word")."""
