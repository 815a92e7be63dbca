"""The reader of settings: which lines are commands, in which language, and where they are run."""

from __future__ import annotations

import pytest

from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.limits import DEFAULT, Limits
from xraydiff.references import Command, Gap
from xraydiff.references.readers.services import ServicesReader
from xraydiff.testing import ImageBuilder, elf, read

PROGRAM = elf(executable=True)
FILES: dict[str, bytes] = {
    "/bin/sh": PROGRAM,
    "/usr/bin/tool": PROGRAM,
    "/etc/app.d/one.conf": b"x",
    "/srv/app/wsgi.py": b"x",
    "/srv/app/worker.py": b"x",
}


def read_settings(path: str, text: str, limits: Limits = DEFAULT) -> tuple[Edge | Gap | Command, ...] | None:
    """What the reader says of a file; None where it is not its own."""
    builder = ImageBuilder().config(env=["PATH=/usr/bin:/bin"])
    for name, data in (FILES | {path: text.encode()}).items():
        builder.file(name, data, mode=0o755)
    reading = read(ServicesReader(), builder, path, limits=limits)
    return reading.found if reading.accepted else None


def scripts(path: str, text: str) -> list[tuple[int, str, str]]:
    """Line, language and text of every script that settings hold."""
    found = read_settings(path, text)
    assert found is not None
    return [
        (one.line, one.target.language, one.target.text)
        for one in found
        if isinstance(one, Edge) and one.target.kind is NodeKind.SCRIPT
    ]


def files(path: str, text: str) -> list[tuple[str, str, EdgeKind]]:
    """Path, language and kind of every file that settings name."""
    found = read_settings(path, text)
    assert found is not None
    edges = [one for one in found if isinstance(one, Edge) and one.target.kind is NodeKind.FILE]
    return [(one.target.path, one.target.language, one.kind) for one in edges]


@pytest.mark.parametrize(
    ("path", "text", "line", "command"),
    [
        ("/etc/a.conf", "[program:x]\ncommand=tool --x\n", 2, "tool --x"),
        ("/etc/a.conf", "[program:x]\ncommand=tool\n  --x\n", 2, "tool   --x"),
        ("/etc/a.conf", "[program:x]\ndirectory=/srv/app\ncommand=tool\n", 3, "cd /srv/app\ntool"),
        ("/etc/a.conf", "command=tool %(ENV_HOME)s %(here)s %(process_num)02d\n", 1, "tool ${HOME} /etc ${1}"),
        ("/etc/a.yaml", "a:\n  command: ['tool', '--a b']\n", 2, "tool '--a b'"),
        ("/etc/a.yaml", "a:\n  command:\n    - tool\n    - a b\n", 2, "tool 'a b'"),
        ("/etc/a.yaml", 'a:\n  cmd: "tool x"\n', 2, "tool x"),
        ("/etc/a.yaml", "a:\n  command: |\n    tool x\n", 2, "tool x"),
        ("/etc/a.toml", 'health_cmd = "tool x"\n', 1, "tool x"),
        ("/etc/systemd/system/a.service", "[Service]\nExecStartPre=-+/usr/bin/tool x\n", 2, "/usr/bin/tool x"),
        ("/etc/a.ini", "[uwsgi]\nattach-daemon2 = cmd=tool x,freq=3\n", 2, "tool x"),
        ("/etc/a.ini", "[uwsgi]\nunique-cron = -1 -1 -1 -1 -1 tool x\n", 2, "tool x"),
        ("/etc/httpd.conf", 'CustomLog "|/usr/bin/tool x" common\n', 1, "/usr/bin/tool x"),
        ("/etc/crontab", "# a\n*/5 * * * * root tool x\n", 2, "tool x"),
        ("/etc/cron.d/a", "@daily root tool 50\\%% rest\n", 1, "tool 50%"),
        ("/var/spool/cron/root", "PATH=/opt/bin\n1 2 * jan mon tool x\n", 2, "PATH=/opt/bin\ntool x"),
        ("/app/jobs", "# every night\n0 3 * * * tool x\n", 2, "tool x"),
        ("/srv/app/Procfile", "web: tool x\n", 1, "cd /srv/app\ntool x"),
        ("/etc/inittab", "# a\nid:2:respawn:tool x\n", 2, "tool x"),
        ("/etc/inetd.conf", "ftp stream tcp nowait root /usr/bin/tool tool -x\n", 1, "/usr/bin/tool -x"),
        ("/etc/a/run", "#!/bin/execlineb -P\ns6-notyet { tool x }\n", 1, "tool x"),
        ("/etc/s6-rc.d/a/up", "tool x\ny\n", 1, "tool x y"),
    ],
)
def test_a_command_of_the_shell(path: str, text: str, line: int, command: str) -> None:
    assert scripts(path, text) == [(line, "shell", command)]


@pytest.mark.parametrize(
    ("text", "language", "program"),
    [
        ("content_by_lua_block {\n  if a { os.execute('x') }\n}\n", "openresty", "if a { os.execute('x') }"),
        ("content_by_lua 'os.execute(x)';\n", "openresty", "os.execute(x)"),
        ("perl 'sub { system(x) }';\n", "perl", "sub { system(x) }"),
        ("<Perl>\nsystem(x);\n</Perl>\n", "perl", "system(x);"),
    ],
)
def test_a_program_within_the_settings_of_a_server(text: str, language: str, program: str) -> None:
    assert scripts("/etc/nginx/a.conf", text) == [(1, language, program)]


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("/etc/app.conf", "include app.d/*.conf\n", ("/etc/app.d/one.conf", "", EdgeKind.NAMES)),
        ("/etc/a.ini", "[uwsgi]\nchdir=/srv/app\nmodule=wsgi\n", ("/srv/app/wsgi.py", "python", EdgeKind.IMPORTS)),
        (
            "/srv/app/ecosystem.config.js",
            "module.exports = {apps: [{script: './worker.py'}]}",
            ("/srv/app/worker.py", "python", EdgeKind.EXECUTES),
        ),
    ],
)
def test_a_file_that_settings_name(path: str, text: str, named: tuple[str, str, EdgeKind]) -> None:
    assert files(path, text) == [named]


@pytest.mark.parametrize(
    ("path", "text"),
    [("/app/data", "1 2 3\n"), ("/app/main.py", "command = 'x'\n"), ("/app/a.conf", "\0command=x\n")],
)
def test_what_holds_no_commands_is_not_its_own(path: str, text: str) -> None:
    assert read_settings(path, text) is None


def test_commands_are_guarded_and_more_than_are_followed_are_a_gap() -> None:
    found = read_settings(
        "/etc/a.conf", "".join(f"command=tool {number}\n" for number in range(5)), Limits(inline_scripts=3)
    )
    assert found is not None
    assert [one.firing for one in found if isinstance(one, Edge)] == [Firing.GUARDED] * 3
    assert [one.reason for one in found if isinstance(one, Gap)] == ["too-many-references"]
