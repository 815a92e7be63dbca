"""Pairs in which slim lacks what the kept program needs: each must be found or be said to be unread, none may be clean.

A row is what both images hold, what only the original holds, the start command, and what must be said. Only programs
and scripts with a `#!` line may be executed, as people's files are.
"""

from __future__ import annotations

import importlib.util
import marshal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.java_files import jar
from xraydiff.commands.start import search_path, working_directory
from xraydiff.facts import Certainty, Node, Outlook
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare
from xraydiff.references import Context, Subject
from xraydiff.references.readers.services import ServicesReader
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

PROGRAM = elf(interpreter="/lib/ld.so", executable=True)
TOOL = "/usr/bin/needed-tool"
GONE: Mapping[str, bytes | str] = {TOOL: PROGRAM}

SHELL: Mapping[str, bytes | str] = {"/bin/sh": PROGRAM, "/bin/bash": PROGRAM, "/usr/bin/env": PROGRAM}
PYTHON: Mapping[str, bytes | str] = {
    "/usr/bin/python3.11": PROGRAM,
    "/usr/bin/python3": "python3.11",
    "/usr/bin/env": PROGRAM,
    "/usr/lib/python3.11/os.py": b"",
}
NODE: Mapping[str, bytes | str] = {"/usr/bin/node": PROGRAM, "/usr/bin/env": PROGRAM}
SOURCE = b"import subprocess\nsubprocess.run(['needed-tool'])\n"
BYTE_CODE = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(SOURCE, "m", "exec"))
COMMAND = b"needed-tool --go\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Texts of links are targets; `unread` is the path of the gap, empty where the loss must be found."""

    kept: Mapping[str, bytes | str]
    start: tuple[str, ...]
    gone: Mapping[str, bytes | str] = field(default_factory=lambda: GONE)
    env: tuple[str, ...] = ()
    workdir: str = "/"
    unread: str = ""


def report_of(pair: Pair) -> Report:
    builders = []
    for files in ({**pair.kept, **pair.gone}, pair.kept):
        builder = ImageBuilder().config(entrypoint=list(pair.start), env=list(pair.env), workdir=pair.workdir)
        builder.file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
        for path, content in files.items():
            if isinstance(content, str):
                builder.symlink(path, content)
            else:
                builder.file(path, content, mode=0o755 if content.startswith((b"#!", b"\x7fELF")) else 0o644)
        builders.append(builder)
    with compare(builders[0].image(), builders[1].image()) as comparison:
        return comparison.report


def supervised(path: str, text: bytes, *start: str, **more: bytes | str) -> Pair:
    """A supervisor that reads its settings where they always lie."""
    return Pair(kept={**SHELL, f"/usr/sbin/{start[0]}": PROGRAM, path: text, **more}, start=start)


