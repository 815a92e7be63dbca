"""Every type that two rooms share: values without behaviour, frozen, slotted, keyword-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from xraydiff.paths import ImagePath

# --- what an image holds --------------------------------------------------------------------------------------------


class FileType(StrEnum):
    """Kinds of entry (OCI image-spec, layer.md, "File Types"); a hard link is a further name of a regular file."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "symlink"
    CHARACTER = "char"
    BLOCK = "block"
    FIFO = "fifo"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Stored bytes of a file: `length` bytes at `offset` of the uncompressed layer stand at `position` in the file."""

    position: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One inode as the last layer that touched it left it. Modes hold permission bits only (0o7777 at most)."""

    type: FileType
    mode: int
    uid: int
    gid: int
    size: int = 0
    mtime: int = 0
    """Seconds since the epoch, as stored; never compared."""
    target: str = ""
    """Of a symlink: its text as stored, not normalised."""
    device: tuple[int, int] | None = None
    """Major and minor number of a device."""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Extended attributes, sorted by name."""
    layer: int = -1
    """Index of the layer that holds the content; -1 for an implied directory."""
    offset: int = 0
    """Where the content starts in the uncompressed layer; meaningless where `extents` is given."""
    extents: tuple[Extent, ...] | None = None
    """Of a sparse file: its stored parts; everything else reads as zeros."""
    inode: int = 0
    """Equal for the hard links of one file within an image, else unique; 0 only for implied directories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """OS, architecture and variant, with the words of GOOS and GOARCH (OCI image-spec, image-index.md)."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """HEALTHCHECK of Docker's image config; times in nanoseconds, 0 for inherited."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One line of the config's history; opaque text."""

    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The image config (OCI image-spec, config.md) with Docker's additions. `None` means absent, `()` means empty."""

    platform: Platform = Platform()
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: tuple[str, ...] = ()
    workdir: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] | None = None
    onbuild: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()


