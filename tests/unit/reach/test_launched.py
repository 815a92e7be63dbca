"""Readers that claim a program are given its arguments, whoever starts it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.errors import PluginError
from xraydiff.facts import Edge, EdgeKind, Node
from xraydiff.limits import Limits
from xraydiff.owners import find_owners
from xraydiff.paths import join
from xraydiff.reach import Reach
from xraydiff.reach.walk import walk
from xraydiff.references import Command, Context, Depth, Gap, Subject
from xraydiff.references.readers.config import ConfigReader
from xraydiff.testing import ImageBuilder


class Server:
    """Knows `server --module NAME`."""

    name, language, depth = "server", "", Depth.FULL
    claims = frozenset({"server"})

    def accepts(self, _subject: Subject) -> bool:
        return False

    def read(self, _subject: Subject, _context: Context) -> Iterable[Edge | Gap]:
        return ()

    def launched(self, command: Command, _context: Context) -> Iterable[Edge | Gap]:
        if command.words[1] == "raise":
            raise ValueError(command.words)
        if command.words[1] == "many":
            for number in range(Limits().edges_per_file + 1):
                yield Edge(
                    source=command.source,
                    target=Node(path=f"/srv/{number}"),
                    kind=EdgeKind.IMPORTS,
                    firing=command.firing,
                )
            return
        yield Edge(
            source=command.source,
            target=Node(path=join(command.cwd, f"{command.words[-1]}.mod")),
            kind=EdgeKind.IMPORTS,
            firing=command.firing,
            detail=command.detail,
        )
        yield Gap(node=command.source, reason="computed-name", detail=command.program)


def _walked(*words: str) -> Reach:
    builder = ImageBuilder().file("/usr/bin/server-link", b"x").directory("/srv")
    for name in ("server", "other", "tini"):
        builder.file(f"/usr/bin/{name}", b"\x7fELF", mode=0o755)
    config = builder.config(entrypoint=list(words), workdir="/srv").image().config
    slim = builder.tree()
    tree = builder.file("/srv/shop.mod", b"x").tree()
    context = Context(
        original=tree,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=working_directory(config),
    )
    owners = find_owners(tree, (), config)
    return walk(tree, slim, (config, config), owners=owners, readers=[ConfigReader(), Server()], context=context)


def test_a_claimed_program_s_arguments_refer_from_where_it_is_started() -> None:
    reach = _walked("tini", "--", "server", "--module", "shop")
    (missing,) = reach.missing.values()
    assert missing.path == "/srv/shop.mod"
    edge = missing.edge
    assert (edge.source.path, edge.by, edge.detail) == ("original", "server", "ENTRYPOINT")
    assert {(one.reader, one.reason) for one in reach.unfollowed} == {("server", "computed-name")}


def test_other_programs_are_nobody_s() -> None:
    assert not _walked("other", "--module", "shop").missing


def test_a_reader_that_raises_stops_the_run() -> None:
    with pytest.raises(PluginError, match="server raised ValueError"):
        _walked("server", "raise")


def test_more_references_than_are_followed_are_a_gap_and_no_silence() -> None:
    reach = _walked("server", "many")
    assert "too-many-references" in {one.reason for one in reach.unread}
