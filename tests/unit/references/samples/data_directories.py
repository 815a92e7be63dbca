"""The mark of a data directory is known by its name."""

SAMPLES = (("", b"15"),)
