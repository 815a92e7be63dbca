"""A command means the same as ENTRYPOINT and in a script: each wrapper and interpreter that is known, in both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

import pytest

from xraydiff.commands.start import search_path
from xraydiff.facts import Certainty, Edge, EdgeKind, ImageConfig, Node, NodeKind
from xraydiff.knowledge import OURS
from xraydiff.knowledge.commands import Interpreter, Wrapper
from xraydiff.paths import ROOT, image_path
from xraydiff.pipeline import compare
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.config import ConfigReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, elf

ARGUMENTS = {
    "tini": "-s -e 143 --",
    "tini-static": "--",
    "docker-init": "--",
    "dumb-init": "--rewrite 15:3 --",
    "dockerize": "-wait tcp://db:5432 -timeout 60s",
    "gosu": "app",
    "su-exec": "app:app",
    "setuidgid": "app",
    "s6-setuidgid": "app",
    "s6-applyuidgid": "-u 7 -g 7",
    "sudo": "-u app -E A=1",
    "doas": "-u app",
    "runuser": "-u app --",
    "setpriv": "--reuid=app --init-groups",
    "capsh": "--user=app --",
    "chpst": "-u app -e /etc",
    "chroot": "--userspec=app /",
    "env": "-u HOME -i A=b",
    "envdir": "/etc",
    "s6-envdir": "/etc",
    "newrelic-admin": "run-program",
    "bundle": "exec",
    "xvfb-run": "-a -n 99",
    "nice": "-n 5",
    "authbind": "--deep",
    "ionice": "-c 2 -n 7",
    "chrt": "-f 10",
    "taskset": "-c 0-3",
    "numactl": "-l -m 0",
    "prlimit": "--nofile=1024",
    "softlimit": "-m 1000",
    "timeout": "-k 5 10",
    "time": "-f %e",
    "watch": "-n 5",
    "faketime": "-f '@2020-01-01 00:00:00'",
    "flock": "-n /run/lock",
    "stdbuf": "-oL",
    "unshare": "--fork -S 0",
    "nsenter": "-t 1 -m",
    "setarch": "x86_64 -R",
    "cgexec": "-g cpu:x",
    "systemd-inhibit": "--what=idle",
    "trickle": "-d 100",
    "aa-exec": "-p profile --",
    "fakeroot": "--",
    "strace": "-f -o /dev/null",
    "ltrace": "-o /dev/null",
    "xargs": "-n 1 -r",
    "parallel": "-j 4",
    "find": "/etc -exec",
    "start-stop-daemon": "--start --chuid app --exec",
}
"""What stands before the command, where it is not nothing."""
LINES = ["su app -c 'tool x'", "runuser app -c 'tool x'", "flock /run/lock -c 'tool x'", "capsh --user=app -- -c tool"]
SCRIPTS = {
    "shell": "-eu -o pipefail -c 'tool x'",
    "python": "-u -c 'import x'",
    "node": "--eval x",
    "ruby": "-rjson -e x",
    "perl": "-MFoo -lne x",
    "php": "-d a=b -r x",
    "awk": "-F: x",
    "lua": "-e x",
    "r": "-e x",
}
WRAPPERS = sorted(name for row in OURS.rows(Wrapper) for name in row.names)
INTERPRETERS = sorted((name, row.language) for row in OURS.rows(Interpreter) for name in row.names)


def _builder() -> ImageBuilder:
    builder = ImageBuilder()
    for name in {*WRAPPERS, *(name for name, _ in INTERPRETERS), "tool"}:
        builder.file(f"/usr/bin/{name}", elf(executable=True), mode=0o755)
    return builder.file("/etc/passwd", "app:x:7:7::/:/usr/bin/sh\n").file("/etc/group", "app:x:7:\n")


TREE = _builder().tree()
CONFIG = ImageConfig(env=("PATH=/usr/bin",))


def _meant(items: Iterable[Edge | Gap | Command]) -> set[str]:
    edges = [one for one in items if isinstance(one, Edge) and one.kind is not EdgeKind.NAMES]
    return {
        f"{one.kind} {one.firing} {one.target.language}: {one.target.text or one.target.path}"
        for one in edges
        if one.target.path != "/etc/group"
    }


def _both(line: str) -> tuple[set[str], set[str]]:
    words = tuple(shlex.split(line))
    node = Node(kind=NodeKind.CONFIG, path="original")
    config = ImageConfig(env=CONFIG.env, entrypoint=words)
    context = Context(original=TREE, config=config, env={}, path=search_path(config), cwd=ROOT)
    subject = Subject(node=node, path=ROOT, file=None, tree=TREE, data=b"", config=config)
    script = Subject(
        node=Node(path="/run"), path=image_path("/run"), file=None, tree=TREE, data=f"exec {line}\n".encode()
    )
    return _meant(ConfigReader().read(subject, context)), _meant(ShellReader().read(script, context))


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_starts_the_same_in_both(name: str) -> None:
    config, script = _both(f"{name} {ARGUMENTS.get(name, '')} tool x")
    assert config == script
    when = "guarded" if name == "find" else "load"
    assert f"executes load : /usr/bin/{name}" in config
    # Behind su's user stand the words of a shell, and busybox has its tools within.
    assert (f"executes {when} : /usr/bin/tool" in config) is (name not in ("su", "busybox", "toybox"))
    users = name == "su" or "app" in re.split("[ :=]", ARGUMENTS.get(name, ""))
    assert ("runs as load : /etc/passwd" in config) is users


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_a_shell_is_the_same_in_both(line: str) -> None:
    config, script = _both(line)
    assert config == script
    assert [one for one in config if one.startswith("contains load shell: tool")]


@pytest.mark.parametrize(("name", "language"), INTERPRETERS)
def test_an_interpreter_runs_the_same_in_both(name: str, language: str) -> None:
    config, script = _both(f"{name} {SCRIPTS.get(language, 'absent')}")
    assert config == script
    assert bool([one for one in config if one.startswith(f"contains load {language}: ")]) is (language in SCRIPTS)


def test_every_argument_is_some_wrapper_s() -> None:
    assert ARGUMENTS.keys() <= set(WRAPPERS)


@pytest.mark.parametrize("line", ["doas -u app tool", "flock /run/lock tool", "s6-envdir /etc tool", "prlimit tool"])
def test_what_a_wrapper_starts_is_as_certain_in_both(line: str) -> None:
    certain = []
    for entrypoint in (shlex.split(line), ["/start"]):
        both = []
        for lacks in (False, True):
            builder = _builder().file("/start", f"#!/usr/bin/sh\nexec {line}\n", mode=0o755)
            builder.config(entrypoint=entrypoint, env=list(CONFIG.env))
            both.append((builder.layer().whiteout("/usr/bin/tool") if lacks else builder).image())
        with compare(*both) as comparison:
            found = comparison.missing("/usr/bin/tool")
        certain.append(found.certainty if found is not None else None)
    assert certain == [Certainty.PROVEN] * 2
