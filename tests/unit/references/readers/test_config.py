"""What image configs ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.elf_files import make_tree
from xraydiff.facts import Edge, EdgeKind, Firing, Healthcheck, ImageConfig, Node, NodeKind
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ROOT
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.config import ConfigReader

ELF, SCRIPT = b"\x7fELF", b"#!/bin/sh\n"
FILES: dict[str, bytes | str | None] = {
    "/bin": "usr/bin",
    **{f"/usr/bin/{name}": ELF for name in ("sh", "bash", "python3", "node", "java", "php", "nginx", "git", "diff")},
    **{f"/usr/bin/{name}": ELF for name in ("tini", "gosu", "env", "nice", "timeout", "busybox", "setpriv", "sudo")},
    "/usr/bin/python3.11": ELF,
    "/entry.sh": SCRIPT,
    "/srv/app.py": b"import os",
    "/srv/server.js": b"x",
    "/srv/app.jar": b"PK",
    "/srv/lib/a.jar": b"PK",
    "/srv/conf/x.conf": b"x",
    "/srv/shop.db": b"x",
    "/etc/nginx.conf": b"x",
    "/etc/passwd": b"x",
    "/etc/group": b"x",
    "/etc/ssl/certs": None,
    "/run": None,
    "/data": None,
}
NODE = Node(kind=NodeKind.CONFIG, path="original")


def _read(config: ImageConfig, limits: Limits = DEFAULT) -> list[Edge | Gap]:
    tree = make_tree(FILES, modes={"/srv/app.py": 0o644, "/srv/shop.db": 0o644, "/etc/nginx.conf": 0o644})
    subject = Subject(node=NODE, path=ROOT, file=None, tree=tree, data=b"", config=config)
    context = Context(original=tree, config=config, env={}, path=(), cwd=ROOT, limits=limits)
    reader = ConfigReader()
    assert reader.accepts(subject)
    return [item for item in reader.read(subject, context) if not isinstance(item, Command)]


def _start(*words: str, cmd: Sequence[str] | None = None, workdir: str = "/srv") -> list[tuple[str, str, str]]:
    """Kind, target and firing of the edges of a start command; gaps as their reason."""
    config = ImageConfig(entrypoint=words, cmd=tuple(cmd) if cmd is not None else None, workdir=workdir)
    found: list[tuple[str, str, str]] = []
    for item in _read(config):
        if isinstance(item, Gap):
            found.append(("gap", item.detail, item.reason))
        elif item.detail in ("ENTRYPOINT", "CMD"):
            target = item.target
            name = f"{target.language}: {target.text}" if target.kind is NodeKind.SCRIPT else target.path
            found.append((item.kind.value, name, item.firing.value))
    return found


def _runs(*paths: str) -> list[tuple[str, str, str]]:
    return [("executes", path, "load") for path in paths]


def _executed(*words: str, cmd: Sequence[str] | None = None) -> list[str]:
    return [target for kind, target, _ in _start(*words, cmd=cmd) if kind == "executes"]


def test_a_program_by_path_and_by_name() -> None:
    assert _start("/bin/nginx") == _runs("/bin/nginx")
    assert _start("nginx") == _runs("/usr/bin/nginx")
    assert _start("./app.jar") == _runs("/srv/app.jar")


@pytest.mark.parametrize("shell", ["ksh93", "mksh", "yash", "rbash"])
def test_a_rare_shell_s_string_is_an_inline_script_too(shell: str) -> None:
    tree = make_tree({**FILES, f"/usr/bin/{shell}": ELF})
    config = ImageConfig(entrypoint=(shell, "-c", "exec /entry.sh"))
    subject = Subject(node=NODE, path=ROOT, file=None, tree=tree, data=b"", config=config)
    found = ConfigReader().read(subject, Context(original=tree, config=config, env={}, path=(), cwd=ROOT))
    scripts = [edge.target for edge in found if isinstance(edge, Edge) and edge.target.kind is NodeKind.SCRIPT]
    assert [(script.language, script.text) for script in scripts] == [("shell", "exec /entry.sh")]


def test_a_shell_string_is_an_inline_script() -> None:
    assert _start("/bin/sh", "-c", "exec nginx") == [*_runs("/bin/sh"), ("contains", "shell: exec nginx", "load")]
    for option in ("-ec", "-lc", "-euxc"):
        assert ("contains", "shell: true", "load") in _start("bash", option, "true")
    assert ("contains", "shell: true", "load") in _start("bash", "-euxo", "pipefail", "-c", "true")
    assert ("contains", "shell: true", "load") in _start("bash", "-o", "pipefail", "-c", "true")


def test_an_inline_script_belongs_to_the_config() -> None:
    (script,) = [
        item.target
        for item in _read(ImageConfig(cmd=("python3", "-c", "import x")))
        if isinstance(item, Edge) and item.target.kind is NodeKind.SCRIPT
    ]
    assert script == Node(kind=NodeKind.SCRIPT, path="original", language="python", text="import x")


def test_arguments_of_a_shell_string_run_where_it_passes_them_on() -> None:
    assert _executed("sh", "-c", 'exec "$@"', "--", "nginx") == ["/usr/bin/sh", "/usr/bin/nginx"]
    assert _executed("sh", "-c", "true", "--", "nginx") == ["/usr/bin/sh"]


@pytest.mark.parametrize(
    ("words", "script", "language"),
    [
        (("python3", "app.py"), "/srv/app.py", "python"),
        (("python3.11", "-u", "-W", "error", "app.py"), "/srv/app.py", "python"),
        (("node", "--require", "x", "server.js"), "/srv/server.js", "node"),
        (("java", "-Xmx1g", "-jar", "app.jar"), "/srv/app.jar", "java"),
        (("php", "-f", "app.py"), "/srv/app.py", "php"),
        (("sh", "/entry.sh"), "/entry.sh", "shell"),
        (("busybox", "sh", "/entry.sh"), "/entry.sh", "shell"),
    ],
)
def test_the_script_of_an_interpreter_is_loaded(words: tuple[str, ...], script: str, language: str) -> None:
    edges = [item for item in _read(ImageConfig(cmd=words, workdir="/srv")) if isinstance(item, Edge)]
    (sourced,) = [edge for edge in edges if edge.kind is EdgeKind.SOURCES]
    assert sourced.target == Node(path=script, language=language)
    assert (sourced.firing, sourced.detail) == (Firing.LOAD, "CMD")


def test_node_starts_a_directory() -> None:
    assert ("sources", "/srv", "load") in _start("node", ".")


def test_a_module_is_left_to_the_reader_of_its_language() -> None:
    assert _start("python3", "-m", "conf") == _runs("/usr/bin/python3")
    assert _start("java", "-cp", "lib/*:app.jar", "Main") == [
        *_runs("/usr/bin/java"),
        ("names", "/srv/lib", "named"),
        ("names", "/srv/app.jar", "named"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("tini", "--", "nginx"),
        ("tini", "-s", "-e", "143", "nginx"),
        ("nice", "-n", "5", "nginx"),
        ("timeout", "-s", "9", "30", "nginx"),
        ("env", "-u", "HOME", "A=b", "nginx"),
        ("setpriv", "--reuid=1000", "--clear-groups", "nginx"),
        ("tini", "--", "env", "nice", "nginx"),
    ],
)
def test_what_a_wrapper_starts_is_started(words: tuple[str, ...]) -> None:
    assert _executed(*words)[-1] == "/usr/bin/nginx"
    assert not [one for one in _start(*words) if one[0] == "gap"]


@pytest.mark.parametrize("words", [("gosu", "web", "nginx"), ("sudo", "-u", "web", "nginx")])
def test_the_user_of_a_wrapper_needs_the_user_database(words: tuple[str, ...]) -> None:
    assert ("runs as", "/etc/passwd", "load") in _start(*words)
    assert _executed(*words)[-1] == "/usr/bin/nginx"


def test_a_numeric_user_needs_no_database() -> None:
    assert not [one for one in _start("gosu", "1000:1000", "nginx") if one[0] == "runs as"]


def test_an_entrypoint_script_starts_its_command() -> None:
    assert _executed("/entry.sh", cmd=["nginx", "-g", "daemon off;"]) == ["/entry.sh", "/usr/bin/nginx"]
    assert _executed("tini", "--", "/entry.sh", cmd=["python3", "app.py"])[-1] == "/usr/bin/python3"
    assert _executed("/entry.sh", cmd=["--flag", "nginx"]) == ["/entry.sh"]


def test_the_field_of_a_word_is_the_detail() -> None:
    edges = [item for item in _read(ImageConfig(entrypoint=("/entry.sh",), cmd=("nginx",))) if isinstance(item, Edge)]
    assert [(edge.target.path, edge.detail) for edge in edges] == [
        ("/entry.sh", "ENTRYPOINT"),
        ("/usr/bin/nginx", "CMD"),
    ]


def test_a_program_does_not_start_its_arguments() -> None:
    assert _executed("git", cmd=["diff"]) == ["/usr/bin/git"]


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("/etc/nginx.conf", "/etc/nginx.conf"),
        ("--config=/etc/nginx.conf", "/etc/nginx.conf"),
        ("-c/etc/nginx.conf", "/etc/nginx.conf"),
        ("@/etc/nginx.conf", "/etc/nginx.conf"),
        ("-Dlog=file:/etc/nginx.conf", "/etc/nginx.conf"),
        ("sqlite:////srv/shop.db?mode=ro", "/srv/shop.db"),
        ("shop.db", "/srv/shop.db"),
        ("conf/x.conf", "/srv/conf/x.conf"),
        ("/data", "/data"),
        ("a:/data", "/data"),
    ],
)
def test_paths_among_the_arguments(word: str, target: str) -> None:
    assert _start("nginx", word) == [*_runs("/usr/bin/nginx"), ("names", target, "named")]


@pytest.mark.parametrize("word", ["run", "/", "/absent", "--flag", "http://host/etc/passwd", "daemon off;", "", "\0"])
def test_words_that_are_no_paths(word: str) -> None:
    assert _start("nginx", word, workdir="/") == _runs("/usr/bin/nginx")


def test_what_does_not_resolve_is_a_gap() -> None:
    assert _start("absent", "/etc/passwd") == [
        ("names", "/etc/passwd", "named"),
        ("gap", "ENTRYPOINT: absent", "unresolved-command"),
    ]
    assert ("gap", "ENTRYPOINT: gone.py", "unresolved-command") in _start("python3", "gone.py")


def test_the_health_check_by_its_shell() -> None:
    health = Healthcheck(test=("CMD-SHELL", "nginx -t"))
    config = ImageConfig(healthcheck=health, shell=("/bin/bash", "-ec"))  # noqa: S604  a config's field, nothing runs
    edges = [item for item in _read(config) if isinstance(item, Edge)]
    assert [(edge.kind, edge.target.path or edge.target.text, edge.detail) for edge in edges] == [
        (EdgeKind.EXECUTES, "/bin/bash", "HEALTHCHECK"),
        (EdgeKind.CONTAINS, "original", "HEALTHCHECK"),
    ]


@pytest.mark.parametrize(
    ("user", "databases"),
    [
        ("web", ["/etc/passwd"]),
        ("web:www", ["/etc/passwd", "/etc/group"]),
        ("1000:1000", []),
        ("0:www", ["/etc/group"]),
    ],
)
def test_user_names_need_databases(user: str, databases: list[str]) -> None:
    edges = [item for item in _read(ImageConfig(user=user)) if isinstance(item, Edge)]
    assert [edge.target.path for edge in edges] == databases
    assert all((edge.kind, edge.detail) == (EdgeKind.RUNS_AS, "USER") for edge in edges)


def test_directories() -> None:
    edges = [
        item for item in _read(ImageConfig(workdir="/srv/", volumes=("/data", "/absent"))) if isinstance(item, Edge)
    ]
    assert [(edge.target, edge.kind, edge.detail) for edge in edges] == [
        (Node(kind=NodeKind.DIRECTORY, path="/srv"), EdgeKind.WORKS_IN, "WORKDIR"),
        (Node(kind=NodeKind.DIRECTORY, path="/data"), EdgeKind.WORKS_IN, "VOLUME"),
    ]


def test_paths_of_the_environment_but_not_search_lists() -> None:
    env = (
        "PATH=/usr/bin:/data",
        "LD_LIBRARY_PATH=/data",
        "SSL_CERT_DIR=/etc/ssl/certs",
        "DB=sqlite:////srv/shop.db",
        "X=run",
    )
    edges = [item for item in _read(ImageConfig(env=env)) if isinstance(item, Edge)]
    assert [(edge.target.path, edge.detail, edge.firing) for edge in edges] == [
        ("/etc/ssl/certs", "SSL_CERT_DIR", Firing.NAMED),
        ("/srv/shop.db", "DB", Firing.NAMED),
    ]


def test_a_script_too_large_is_a_gap() -> None:
    found = _read(ImageConfig(cmd=("sh", "-c", "x" * 100)), replace(DEFAULT, script=50))
    assert [item.reason for item in found if isinstance(item, Gap)] == ["too-large"]


def test_long_commands_end() -> None:
    found = _read(ImageConfig(cmd=("env",) * 500_000))
    assert {item.target.path for item in found if isinstance(item, Edge)} == {"/usr/bin/env"}
    assert [item.reason for item in found if isinstance(item, Gap)] == ["too-large", "too-deep"]


def test_an_empty_config_asks_for_nothing() -> None:
    assert _read(ImageConfig()) == []
