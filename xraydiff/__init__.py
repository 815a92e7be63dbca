"""Compare a container image with its slimmed twin, without running either."""

__version__ = "0.1.0"