SUPERVISORS: Mapping[str, Pair] = {
    "a package's script that a module of the application runs": Pair(
        kept={
            **SHELL,
            **PYTHON,
            "/app/main.py": b"import shop\n",
            "/app/shop.py": b"import subprocess\n\n\ndef f():\n    subprocess.run(['/usr/bin/a0'])\n",
            "/usr/bin/a0": b"#!/bin/sh\n" + COMMAND,
            "/var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n",
            "/var/lib/dpkg/info/a.list": b"/usr/bin/a0\n",
        },
        start=("/usr/bin/python3", "/app/main.py"),
    ),
    "supervisord": supervised(
        "/etc/supervisord.conf", b"[supervisord]\nnodaemon=true\n[program:x]\ncommand=needed-tool --x\n", "supervisord"
    ),
    "supervisord, what a shell runs": supervised(
        "/etc/supervisor/conf.d/a.conf", b'[program:x]\ncommand=/bin/sh -c "needed-tool %(ENV_X)s"\n', "supervisord"
    ),
    "supervisord, a program beside its directory": Pair(
        kept={**SHELL, "/usr/bin/supervisord": PROGRAM, "/s.ini": b"[program:x]\ndirectory=/app\ncommand=./run\n"},
        gone={"/app/run": PROGRAM},
        start=("supervisord", "-c", "/s.ini"),
    ),
    "supervisord, in the file's second line": supervised(
        "/etc/supervisord.conf", b"[program:x]\ncommand=/usr/bin/env A=b\n  needed-tool --x\n", "supervisord"
    ),
    "crontab of the system": supervised("/etc/crontab", b"*/5 * * * * root needed-tool x\n", "cron"),
    "crontab in a folder": supervised("/etc/cron.d/a", b"SHELL=/bin/sh\n0 4 * jan-mar mon root needed-tool\n", "cron"),
    "crontab of a user": supervised("/var/spool/cron/crontabs/root", b"@daily needed-tool x\n", "cron"),
    "crontab of Alpine": supervised("/etc/crontabs/root", b"0 0 1 * *\tneeded-tool x\n", "crond"),
    "crontab of supercronic": Pair(
        kept={**SHELL, "/usr/bin/supercronic": PROGRAM, "/app/jobs": b"# x\nA=b\n* * * * * needed-tool\n"},
        start=("supercronic", "/app/jobs"),
    ),
    "systemd": supervised(
        "/etc/systemd/system/x.service", b"[Service]\nExecStartPre=-/bin/sh -c 'needed-tool x'\n", "systemd"
    ),
    "Procfile": Pair(
        kept={**SHELL, "/usr/bin/honcho": PROGRAM, "/app/Procfile": b"web: needed-tool --x\n"},
        start=("honcho", "start"),
        workdir="/app",
    ),
    "s6, execline": Pair(
        kept={
            **SHELL,
            "/usr/bin/s6-svscan": PROGRAM,
            "/usr/bin/execlineb": PROGRAM,
            "/etc/services.d/x/run": b"#!/usr/bin/execlineb -P\nforeground { echo hi } fdmove -c 2 1 needed-tool x\n",
        },
        start=("s6-svscan", "/etc/services.d"),
    ),
    "s6-rc, a step without a #! line": Pair(
        kept={**SHELL, "/init": PROGRAM, "/etc/s6-overlay/s6-rc.d/x/up": b"needed-tool x\n"}, start=("/init",)
    ),
    "init of busybox": supervised("/etc/inittab", b"::respawn:needed-tool x\n", "init"),
    "inetd": supervised("/etc/inetd.conf", b"80 stream tcp nowait root needed-tool needed-tool -x\n", "inetd"),
    "monit": supervised(
        "/etc/monitrc", b'check process x with pidfile /x\n  start program = "needed-tool x"\n', "monit"
    ),
    "circus": supervised("/etc/circus.ini", b"[watcher:x]\ncmd = needed-tool\n", "circusd"),
    "TOML of a supervisor of tomorrow": supervised("/etc/horust/a.toml", b'command = "needed-tool --x"\n', "horust"),
    "YAML with a list": supervised("/etc/x.yml", b"jobs:\n  - cmd: [needed-tool, '-x']\n", "xd"),
    "YAML with a list of lines": supervised("/etc/x.yml", b"a:\n  command:\n    - needed-tool\n    - -x\n", "xd"),
    "uWSGI, a daemon beside it": supervised("/etc/uwsgi.ini", b"[uwsgi]\nattach-daemon = needed-tool x\n", "uwsgi"),
    "uWSGI, a hook": supervised("/etc/uwsgi.ini", b"[uwsgi]\nexec-asap = needed-tool x\n", "uwsgi"),
    "uWSGI, its module": Pair(
        kept={**PYTHON, "/usr/bin/uwsgi": PROGRAM, "/etc/u.ini": b"[uwsgi]\nchdir=/app\nmodule = shop.web:app\n"},
        gone={"/app/shop/web.py": b"x = 1\n"},
        start=("uwsgi", "/etc/u.ini"),
    ),
    "pm2, a script without an ending": Pair(
        kept={
            **NODE,
            "/usr/bin/pm2-runtime": b"#!/usr/bin/env node\n",
            "/app/ecosystem.config.js": b"module.exports = { apps: [{ script: './serve' }] }",
            "/app/serve": b"require('child_process').execSync('needed-tool x')",
        },
        start=("pm2-runtime", "/app/ecosystem.config.js"),
    ),
    "Apache, a log behind a pipe": supervised(
        "/etc/apache2/apache2.conf", b'CustomLog "|needed-tool x" common\n', "apache2"
    ),
    "Perl in nginx": Pair(
        kept={
            **SHELL,
            "/usr/sbin/nginx": PROGRAM,
            "/etc/nginx/nginx.conf": b"http { perl_set $x 'sub { system(\"needed-tool x\") }'; }",
        },
        start=("nginx",),
    ),
    "Lua in nginx": Pair(
        kept={
            "/usr/sbin/nginx": PROGRAM,
            "/etc/nginx/nginx.conf": b"location / { content_by_lua_block { os.execute('needed-tool') } }",
        },
        start=("nginx",),
        unread="/etc/nginx/nginx.conf",
    ),
}

