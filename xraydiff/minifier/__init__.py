"""What the minifier was told, and what it says of its run."""
