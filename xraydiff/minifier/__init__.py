"""Evidence of the minifier's run: its own report and the paths that it was to include."""
