"""Paths that stand as literals in texts and read-only data, as far as the original has something there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.knowledge import Search
from xraydiff.limits import Limits
from xraydiff.paths import ROOT, ImagePath, components, decoded, is_below, parent
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.shebang import is_shell_script
from xraydiff.tree import FileTree
from xraydiff.tree.glob import begun_with

_BEFORE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./~$}-")
"""A slash after one of these goes on with a word: a URL, a relative name, a variable."""
_ABSOLUTE = re.compile(rb"/(?<![A-Za-z0-9_./~$}-]/)[A-Za-z0-9_.+@~:,=-][A-Za-z0-9_.+@~:,=/-]*")
"""What may be absolute paths, joined or not; the first sign comes first so that it is searched for fast."""
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
_CONFIG = "config"
"""The form of settings."""
_JOINTS = ("-", "_", ".")
"""What a text that is only the beginning of a name ends with: `errors/status-`, to which a program adds a code."""
_ZONE = re.compile(
    rb"(?<![A-Za-z0-9_/.-])(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)"
    rb"/[A-Z][A-Za-z_]{1,30}(?:[/+-][A-Za-z0-9_]{1,30}){0,2}(?![A-Za-z0-9_/.-])"
)
"""A name of the time zone database by its area (theory.html of tz): telling by itself, whatever reads it."""
_CHOICE = 8
"""Zones of settings that are used; more are offered to people to choose from."""
_GLANCES = 8
"""Names of a directory that are compared with those of a config, for which one step counts."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that looks like a name, and the line where it stands first; 0 in what has no lines."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literals:
    """Every distinct text of a file that looks like a name, in the order of the file."""

    absolute: tuple[Literal, ...]
    relative: tuple[Literal, ...]
    """Of a config names that may count from a directory."""
    zones: tuple[Literal, ...]
    """Of a config the names of time zones (`Europe/Rome`)."""
    services: tuple[tuple[str, Literal], ...]
    """Names of services in URLs, and the URL up to there."""
    is_text: bool
    lists_files: bool
    """Whether the file declares by its format that it lists files."""
    too_many: bool
    """Whether there are more than are kept."""


