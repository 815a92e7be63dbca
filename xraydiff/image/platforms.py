"""Platforms by the words of GOOS and GOARCH, and when one answers to another (OCI image-spec, image-index.md)."""

from __future__ import annotations

from xraydiff.errors import UsageError
from xraydiff.facts import Platform
from xraydiff.image.json_text import shown

__all__ = ["UNKNOWN", "matches", "parse_platform"]

UNKNOWN = Platform(os="unknown", architecture="unknown")
"""How BuildKit marks attestations, which are no images."""

_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm", "armel": "arm"}
_DEFAULT_VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
"""What containerd's platforms package takes an absent variant for."""


def parse_platform(text: str) -> Platform:
    """`os/architecture[/variant]`. Raises `UsageError` for anything else."""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(part.replace("_", "").replace("-", "").isalnum() for part in parts):
        raise UsageError(f"not a platform: '{shown(text)}'", hint="os/architecture[/variant], for example linux/arm64")
    return Platform(os=parts[0].lower(), architecture=parts[1].lower(), variant="".join(parts[2:]).lower())


def matches(wanted: Platform, offered: Platform) -> bool:
    """Whether an image for `offered` is what was asked for; a variant counts only where one was asked for."""
    architecture = _architecture(wanted)
    if (wanted.os, architecture) != (offered.os, _architecture(offered)):
        return False
    return not wanted.variant or (offered.variant or _DEFAULT_VARIANTS.get(architecture, "")) == wanted.variant


def _architecture(platform: Platform) -> str:
    return _ALIASES.get(platform.architecture, platform.architecture)
