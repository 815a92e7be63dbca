"""What programs of another program's calls refer to."""

from __future__ import annotations

import pytest

from xraydiff.commands.start import search_path
from xraydiff.facts import Firing, ImageConfig, Node
from xraydiff.paths import ROOT
from xraydiff.references import UNKNOWN_PART, Command, Context
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder
from xraydiff.testing import ImageBuilder

SOURCE = Node(path="/srv/app.rb")
PROGRAMS = "sh bash python3 ruby env sudo su find xargs tool other tini busybox gunicorn"


def _seen(*words: str | tuple[str, ...], line: str = "", cwd: str = "/srv") -> Recorder:
    builder = ImageBuilder()
    for name in PROGRAMS.split():
        builder.file(f"/usr/bin/{name}", b"\x7fELF", mode=0o755)
    builder.file("/srv/run.py", b"x").file("/srv/lib/x.conf", b"x").file("/srv/tool.sh", b"#!/bin/sh\n", mode=0o755)
    builder.file("/etc/passwd", b"app:x:7:7::/:/usr/bin/bash\n").file("/etc/group", b"app:x:7:\n")
    builder.symlink("/bin", "usr/bin")
    config = ImageConfig(workdir=cwd)
    tree = builder.tree()
    context = Context(original=tree, config=config, env={}, path=search_path(config), cwd=ROOT)
    seen = Recorder(SOURCE, "ruby", context.limits)
    programs = Programs(SOURCE, seen, Lookup(context))
    if line:
        programs.shell(line, Firing.DEFERRED, line)
    else:
        given = [(word,) if isinstance(word, str) else word for word in words]
        programs.run(given, Firing.DEFERRED, "call", cwd=tree.resolve("/srv").path)
    return seen


def _edges(*words: str | tuple[str, ...], line: str = "") -> list[str]:
    edges = _seen(*words, line=line).edges()
    return [
        f"{edge.kind} {edge.target.language}{':' * bool(edge.target.language)}{edge.target.text or edge.target.path}"
        for edge in edges
    ]


def _runs(*names: str) -> list[str]:
    return [f"executes /usr/bin/{name}" for name in names]


@pytest.mark.parametrize(
    ("words", "edges"),
    [
        (("tool", "a"), _runs("tool")),
        (("absent", "a"), []),
        (("./tool.sh",), ["executes /srv/tool.sh"]),
        (("tool", "lib/x.conf", "--file=/srv/run.py"), [*_runs("tool"), "names /srv/lib/x.conf", "names /srv/run.py"]),
        (("sh", "-c", "tool x"), [*_runs("sh"), "contains shell:tool x"]),
        (("bash", "-euo", "pipefail", "-c", "tool"), [*_runs("bash"), "contains shell:tool"]),
        (("env", "A=b", "sudo", "-u", "app", "tool"), [*_runs("env", "sudo"), "runs as /etc/passwd", *_runs("tool")]),
        (("tini", "--", "python3", "-u", "run.py"), [*_runs("tini", "python3"), "executes python:/srv/run.py"]),
        (("python3", "-c", "import x"), [*_runs("python3"), "contains python:import x"]),
        (("su", "app", "-c", "tool"), [*_runs("su"), "runs as /etc/passwd", *_runs("bash"), "contains shell:tool"]),
        (
            ("env", "-C", "/srv/lib", "tool", "./x.conf"),
            [*_runs("env"), "names /srv/lib", *_runs("tool"), "names /srv/lib/x.conf"],
        ),
        (("busybox", "sh", "-c", "tool"), [*_runs("busybox"), "contains shell:tool"]),
    ],
)
def test_argument_vectors(words: tuple[str, ...], edges: list[str]) -> None:
    assert _edges(*words) == edges


def test_texts_that_a_word_may_be_are_all_followed() -> None:
    seen = _seen(("tool", "other"), "x")
    assert [(edge.target.path, edge.firing) for edge in seen.edges()] == [
        ("/usr/bin/tool", Firing.DEFERRED),
        ("/usr/bin/other", Firing.DEFERRED),
    ]
    assert _edges("sh", "-c", ("tool", "other"))[1:] == ["contains shell:tool", "contains shell:other"]


def test_find_starts_what_it_is_told() -> None:
    assert _edges("find", "/srv", "-exec", "tool", "{}", ";", "-exec", "other", "+")[2:] == _runs("tool", "other")


def test_a_line_is_a_shell_s_and_what_is_not_known_is_a_variable() -> None:
    assert _edges(line=f"tool {UNKNOWN_PART}") == ["executes /bin/sh", 'contains shell:tool "$UNKNOWN"']
    assert [gap.reason for gap in _seen(line=f" {UNKNOWN_PART}").gaps()] == ["computed-name"]
    assert [gap.reason for gap in _seen(f"{UNKNOWN_PART}/tool").gaps()] == ["computed-name"]


def test_commands_are_handed_on_with_their_words() -> None:
    (command,) = _seen("env", "-C", "lib", "A=b", "gunicorn", "shop:app").commands()
    assert command == Command(
        source=SOURCE,
        program="gunicorn",
        words=("gunicorn", "shop:app"),
        cwd=command.cwd,
        env={"A": "b"},
        firing=Firing.DEFERRED,
        detail="call",
    )
    assert command.cwd == "/srv/lib"
    assert [one.program for one in _seen("/usr/bin/python3", "-m", ("a", "b")).commands()] == ["python"]
    assert [one.words[2] for one in _seen("/usr/bin/python3", "-m", ("a", "b")).commands()] == [UNKNOWN_PART]


def test_wrappers_without_end_are_a_gap() -> None:
    assert [gap.reason for gap in _seen(*["env"] * 100).gaps()] == ["too-deep"]
