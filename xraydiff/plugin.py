"""Everything that a reader, an inventory or a rule of another package needs; CONTRIBUTING.md shows one of each.

Entry points of the groups `xraydiff.references`, `xraydiff.inventory` and `xraydiff.rules` name them. What stands
here is public: other modules of this package may change without notice. `xraydiff.testing` builds images to test
with, and `xraydiff.testing.read` tells what a reader says of a file of one.

**A reader** has the members of `Reader`, or derives from `ParsedReader`, which reads the bytes without an image
first. It is given a `Subject` (one file, with its bytes) and the `Context` of the walk (the tree of the original, the
start command's environment, `Limits`, the `Budget` that long work spends of, the rows of `Knowledge`), and says which
places the file asks for: an `Edge` from a `Node` to a `Node`, with its `EdgeKind` (what the reference says) and its
`Firing` (when it is followed), or a `Gap` for what it cannot follow. A gap says that something was not read, which
closes the gate; its reason may be any word, but `computed-name` and `unresolved-command` are for names that only a
run knows and close nothing. `Depth` says whether it also reads the kept files of packages, `NodeKind` what a node is,
`When` at which moment a missing target would be noticed. The walk decides how certain that is, by the owner of the
file; `Edge.weak` may only lower it. `Edge.detail` and `Edge.by` are shown to people and decide nothing; what the walk
goes by is typed: `Origin` (what gave the edge) and, of a reference of an image config, its `ConfigField`.

Where a file starts a program, its reader may yield a `Command` with the argument vector (a NUL stands for what only a
run knows). A reader with the members of `Launcher` claims programs by name and is given their commands,
whichever reader met them: a config, a script of a shell, a call of another language.

**An inventory** has the members of `Inventory`. It is given the `FileTree` of one image and its `ImageConfig` (with
`Platform`, `Healthcheck`, `History`), and says lines, or a `Problem` of `Scope.ANALYSIS` for what it could not read.

**A rule** is a function with the decorator `rule`, which makes a `Rule` of it. It is given a `Case` and yields
`Finding`s with `Severity` and `Certainty`; whoever runs the rule fills in its id. A case holds:

- the two images, `case.original` and `case.slim`: each is a `Side` with its `tree`, `config` and `inventory`, an
  `ImageInventory` of `Package`, `Certificate`, `PrivateKey`, `TrustStore`, `Tool` (`ToolClass`), `User`, `Group`,
  `Privilege` (`PrivilegeKind`) and `Runtime`;
- the difference: `ImageDiff`, of `Change` (`ChangeKind`, `Aspect`) and `ConfigChange`;
- whose files they are: `Owners` gives an `Owner` (`OwnerKind`) for each path;
- what is missing: a `Cause` groups what one source refers to, `case.causes_of` gives those of a `Need`; `missed` makes
  the finding of one, with its chain (`Evidence`) and what to put back (`Closure`); `targets` and `listed` name what is
  missing in a sentence;
- the walk's whole answer, and how far it went (`WalkDepth`): `Reach`, of `Missing` (with its `Trail`), `Followed`,
  `Unfollowed`, `Unread` and `ReaderCount`;
- what is known of the minifier's `Run`, and of what it was `Asked` to keep.

**Files and names.** `FileTree.files` maps an `ImagePath` to a `File` (`FileType`, `Extent`); `FileTree.resolve`
follows links inside the image and gives a `Resolution`; `glob` and `matches` take patterns. `image_path`, `join`,
`parent`, `basename`, `ancestors` and `is_below` work on names without looking at a tree. A name may be any bytes:
`decoded` and `encoded` are their text and back. `escaped` makes a text safe to print, `unescaped` gives the name
back; a message escapes the names in it. `FileTree.content` raises `LimitExceeded` for a file that is too large,
`ImageError` for what is no regular file and `ImageClosedError` once the image is closed; a reader makes a `Gap` of
the first.
"""

from __future__ import annotations

from xraydiff.budget import Budget
from xraydiff.case import Case, Cause, Need, Side
from xraydiff.diff import Aspect, Change, ChangeKind, ConfigChange, ImageDiff
from xraydiff.errors import ImageClosedError, ImageError, LimitExceeded
from xraydiff.facts import (
    Certainty,
    Certificate,
    Closure,
    ConfigField,
    Edge,
    EdgeKind,
    Evidence,
    Extent,
    File,
    FileType,
    Finding,
    Firing,
    Group,
    Healthcheck,
    History,
    ImageConfig,
    Node,
    NodeKind,
    Origin,
    Owner,
    OwnerKind,
    Package,
    Platform,
    PrivateKey,
    Privilege,
    PrivilegeKind,
    Problem,
    Runtime,
    Scope,
    Severity,
    Tool,
    ToolClass,
    TrustStore,
    User,
    WalkDepth,
    When,
)
from xraydiff.facts import Inventory as ImageInventory
from xraydiff.inventory.protocol import Inventory
from xraydiff.knowledge import Knowledge
from xraydiff.limits import Limits
from xraydiff.minifier.run import Asked, Run
from xraydiff.owners import Owners
from xraydiff.paths import (
    ImagePath,
    ancestors,
    basename,
    decoded,
    encoded,
    escaped,
    image_path,
    is_below,
    join,
    parent,
    unescaped,
)
from xraydiff.reach import Followed, Missing, Reach, ReaderCount, Trail, Unfollowed, Unread
from xraydiff.references import Command, Context, Depth, Gap, Launcher, ParsedReader, Reader, Subject
from xraydiff.rules import Rule, listed, missed, rule, targets
from xraydiff.tree import FileTree, Resolution, glob, matches

__all__ = [
    "Asked",
    "Aspect",
    "Budget",
    "Case",
    "Cause",
    "Certainty",
    "Certificate",
    "Change",
    "ChangeKind",
    "Closure",
    "Command",
    "ConfigChange",
    "ConfigField",
    "Context",
    "Depth",
    "Edge",
    "EdgeKind",
    "Evidence",
    "Extent",
    "File",
    "FileTree",
    "FileType",
    "Finding",
    "Firing",
    "Followed",
    "Gap",
    "Group",
    "Healthcheck",
    "History",
    "ImageClosedError",
    "ImageConfig",
    "ImageDiff",
    "ImageError",
    "ImageInventory",
    "ImagePath",
    "Inventory",
    "Knowledge",
    "Launcher",
    "LimitExceeded",
    "Limits",
    "Missing",
    "Need",
    "Node",
    "NodeKind",
    "Origin",
    "Owner",
    "OwnerKind",
    "Owners",
    "Package",
    "ParsedReader",
    "Platform",
    "PrivateKey",
    "Privilege",
    "PrivilegeKind",
    "Problem",
    "Reach",
    "Reader",
    "ReaderCount",
    "Resolution",
    "Rule",
    "Run",
    "Runtime",
    "Scope",
    "Severity",
    "Side",
    "Subject",
    "Tool",
    "ToolClass",
    "Trail",
    "TrustStore",
    "Unfollowed",
    "Unread",
    "User",
    "WalkDepth",
    "When",
    "ancestors",
    "basename",
    "decoded",
    "encoded",
    "escaped",
    "glob",
    "image_path",
    "is_below",
    "join",
    "listed",
    "matches",
    "missed",
    "parent",
    "rule",
    "targets",
    "unescaped",
]
