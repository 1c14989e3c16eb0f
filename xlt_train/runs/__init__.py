"""A run folder: its record, its model card, and what may be done with a folder that is there already."""
