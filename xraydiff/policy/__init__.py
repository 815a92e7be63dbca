"""May it pass: a policy, read from YAML with the line of every field, and its verdict on a report."""

from __future__ import annotations

from xraydiff.policy.builtin import builtin_policy_text
from xraydiff.policy.load import load_policy, parse_policy
from xraydiff.policy.model import Policy, Selector, Waiver
from xraydiff.policy.verdict import evaluate

__all__ = ["Policy", "Selector", "Waiver", "builtin_policy_text", "evaluate", "load_policy", "parse_policy"]
