"""How long a test waits before it calls something a hang."""

SLOW = 5
"""What a busy or old machine may take for a second of ours. The costs that hostile inputs are tried for grow with their
square or worse, so they are minutes, and no verdict hangs on how fast a machine is."""