class Scope(StrEnum):
    """What a problem concerns: only `reading` makes a result incomplete."""

    READING = "reading"
    ANALYSIS = "analysis"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something that could not be read or understood, kept as a value; `fatal` ones of scope reading mean "not whole".

    A note (`complete` stays true) has `fatal` false: a duplicate entry, an archive without end blocks.
    """

    image: str = ""
    """`original` or `slim`, or empty where neither."""
    layer: int = -1
    path: str = ""
    offset: int = -1
    code: str
    message: str
    scope: Scope = Scope.READING
    fatal: bool = True
    reader: str = ""
    """Of a gap, which closes the gate: the reader that gave up on a file which the walk reached, or the language that
    has none. Empty for every other problem."""
    hint: str = ""
    """What a person can do about it, or empty."""


# --- references -----------------------------------------------------------------------------------------------------


class NodeKind(StrEnum):
    """What a node of the walk is."""

    FILE = "file"
    DIRECTORY = "directory"
    SCRIPT = "script"
    """An inline script: a command string that another node holds."""
    CONFIG = "config"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Node:
    """A place that can hold or receive a reference."""

    kind: NodeKind = NodeKind.FILE
    path: str
    """Of a file or directory: its ImagePath in the original, unresolved links allowed. Of an inline script: the path of
    the file (or the config's name) that holds it. Of a config: `original` or `slim`."""
    language: str = ""
    """Of an inline script: the reader's language (`shell`, `python`)."""
    text: str = ""
    """Of an inline script: its source."""


class EdgeKind(StrEnum):
    """What a reference says."""

    EXECUTES = "executes"
    """The target is started as a program."""
    INTERPRETS = "interprets"
    """The target interprets the source: PT_INTERP, `#!`."""
    NEEDS = "needs"
    """DT_NEEDED, LD_PRELOAD and what the loader takes with them."""
    LINKS = "links"
    """A symlink's hop or target."""
    SOURCES = "sources"
    """Read into the same interpreter: `.`, `include`, `require_relative`."""
    IMPORTS = "imports"
    """A module of the language."""
    LOADS = "loads"
    """A library loaded at run time: dlopen, a plugin, a provider, a gconv or NSS module."""
    NAMES = "names"
    """A literal."""
    CONTAINS = "contains"
    """A directory brings its content, an inline script belongs to its file."""
    TRUSTS = "trusts"
    """Certificates."""
    RUNS_AS = "runs as"
    """USER, a user or group that a program names."""
    WORKS_IN = "works in"
    """WORKDIR, VOLUME, a data or home directory."""
    COMPANION = "companion"


class Firing(StrEnum):
    """When a reference is followed; readers decide this and nothing else."""

    LOAD = "load"
    GUARDED = "guarded"
    DEFERRED = "deferred"
    NAMED = "named"
    KEPT_WITH = "kept_with"


class _Ordered(StrEnum):
    """Words that compare in the order in which they are defined, and not by the alphabet."""

    def __lt__(self, other: str) -> bool:
        return self._place() < other._place() if isinstance(other, type(self)) else NotImplemented

    def __le__(self, other: str) -> bool:
        return self._place() <= other._place() if isinstance(other, type(self)) else NotImplemented

    def __gt__(self, other: str) -> bool:
        return self._place() > other._place() if isinstance(other, type(self)) else NotImplemented

    def __ge__(self, other: str) -> bool:
        return self._place() >= other._place() if isinstance(other, type(self)) else NotImplemented

    def _place(self) -> int:
        return list(type(self)).index(self)


class _Ranked(IntEnum):
    """Ranks that print as the words of reports, policies and the command line."""

    @property
    def word(self) -> str:
        """The same as `str`."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.name.lower()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class When(_Ordered):
    """When a missing target would be noticed, the earliest first."""

    START = "start"
    USE = "use"
    OPERATE = "operate"


class ConfigField(StrEnum):
    """The field of an image config that a reference stands in."""

    ENTRYPOINT = "ENTRYPOINT"
    CMD = "CMD"
    HEALTHCHECK = "HEALTHCHECK"
    USER = "USER"
    WORKDIR = "WORKDIR"
    VOLUME = "VOLUME"
    ENV = "ENV"
    PATH = "PATH"
    """Nothing refers to the target, but it is a program in a directory of PATH, there to be called by its name."""


class Origin(StrEnum):
    """What gave an edge, as the walk goes by it; the name of the reader is for people alone."""

    FILE = "file"
    """A reader found the reference in the file that the edge leaves."""
    SHELL = "shell"
    """A command of a shell script: it runs while the script does, or never."""
    COMPANION = "companion"
    """A row of what is known of software."""
    PLACE = "place"
    """Where the target lies: in a directory that is named, beside what was kept, in PATH."""
    PART = "part"
    """The target's package was kept in part."""
    RUN = "run"
    """The minifier's report of what its run used."""
    INCLUDE = "include"
    """The list of paths that the minifier was to include."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One reference: who refers to what, and when the reference is followed.

    `detail`, `line` and `by` are shown to people and decide nothing.
    """

    source: Node
    target: Node
    kind: EdgeKind
    firing: Firing
    detail: str = ""
    """The reference as written: a soname, a command word, a literal."""
    line: int = 0
    """1-based line of a text, 0 where unknown or binary."""
    by: str = ""
    """Name of the reader."""
    origin: Origin = Origin.FILE
    field: ConfigField | None = None
    """Of a reference of an image config: the field that it stands in."""
    weak: bool = False
    """Whether something else decides if the reference is ever followed: a file that only lists names, a function that
    nobody here calls."""
    group: str = ""
    """What the edge shares with others of its source where all are one cause: a package that was kept in part, a row of
    what is known, a directory."""
    stops: bool | None = None
    """Whether the source ends where the target is missing (`exec`, under `set -e`); None where the kind decides."""
    when: When | None = None
    """The moment that the reader knows (`trap`, a stop script); None for that of the file which holds the reference."""


class OwnerKind(StrEnum):
    """Whose file it is."""

    OS_PACKAGE = "os-package"
    LANGUAGE_PACKAGE = "language-package"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Owner:
    """The owner of a file; `package` is `name` of the package, empty for the application."""

    kind: OwnerKind
    package: str = ""
    ecosystem: str = ""
    """dpkg, apk, rpm, python, node, ruby, java, php, or empty."""


class Certainty(_Ranked):
    """How sure we are that a missing target will be missed; a chain is as certain as its weakest edge."""

    NONE = 0
    POSSIBLE = 1
    LIKELY = 2
    PROVEN = 3


class WalkDepth(_Ordered):
    """How far references are followed from what is missing; what is LIKELY or better is always followed to its end."""

    LIKELY = "likely"
    """What is missed only POSSIBLY is followed as far as the kernel and the loader go."""
    POSSIBLE = "possible"
    """Everything is followed to its end."""


class Severity(_Ranked):
    """How bad it is if true."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Outlook(_Ordered):
    """What to expect of the slimmed image, the worst first; `clean` never means that nobody looked."""

    BROKEN = "broken"
    RISKY = "risky"
    UNKNOWN = "unknown"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One step of a chain from a root to what is missing, as text that needs no image."""

    source: str
    """Path, or `config of original`, or `script in /path`."""
    target: str
    kind: EdgeKind
    firing: Firing
    certainty: Certainty
    detail: str = ""
    line: int = 0
    source_owner: Owner | None = None
    target_status: str = ""
    """kept or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """A missing path that is referred to, and the missing paths that only it needs, directly or in turn."""

    path: str
    needs: tuple[str, ...]
    """Sorted; `path` itself is not among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause and what follows from it."""

    rule: str = ""
    """Filled in with the fingerprint when the rule has run."""
    severity: Severity
    certainty: Certainty
    when: When | None = None
    """None for hygiene, which stops nothing and never counts for the outlook."""
    subject: str
    """What it is about: a path, a soname, a user, a config field."""
    subject_kind: str = "path"
    message: str
    count: int = 1
    evidence: tuple[Evidence, ...] = ()
    restore: tuple[str, ...] = ()
    """ImagePaths to put back."""
    fingerprint: str = ""
    """Filled in by the rules room: see DESIGN.md section 6."""
    closures: tuple[Closure, ...] = ()
    """By path. A path of `restore` in none of them is referred to itself; so is each of them where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A path to put back."""

    path: str
    kind: FileType
    bytes: int
    certainty: Certainty
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""
    """Of a symlink: its text."""
    whole: bool = False
    """Of a directory: whether everything below it is wanted."""
    findings: tuple[str, ...] = ()
    """Fingerprints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy decided about one finding and why."""

    fingerprint: str
    blocked: bool
    reason: str
    """The policy line or waiver that decided."""
    waived: bool = False
    uncovered: tuple[str, ...] = ()
    """Of a blocked finding: the missing paths that neither a waiver nor the baseline accepts, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDecision:
    """What a policy decided about one gap: a file that the walk reached and that was not read whole."""

    image: str
    """`original` or `slim`."""
    path: str
    """Empty for the image config, which a waiver calls `config`."""
    reader: str
    """The reader that gave up, or the language that has none."""
    code: str
    """The stable word of the reason, as `too-large`."""
    message: str
    hint: str
    """What a person can do about it."""
    blocked: bool
    reason: str
    """The policy line or waiver that decided."""
    waived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a merge may pass."""

    passed: bool
    complete: bool
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = ()
    """Expired or unused waivers, in the policy's order."""
    gaps: tuple[GapDecision, ...] = ()
    """One for each gap of the report, in its order."""


# --- what an image is made of, as inventories see it ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Package:
    """An installed package and the files it owns, by real path."""

    ecosystem: str
    name: str
    version: str = ""
    architecture: str = ""
    status: str = "installed"
    location: str = ""
    """Path of the record that names it: a database, a RECORD, a package.json."""
    local: bool = False
    """Installed from a local directory (PEP 610 `file:` URL): application, not library."""
    files: frozenset[ImagePath] = field(default=frozenset(), compare=False, repr=False)
    depends: tuple[str, ...] = field(default=(), compare=False)
    directories: frozenset[ImagePath] = field(default=frozenset(), compare=False, repr=False)
    """Directories that its file list names, by real path; most are shared by many packages."""
    changed: frozenset[ImagePath] = field(default=frozenset(), compare=False, repr=False)
    """Configuration files among `files` whose bytes are not those that the package brought."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Certificate:
    """An X.509 certificate (RFC 5280) inside an image; times are UTC, ISO 8601."""

    path: str
    sha256: str
    subject: str = ""
    not_before: str = ""
    not_after: str = ""
    self_signed: bool = False
    problem: str = ""
    """Why it does not parse; the fingerprint is kept all the same."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PrivateKey:
    """A private key block; its content is never kept."""

    path: str
    kind: str
    """The PEM label (`RSA PRIVATE KEY`) or the store's format."""
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TrustStore:
    """A file or directory of trusted certificates."""

    path: str
    kind: str
    """bundle, hashed-directory, pkcs12, jks, or link."""
    count: int = 0
    """Certificates in it, -1 where a password hides them."""


class ToolClass(StrEnum):
    """Classes of tools that slimming is expected to take."""

    SHELL = "shell"
    PACKAGE_MANAGER = "package-manager"
    COMPILER = "compiler"
    DEBUGGER = "debugger"
    NETWORK = "network"
    PRIVILEGE = "privilege"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Tool:
    """A tool of one class."""

    tool: ToolClass
    path: str
    target: str = ""
    """The real file where `path` is a link (busybox applets)."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class User:
    """A line of /etc/passwd (passwd(5))."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Group:
    """A line of /etc/group (group(5))."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


class PrivilegeKind(StrEnum):
    """What a mode or attribute grants."""

    SETUID = "setuid"
    SETGID = "setgid"
    STICKY = "sticky"
    CAPABILITY = "capability"
    WORLD_WRITABLE = "world-writable"

    @property
    def raises(self) -> bool:
        """Whether a program gets more than whoever runs it."""
        return self in (PrivilegeKind.SETUID, PrivilegeKind.SETGID, PrivilegeKind.CAPABILITY)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Privilege:
    """A mode or attribute that grants something."""

    path: str
    kind: PrivilegeKind
    detail: str = ""
    """Decoded capabilities (capabilities(7) text form), or the octal mode."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Runtime:
    """A language runtime or C library that was found."""

    language: str
    """python, node, ruby, php, perl, java, erlang, go, dotnet, glibc, musl, shell."""
    path: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one image holds, sorted; made by `inventory.take`."""

    packages: tuple[Package, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    private_keys: tuple[PrivateKey, ...] = ()
    trust_stores: tuple[TrustStore, ...] = ()
    tools: tuple[Tool, ...] = ()
    headers: tuple[str, ...] = ()
    """Directories that hold C headers, outermost only."""
    homes: tuple[str, ...] = ()
    """Home directories of /etc/passwd that exist."""
    temporary: tuple[str, ...] = ()
    """/tmp, /var/tmp, /run and the like that exist."""  # noqa: S108  names inside the image
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    privileges: tuple[Privilege, ...] = ()
    runtimes: tuple[Runtime, ...] = ()
    package_databases: tuple[str, ...] = ()
    """Paths of package databases that exist."""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lines of plug-in inventories, by their name."""


# --- a closer look at single files ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FileKind:
    """What libmagic calls a file."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfNote:
    """A note of an ELF file (elf(5))."""

    owner: str
    type: str
    description: str
    """Text where it is one, else hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfVersions:
    """Symbol versions that a file needs of a library, or a version that it defines with those it is built on."""

    name: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """What the compiler and linker did against attacks."""

    pie: bool
    """A position-independent program; false for a library."""
    relro: str
    """none, partial or full."""
    nx: bool
    """Whether the stack is not executable."""
    canary: bool
    """Whether a symbol of the stack protector is there; a stripped static program hides it."""
    fortify: tuple[str, ...] = ()
    """The checked functions (`__memcpy_chk`) that it imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfDetails:
    """What an ELF file says of itself beyond what a loader needs."""

    path: str
    target: str = ""
    """The real file where `path` is a link or goes through one."""
    kind: str
    """What libmagic calls it, or empty where that failed."""
    type: str
    """ET_DYN and the like."""
    machine: str
    """EM_X86_64 and the like."""
    build_id: str = ""
    """Hex digits."""
    notes: tuple[ElfNote, ...] = ()
    version_needs: tuple[ElfVersions, ...] = ()
    version_definitions: tuple[ElfVersions, ...] = ()
    hardening: Hardening
