"""How layers become a tree: the changesets of an image applied in order (OCI image-spec, layer.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import File, FileType, Problem
from xraydiff.image import Image, Layer, Progress
from xraydiff.layers import Note, Opaque, Put, Whiteout
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import AUFS_PREFIX, ROOT, WHITEOUT_PREFIX, ImagePath, components, encoded, escaped
from xraydiff.tree.view import Tree

IMPLIED = File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)
"""A directory that no layer has an entry for, as engines make it."""

_OVERLAY_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


def squash(image: Image, *, limits: Limits = DEFAULT, progress: Progress | None = None) -> Tree:
    """Apply the layers of an image, base layer first, and give the tree that a container would see.

    `progress` is told after each layer how many are done and how many there are. The tree's `problems` are those of the
    layers; those that opening the image found stay in `Image.problems`. Raises `ImageError` where a layer cannot be
    read or changes the type of the root, `LimitExceeded` where there are more entries or names than `limits` allows.
    """
    squasher = _Squasher(limits)
    for index, layer in enumerate(image.layers):
        try:
            squasher.apply(layer, index)
        except ImageError as error:
            error.image = error.image or image.reference
            error.layer = index if error.layer is None else error.layer
            raise
        if progress is not None:
            progress(image.reference, index + 1, len(image.layers))
    try:
        files = squasher.files()
    except LimitExceeded as error:
        error.image = image.reference
        raise
    return Tree(files, layers=image.layers, problems=squasher.problems.all(), reference=image.reference, limits=limits)


def squash_both(
    original: Image, slim: Image, *, limits: Limits = DEFAULT, progress: Progress | None = None
) -> tuple[Tree, Tree]:
    """Both trees: one image is parsed while the other's layers are hashed, which leaves the interpreter to others."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        second = beside.submit(squash, slim, limits=limits, progress=progress)
        first = squash(original, limits=limits, progress=progress)
        return first, second.result()


class _Directory:
    """A directory while the tree is being built; anything else stands as a `File` in its parent's children."""

    __slots__ = ("children", "file", "layer", "length", "parent")

    def __init__(self, file: File, parent: _Directory | None, length: int, layer: int) -> None:
        self.file = file
        self.parent = parent
        self.children: dict[str, _Directory | File] = {}
        self.length = length
        """Characters of its real path."""
        self.layer = layer
        """The layer that made it or put something into it last."""


_Split = tuple[str, str, str]
"""A stored name without its leading slash, its directory, and its last component."""
_Late = tuple[Put, str, str, _Split | None]
"""A hard link that waits for its other name: the entry, its directory and last component, and its target split."""


