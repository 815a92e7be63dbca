"""Random images unpacked by skopeo and umoci, which share no code with this package: the listings are equal."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from xraydiff.facts import FileType
from xraydiff.image.sources import open_image
from xraydiff.paths import ImagePath, escaped
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree, squash
from xraydiff.tree.listing import HEADER, listing

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("skopeo") is None or shutil.which("umoci") is None, reason="needs skopeo and umoci"
    ),
]

SEED = int(os.environ.get("XRAYDIFF_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
IMAGES = int(os.environ.get("XRAYDIFF_UMOCI_IMAGES", "300"))
"""A fifth of a second each."""
NAMES = ["a", "b", "c", "a-b", "A", "caf\u00e9", "x y"]


class Maker:
    """Adds random layers to an image; every entry makes sense in the tree that the layers below gave."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  repeatable, not secret
        self.builder = ImageBuilder()

    def image(self) -> ImageBuilder:
        for number in range(self.random.randint(1, 5)):
            self.layer(self.builder.tree(), number)
        return self.builder

    def layer(self, below: Tree, number: int) -> None:
        self.builder.layer()
        lower = [path for path in below.files if path != "/"]
        gone = self.random.sample(lower, min(len(lower), self.random.randint(0, 3)))
        for whited in gone:
            if self.random.random() < 0.7:
                self.builder.whiteout(whited)
            elif below.files[whited].type is FileType.DIRECTORY:
                self.builder.opaque(whited)
        mine: list[str] = []
        for step in range(self.random.randint(1, 10)):
            place = self.place(below, gone)
            if not any(overlap(place, other) for other in (*mine, *gone)):
                self.entry(place, mine, f"{number}.{step}")
                mine.append(place)

    def place(self, below: Tree, gone: list[ImagePath]) -> str:
        """A new or existing path, in a directory of the lower layers or reached through one of their links."""
        directories: list[str] = ["/"]
        for path in below.files:
            led = below.resolve(path)
            if led.path is None or led.file is None or led.file.type is not FileType.DIRECTORY:
                continue
            if not any(f"{led.path}/".startswith(f"{other}/") for other in gone):
                directories.append(path)
        head = self.random.choice(directories).rstrip("/")
        place = f"{head}/{self.random.choice(NAMES)}"
        # No engine makes a directory where a file or a dangling link stands.
        deep = self.random.random() < 0.3 and below.resolve(place, follow=False).error == "absent"
        return f"{place}/{self.random.choice(NAMES)}" if deep else place

    def entry(self, path: str, mine: list[str], content: str) -> None:
        mode = self.random.choice([0o644, 0o600, 0o755, 0o4755, 0o2750])
        match self.random.choice(["file", "file", "directory", "symlink", "hardlink"]):
            case "file":
                self.builder.file(path, content, mode=mode)
            case "directory":
                self.builder.directory(path, mode=self.random.choice([0o755, 0o700, 0o1777]))
            case "symlink":
                self.builder.symlink(path, self.random.choice(["a", "b", "../a", "/b", "none", "/", "..", "a/b"]))
            case "hardlink":
                # A file of this layer, which stands at its own path whatever else is put.
                target = f"{path}.target"
                self.builder.file(target, content, mode=mode).hardlink(path, target)
                mine.append(target)


def overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def unpacked(root: Path) -> Iterator[str]:
    """The listing of a directory of the host, in the same form."""
    yield HEADER
    rows = []
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = Path(folder, name)
            shown = escaped("/" + str(path.relative_to(root)))
            info = path.lstat()
            mode = f"0o{stat.S_IMODE(info.st_mode):o}"
            if stat.S_ISLNK(info.st_mode):
                columns = ("symlink", "-", "-", str(path.readlink()))
            elif stat.S_ISDIR(info.st_mode):
                columns = ("dir", mode, "-", "-")
            else:
                columns = ("file", mode, str(info.st_size), hashlib.sha256(path.read_bytes()).hexdigest())
            rows.append("\t".join((shown, *columns)))
    yield from sorted(rows, key=lambda row: row.split("\t")[0])


def run(*command: str) -> str:
    """What a command complains about; nothing where it worked."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or result.stderr
    return result.stderr if result.returncode else ""


@pytest.mark.parametrize("number", range(IMAGES))
def test_listing_equals_what_umoci_unpacks(number: int, tmp_path: Path) -> None:
    print(f"XRAYDIFF_TEST_SEED={SEED}, image {number}")  # noqa: T201  pytest shows it where the test fails
    archive = Maker(SEED + number).image().write(tmp_path / "image.tar")
    assert not run("skopeo", "copy", "--insecure-policy", f"docker-archive:{archive}", f"oci:{tmp_path}/layout:x")
    refused = run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:x", str(tmp_path / "bundle"))
    for source in (archive, tmp_path / "layout"):
        with open_image(source) as image:
            tree = squash(image)
            assert tree.complete == (not refused), refused
            if not refused:
                assert list(listing(tree)) == list(unpacked(tmp_path / "bundle" / "rootfs"))
