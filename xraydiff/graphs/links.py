"""What a name stands for: the symlinks on the way to a file and the file itself; further names of the same inode."""

from __future__ import annotations

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.tree import FileTree

__all__ = ["hard_link_edges", "link_edges"]

_NAME = "links"


def link_edges(tree: FileTree, path: ImagePath) -> tuple[Edge, ...]:
    """From a path to every symlink that resolving it walks through and to the real file; empty for a real path.

    Directory links count: `/bin/sh` leads to the link `/bin`, to the link `/usr/bin/sh` and to `/usr/bin/dash`. Every
    edge leaves the path itself, since a link like `/bin` alone refers to nothing that lies behind it. Where the path
    does not resolve, the links up to there are given.
    """
    found = tree.resolve(path)
    source = Node(path=path)
    targets: list[Node] = [Node(path=hop) for hop in dict.fromkeys(found.hops) if hop != path]
    if found.path is not None and found.path != path:
        directory = found.file is not None and found.file.type is FileType.DIRECTORY
        targets.append(Node(kind=NodeKind.DIRECTORY if directory else NodeKind.FILE, path=found.path))
    return tuple(
        Edge(source=source, target=target, kind=EdgeKind.LINKS, firing=Firing.LOAD, detail=path, by=_NAME)
        for target in targets
    )


def hard_link_edges(tree: FileTree, path: ImagePath) -> tuple[Edge, ...]:
    """From a real path to the other names of its inode.

    They are companions and not needs: a program under one name does not need its other names. A busybox of four
    hundred names of which slimming kept two lacks nothing.
    """
    return tuple(
        Edge(
            source=Node(path=path),
            target=Node(path=other),
            kind=EdgeKind.LINKS,
            firing=Firing.KEPT_WITH,
            detail=path,
            by=_NAME,
        )
        for other in tree.links(path)
        if other != path
    )