class _Problems:
    """Problems in the order of the layers; a flood of one kind is counted, not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Problem] = []
        self._seen: Counter[tuple[str, bool]] = Counter()
        self.layer = 0

    def add(self, code: str, message: str, *, path: str = "", offset: int = -1, fatal: bool = True) -> None:
        self._seen[code, fatal] += 1
        if self._seen[code, fatal] <= self._most:
            problem = Problem(layer=self.layer, path=path, offset=offset, code=code, message=message, fatal=fatal)
            self._kept.append(problem)

    def all(self) -> tuple[Problem, ...]:
        """What was kept, and one line for each kind of which there were more."""
        more = [
            Problem(code=code, message=f"{count - self._most} more of these", fatal=fatal)
            for (code, fatal), count in sorted(self._seen.items())
            if count > self._most
        ]
        return (*self._kept, *more)


class _Squasher:
    """The tree so far. Applying a layer takes three steps: read it, apply its whiteouts, put its entries."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._root = _Directory(IMPLIED, None, 0, -1)
        self._layer = 0
        self._inode = 0
        self._entries = 0
        self._names = 0
        self._steps = 0
        self._known: dict[str, _Directory] = {}
        """Directories by the name that entries of this layer give them, which may lead through symlinks."""
        self._own: set[str] = set()
        """Names that this layer has put."""
        self._short = min(limits.path, limits.component, 2 * limits.components - 1)
        self.problems = _Problems(limits.problems)

    def apply(self, layer: Layer, index: int) -> None:
        """Apply one changeset. Whiteouts concern lower layers only, wherever in the layer they stand."""
        self._layer = self.problems.layer = index
        puts: list[Put] = []
        whiteouts: list[Whiteout] = []
        opaques: list[Opaque] = []
        for operation in layer.operations():
            match operation:
                case Put():
                    puts.append(operation)
                    self._count(len(operation.name) + len(operation.target))
                case Whiteout():
                    whiteouts.append(operation)
                    self._count(len(operation.name))
                case Opaque():
                    opaques.append(operation)
                    self._count(len(operation.name))
                case Note():
                    note = operation
                    self.problems.add(note.code, note.message, path=note.path, offset=note.offset, fatal=note.fatal)
        removed = self._whiteout(whiteouts, opaques)
        self._put_all(puts, removed)

    def files(self) -> dict[ImagePath, File]:
        """Every path of the finished tree, the root included, in no particular order."""
        files = {ROOT: self._root.file}
        # Metadata of AUFS, which served the hard links of its layer and is no part of the image.
        top = {name: node for name, node in self._root.children.items() if not name.startswith(AUFS_PREFIX)}
        stack: list[tuple[str, dict[str, _Directory | File]]] = [("/", top)]
        total = 0
        while stack:
            prefix, children = stack.pop()
            for name, node in children.items():
                path = ImagePath(prefix + name)
                total += len(path)
                if isinstance(node, File):
                    files[path] = node
                else:
                    files[path] = node.file
                    stack.append((path + "/", node.children))
            if total > self._limits.names:
                raise LimitExceeded(f"its paths have more than {self._limits.names} characters")
        return files

    def _count(self, characters: int) -> None:
        self._entries += 1
        self._names += characters
        if self._entries > self._limits.entries_per_image:
            raise LimitExceeded(f"the image has more than {self._limits.entries_per_image} entries")
        if self._names > self._limits.names:
            raise LimitExceeded(f"the names of its entries have more than {self._limits.names} characters")

    # --- whiteouts ----------------------------------------------------------------------------------------------------

    def _whiteout(self, whiteouts: list[Whiteout], opaques: list[Opaque]) -> set[str]:
        """Apply opaque markers and whiteouts to the lower layers; gives the names of what was whited out.

        Markers go from the outermost inwards, and whiteouts are all resolved before the first is applied, so that the
        order in which they stand in the layer does not matter.
        """
        self._known.clear()
        splits = ((self._split(opaque.name, opaque.header, marker=True), opaque.header) for opaque in opaques)
        for (name, head, base), offset in sorted((split, offset) for split, offset in splits if split is not None):
            self._hide(name, head, base, offset)
        removed: set[str] = set()
        gone: list[tuple[_Directory, str]] = []
        for whiteout in whiteouts:
            if whiteout.name.rpartition("/")[2] in ("", ".", ".."):
                message = "a whiteout names nothing that it could remove"
                self.problems.add("invalid-whiteout", message, path=_absolute(whiteout.name), offset=whiteout.header)
                continue
            split = self._split(whiteout.name, whiteout.header, marker=True)
            if split is None:
                continue
            name, head, base = split
            removed.add(name)
            parent = self._directory(head, whiteout.header, create=False)
            if parent is not None:
                gone.append((parent, base))
        for parent, base in gone:
            parent.children.pop(base, None)
        self._known.clear()
        return removed

    def _hide(self, name: str, head: str, base: str, offset: int) -> None:
        """Empty a directory of what lower layers put there: one assignment, however much that was."""
        if not name:
            self._root.children = {}
            self._known.clear()
            return
        parent = self._directory(head, offset, create=False)
        if parent is None:
            return
        node = parent.children.get(base)
        if isinstance(node, _Directory):
            node.children = {}
        elif node is not None and node.type is FileType.SYMLINK:
            # The marker says that the directory itself is new, so it stands where the lower link stood; what the link
            # pointed at is untouched.
            parent.children[base] = _Directory(IMPLIED, parent, parent.length + 1 + len(base), self._layer)
            self._known.clear()

    # --- entries ------------------------------------------------------------------------------------------------------

    def _put_all(self, puts: list[Put], removed: set[str]) -> None:
        self._own.clear()
        late: dict[str, _Late] = {}
        for put in puts:
            split = self._split(put.name, put.header)
            if split is None:
                continue
            name, head, base = split
            self._note_repeats(name, put, removed)
            if not name:
                self._put_root(put)
            elif not put.hardlink:
                self._place(put, head, base, self._file(put, f"/{name}"))
            else:
                target = self._split(put.target, put.header)
                node = self._target(target)
                if isinstance(node, File) and target is not None and target[0] != name:
                    self._place(put, head, base, node)
                    if self._target(target) is not node:
                        # Engines remove before they link, so the target may be removed with what the link replaces.
                        self._dangling(put, "below what the link replaces")
                else:
                    # The other name may come later in the layer.
                    late[name] = (put, head, base, target)
        for (put, head, base, _), file in self._late_links(late):
            self._place(put, head, base, file)

    def _note_repeats(self, name: str, put: Put, removed: set[str]) -> None:
        if name in self._own:
            message = "the layer has this path twice; the later entry counts"
            self.problems.add("duplicate-entry", message, path=f"/{name}", offset=put.header, fatal=False)
        self._own.add(name)
        if name in removed:
            message = "a whiteout of the same layer names this entry, which stays: a whiteout concerns lower layers"
            self.problems.add("whiteout-of-own-entry", message, path=f"/{name}", offset=put.header, fatal=False)

    def _put_root(self, put: Put) -> None:
        if not put.name:
            self.problems.add("bad-name", "an entry without a name", offset=put.header)
            return
        if put.hardlink or put.type is not FileType.DIRECTORY:
            what = "hard link" if put.hardlink else put.type.value
            raise ImageError(f"makes the root a {what}", code="bad-root-entry", path="/", offset=put.header)
        self._root.file = self._file(put, "/")

    def _file(self, put: Put, path: str) -> File:
        """The inode that an entry makes."""
        self._inode += 1
        file = File(
            type=put.type,
            mode=put.mode & 0o7777,
            uid=put.uid,
            gid=put.gid,
            size=put.size if put.type is FileType.FILE else 0,
            mtime=put.mtime,
            target=put.target,
            device=put.device,
            xattrs=tuple(sorted(put.xattrs)) if put.xattrs else (),
            layer=self._layer,
            offset=put.offset,
            extents=put.extents,
            inode=self._inode,
        )
        if file.size > self._limits.file:
            message = f"has {file.size} bytes, more than the {self._limits.file} that are read; listed without content"
            self.problems.add("limit-exceeded", message, path=path, offset=put.header)
        if (put.type is FileType.CHARACTER and put.device == (0, 0)) or any(
            name in _OVERLAY_OPAQUE for name, _ in file.xattrs
        ):
            message = "an overlay file system's whiteout, which means nothing in a layer"
            self.problems.add("overlay-style-whiteout", message, path=path, offset=put.header, fatal=False)
        return file

    def _place(self, put: Put, head: str, base: str, file: File) -> None:
        """Put an inode at its place: a directory over a directory keeps the children, anything else replaces."""
        parent = self._directory(head, put.header, create=True)
        if parent is None:
            return
        length = parent.length + 1 + len(base)
        if length > self._limits.path:
            self._too_long(f"{head}/{base}", put.header)
            return
        parent.layer = self._layer
        old = parent.children.get(base)
        if file.type is not FileType.DIRECTORY:
            if old is not None:
                self._unlink(old, f"{head}/{base}", put.header)
            parent.children[base] = file
        elif isinstance(old, _Directory):
            old.file = file
            old.layer = self._layer
        else:
            if old is not None:
                self._unlink(old, f"{head}/{base}", put.header)
            parent.children[base] = _Directory(file, parent, length, self._layer)

    def _unlink(self, old: _Directory | File, name: str, offset: int) -> None:
        """Forget what may lead through an inode that is about to be replaced."""
        if isinstance(old, _Directory):
            self._known.clear()
            if old.layer == self._layer:
                message = "replaces a directory that the same layer has filled"
                path = _absolute(name)
                self.problems.add("entry-replaces-directory", message, path=path, offset=offset, fatal=False)
        elif old.type is FileType.SYMLINK:
            self._known.clear()

    # --- hard links ---------------------------------------------------------------------------------------------------

    def _target(self, target: _Split | None) -> File | _Directory | None:
        """What a hard link names at this moment; its last component is not followed (link(2))."""
        if target is None or not target[0]:
            return None
        parent = self._directory(target[1], -1, create=False)
        return None if parent is None else parent.children.get(target[2])

    def _late_links(self, late: dict[str, _Late]) -> Iterator[tuple[_Late, File]]:
        """Hard links whose other name came later in the layer, ordered so that each finds its inode.

        The names form chains; each is walked once, from its end. What leads nowhere, to a directory or in a circle is a
        problem, since no engine would unpack it.
        """
        while late:
            name = next(iter(late))
            chain: dict[str, _Late] = {}
            target: _Split | None = None
            while name in late:
                chain[name] = late.pop(name)
                target = chain[name][3]
                name = target[0] if target else ""
            node = None if name in chain else self._target(target)
            for link in reversed(chain.values()):
                if isinstance(node, File):
                    yield link, node
                else:
                    self._dangling(link[0], "a directory" if isinstance(node, _Directory) else "not there")

    def _dangling(self, put: Put, what: str) -> None:
        message = f"its hard link target is {what}: {escaped(put.target[:256])}"
        self.problems.add("dangling-hardlink", message, path=_absolute(put.name), offset=put.header)

    # --- names --------------------------------------------------------------------------------------------------------

    def _split(self, raw: str, offset: int, *, marker: bool = False) -> _Split | None:
        """The parts of a stored name; None where it is too long."""
        name = raw.removeprefix("./").strip("/")
        if "//" in name or "/." in name or name.startswith("."):
            parts = name.split("/")
            if ".." in parts:
                message = "the name climbs with `..`; it is clamped at the root"
                self.problems.add("path-escape", message, path=_absolute(raw), offset=offset)
                if not components(name):
                    return None  # It climbs out altogether, and says nothing about the root.
            parts = components(name)
            named = parts[:-1] if marker else parts
            if any(part.startswith(WHITEOUT_PREFIX) for part in named) and not parts[0].startswith(AUFS_PREFIX):
                message = "a component is named like a whiteout without being one; it is listed as it stands"
                self.problems.add("invalid-whiteout", message, path=_absolute(raw), offset=offset)
            name = "/".join(parts)
        head, _, base = name.rpartition("/")
        if not (len(name) <= self._short and name.isascii()) and self._exceeds(name, head, base):
            self._too_long(name, offset)
            return None
        return name, head, base

    def _exceeds(self, name: str, head: str, base: str) -> bool:
        """Whether no kernel would take a name: PATH_MAX, NAME_MAX, or nested too deep."""
        limits = self._limits
        if len(name) > limits.path or len(encoded(name)) > limits.path or name.count("/") >= limits.components:
            return True
        # The components of a directory that was found have been looked at.
        up, _, last = head.rpartition("/")
        parts = [last, base] if head in self._known or up in self._known else name.split("/")
        return max(map(len, parts)) > limits.component or max(len(encoded(part)) for part in parts) > limits.component

    def _too_long(self, name: str, offset: int) -> None:
        # The name itself may have megabytes.
        path = "/" + name[:64] + ("..." if len(name) > 64 else "")
        message = "the name is too long or nested too deep; the entry is left out"
        self.problems.add("limit-exceeded", message, path=path, offset=offset)

    def _directory(self, name: str, offset: int, *, create: bool) -> _Directory | None:
        """The real directory that a name leads to in the tree so far, missing parts made if `create`."""
        found = self._known.get(name)
        if found is None:
            # Siblings share the way to their parent.
            up, _, last = name.rpartition("/")
            if not name:
                return self._root
            above = self._known.get(up) or self._walk(up, offset, create=create)
            if above is None:
                return None
            self._known[up] = above
            child = above.children.get(last)
            if isinstance(child, _Directory):
                found = child
            elif child is not None:
                found = self._walk(name, offset, create=create)
            elif create:
                found = self._imply(above, [last], name, offset)
            if found is not None:
                self._known[name] = found
        return found

    def _walk(self, name: str, offset: int, *, create: bool) -> _Directory | None:
        """Walk from the root through the symlinks of the tree so far, which never leave it (path_resolution(7))."""
        node, hops = self._root, 0
        missing: list[str] = []
        todo = name.split("/")[::-1] if name else []
        self._spend(len(todo))
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if missing:
                    missing.pop()
                else:
                    node = node.parent or self._root
                continue
            child = None if missing else node.children.get(part)
            if isinstance(child, _Directory):
                node = child
            elif child is not None and child.type is FileType.SYMLINK:
                hops += 1
                if hops > self._limits.symlink_hops:
                    if create:
                        message = f"its directory is reached through more than {self._limits.symlink_hops} symlinks"
                        self.problems.add("symlink-loop", message, path=_absolute(name), offset=offset)
                    return None
                text = child.target.split("/")
                self._spend(len(text))
                todo.extend(reversed(text))
                if child.target.startswith("/"):
                    node = self._root
            else:
                missing.append(part)
        if missing and not create:
            return None
        return self._imply(node, missing, name, offset)

    def _imply(self, node: _Directory, missing: list[str], name: str, offset: int) -> _Directory | None:
        """Make the directories that an entry needs and no entry describes."""
        for part in missing:
            length = node.length + 1 + len(part)
            if length > self._limits.path:
                self._too_long(name, offset)
                return None
            if part in node.children:
                message = "an entry lies below a path that is no directory, which it replaces"
                self.problems.add("parent-not-a-directory", message, path=_absolute(name), offset=offset)
            made = node.children[part] = _Directory(IMPLIED, node, length, self._layer)
            node.layer = self._layer
            node = made
        return node

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > self._limits.resolution_steps:
            raise LimitExceeded(f"placing its entries takes more than {self._limits.resolution_steps} steps")


def _absolute(name: str) -> str:
    """A stored name as a path for messages: `..` stays visible, length is bounded."""
    return "/" + name[:256].strip("/")