PACKED: Mapping[str, Pair] = {
    "zipapp that starts itself": Pair(
        kept={**PYTHON, "/app/a.pyz": b"#!/usr/bin/env python3\n" + jar({"__main__.py": SOURCE})},
        start=("/app/a.pyz",),
        unread="/app/a.pyz",
    ),
    "zipapp, no ending, run by Python": Pair(
        kept={**PYTHON, "/app/a": jar({"__main__.py": SOURCE})}, start=("python3", "/app/a"), unread="/app/a"
    ),
    "egg on PYTHONPATH": Pair(
        kept={**PYTHON, "/app/a.egg": jar({"shop.py": SOURCE}), "/app/main.py": b"import shop\n"},
        start=("python3", "/app/main.py"),
        env=("PYTHONPATH=/app/a.egg",),
        unread="/app/a.egg",
    ),
    "zip on sys.path": Pair(
        kept={
            **PYTHON,
            "/app/a.zip": jar({"shop.py": SOURCE}),
            "/app/main.py": b"import sys\nsys.path.insert(0, '/app/a.zip')\nimport shop\n",
        },
        start=("python3", "/app/main.py"),
        unread="/app/a.zip",
    ),
    "byte-code as a program": Pair(
        kept={**PYTHON, "/app/a.pyc": BYTE_CODE}, start=("python3", "/app/a.pyc"), unread="/app/a.pyc"
    ),
    "byte-code as a module": Pair(
        kept={**PYTHON, "/app/main.py": b"import shop\n", "/app/shop.pyc": BYTE_CODE},
        start=("python3", "/app/main.py"),
        workdir="/app",
        unread="/app/shop.pyc",
    ),
    "byte-code of Ruby": Pair(
        kept={
            "/usr/bin/ruby": PROGRAM,
            "/app/a.rb": b"RubyVM::InstructionSequence.load(File.binread('/app/a.yarb')).eval\n",
            "/app/a.yarb": b"YARB\0\0\0",
        },
        start=("ruby", "/app/a.rb"),
        unread="/app/a.yarb",
    ),
    "byte-code of Node": Pair(
        kept={**NODE, "/app/a.js": b"require('/app/a.jsc')", "/app/a.jsc": b"\xa5\x05\xde\xc0\0\0"},
        start=("node", "/app/a.js"),
        unread="/app/a.jsc",
    ),
    "escript with an archive": Pair(
        kept={**SHELL, "/usr/bin/escript": PROGRAM, "/app/a": b"#!/usr/bin/env escript\n" + jar({"a.beam": b"FOR1"})},
        start=("/app/a",),
        unread="/app/a",
    ),
    "phar": Pair(
        kept={"/usr/bin/php": PROGRAM, "/app/a.phar": b"<?php Phar::mapPhar('a'); __HALT_COMPILER(); ?>" + bytes(99)},
        start=("php", "/app/a.phar"),
        unread="/app/a.phar",
    ),
    "Python in UTF-16": Pair(
        kept={**PYTHON, "/app/a.py": SOURCE.decode().encode("utf-16")},
        start=("python3", "/app/a.py"),
        unread="/app/a.py",
    ),
    "PAR": Pair(
        kept={"/usr/bin/perl": PROGRAM, "/app/a": b"#!/usr/bin/perl\n" + jar({"script/main.pl": b"x"})},
        start=("/app/a",),
        unread="/app/a",
    ),
    "an archive behind a shell script": Pair(
        kept={**SHELL, "/app/a": b"#!/bin/sh\ntail -n +4 $0 | tar x\nexit\n" + bytes(range(256)) * 20},
        start=("/app/a",),
        unread="/app/a",
    ),
    "a shell script with NUL": Pair(
        kept={**SHELL, "/app/a.sh": b"#!/bin/bash\necho hi\0\nneed\0ed-tool x\n"},
        start=("/app/a.sh",),
        unread="/app/a.sh",
    ),
}

