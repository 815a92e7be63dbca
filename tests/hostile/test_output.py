"""Names that steer a terminal or a CI system, or that nobody sees, through every command and every format."""

from __future__ import annotations

import shlex
import subprocess
import xml.dom.minidom
from pathlib import Path

import pydot
import pytest

from tests.printed import fault
from xraydiff.cli import run
from xraydiff.escaping import escaped, unescaped
from xraydiff.report.codec import load_report
from xraydiff.testing import ImageBuilder

STEERING = [
    "a\n::error file=x::pwned",
    "##vso[task.setvariable variable=PATH]x",
    "##[group]x",
    "##teamcity[buildStatus text='x']",
    "::set-output name=x::y",
    "section_start:1:x\r\x1b[0K",
    "section_end:1:x",
    "travis_fold:start:x",
    "\x1b]52;c;cm0gLXJmIH4K\x07",
    "\x9b2J",
    "\rfoo",
    "\ttab",
    "#",
    "##",
]
UNSEEN = [
    "\u202egpj.x",
    *(f"lib{char}x" for char in "\xad\u034f\u115f\u180e\u200b\u200d\u2060\u2800\u3164\ufe0f\uffa0\ufff9\ufffc\ufffe"),
    *(f"lib{char}x" for char in "\u0378\ue000\U000e0041\U000e0100\U0010ffff\u3000\xa0\u2028"),
    "lib x",
    "lib  x",
    " libx",
    "libx ",
    "libx",
    "\u0338x",
    "caf\udce9",
    "\udcff\udcfe",
]
FORMATS = [
    "a\\",
    "a\\N",
    'a"b',
    'a\\"b',
    "<b>x",
    "a|b`c``d",
    "]](x) ![y",
    "@everyone",
    "$(id)",
    "it's",
    "-x",
    "*",
    "a:b",
    "{x}",
    "</details>",
    "&amp;",
    "]]>",
]
NAMES = [*STEERING, *UNSEEN, *FORMATS]
IN_PAIR = [
    ["compare"],
    ["compare", "--format", "markdown"],
    ["compare", "--format", "json"],
    ["compare", "--file-kinds"],
    ["gate"],
    ["gate", "--format", "markdown"],
    ["suggest"],
    ["suggest", "--format", "mint"],
]
OF_ONE = [
    ["files", "--digests"],
    ["inspect"],
    ["inspect", "--format", "json"],
    ["inspect", "--format", "dot"],
    ["inspect", "--format", "graphml"],
]
Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("odd")
    labels = {name: name for name in NAMES}
    slim, original = (ImageBuilder(name="app:1").config(cmd=["/app/main", "/app/main.conf"]) for _ in range(2))
    original.config(cmd=["/app/main", "/app/main.conf"], labels=labels, env={"ODD": "##[x] section_start:1:x"})
    for builder in (original, slim):
        builder.file("/app/main", "#!/bin/sh\n", mode=0o755).file("/bin/sh", "x", mode=0o755)
        builder.file("/app/main.conf", "dir /app/p\n")
    for name in NAMES:
        original.file(f"/app/p/{_component(name)}", "#!/bin/sh\n", mode=0o755)
        original.symlink(f"/app/links/{_component(name)}", name)
    users = "".join(f"{name}:x:{n}:{n}::/app/p/{name}:/bin/sh\n" for n, name in enumerate(NAMES) if ":" not in name)
    original.file("/etc/passwd", users.encode("utf-8", "surrogateescape"))
    return str(original.write(folder / "o.tar")), str(slim.write(folder / "s.tar"))


def _component(name: str) -> str:
    return name.replace("/", "_")


def printed(arguments: list[str], capture: Capture, code: int = 0) -> str:
    """What a command prints on both streams, none of it unsafe."""
    assert run(arguments) == code
    out, err = capture.readouterr()
    beside = "\t" if arguments[0] == "files" else ""
    assert fault(out.decode(), beside=beside) == ""
    assert fault(err.decode()) == ""
    return out.decode()


@pytest.mark.parametrize("command", IN_PAIR, ids=" ".join)
def test_commands_on_a_pair(command: list[str], pair: tuple[str, str], capsysbinary: Capture) -> None:
    out = printed([command[0], *pair, *command[1:]], capsysbinary, code=int(command[0] == "gate"))
    assert out


@pytest.mark.parametrize("command", OF_ONE, ids=" ".join)
def test_commands_on_an_image(command: list[str], pair: tuple[str, str], capsysbinary: Capture) -> None:
    assert printed([command[0], pair[0], *command[1:]], capsysbinary)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_why(name: str, pair: tuple[str, str], capsysbinary: Capture) -> None:
    path = f"/app/p/{_component(name)}"
    assert printed(["why", *pair, path], capsysbinary).startswith(f"path {escaped(path)}: removed; ")


