"""Paths that stand as literals in texts and read-only data, as far as the original has something there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.paths import ROOT, ImagePath, components, decoded, encoded, is_below, parent
from xraydiff.references import Context, Depth, Gap, Subject
from xraydiff.references.kit.shebang import is_shell_script
from xraydiff.tree import FileTree
from xraydiff.tree.glob import begun_with

_BEFORE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./~$}-")
"""A slash after one of these goes on with a word: a URL, a relative name, a variable."""
_JOINED = re.compile(r"[:,=](?=/)")
"""What joins absolute paths to a list or a pair: a class path, a mount."""
_RELATIVE = re.compile(
    rb"(?<![A-Za-z0-9_./~$}:\-])/?[A-Za-z0-9_+@-]{1,100}(?:/[A-Za-z0-9_.+@-]{1,100}){0,10}\.[A-Za-z0-9]{1,10}(?![A-Za-z0-9_/])"
)
_SERVICE = re.compile(rb"://[A-Za-z0-9.-]{1,253}:([a-z][a-z0-9-]{1,30})(?![A-Za-z0-9_.@:-])")
_COMMENT = re.compile(rb"^[ \t]*(?:#|;|//|<!--|--[ \t])[^\n]*$", re.MULTILINE)
_LISTS = frozenset(
    (
        "/etc/ld.so.cache",
        "/etc/mime.types",
        "/etc/services",
        "/etc/protocols",
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
    )
)
_LIST_TREES = (
    *("/var/lib/dpkg", "/lib/apk", "/usr/lib/apk", "/var/lib/rpm", "/usr/lib/sysimage", "/var/lib/apt", "/var/cache"),
    *("/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/locale", "/usr/share/zoneinfo"),
)
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x89PNG", b"GIF8", b"\xff\xd8\xff")
_PROSE = re.compile(
    r"\.(?:md|rst|html?|css|svg|txt|pem|crt|key|pyc|pyo|map|po|mo|gmo|h|hpp|pod)$|/(?:RECORD|METADATA|SOURCES\.txt)$"
)
_CONFIG_SUFFIX = re.compile(r"\.(?:conf|cfg|cnf|ini|ya?ml|toml|json|properties|xml|env|rc)$")
_INVENTORY = re.compile(
    rb'^\s*\{[^\0]*"(?:spdxVersion|SPDXID|bomFormat)"\s*:|^SPDXVersion:|xmlns="http://cyclonedx\.org/schema/bom/'
)
"""The beginning of a bill of materials (SPDX, CycloneDX): it lists what an image holds, and nobody opens that by it."""
_CHECKSUMS = re.compile(rb"(?:[0-9a-f]{32,128} [ *][^\n]*\n)+")
"""What sha256sum(1) and its like write, and nothing else in the file."""
_SNIFF = 8192
_JOINTS = ("-", "_", ".")
"""What a text that is only the beginning of a name ends with: `errors/status-`, to which a program adds a code."""
_GLANCES = 8
"""Names of a directory that are compared with those of a config, for which one step counts."""


class LiteralsReader:
    """Absolute paths of texts and binaries, and in configs names relative to a directory that the config names."""

    name = "literals"
    language = ""
    depth = Depth.HEADERS

    def accepts(self, subject: Subject) -> bool:
        """Every file that is no list of others, no prose, no packed data; shell scripts have a reader of their own."""
        if subject.node.kind is NodeKind.SCRIPT:
            return subject.node.language != "shell"
        if subject.node.kind is not NodeKind.FILE or not subject.data or subject.node.language == "shell":
            return False
        path, data = subject.path, subject.data
        if path in _LISTS or any(is_below(path, tree) for tree in _LIST_TREES) or _PROSE.search(path):
            return False
        return not data.startswith(_PACKED) and not is_shell_script(data)

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """An edge for each distinct literal that the original resolves, in the order of the file.

        What merely lists files says so itself; how many names a file has says nothing of any one of them.
        """
        found = self._found(subject, context)
        if not _lists_files(subject.data):
            yield from found
            return
        for item in found:
            yield replace(item, weak=True) if isinstance(item, Edge) else item

    def _found(self, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
        data = subject.data
        text = b"\0" not in data[:_SNIFF]
        if text:
            data = _COMMENT.sub(_blank, data)
        lines = _Lines(data if text else None)
        named: list[ImagePath] = []
        begun: set[str] = set()
        for literal, start in _each(_distinct(data, context.once(_absolute)), text=text):
            edge = self._edge(subject, context, literal, lines.at(start))
            if edge is None and text:
                yield from self._begun(subject, context, literal, lines.at(start), begun)
            if edge is not None:
                yield edge
                named.append(ImagePath(edge.target.path))
        if text and self._is_config(subject):
            yield from self._relative(subject, context, data, named)
        yield from self._services(subject, context, data, text=text)

    def _edge(self, subject: Subject, context: Context, literal: str, line: int) -> Edge | None:
        parts = components(literal)
        path = _existing(ImagePath("/" + "/".join(parts)), context) or _empty_directory(parts, context)
        if path is None:
            return None
        found = context.original.resolve(path)
        directory = found.file is not None and found.file.type is FileType.DIRECTORY
        if path == subject.path or (directory and len(parts) < 2):
            return None
        kind = NodeKind.DIRECTORY if directory else NodeKind.FILE
        return _names(subject, Node(kind=kind, path=path), literal, line)

    def _begun(self, subject: Subject, context: Context, literal: str, line: int, begun: set[str]) -> Iterator[Edge]:
        """Of the beginning of a name (`errors/status-`, `mail_%s.txt`) what the original has that goes on from it.

        `begun` are the beginnings of the file that were answered, by real directory: they have many spellings.
        """
        folder, _, beginning = literal.rpartition("/")
        if len(beginning) < 3 or not beginning.endswith(_JOINTS):
            return
        real = context.original.resolve(ImagePath(folder or "/")).path
        if real is None or f"{real}/{beginning}" in begun:
            return
        begun.add(f"{real}/{beginning}")
        for name in begun_with(context.original.children(real), beginning):
            path = ImagePath(f"{folder}/{name}")
            if not _is_directory(context, path):
                yield _names(subject, Node(path=path), literal, line)

    def _services(self, subject: Subject, context: Context, data: bytes, *, text: bool) -> Iterator[Edge]:
        """`http://host:service` is looked up in services(5)."""
        services = context.once(_service_names)
        for match in _SERVICE.finditer(data):
            if match[1] in services:
                line = data.count(b"\n", 0, match.start()) + 1 if text else 0
                yield _names(subject, Node(path="/etc/services"), decoded(match[0]), line)
                return

    def _is_config(self, subject: Subject) -> bool:
        return is_below(subject.path, "/etc") or _CONFIG_SUFFIX.search(subject.path) is not None

    def _relative(
        self, subject: Subject, context: Context, data: bytes, named: list[ImagePath]
    ) -> Iterator[Edge | Gap]:
        """`root /srv/www;` and `error_page 404 /404.html;` together name /srv/www/404.html."""
        tree, lines, left = context.original, _Lines(data), context.limits.relative_names
        roots = [path for path in named if _is_directory(context, path) and path.count("/") >= 2]
        roots.append(parent(subject.path))
        literals = list(_distinct(data, _RELATIVE))
        holders, steps = _holders(tree, roots, {_first(literal) for literal, _ in literals}, most=left)
        context.budget.spend(steps)
        left -= steps
        for literal, start in literals:
            inside = holders.get(_first(literal), ())
            left -= len(inside)
            if left < 0:
                yield Gap(node=subject.node, reason="too-large", detail="names below the directories that it names")
                return
            for root in inside:
                path = ImagePath(f"{root}/{literal.lstrip('/')}")
                found = tree.resolve(path)
                if found.file is not None and found.file.type is FileType.FILE and found.path != subject.path:
                    yield _names(subject, Node(path=path), literal, lines.at(start))


class _Lines:
    """Numbers of the lines that offsets of a text stand in, counted on from the offset asked for before."""

    def __init__(self, data: bytes | None) -> None:
        """`data` is None for what has no lines."""
        self._data = data
        self._offset = 0
        self._line = 1

    def at(self, offset: int) -> int:
        """The line of an offset, 1 for the first; 0 where there are no lines."""
        if self._data is None:
            return 0
        if offset < self._offset:
            self._offset, self._line = 0, 1
        self._line += self._data.count(b"\n", self._offset, offset)
        self._offset = offset
        return self._line


def _first(literal: str) -> str:
    """The first component of a name below a directory."""
    return literal.lstrip("/").partition("/")[0]


def _holders(
    tree: FileTree, roots: Iterable[ImagePath], names: set[str], *, most: int
) -> tuple[dict[str, list[ImagePath]], int]:
    """Which of the directories hold each name, and the steps that it took to tell; where it takes `most`, no more.

    So a name is not tried below every directory: of the two lists the shorter is looked up in the other.
    """
    holders: dict[str, list[ImagePath]] = {}
    steps = 0
    for root in dict.fromkeys(roots):
        real = tree.resolve(root).path
        children = tree.children(real) if real is not None else ()
        if len(children) <= len(names):
            held = [name for name in children if name in names]
        else:
            held = [name for name in names if ImagePath(f"{'' if real == ROOT else real}/{name}") in tree.files]
        for name in held:
            holders.setdefault(name, []).append(root)
        steps += 1 + min(len(children), len(names)) // _GLANCES + len(held)
        if steps > most:
            break
    return holders, steps


def _lists_files(data: bytes) -> bool:
    """Whether a file declares by its format that it lists files."""
    return _INVENTORY.search(data, 0, _SNIFF) is not None or _CHECKSUMS.fullmatch(data) is not None


def _names(subject: Subject, target: Node, literal: str, line: int) -> Edge:
    kind, firing = EdgeKind.NAMES, Firing.NAMED
    return Edge(source=subject.node, target=target, kind=kind, firing=firing, detail=literal, line=line, by="literals")


def _distinct(data: bytes, pattern: re.Pattern[bytes]) -> Iterator[tuple[str, int]]:
    seen: set[bytes] = set()
    for match in pattern.finditer(data):
        start = match.start()
        if match[0] not in seen and not (start and data[start - 1] in _BEFORE):
            seen.add(match[0])
            yield decoded(match[0]), start


def _each(literals: Iterable[tuple[str, int]], *, text: bool) -> Iterator[tuple[str, int]]:
    """Literals, and of `/a:/b,/c` and `/a=/b` in texts also what stands behind each joint, once.

    In programs they are the PATH that holds where none is set.
    """
    seen: set[str] = set()
    for literal, start in literals:
        yield literal, start
        at = start
        for piece in _JOINED.split(literal) if text else ():
            if at > start and piece not in seen:
                seen.add(piece)
                yield piece, at
            at += len(encoded(piece)) + 1


def _existing(path: ImagePath, context: Context) -> ImagePath | None:
    """The path, or what is left without a full stop or the tail of `host:/path,option`, where the original has it."""
    for cut in (path, path.rstrip(".,:"), path.partition(":")[0], path.partition(",")[0], path.rpartition("=")[0]):
        if len(cut) > 1 and context.original.resolve(cut).file is not None:
            return ImagePath(cut)
    return None


def _empty_directory(parts: Sequence[str], context: Context) -> ImagePath | None:
    """The directory of a file that is made at run time, a socket or a pid file, where the original keeps it empty.

    What holds no file leaves no trace in a run that only watches files, so a minifier drops it.
    """
    if len(parts) < 3:
        return None
    found = context.original.resolve("/" + "/".join(parts[:-1]))
    if found.path is None or found.file is None or found.file.type is not FileType.DIRECTORY:
        return None
    top = found.path.count("/") < 2
    return None if top or context.original.children(found.path) else found.path


def _is_directory(context: Context, path: ImagePath) -> bool:
    file = context.original.resolve(path).file
    return file is not None and file.type is FileType.DIRECTORY


def _absolute(context: Context) -> re.Pattern[bytes]:
    """Absolute paths that start with a name of the root directory: others are made up, or a URL's."""
    tops = b"|".join(re.escape(encoded(name)) for name in context.original.children(ImagePath("/"))) or b"(?!)"
    return re.compile(rb"/(?:" + tops + rb")(?:/+[A-Za-z0-9_.+@~:,=-]{1,255})*(?![A-Za-z0-9_.+@~-])/?")


def _service_names(context: Context) -> frozenset[bytes]:
    found = context.original.resolve("/etc/services")
    size = found.file.size if found.file is not None and found.file.type is FileType.FILE else 0
    data = b""
    if found.path is not None and 0 < size <= context.limits.passwd:
        data = context.original.content(found.path)
    rows = (line.partition(b"#")[0].split() for line in data.splitlines())
    return frozenset(name for row in rows for name in row if b"/" not in name)


def _blank(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])
