"""Conditions of scripts that a start decides: constant arguments, variables, and files that slim has or lacks."""

from __future__ import annotations

import time

import pytest

from tests.patience import SLOW
from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.facts import Edge, EdgeKind, ImageConfig, Node, When
from xraydiff.limits import Limits
from xraydiff.paths import image_path
from xraydiff.references import Context, Subject
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder

PROGRAMS = "a b c d mkdir rm cp id stat sh bash"
KEPT = ("/srv/kept", "/srv/dir/inner", "/bin/a")
GONE = ("/srv/gone", "/srv/lost/inner")


def _edges(script: str, *, cmd: tuple[str, ...] = ("x",), env: tuple[str, ...] = (), volume: str = "") -> list[Edge]:
    original, slim = ImageBuilder(), ImageBuilder()
    for name in PROGRAMS.split():
        original.file(f"/bin/{name}", b"\x7fELF", mode=0o755)
    for path in (*KEPT, *GONE):
        original.file(path, "x", mode=0o755)
    for path in KEPT:
        slim.file(path, "x", mode=0o755)
    original.file("/entry", script, mode=0o755)
    config = ImageConfig(entrypoint=("/entry",), cmd=cmd, env=("PATH=/bin", *env), volumes=(volume,) if volume else ())
    tree = original.tree()
    context = Context(
        original=tree,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=working_directory(config),
        limits=Limits(),
        slim=slim.tree(),
    )
    subject = Subject(node=Node(path="/entry"), path=image_path("/entry"), file=None, tree=tree, data=script.encode())
    return [item for item in ShellReader().read(subject, context) if isinstance(item, Edge)]


def _fired(script: str, **how: object) -> str:
    """Programs `a` to `d` that surely run, in capitals where the script ends without them; others in brackets."""
    words = []
    for edge in _edges(script, **how):  # type: ignore[arg-type]  # test shorthand
        name = edge.target.path.rpartition("/")[2]
        if edge.kind is EdgeKind.EXECUTES and len(name) == 1:
            words.append(f"({name})" if edge.firing != "load" else name.upper() if edge.stops else name)
    return " ".join(sorted(words, key=lambda word: word.strip("()").lower()))


MORE = "\nid\n"
"""Something comes last, so that what stands before it is not what the script is for."""

DECIDED = [
    # Arguments of the start command.
    ('if [ "$1" = x ]; then a; else b; fi', "a (b)"),
    ('if [ "$1" = y ]; then a; elif [ "$1" = x ]; then b; else c; fi', "(a) b (c)"),
    ('if [ "$1" != x ]; then a; else b; fi', "(a) b"),
    ('if ! [ "$1" = y ]; then a; fi', "a"),
    ('if test "${1#-}" != "$1"; then a; else b; fi', "(a) b"),
    ('if [ "x$1" = "xx" ] && [ $# -eq 1 ]; then a; fi', "a"),
    ('if [ -z "$2" ]; then a; fi; if [ -n "$2" ]; then b; fi', "a (b)"),
    ('if [ "$2" = "" ] || c; then a; fi', "a (c)"),
    ('case "$1" in y) a;; x|z) b;; *) c;; esac', "(a) b (c)"),
    ("case $1 in [w-y]*) a;; *) b;; esac", "a (b)"),
    ('case "$1" in y) a;; esac', "(a)"),
    ('case "$*" in "x") a;; esac', "a"),
    ("if [[ $1 == x* ]]; then a; fi", "a"),
    ('if [[ $1 == "x*" ]]; then a; fi', "(a)"),
    ('[ "$1" = x ] && a', "a"),
    ('[ "$1" = x ] || a', "(a)"),
    ('[ "$1" = y ] && a || b', "(a) b"),
    ('f() { if [ "$1" = q ]; then a; fi; }; f q', "a"),
    ('set -- q "$@"; if [ "$1" = q ]; then a; fi', "a"),
    ("shift; if [ $# -eq 0 ]; then a; fi", "a"),
    # Variables of the image, and such as nobody sets.
    ('if [ "$MODE" = fast ]; then a; else b; fi', "a (b)"),
    ('if [ "${LEVEL:-low}" = low ]; then a; fi', "a"),
    ('if [ -n "$DEBUG" ]; then a; fi', "(a)"),
    ('if [ "$(id)" = 0 ]; then a; fi', "(a)"),
    ('if [ -n "$HOSTNAME" ]; then a; else b; fi', "(a) (b)"),
    ('read x; if [ -n "$x" ]; then a; else b; fi', "(a) (b)"),
    # Files of the slim image.
    ("if [ -f /srv/kept ]; then a; else b; fi", "a (b)"),
    ("if [ -f /srv/gone ]; then a; else b; fi", "(a) b"),
    ("[ ! -d /srv/lost ] && a", "a"),
    ("[ -d /srv/dir ] || a", "(a)"),
    ("[ -x /bin/a ] && a", "a"),
    ("[ -e /proc/self ] && a", "(a)"),
    ("mkdir -p /srv/lost; [ ! -d /srv/lost ] && a", "(a)"),
    ("mkdir -p /srv/lost; [ ! -e /srv/lost/inner ] && a", "a"),
    ("cp -r /srv/dir /srv/lost; [ ! -e /srv/lost/inner ] && a", "(a)"),
    ("c; [ ! -d /srv/lost ] && a", "(a) c"),
    ("echo x >/srv/gone; [ ! -e /srv/gone ] && a", "(a)"),
    ('s="$(stat -c %U /srv/lost 2>/dev/null || true)"; if [ "$s" = "" ]; then a; fi', "a"),
    ('s="$(stat -c %U /srv/kept)"; if [ "$s" = "" ]; then a; fi', "(a)"),
    ("if command -v a >/dev/null; then a; fi", "a"),
    ("if command -v b >/dev/null; then b; else c; fi", "(b) c"),
    ("if command -v nothing; then a; else b; fi", "(a) b"),
    # A check that the start passes, whoever sets what it asks for.
    ('if [ -z "$PASSWORD" ]; then b; exit 1; fi; a', "a (b)"),
    ('[ -n "$PASSWORD" ] || exit 1; a', "a"),
    ('case "$TOKEN" in "") b; exit 2;; esac; a', "a (b)"),
]