class LiteralsReader(ParsedReader[Literals]):
    """Absolute paths of texts and binaries, and in configs names relative to a directory that the config names."""

    name = "literals"
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

    def form(self, subject: Subject) -> str:
        """`config` for settings, in which names may be relative."""
        is_config = is_below(subject.path, "/etc") or _CONFIG_SUFFIX.search(subject.path) is not None
        return _CONFIG if is_config else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Literals:
        """Texts that look like names, whether an image has them or not."""
        lists_files = _lists_files(data)
        is_text = b"\0" not in data[:_SNIFF]
        if is_text:
            data = _COMMENT.sub(_blank, data)
        most = limits.literal_names
        absolute = tuple(islice(_distinct(data, _ABSOLUTE, is_text=is_text), most + 1))
        relative = (
            tuple(islice(_distinct(data, _RELATIVE, is_text=True), most + 1)) if is_text and form == _CONFIG else ()
        )
        return Literals(
            absolute=absolute[:most],
            relative=relative[:most],
            zones=tuple(islice(_distinct(data, _ZONE, is_text=True), most)) if is_text and form == _CONFIG else (),
            services=tuple(_services(data, is_text=is_text)),
            is_text=is_text,
            lists_files=lists_files,
            too_many=len(absolute) > most or len(relative) > most,
        )

    def resolve(self, parsed: Literals, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """An edge for each distinct literal that the original resolves, in the order of the file.

        What merely lists files says so itself; how many names a file has says nothing of any one of them.
        """
        for item in self._found(parsed, subject, context):
            yield replace(item, weak=True) if parsed.lists_files and isinstance(item, Edge) else item
        if parsed.too_many:
            yield Gap(node=subject.node, reason="too-large", detail="more names than are looked up")

    def _found(self, parsed: Literals, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
        named: list[ImagePath] = []
        begun: set[str] = set()
        for literal in _each(_known(parsed.absolute, context.once(_absolute)), is_text=parsed.is_text):
            edge = self._edge(subject, context, literal.text, literal.line)
            if edge is None and parsed.is_text:
                yield from self._begun(subject, context, literal.text, literal.line, begun)
            if edge is not None:
                yield edge
                named.append(ImagePath(edge.target.path))
        if parsed.relative:
            yield from self._relative(subject, context, parsed.relative, named)
        yield from _zones(parsed.zones, subject, context)
        services = context.once(_service_names)
        for service, url in parsed.services:
            if service in services:
                yield _names(subject, Node(path="/etc/services"), url.text, url.line)
                return

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

    def _relative(
        self, subject: Subject, context: Context, literals: Sequence[Literal], named: list[ImagePath]
    ) -> Iterator[Edge | Gap]:
        """`root /srv/www;` and `error_page 404 /404.html;` together name /srv/www/404.html."""
        tree, left = context.original, context.limits.relative_names
        roots = [path for path in named if _is_directory(context, path) and path.count("/") >= 2]
        roots.append(parent(subject.path))
        holders, steps = _holders(tree, roots, {_first(literal.text) for literal in literals}, most=left)
        context.budget.spend(steps)
        left -= steps
        for literal in literals:
            inside = holders.get(_first(literal.text), ())
            left -= len(inside)
            if left < 0:
                yield Gap(node=subject.node, reason="too-large", detail="names below the directories that it names")
                return
            for root in inside:
                path = ImagePath(f"{root}/{literal.text.lstrip('/')}")
                found = tree.resolve(path)
                if found.file is not None and found.file.type is FileType.FILE and found.path != subject.path:
                    yield _names(subject, Node(path=path), literal.text, literal.line)


def _zones(zones: Sequence[Literal], subject: Subject, context: Context) -> Iterator[Edge]:
    """The files of zones that settings name; many of them are a list to choose from, which says nothing of each."""
    row = context.knowledge.named(Search)["zones"]
    for zone in zones:
        path = ImagePath(f"{row.files[0]}/{zone.text}")
        if context.original.resolve(path).file is not None:
            edge = _names(subject, Node(path=path), zone.text, zone.line)
            yield replace(edge, weak=True) if len(zones) > _CHOICE else edge


class _Lines:
    """Numbers of the lines that offsets of a text stand in, counted on from the offset of the previous call."""

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


def _distinct(data: bytes, pattern: re.Pattern[bytes], *, is_text: bool) -> Iterator[Literal]:
    lines = _Lines(data if is_text else None)
    seen: set[bytes] = set()
    for match in pattern.finditer(data):
        start = match.start()
        if match[0] not in seen and not (start and data[start - 1] in _BEFORE):
            seen.add(match[0])
            yield Literal(decoded(match[0]), lines.at(start))


def _services(data: bytes, *, is_text: bool) -> Iterator[tuple[str, Literal]]:
    """`http://host:service`, which is looked up in services(5); each service once."""
    lines = _Lines(data if is_text else None)
    seen: set[bytes] = set()
    for match in _SERVICE.finditer(data):
        if match[1] not in seen:
            seen.add(match[1])
            yield decoded(match[1]), Literal(decoded(match[0]), lines.at(match.start()))


def _known(literals: Iterable[Literal], pattern: re.Pattern[str]) -> Iterator[Literal]:
    """The parts of literals that begin with a name of the root directory, each once."""
    seen: set[str] = set()
    for literal in literals:
        for match in pattern.finditer(literal.text):
            start = match.start()
            if match[0] not in seen and not (start and ord(literal.text[start - 1]) in _BEFORE):
                seen.add(match[0])
                yield Literal(match[0], literal.line)


def _each(literals: Iterable[Literal], *, is_text: bool) -> Iterator[Literal]:
    """Literals, and of `/a:/b,/c` and `/a=/b` in texts also what stands behind each joint, once.

    In programs they are the PATH that holds where none is set.
    """
    seen: set[str] = set()
    for literal in literals:
        yield literal
        for piece in _JOINED.split(literal.text)[1:] if is_text else ():
            if piece not in seen:
                seen.add(piece)
                yield Literal(piece, literal.line)


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


def _absolute(context: Context) -> re.Pattern[str]:
    """Absolute paths that start with a name of the root directory: others are made up, or a URL's."""
    tops = "|".join(map(re.escape, context.original.children(ImagePath("/")))) or "(?!)"
    return re.compile(rf"/(?:{tops})(?:/+[A-Za-z0-9_.+@~:,=-]{{1,255}})*(?![A-Za-z0-9_.+@~-])/?")


def _service_names(context: Context) -> frozenset[str]:
    found = context.original.resolve("/etc/services")
    size = found.file.size if found.file is not None and found.file.type is FileType.FILE else 0
    data = b""
    if found.path is not None and 0 < size <= context.limits.passwd:
        data = context.original.content(found.path)
    rows = (line.partition(b"#")[0].split() for line in data.splitlines())
    return frozenset(decoded(name) for row in rows for name in row if b"/" not in name)


def _blank(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])
