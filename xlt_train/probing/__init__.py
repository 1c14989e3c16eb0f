"""What a model's embedding space looks like for words of parallel sentences."""