STARTED: Mapping[str, Pair] = {
    "env -S": Pair(kept=SHELL, start=("env", "-S", "A=b needed-tool --x")),
    "env -S, attached": Pair(kept=SHELL, start=("/usr/bin/env", "-Sneeded-tool --x")),
    "env --split-string": Pair(kept=SHELL, start=("env", "--split-string=needed-tool --x")),
    "a shell of another name": Pair(
        kept={**SHELL, "/usr/bin/mine": "/bin/bash", "/app/a": COMMAND}, start=("mine", "/app/a")
    ),
    "a shell of another name, inline": Pair(
        kept={**SHELL, "/usr/bin/mine": "/bin/bash"}, start=("mine", "-c", "needed-tool")
    ),
    "Python of another name": Pair(
        kept={**PYTHON, "/usr/bin/mine": "/usr/bin/python3.11", "/app/a": SOURCE}, start=("mine", "/app/a")
    ),
    "an applet of busybox of another name": Pair(
        kept={"/bin/busybox": PROGRAM, "/bin/xsh": "busybox"}, start=("xsh", "-c", "needed-tool")
    ),
    "su": Pair(kept={**SHELL, "/bin/su": PROGRAM}, start=("su", "app", "-c", "needed-tool x")),
    "flock": Pair(kept={**SHELL, "/usr/bin/flock": PROGRAM}, start=("flock", "/run/x", "needed-tool")),
    "a starter that nobody knows": Pair(kept={"/app/wait-for": PROGRAM}, start=("/app/wait-for", "needed-tool")),
    "a starter that nobody knows, behind two dashes": Pair(
        kept={"/app/doppler": PROGRAM}, start=("/app/doppler", "run", "--", "needed-tool")
    ),
    "a starter that nobody knows, a shell": Pair(
        kept={**SHELL, "/app/x": PROGRAM}, start=("/app/x", "sh", "-c", "needed-tool")
    ),
    "a starter that nobody knows, a script": Pair(
        kept={**SHELL, "/app/x": PROGRAM, "/app/run": b"#!/bin/sh\n" + COMMAND}, start=("/app/x", "--", "/app/run")
    ),
}

BOUNDS: Mapping[str, Pair] = {
    "more commands than are followed": Pair(
        kept={
            "/usr/sbin/crond": PROGRAM,
            "/etc/crontabs/root": b"".join(b"0 0 * * * x %d\n" % n for n in range(1_001)) + b"@daily needed-tool\n",
        },
        start=("crond",),
        unread="/etc/crontabs/root",
    ),
    "settings within settings": supervised("/etc/x.yml", b"probe:\n  exec:\n    command: [needed-tool, -x]\n", "xd"),
    "settings that others include": Pair(
        kept={"/usr/sbin/nginx": PROGRAM, "/etc/nginx/nginx.conf": b"http { include more/*.conf; }"},
        gone={"/etc/nginx/more/a.conf": b"x"},
        start=("nginx",),
    ),
    "what bash reads first": Pair(
        kept={**SHELL, "/app/run": b"#!/bin/bash\necho\n", "/app/first": COMMAND},
        start=("/app/run",),
        env=("BASH_ENV=/app/first",),
    ),
}

