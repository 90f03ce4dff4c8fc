"""Scores of a model over a split, and the baselines beside it."""
