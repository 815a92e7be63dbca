"""Compare a container image with its slimmed twin, without running either, and say what will be missed.

    import xraydiff

    with xraydiff.compare("app.tar", "app.slim.tar") as comparison:
        for finding in comparison.report.findings:
            print(finding.severity, finding.message)

No module state: calls are thread-safe; nothing prints, exits or reads the clock. docs/api.md has examples. Names are
imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xraydiff.comparison import Comparison
    from xraydiff.errors import (
        ImageClosedError,
        ImageError,
        IntegrityError,
        LimitExceeded,
        PluginError,
        PolicyError,
        ReportError,
        UnsupportedImage,
        UsageError,
        XraydiffError,
    )
    from xraydiff.facts import Certainty, Finding, Outlook, Severity, Suggestion, Verdict, WalkDepth
    from xraydiff.image import Image
    from xraydiff.image.sources import open_image
    from xraydiff.limits import Limits
    from xraydiff.options import CompareOptions
    from xraydiff.pipeline import compare, graph, inspect, load_policy, suggest
    from xraydiff.policy import Policy, evaluate
    from xraydiff.report.codec import dump_inspection, dump_report, load_inspection, load_report
    from xraydiff.report.document import Inspection, Report
    from xraydiff.suggestions import Suggestions

    __version__: str

__all__ = [
    "Certainty",
    "CompareOptions",
    "Comparison",
    "Finding",
    "Image",
    "ImageClosedError",
    "ImageError",
    "Inspection",
    "IntegrityError",
    "LimitExceeded",
    "Limits",
    "Outlook",
    "PluginError",
    "Policy",
    "PolicyError",
    "Report",
    "ReportError",
    "Severity",
    "Suggestion",
    "Suggestions",
    "UnsupportedImage",
    "UsageError",
    "Verdict",
    "WalkDepth",
    "XraydiffError",
    "__version__",
    "compare",
    "dump_inspection",
    "dump_report",
    "evaluate",
    "graph",
    "inspect",
    "load_inspection",
    "load_policy",
    "load_report",
    "open_image",
    "suggest",
]

_ROOMS = {
    "comparison": ("Comparison",),
    "errors": (
        "ImageClosedError",
        "ImageError",
        "IntegrityError",
        "LimitExceeded",
        "PluginError",
        "PolicyError",
        "ReportError",
        "UnsupportedImage",
        "UsageError",
        "XraydiffError",
    ),
    "facts": ("Certainty", "Finding", "Outlook", "Severity", "Suggestion", "Verdict", "WalkDepth"),
    "image": ("Image",),
    "image.sources": ("open_image",),
    "limits": ("Limits",),
    "options": ("CompareOptions",),
    "pipeline": ("compare", "graph", "inspect", "load_policy", "suggest"),
    "policy": ("Policy", "evaluate"),
    "report.codec": ("dump_inspection", "dump_report", "load_inspection", "load_report"),
    "report.document": ("Inspection", "Report"),
    "suggestions": ("Suggestions",),
}
_PLACES = {name: room for room, names in _ROOMS.items() for name in names}


if not TYPE_CHECKING:  # A type checker that saw it would take every misspelt name for one of ours.

    def __getattr__(name: str) -> object:
        """The public names, imported on first use (PEP 562)."""
        if name == "__version__":
            value: object = import_module("xraydiff.version").VERSION
        elif name in _PLACES:
            value = getattr(import_module(f"xraydiff.{_PLACES[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