ROWS = {**SUPERVISORS, **PACKED, **STARTED, **BOUNDS}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_nothing_passes_in_silence(name: str) -> None:
    pair = ROWS[name]
    report = report_of(pair)
    unread = {problem.path for problem in report.problems if problem.reader}
    found = {path for one in report.findings if one.certainty >= Certainty.LIKELY for path in one.restore}
    assert report.summary.outlook is not Outlook.CLEAN
    if pair.unread:
        assert pair.unread in unread
    else:
        assert set(pair.gone) <= found


NOTHING_MISSED: Mapping[str, Pair] = {
    "an argument that is called like a program": Pair(
        kept={"/usr/bin/redis-cli": PROGRAM}, gone={"/usr/bin/ping": PROGRAM}, start=("redis-cli", "ping")
    ),
    "settings that may be executed": Pair(
        kept={"/usr/bin/redis-server": PROGRAM, "/app/redis.conf": b"port 1\n"},
        start=("redis-server", "/app/redis.conf"),
    ),
    "a document in an archive": Pair(
        kept={**PYTHON, "/app/a.docx": jar({"word/document.xml": b"<a/>"}), "/app/main.py": b"open('/app/a.docx')\n"},
        start=("python3", "/app/main.py"),
    ),
    "byte-code beside its source": Pair(
        kept={
            **PYTHON,
            "/app/main.py": b"import shop\n",
            "/app/shop.py": b"x = 1\n",
            "/app/__pycache__/shop.cpython-311.pyc": BYTE_CODE,
        },
        start=("python3", "/app/main.py"),
        workdir="/app",
    ),
    "a table of numbers": Pair(
        kept={"/app/run": PROGRAM, "/app/table": b"1 2 3 4 5 6 7\n1 2 3 4 5 8 9\n"}, start=("/app/run",)
    ),
    "a comment in settings": Pair(
        kept={"/app/run": PROGRAM, "/app/x.ini": b"[program:x]\n;command=needed-tool\n# cmd = needed-tool\n"},
        start=("/app/run",),
    ),
    "the start of a schedule's comment": Pair(
        kept={"/app/run": PROGRAM, "/etc/crontab": b"# * * * * * root needed-tool\n"}, start=("/app/run",)
    ),
}


@pytest.mark.parametrize("name", sorted(NOTHING_MISSED))
def test_what_asks_for_nothing_says_nothing(name: str) -> None:
    report = report_of(NOTHING_MISSED[name])
    assert [problem for problem in report.problems if problem.reader] == []
    assert report.summary.outlook is Outlook.CLEAN


HUGE: Mapping[str, tuple[str, bytes]] = {
    "blocks that never end": ("/etc/nginx/nginx.conf", b"a_by_lua_block {{{{{{{{" * 50_000),
    "keys": ("/etc/a.conf", b"command = x y\n" * 80_000),
    "keys, each within the one before": ("/etc/a.yml", b"".join(b" " * (n % 900) + b"cmd: x\n" for n in range(2_000))),
    "blanks": ("/etc/a.conf", b" " * 1_000_000 + b"\n" + b"include" + b" " * 1_000_000),
    "quotes": ("/etc/a.conf", b"'|" * 500_000),
    "schedules": ("/etc/crontabs/root", b"* * * * * x\n" * 80_000),
    "execline": ("/etc/s6-rc.d/x/up", b"env\n{ env } " * 40_000),
    "sections": ("/etc/a.ini", b"[uwsgi]\nmodule = a.b\n" * 50_000),
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_settings_cost_time_by_their_size_alone(name: str) -> None:
    path, data = HUGE[name]
    tree = ImageBuilder().file(path, data).file("/usr/bin/env", PROGRAM, mode=0o755).tree()
    config = ImageBuilder().image().config
    context = Context(original=tree, config=config, env={}, path=search_path(config), cwd=working_directory(config))
    real = ImagePath(path)
    subject = Subject(node=Node(path=path), path=real, file=tree.files[real], tree=tree, data=data)
    reader = ServicesReader()
    assert reader.accepts(subject)
    start = time.process_time()
    found = list(reader.read(subject, context))
    assert time.process_time() - start < 10
    assert len(found) <= 10_000
