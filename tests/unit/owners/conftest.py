"""Small trees for the owners of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

LINK = "-> "


@pytest.fixture
def make_tree() -> Callable[..., Tree]:
    """A function of one mapping for each layer: content of a file, `-> target` of a link, None for a directory."""

    def make(*layers: Mapping[str, bytes | str | None]) -> Tree:
        image = ImageBuilder()
        for entries in layers:
            image.layer()
            for name, entry in entries.items():
                if entry is None:
                    image.directory(name)
                elif isinstance(entry, str) and entry.startswith(LINK):
                    image.symlink(name, entry.removeprefix(LINK))
                else:
                    image.file(name, entry, mode=0o755)
        return image.tree()

    return make