@pytest.mark.parametrize(("script", "fired"), DECIDED)
def test_a_plain_start_decides_branches(script: str, fired: str) -> None:
    assert _fired(script + MORE, env=("MODE=fast",)) == fired


def test_a_volume_may_hold_anything() -> None:
    script = "[ ! -d /srv/lost ] && a" + MORE
    assert _fired(script) == "a"
    assert _fired(script, volume="/srv") == "(a)"


STOPPING = [
    ("a", "a"),
    ("set -e; a", "A"),
    ("set -euo pipefail; a", "A"),
    ("set -o errexit; a", "A"),
    ("set -e; set +e; a", "a"),
    ("set -e; a || b", "a (b)"),
    ("set -e; a && b", "a (b)"),
    ("set -e; if a; then b; fi", "a (b)"),
    ("set -e; ! a", "a"),
    ("set -e; a | b", "a B"),
    ("set -e; a &", "a"),
    ("set -e; x=$(a)", "A"),
    ("set -e; echo $(a)", "a"),
    ("set -e; local x=$(a)", "a"),
    ("set -e; f() { a; }; f", "A"),
    ("set -e; f() { a; }; f || b", "a (b)"),
    ("set -e; while a; do b; done", "a (b)"),
    ("set -e; { a; }", "A"),
    ("set -e; (a)", "A"),
    ("set -e; c && [ -n y ] && a", "(a) c"),
    ("a || exit 1", "A"),
    ("a || exit", "A"),
    ("a || exit 0", "a"),
    ("a || { echo gone; exit 1; }", "A"),
    ("die() { echo $1; exit 1; }; a || die gone", "A"),
    ("a && b || exit 1", "A (b)"),
    ("x=$(a) || exit 1", "A"),
    ("exec a", "A"),
    ("exec id; a", "(a)"),
]


@pytest.mark.parametrize(("script", "fired"), STOPPING)
def test_what_a_script_cannot_go_on_without(script: str, fired: str) -> None:
    assert _fired(script + MORE) == fired


LAST = [
    ("id; a", "A"),
    ("id\na &", "a"),
    ("a && b", "A (b)"),
    ('if [ "$1" = x ]; then a; else b; fi', "A (b)"),
    ('case "$1" in x) a;; *) b;; esac', "A (b)"),
    ("! a", "a"),
    ('exec "$@"', "A"),
]


@pytest.mark.parametrize(("script", "fired"), LAST)
def test_a_container_ends_with_its_script(script: str, fired: str) -> None:
    assert _fired(script, cmd=("a",) if "exec" in script else ("x",)) == fired


def test_the_line_that_names_the_shell_may_say_errexit() -> None:
    assert _fired("#!/bin/sh -e\na" + MORE) == "A"
    assert _fired("#!/bin/bash -eu\na" + MORE) == "A"
    assert _fired("#!/bin/sh\na" + MORE) == "a"


@pytest.mark.parametrize(("shell", "stops"), [("/bin/sh", True), ("/bin/bash", False)])
def test_a_posix_shell_ends_where_a_file_that_it_reads_is_gone(shell: str, stops: bool) -> None:
    (edge,) = [edge for edge in _edges(f"#!{shell}\n. /srv/gone" + MORE) if edge.kind is EdgeKind.SOURCES]
    assert edge.stops is stops


def test_what_a_trap_runs_is_run_at_the_end() -> None:
    moments = {edge.detail: edge.when for edge in _edges("trap 'a; b' TERM\nc\n")}
    assert moments == {"a; b": When.OPERATE, "c": None}


def test_conditions_without_end_take_no_time() -> None:
    for script in (
        "true && " * 20_000 + "a",
        "false || " * 20_000 + "a",
        "if [ x = y ]; then a; el" * 4_000 + "se b; fi",
        "case x in " + "y) a;; " * 20_000 + "esac",
        "a || exit 1 && " * 10_000 + "b",
    ):
        start = time.process_time()
        _edges(script)
        assert time.process_time() - start < 10 * SLOW, script[:20]


def test_long_names_and_many_of_them_take_no_time() -> None:
    deep = "/a" * 30_000
    for script in (
        f"mkdir -p {deep}\n" * 15 + f"[ -d {deep} ] && a\n",
        "".join(f"mkdir /x{number}\n" for number in range(10_000))
        + "".join(f"[ -d /y{number} ] && a\n" for number in range(10_000)),
    ):
        start = time.process_time()
        _edges(script)
        assert time.process_time() - start < 20 * SLOW, script[:20]
