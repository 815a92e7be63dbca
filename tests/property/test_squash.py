"""The squashed tree against a naive model written straight from the OCI image-spec (layer.md), on random layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from xraydiff.facts import FileType, ImageConfig
from xraydiff.image import Image
from xraydiff.layers import Opaque, Operation, Put, Whiteout
from xraydiff.tree import squash

Named = Put | Whiteout | Opaque


class Leaf(NamedTuple):
    """Anything but a directory: its kind, the stamp that tells inodes apart, and the text of a link."""

    type: FileType
    stamp: int
    target: str = ""


@dataclass
class Layer:
    ops: Sequence[Operation]
    index: int = 0
    digest: str = ""
    diff_id: str = ""
    media_type: str = ""

    def operations(self) -> Iterator[Operation]:
        return iter(self.ops)

    @property
    def content(self) -> None:
        return None


class Model:
    """A flat dict from path to leaf, or None for a directory; every rule is a scan over all paths."""

    def __init__(self) -> None:
        self.paths: dict[str, Leaf | None] = {"": None}
        self.modes: dict[str, int] = {}

    def resolve(self, path: str, hops: int = 0) -> str | None:
        """The real directory behind a path; None where links go in circles. What is missing resolves to itself."""
        real = ""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for index, part in enumerate(parts):
            if part == "..":
                real = real.rpartition("/")[0]
                continue
            here = f"{real}/{part}"
            leaf = self.paths.get(here)
            if leaf is not None and leaf.type is FileType.SYMLINK:
                if hops >= 40:
                    return None
                start = "" if leaf.target.startswith("/") else real
                rest = "/".join(parts[index + 1 :])
                return self.resolve(f"{start}/{leaf.target}/{rest}", hops + 1)
            real = here
        return real

    def remove(self, path: str, *, itself: bool) -> None:
        """'remove the file or directory and everything below it'."""
        for known in list(self.paths):
            if known.startswith(path + "/") or (itself and known == path):
                del self.paths[known]

    def apply(self, ops: Sequence[Operation]) -> None:
        for opaque in sorted(op.name for op in ops if isinstance(op, Opaque)):
            head, _, base = opaque.rpartition("/")
            parent = self.resolve(head)
            if parent is None or f"{parent}/{base}" not in self.paths:
                continue
            path = f"{parent}/{base}"
            leaf = self.paths[path]
            if leaf is not None and leaf.type is FileType.SYMLINK:
                self.paths[path] = None
                self.modes[path] = 0o755
            elif leaf is None:
                self.remove(path, itself=False)
        whiteouts = [op.name.rpartition("/") for op in ops if isinstance(op, Whiteout)]
        gone = [(self.resolve(head), base) for head, _, base in whiteouts]
        for parent, base in gone:
            if parent is not None:
                self.remove(f"{parent}/{base}", itself=True)
        late: list[Put] = []
        for op in ops:
            if isinstance(op, Put):
                if op.hardlink:
                    leaf = self.target(op)
                    if leaf is None or op.target == op.name:
                        # One name waits for one link, the last.
                        late = [other for other in late if other.name != op.name] + [op]
                        continue
                    self.put(op.name, leaf, 0)
                else:
                    made = None if op.type is FileType.DIRECTORY else Leaf(op.type, op.mtime, op.target)
                    self.put(op.name, made, op.mode)
        self.put_late(late)

    def put_late(self, late: list[Put]) -> None:
        names = {put.name: put for put in late}
        while names:
            chain = []
            name = next(iter(names))
            while name in names:
                chain.append(names.pop(name))
                name = chain[-1].target
            circle = name in {put.name for put in chain}
            leaf = None if circle else self.target(chain[-1])
            for put in reversed(chain):
                if leaf is not None:
                    self.put(put.name, leaf, 0)

    def target(self, put: Put) -> Leaf | None:
        head, _, base = put.target.rpartition("/")
        parent = self.resolve(head)
        return None if parent is None else self.paths.get(f"{parent}/{base}")

    def put(self, name: str, leaf: Leaf | None, mode: int) -> None:
        head, _, base = name.rpartition("/")
        parent = self.resolve(head)
        if parent is None:
            return
        for above in [parent[: i or None] for i in range(len(parent) + 1) if parent[i : i + 1] in ("/", "")]:
            if above and self.paths.get(above, Leaf) is not None:
                self.paths[above] = None
                self.modes[above] = 0o755
        path = f"{parent}/{base}"
        if not (leaf is None and path in self.paths and self.paths[path] is None):
            self.remove(path, itself=True)
        self.paths[path] = leaf
        self.modes[path] = mode


LETTERS = "abc"
names = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3).map("/".join)
targets = st.lists(st.sampled_from([*LETTERS, "..", "."]), min_size=1, max_size=3).map("/".join)
link_texts = st.tuples(st.sampled_from(["", "/"]), targets).map("".join)


@st.composite
def operations(draw: st.DrawFn) -> Named:
    name = draw(names)
    kind = draw(st.sampled_from(["file", "file", "dir", "dir", "symlink", "hardlink", "fifo", "whiteout", "opaque"]))
    if kind == "whiteout":
        return Whiteout(name=name)
    if kind == "opaque":
        return Opaque(name=name)
    if kind == "hardlink":
        target = draw(names)
        return Put(name=name, type=FileType.FILE, mode=0, uid=0, gid=0, size=0, mtime=0, target=target, hardlink=True)
    target = draw(link_texts) if kind == "symlink" else ""
    mode = draw(st.sampled_from([0o755, 0o700]))
    stamp = draw(st.integers(1, 10**9))
    return Put(name=name, type=FileType(kind), mode=mode, uid=0, gid=0, size=0, mtime=stamp, target=target)


layers = st.lists(st.lists(operations(), max_size=12), max_size=4)


def squashed(many: Sequence[Sequence[Operation]]) -> dict[str, Leaf | int]:
    made = tuple(Layer(ops) for ops in many)
    tree = squash(Image(reference="", digest="", config=ImageConfig(), layers=made))  # type: ignore[arg-type]
    return {
        path: file.mode if file.type is FileType.DIRECTORY else Leaf(file.type, file.mtime, file.target)
        for path, file in tree.files.items()
        if path != "/"
    }


def modelled(many: Sequence[Sequence[Operation]]) -> dict[str, Leaf | int]:
    model = Model()
    for ops in many:
        model.apply(ops)
    return {path: model.modes[path] if leaf is None else leaf for path, leaf in model.paths.items() if path}


@settings(max_examples=500, deadline=None)
@given(layers)
def test_equals_the_model(many: list[list[Named]]) -> None:
    assert squashed(many) == modelled(many)


@settings(max_examples=200, deadline=None)
@given(layers, st.randoms(use_true_random=False))
def test_whiteouts_may_stand_anywhere_in_their_layer(many: list[list[Named]], random: Random) -> None:
    shuffled = []
    for ops in many:
        marks = [op for op in ops if not isinstance(op, Put)]
        puts: list[Named] = [op for op in ops if isinstance(op, Put)]
        for mark in marks:
            puts.insert(random.randint(0, len(puts)), mark)
        shuffled.append(puts)
    assert squashed(many) == squashed(shuffled)


@settings(max_examples=200, deadline=None)
@given(layers, st.randoms(use_true_random=False))
def test_entries_of_one_layer_may_stand_in_any_order(many: list[list[Named]], random: Random) -> None:
    """Directories first, as every writer has them, and without links, which lead elsewhere when they come later."""
    sorted_, shuffled = [], []
    for ops in many:
        plain = [op for op in ops if not isinstance(op, Put) or not (op.hardlink or op.target)]
        by_name = {op.name: op for op in plain}
        directories = [op for op in by_name.values() if isinstance(op, Put) and op.type is FileType.DIRECTORY]
        leaves = [op for op in by_name.values() if not any(name.startswith(op.name + "/") for name in by_name)]
        leaves = [op for op in leaves if op not in directories]
        directories.sort(key=lambda op: op.name)
        sorted_.append([*directories, *leaves])
        random.shuffle(leaves)
        shuffled.append([*directories, *leaves])
    assert squashed(sorted_) == squashed(shuffled)


@given(layers)
def test_every_path_has_its_parents(many: list[list[Named]]) -> None:
    found = squashed(many)
    for path in found:
        parent = path.rpartition("/")[0]
        assert not parent or isinstance(found[parent], int)
