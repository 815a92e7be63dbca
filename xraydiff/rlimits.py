"""Limits that the kernel holds a process to (setrlimit(2)), for the processes that do hostile work."""

from __future__ import annotations

import resource

__all__ = ["bound"]


def bound(what: int, most: int) -> None:
    """Lower a limit of this process, as `resource` numbers it; one that the user set lower stays."""
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
