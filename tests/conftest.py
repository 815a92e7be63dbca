"""Fixtures that many tests share: where real inputs lie, if they are there at all."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the real inputs of {name} are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real and odd input files from public repositories."""
    return _folder("corpus")


@pytest.fixture(scope="session")
def pairs() -> Path:
    """Real images with their slimmed twins."""
    return _folder("pairs")
