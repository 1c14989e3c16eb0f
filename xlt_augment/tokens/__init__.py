"""Token ids of text columns: each distinct word is tokenised once, then gathered (docs/format.md, "Token columns")."""
