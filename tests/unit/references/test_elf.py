"""Edges of ELF headers."""

from __future__ import annotations

from collections.abc import Mapping

from tests.elf_files import ElfFile, make_tree
from xraydiff.facts import Edge, EdgeKind, Firing, ImageConfig, Node
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.elf import ElfReader
from xraydiff.tree import Tree

LD = "/lib64/ld-linux-x86-64.so.2"
LIB = ElfFile().bytes()
LD_SO = ElfFile(extra_data=b"\0/lib/\0/usr/lib/\0").bytes()
Files = dict[str, bytes | str | None]


def _context(tree: Tree, env: Mapping[str, str] | None = None) -> Context:
    return Context(original=tree, config=ImageConfig(), env=env or {}, path=(), cwd=ROOT)


def _read(context: Context, path: str, tree: Tree | None = None) -> list[tuple[str, str, str]]:
    """Kind, target and firing of every edge."""
    held = tree or context.original
    assert isinstance(held, Tree)
    place = ImagePath(path)
    data = held.content(place)
    subject = Subject(node=Node(path=path), path=place, file=held.files[place], tree=held, data=data)
    reader = ElfReader()
    assert reader.accepts(subject)
    edges = [item for item in reader.read(subject, context) if isinstance(item, Edge)]
    assert {edge.source for edge in edges} <= {subject.node}
    return [(edge.kind.value, edge.target.path, edge.firing.value) for edge in edges]


def test_a_program_asks_for_its_loader_and_its_libraries() -> None:
    app = ElfFile(needed=["libx.so.1", "libgone.so"], interpreter=LD).bytes()
    files: Files = {LD: LD_SO, "/app": app, "/usr/lib/libx.so.1": "libx.so.1.2", "/usr/lib/libx.so.1.2": LIB}
    assert _read(_context(make_tree(files)), "/app") == [
        ("interprets", LD, "load"),
        ("needs", "/usr/lib/libx.so.1", "load"),
    ]


def test_preloads_come_with_every_program_but_no_library() -> None:
    files: Files = {LD: LD_SO, "/app": ElfFile(interpreter=LD).bytes(), "/lib/libp.so": LIB, "/lib/liba.so": LIB}
    context = _context(make_tree(files), {"LD_PRELOAD": "libp.so"})
    assert ("needs", "/lib/libp.so", "load") in _read(context, "/app")
    assert _read(context, "/lib/liba.so") == []


def test_a_need_by_inherited_rpath_is_the_programs() -> None:
    files: Files = {
        LD: LD_SO,
        "/app": ElfFile(needed=["liba.so"], rpath="/opt", interpreter=LD).bytes(),
        "/opt/liba.so": ElfFile(needed=["libb.so"]).bytes(),
        "/opt/libb.so": LIB,
        "/lib/libb.so": LIB,
    }
    context = _context(make_tree(files))
    assert ("needs", "/opt/libb.so", "load") in _read(context, "/app")
    # Read after the program, the library asks for the same file and not for what it would find alone.
    assert _read(context, "/opt/liba.so") == [("needs", "/opt/libb.so", "load")]
    assert _read(_context(make_tree(files)), "/opt/liba.so") == [("needs", "/lib/libb.so", "load")]


def test_a_kept_library_was_served_by_the_file_that_was_kept() -> None:
    files: Files = {
        LD: LD_SO,
        "/plugin.so": ElfFile(needed=["libb.so"]).bytes(),
        "/lib/libb.so": LIB,
        "/opt/libb.so": LIB,
        "/other/libb.so": ElfFile(bits=32).bytes(),
    }
    slim = make_tree({name: files[name] for name in (LD, "/plugin.so", "/opt/libb.so", "/other/libb.so")})
    assert _read(_context(make_tree(files)), "/plugin.so", slim) == [
        ("needs", "/opt/libb.so", "load"),
        ("needs", "/lib/libb.so", "kept_with"),
    ]


def test_a_removed_library_that_nothing_replaces_is_a_need() -> None:
    files: Files = {LD: LD_SO, "/plugin.so": ElfFile(needed=["libb.so"]).bytes(), "/lib/libb.so": LIB}
    slim = make_tree({LD: LD_SO, "/plugin.so": files["/plugin.so"]})
    assert _read(_context(make_tree(files)), "/plugin.so", slim) == [("needs", "/lib/libb.so", "load")]


def test_the_variant_that_was_kept_is_the_need() -> None:
    variant = "/lib/glibc-hwcaps/x86-64-v3/libb.so"
    files: Files = {LD: LD_SO, "/p.so": ElfFile(needed=["libb.so"]).bytes(), "/lib/libb.so": LIB, variant: LIB}
    slim = make_tree({name: files[name] for name in (LD, "/p.so", variant)})
    context = _context(make_tree(files))
    assert _read(context, "/p.so", slim) == [("needs", variant, "load"), ("needs", "/lib/libb.so", "kept_with")]
    assert _read(context, "/p.so") == [("needs", "/lib/libb.so", "load")]


def test_a_library_that_only_a_loaded_one_can_serve() -> None:
    files: Files = {
        LD: LD_SO,
        "/jvm/lib/libawt.so": ElfFile(needed=["libjvm.so"]).bytes(),
        "/jvm/lib/server/libjvm.so": LIB,
    }
    assert _read(_context(make_tree(files)), "/jvm/lib/libawt.so") == [("needs", "/jvm/lib/server/libjvm.so", "load")]
    files["/jvm/lib/client/libjvm.so"] = LIB
    assert _read(_context(make_tree(files)), "/jvm/lib/libawt.so") == []


def test_a_file_that_the_run_changed_is_read_as_slim_has_it() -> None:
    original = make_tree({LD: LD_SO, "/app": b"#!/bin/sh", "/lib/liba.so": LIB})
    slim = make_tree({"/app": ElfFile(needed=["liba.so"], interpreter=LD).bytes()})
    assert _read(_context(original), "/app", slim) == [
        (EdgeKind.INTERPRETS.value, LD, Firing.LOAD.value),
        ("needs", "/lib/liba.so", "load"),
    ]


def test_a_file_that_only_slim_has() -> None:
    original = make_tree({LD: LD_SO, "/lib/liba.so": LIB})
    slim = make_tree({"/new": ElfFile(needed=["liba.so"], interpreter=LD).bytes()})
    assert ("needs", "/lib/liba.so", "load") in _read(_context(original), "/new", slim)


def test_relocatable_and_static_files_ask_for_nothing() -> None:
    tree = make_tree({LD: LD_SO, "/x.o": ElfFile(type=1).bytes()})
    assert _read(_context(tree), "/x.o") == []
