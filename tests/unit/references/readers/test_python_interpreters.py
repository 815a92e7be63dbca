"""Which interpreter of an image runs a file, and where it looks for modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from xraydiff.commands.start import environment, search_path
from xraydiff.paths import ImagePath
from xraydiff.references import Context
from xraydiff.references.readers.python.interpreters import Interpreters, PythonInterpreter
from xraydiff.references.readers.python.modules import Finder
from xraydiff.testing import ImageBuilder, elf

LOCAL = "/usr/local/lib/python3.12"
DEBIAN = "/usr/lib/python3.11"
PROGRAM = elf(executable=True)


def context_of(
    files: Mapping[str, str | bytes],
    *,
    env: Sequence[str] = (),
    workdir: str = "/srv",
    entrypoint: Sequence[str] = (),
    user: str | None = None,
    links: Mapping[str, str] | None = None,
) -> Context:
    builder = ImageBuilder().config(
        env=["PATH=/opt/venv/bin:/usr/local/bin:/usr/bin", *env], workdir=workdir, entrypoint=entrypoint, user=user
    )
    for path, content in files.items():
        if path.endswith("/"):
            builder.directory(path)
        else:
            builder.file(
                path, content, mode=0o755 if content == PROGRAM or path.startswith("/usr/local/bin") else 0o644
            )
    for path, target in (links or {}).items():
        builder.symlink(path, target)
    config = builder.image().config
    return Context(
        original=builder.tree(),
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=ImagePath(workdir),
    )


def local(**more: str) -> dict[str, str | bytes]:
    return {
        "/usr/local/bin/python3.12": PROGRAM,
        f"{LOCAL}/os.py": "",
        f"{LOCAL}/lib-dynload/": "",
        f"{LOCAL}/site-packages/": "",
        **more,
    }


def debian() -> dict[str, str | bytes]:
    return {
        "/usr/bin/python3.11": PROGRAM,
        f"{DEBIAN}/os.py": "",
        f"{DEBIAN}/lib-dynload/": "",
        "/usr/lib/python3/dist-packages/": "",
        "/usr/local/lib/python3.11/dist-packages/": "",
    }


LINKS = {"/usr/bin/python3": "python3.11", "/usr/local/bin/python3": "python3.12"}


def of(context: Context, path: str, data: bytes = b"") -> PythonInterpreter:
    found = context.once(Interpreters).of(ImagePath(path), data)
    assert found is not None
    return found


def test_the_first_python_in_path() -> None:
    found = of(context_of({**local(), **debian()}, links=LINKS), "/srv/app.py")
    assert (found.version, found.prefix, found.stdlib) == ((3, 12), "/usr/local", LOCAL)
    assert found.executable == "/usr/local/bin/python3"
    assert found.search == (LOCAL, f"{LOCAL}/lib-dynload", f"{LOCAL}/site-packages")
    assert found.freezes


def test_debian_looks_for_dist_packages() -> None:
    found = of(context_of(debian(), links={"/usr/bin/python3": "python3.11"}), "/srv/app.py")
    assert found.search == (
        DEBIAN,
        f"{DEBIAN}/lib-dynload",
        "/usr/local/lib/python3.11/dist-packages",
        "/usr/lib/python3/dist-packages",
    )


@pytest.mark.parametrize(
    ("path", "line", "version"),
    [
        ("/srv/tool", b"#!/usr/bin/python3\n", (3, 11)),
        ("/srv/tool", b"#!/usr/bin/env python3\n", (3, 12)),
        ("/srv/tool", b"#!/usr/bin/env -S python3.11 -u\n", (3, 11)),
        ("/srv/tool", b"#! /usr/bin/python3.11 -E\n", (3, 11)),
        ("/srv/tool", b"#!/bin/sh\n", (3, 12)),
        ("/srv/tool", b"#!/nowhere/python3\n", (3, 12)),
        (f"{DEBIAN}/csv.py", b"", (3, 11)),
        ("/usr/lib/python3/dist-packages/yaml.py", b"", (3, 11)),
        (f"{LOCAL}/site-packages/yaml.py", b"#!/usr/bin/python3\n", (3, 12)),
    ],
)
def test_by_line_and_place(path: str, line: bytes, version: tuple[int, int]) -> None:
    assert of(context_of({**local(), **debian()}, links=LINKS), path, line).version == version


def test_by_start_command() -> None:
    context = context_of({**local(), **debian()}, links=LINKS, entrypoint=["/usr/bin/python3", "/srv/app.py"])
    assert of(context, "/srv/app.py").version == (3, 11)
    files: dict[str, str | bytes] = {**local(), **debian(), "/usr/local/bin/serve": "#!/usr/bin/python3\n"}
    context = context_of(files, links=LINKS, entrypoint=["serve"])
    assert of(context, "/srv/app.py").version == (3, 11)


def test_a_virtual_environment() -> None:
    site = "/opt/venv/lib/python3.11/site-packages"
    files: dict[str, str | bytes] = {
        **local(),
        **debian(),
        "/opt/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n",
        f"{site}/yaml.py": "",
    }
    links = {**LINKS, "/opt/venv/bin/python3": "/usr/bin/python3", "/opt/venv/bin/python": "python3"}
    found = of(context_of(files, links=links), f"{site}/yaml.py")
    assert (found.version, found.prefix, found.stdlib) == ((3, 11), "/opt/venv", DEBIAN)
    assert found.executable == "/opt/venv/bin/python"
    assert found.search == (DEBIAN, f"{DEBIAN}/lib-dynload", site)
    # It stands first in PATH, so it is the image's own.
    assert of(context_of(files, links=links), "/srv/app.py").prefix == "/opt/venv"
    files["/opt/venv/pyvenv.cfg"] = "home = /usr/bin\nInclude-System-Site-Packages = True\n"
    assert of(context_of(files, links=links), "/srv/app.py").search == (
        DEBIAN,
        f"{DEBIAN}/lib-dynload",
        site,
        "/usr/local/lib/python3.11/dist-packages",
        "/usr/lib/python3/dist-packages",
    )


@pytest.mark.parametrize("key", ["version", "version_info"])
def test_a_virtual_environment_whose_home_is_not_in_the_image(key: str) -> None:
    files: dict[str, str | bytes] = {
        "/opt/venv/pyvenv.cfg": f"home = /nowhere\n{key} = 3.9.2.final.0\n",
        "/opt/venv/lib/python3.9/site-packages/x.py": "",
    }
    found = of(context_of(files), "/opt/venv/lib/python3.9/site-packages/x.py")
    assert (found.version, found.stdlib) == ((3, 9), None)
    assert found.search == ("/opt/venv/lib/python3.9/site-packages",)
    assert not found.freezes


@pytest.mark.parametrize("home", ["/opt/venv/bin", "/opt/other/bin", "relative", ""])
def test_environments_that_lead_back_to_themselves(home: str) -> None:
    files: dict[str, str | bytes] = {
        "/opt/venv/pyvenv.cfg": f"home = {home}\n",
        "/opt/other/pyvenv.cfg": "home = /opt/venv/bin\n",
        "/opt/venv/bin/python3": PROGRAM,
        "/opt/other/bin/python3": PROGRAM,
    }
    assert of(context_of(files), "/opt/venv/x.py").stdlib is None


def test_pythonpath_counts_from_workdir_and_stands_first() -> None:
    files = {**local(), "/srv/lib/a.py": "", "/opt/more/b.py": "", "/opt/z.zip": "x"}
    context = context_of(files, env=["PYTHONPATH=lib:/opt/more:/nowhere:/opt/z.zip"], links=LINKS)
    assert of(context, "/srv/app.py").search[:4] == ("/srv/lib", "/opt/more", "/opt/z.zip", LOCAL)


@pytest.mark.parametrize(
    ("user", "env", "home"),
    [
        (None, (), "/root"),
        ("app", (), "/home/app"),
        ("1000:1000", (), "/home/app"),
        ("app", ("HOME=/other",), "/other"),
        ("app", ("PYTHONUSERBASE=/base",), None),
    ],
)
def test_the_site_of_the_user(user: str | None, env: Sequence[str], home: str | None) -> None:
    site = f"{home}/.local/lib/python3.12/site-packages" if home else "/base/lib/python3.12/site-packages"
    files = {**local(), "/etc/passwd": "app:x:1000:1000::/home/app:/bin/sh\n", f"{site}/x.py": ""}
    assert site in of(context_of(files, user=user, env=env, links=LINKS), "/srv/app.py").search


def test_pth_files() -> None:
    site = f"{LOCAL}/site-packages"
    files: dict[str, str | bytes] = {
        **local(),
        f"{site}/a.pth": "# a comment\n../extra\n/opt/abs\n/nowhere\nimport os; os.remove('x')\n",
        f"{site}/.hidden.pth": "/opt/hidden\n",
        f"{site}/b.pth": "import __editable___app_1_finder; x()\n",
        f"{site}/__editable___app_1_finder.py": "MAPPING: dict = {'app': '/build/src/app', 'tool': '/build/tool.py'}\n",
        f"{LOCAL}/extra/x.py": "",
        "/opt/abs/y.py": "",
        "/opt/hidden/z.py": "",
        "/build/src/app/__init__.py": "",
        "/build/src/app/part.py": "",
        "/build/tool.py": "",
    }
    context = context_of(files, links=LINKS)
    found = of(context, "/srv/app.py")
    assert found.search[-3:] == (site, f"{LOCAL}/extra", "/opt/abs")
    finder = Finder(context, found, (), 1 << 20)
    assert finder.find("app.part")[0][-1].file == "/build/src/app/part.py"
    assert finder.find("tool")[0][-1].file == "/build/tool.py"


def test_no_python_at_all() -> None:
    assert context_of({"/srv/a.py": ""}).once(Interpreters).of(ImagePath("/srv/a.py")) is None


# --- finding modules --------------------------------------------------------------------------------------------------


def finder_of(files: Mapping[str, str], *front: str) -> Finder:
    context = context_of({**local(), **files}, links=LINKS)
    return Finder(context, context.once(Interpreters).default(), tuple(ImagePath(path) for path in front), 1 << 20)


def names(finder: Finder, name: str) -> tuple[list[str | None], bool]:
    chain, whole = finder.find(name)
    return [module.file for module in chain], whole


@pytest.mark.parametrize(
    ("files", "winner"),
    [
        (("a.py", "a/__init__.py"), "a/__init__.py"),
        (("a.py", "a/b.py"), "a.py"),
        (("a.py", "a.cpython-312-x86_64-linux-gnu.so"), "a.cpython-312-x86_64-linux-gnu.so"),
        (("a.abi3.so", "a.cpython-312-x86_64-linux-gnu.so"), "a.cpython-312-x86_64-linux-gnu.so"),
        (("a.so", "a.abi3.so"), "a.abi3.so"),
        (("a.so", "a.py"), "a.so"),
        (("a.pyc", "a.py"), "a.py"),
        (("a.pyc",), "a.pyc"),
        (("a.cpython-311-x86_64-linux-gnu.so", "a.py"), "a.py"),
        (("a.cpython-311-x86_64-linux-gnu.so",), None),
        (("a/__init__.pyc", "a.py"), "a/__init__.pyc"),
    ],
)
def test_the_order_of_the_file_finder(files: tuple[str, ...], winner: str | None) -> None:
    finder = finder_of({f"/m/{name}": "" for name in files}, "/m")
    assert names(finder, "a") == (([f"/m/{winner}"], True) if winner else ([], False))


def test_the_first_entry_of_the_path_wins_and_a_package_beats_a_portion() -> None:
    finder = finder_of(
        {"/m/a/x.py": "", "/n/a/__init__.py": "", "/n/a/y.py": "", "/o/b.py": "", "/m/b.py": ""}, "/m", "/n", "/o"
    )
    assert names(finder, "a.y") == (["/n/a/__init__.py", "/n/a/y.py"], True)
    assert names(finder, "a.x") == (["/n/a/__init__.py"], False)
    assert names(finder, "b") == (["/m/b.py"], True)


def test_a_namespace_has_portions_in_many_places() -> None:
    finder = finder_of({"/m/a/x.py": "", "/n/a/y.py": "", "/n/a/z/w.py": ""}, "/m", "/n")
    assert names(finder, "a.x") == ([None, "/m/a/x.py"], True)
    assert names(finder, "a.y") == ([None, "/n/a/y.py"], True)
    assert names(finder, "a.z.w") == ([None, None, "/n/a/z/w.py"], True)


def test_a_package_that_extends_its_path() -> None:
    init = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
    finder = finder_of({"/m/a/__init__.py": init, "/n/a/__init__.py": init, "/n/a/y.py": ""}, "/m", "/n")
    assert names(finder, "a.y") == (["/m/a/__init__.py", "/n/a/y.py"], True)


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a/b", "x" * 600, ".".join("a" * 100), "a\0b", "../m/a"])
def test_names_that_are_none(name: str) -> None:
    assert finder_of({"/m/a/b.py": ""}, "/m").find(name)[1] is False


def test_links_are_followed() -> None:
    context = context_of(
        {**local(), "/real/a.py": "", "/real/p/q.py": ""}, links={**LINKS, "/m": "/real", "/n/p": "/real/p"}
    )
    finder = Finder(context, context.once(Interpreters).default(), (ImagePath("/m"), ImagePath("/n")), 1 << 20)
    assert names(finder, "a") == (["/m/a.py"], True)
    assert names(finder, "p.q") == ([None, "/m/p/q.py"], True)