def test_a_stored_report(pair: tuple[str, str], tmp_path: Path, capsysbinary: Capture) -> None:
    stored = tmp_path / "##vso[x]\x1b\u202e.json"
    printed(["compare", *pair, "--format", "json", "-o", str(stored)], capsysbinary)
    assert {f"/app/p/{_component(name)}" for name in NAMES} <= {
        c.path for c in load_report(stored.read_bytes()).removed
    }
    for command in (["report"], ["report", "--format", "markdown"]):
        assert printed([*command, str(stored)], capsysbinary)
    assert printed(["gate", str(stored)], capsysbinary, code=1)


def test_paths_and_listing_give_every_name_back(pair: tuple[str, str], capsysbinary: Capture) -> None:
    wanted = {f"/app/p/{_component(name)}" for name in NAMES}
    lines = printed(["suggest", *pair], capsysbinary).splitlines()
    assert {unescaped(line) for line in lines} == wanted
    assert len(set(lines)) == len(wanted)
    rows = [row.split("\t") for row in printed(["files", pair[0]], capsysbinary).splitlines()[1:]]
    assert wanted <= {unescaped(row[0]) for row in rows}
    assert set(NAMES) == {unescaped(row[-1]) for row in rows if row[1] == "symlink"}


def test_flags_are_words_for_a_shell_and_for_xargs(pair: tuple[str, str], capsysbinary: Capture) -> None:
    assert run(["suggest", *pair, "--format", "mint"]) == 0
    out, err = capsysbinary.readouterr()
    words = shlex.split(out.decode())
    named = {word for word in words if word != "--include-path"}
    for program in (
        ["xargs", "printf", r"%s\0"],
        ["sh", "-c", f"printf '%s\\0' {' '.join(out.decode().splitlines())}"],
    ):
        ran = subprocess.run(program, input=out, capture_output=True, check=True)
        assert ran.stdout.decode().split("\0")[:-1] == words
    left_out = {unescaped(line.partition(": the minifier")[0]) for line in err.decode().splitlines()}
    assert named | left_out == {f"/app/p/{_component(name)}" for name in NAMES}
    assert named & left_out == set()
    assert {"/app/p/##", "/app/p/##[group]x", "/app/p/it's", "/app/p/lib  x", "/app/p/a\\"} <= named
    assert {"/app/p/a:b", "/app/p/lib\xadx", "/app/p/caf\udce9"} <= left_out
    assert all(line.endswith("include its directory /app/p") for line in err.decode().splitlines())


def test_graphml_is_xml(pair: tuple[str, str], capsysbinary: Capture) -> None:
    document = xml.dom.minidom.parseString(printed(["inspect", pair[0], "--format", "graphml"], capsysbinary))  # noqa: S318
    nodes = {node.getAttribute("id") for node in document.getElementsByTagName("node")}
    assert {f"/app/p/{_component(name)}" for name in NAMES} <= {unescaped(node) for node in nodes}


@pytest.mark.filterwarnings("ignore")  # the parser's own deprecations
def test_dot_parses_and_draws_the_names(pair: tuple[str, str], capsysbinary: Capture) -> None:
    graphs = pydot.graph_from_dot_data(printed(["inspect", pair[0], "--format", "dot"], capsysbinary))
    assert graphs is not None
    (graph,) = graphs
    drawn = {node.get_name(): node.get("label") for node in graph.get_nodes()}
    for name in NAMES:
        path = f"/app/p/{_component(name)}"
        quoted = '"' + escaped(path).replace('"', '\\"') + '"'
        label = drawn[quoted]
        # In a label a backslash begins an escape of the drawing program; undone, it is the name as on every output.
        shown = label[1:-1].replace('\\"', '"').replace("\\\\", "\\") if label else quoted[1:-1].replace('\\"', '"')
        assert shown == escaped(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "##vso[x]\x1b\u202e::x"],
        ["compare", "\n::error::x", "##[group]"],
        ["inspect", "##[x]#\u3164"],
        ["inspect", "docker:##[x]\x1b"],
        ["gate", "x", "--policy", "##[x]\x9b"],
        ["##[x]\x1b"],
        ["files", "--##[x]\u202e"],
        ["compare", "a", "b", "--format", "##[x]\u00ad"],
        ["compare", "a", "b", "-o", "/nowhere/##[x]\u00ad", "--companions", "\n::x"],
    ],
    ids=ascii,
)
def test_errors_about_what_was_typed(arguments: list[str], capsysbinary: Capture) -> None:
    assert run(arguments) in (2, 3)
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert fault(err.decode()) == ""
    assert err.decode().startswith("xraydiff: ")
    assert err.count(b"\n") == 1


def test_problems_name_the_place(tmp_path: Path, capsysbinary: Capture) -> None:
    """An image that is not read whole, on stderr and in its report."""
    for index, name in enumerate(NAMES):
        archive = tmp_path / f"{index}.tar"
        builder = ImageBuilder(name="app:1").hardlink(f"/app/{_component(name)}", f"/gone/{name}")
        builder.write(archive)
        printed(["inspect", str(archive)], capsysbinary, code=3)
