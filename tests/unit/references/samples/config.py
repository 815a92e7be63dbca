"""A config has no bytes."""

SAMPLES = (("", b""),)
