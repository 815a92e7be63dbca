"""Compare a container image with its slimmed twin, without running either."""
