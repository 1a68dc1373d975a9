"""Distances between sets of pictures, in the features of a network."""
