"""The text of the built-in policy."""

from __future__ import annotations

from importlib.resources import files


def builtin_policy_text() -> str:
    """The policy that holds where no other is given, as YAML to start from."""
    return files("xraydiff.knowledge").joinpath("policy.yaml").read_text("utf-8")
