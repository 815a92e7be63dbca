"""A reader, an inventory and a rule as another package would write them, typed, from `xraydiff.plugin` alone.

The menu of a boot loader that we do not know: `load NAME` loads from /opt/boot, `try NAME` does where it is there,
`run $NAME` computes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xraydiff.plugin import (
    Case,
    Certainty,
    Context,
    Depth,
    Edge,
    EdgeKind,
    FileTree,
    Finding,
    Firing,
    Gap,
    ImageConfig,
    ImageError,
    Inventory,
    LimitExceeded,
    Need,
    Node,
    NodeKind,
    OwnerKind,
    Problem,
    Reader,
    Rule,
    Scope,
    Severity,
    Subject,
    basename,
    decoded,
    escaped,
    glob,
    join,
    listed,
    missed,
    rule,
    targets,
)


class MenuReader:
    """Reads `*.menu`."""

    name = "menu"
    language = ""
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        return subject.node.kind is NodeKind.FILE and basename(subject.path).endswith(".menu")

    def read(self, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
        if len(subject.data) > context.limits.script:
            yield Gap(node=subject.node, reason="too-large")
            return
        for number, line in enumerate(decoded(subject.data).splitlines(), 1):
            word, _, rest = line.partition(" ")
            path = join("/opt/boot", rest)
            if word == "run":
                yield Gap(node=subject.node, reason="computed-name", detail=escaped(rest))
            elif word in ("load", "try") and context.original.resolve(path).path is not None:
                yield Edge(
                    source=subject.node,
                    target=Node(path=path),
                    kind=EdgeKind.LOADS,
                    firing=Firing.LOAD if word == "load" else Firing.GUARDED,
                    detail=rest,
                    line=number,
                )


class Menus:
    """First lines of menus."""

    name = "menus"

    def take(self, tree: FileTree, config: ImageConfig) -> Iterable[str | Problem]:
        yield f"started by {listed(config.cmd or ())}"
        for path in glob(tree, "/app/*.menu"):
            try:
                yield decoded(tree.content(path, limit=64).partition(b"\n")[0])
            except (LimitExceeded, ImageError) as error:
                yield Problem(path=path, code="menu", message=str(error), scope=Scope.ANALYSIS, fatal=False)


@rule("MNU001", "menu-broken", Severity.HIGH)
def menu_broken(case: Case) -> Iterator[Finding]:
    """What a menu loads is gone."""
    for cause in case.causes_of(Need.APPLICATION):
        if cause.source.endswith(".menu"):
            message = f"{escaped(cause.source)} loads {targets(cause)}, which is gone"
            yield missed(cause, severity=Severity.HIGH, message=message)


@rule("MNU002", "menu-of-the-application", Severity.INFO)
def menu_of_the_application(case: Case) -> Iterator[Finding]:
    """A menu is no package's."""
    for path in glob(case.original.tree, "/app/*.menu"):
        if case.owners.owner(path).kind is OwnerKind.APPLICATION:
            yield Finding(
                severity=Severity.INFO,
                certainty=Certainty.PROVEN,
                subject=path,
                message=f"{escaped(path)} is no package's",
            )


READER: Reader = MenuReader()
INVENTORY: Inventory = Menus()
RULES: tuple[Rule, ...] = (menu_broken, menu_of_the_application)
