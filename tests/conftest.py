"""Fixtures that many tests share: where real inputs lie, if they are there at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import xraydiff

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    """The suite that is meant for the built wheel must not run against a checkout.

    What a shell starts in the background ignores SIGINT, and so would the commands that tests interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("XRAYDIFF_EXPECT_WHEEL"):
        assert "site-packages" in Path(xraydiff.__file__).parts, xraydiff.__file__


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
