"""Symlink hops and hard links as edges."""

from __future__ import annotations

from tests.elf_files import make_tree
from xraydiff.facts import EdgeKind, Firing, Node, NodeKind
from xraydiff.graphs.links import hard_link_edges, link_edges
from xraydiff.paths import ImagePath
from xraydiff.testing import ImageBuilder

TREE = make_tree({"/bin": "usr/bin", "/usr/bin/sh": "dash", "/usr/bin/dash": b"x", "/gone": "nothing", "/l": "/usr"})


def test_every_hop_and_the_file() -> None:
    edges = link_edges(TREE, ImagePath("/bin/sh"))
    assert [edge.target.path for edge in edges] == ["/bin", "/usr/bin/sh", "/usr/bin/dash"]
    assert {edge.source for edge in edges} == {Node(path="/bin/sh")}
    assert {(edge.kind, edge.firing) for edge in edges} == {(EdgeKind.LINKS, Firing.LOAD)}


def test_a_real_path_leads_nowhere() -> None:
    assert link_edges(TREE, ImagePath("/usr/bin/dash")) == ()


def test_a_link_does_not_lead_to_itself() -> None:
    assert [edge.target.path for edge in link_edges(TREE, ImagePath("/usr/bin/sh"))] == ["/usr/bin/dash"]


def test_a_link_to_a_directory() -> None:
    (edge,) = link_edges(TREE, ImagePath("/l"))
    assert edge.target == Node(kind=NodeKind.DIRECTORY, path="/usr")


def test_a_dangling_link_gives_the_links_up_to_there() -> None:
    assert link_edges(TREE, ImagePath("/gone")) == ()
    assert link_edges(TREE, ImagePath("/absent")) == ()


def test_hard_links_are_companions() -> None:
    tree = ImageBuilder().file("/bin/a", b"x").hardlink("/bin/b", "/bin/a").file("/bin/c", b"y").tree()
    (edge,) = hard_link_edges(tree, ImagePath("/bin/a"))
    assert (edge.target.path, edge.firing) == ("/bin/b", Firing.KEPT_WITH)
    assert hard_link_edges(tree, ImagePath("/bin/c")) == ()
