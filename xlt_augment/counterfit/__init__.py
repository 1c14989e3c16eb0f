"""Vectors and constraints to a synonym set: counter-fitting, nearest neighbors, filters."""
