"""Graphs for people: networkx graphs of images and comparisons, and what they explain."""
