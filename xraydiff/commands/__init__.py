"""What an image runs: the start command of a config, and where a program of it lies."""
