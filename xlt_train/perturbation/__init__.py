"""Noise and worst-case shifts of an encoder's states: balls, where they are added, what is read on the way."""
