"""What a Python program asks for, over an image with a Python of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from xraydiff.commands.start import environment, search_path
from xraydiff.facts import Edge, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, elf

LIB = "/usr/local/lib/python3.11"
SITE = f"{LIB}/site-packages"
APP = "/srv/app.py"
MODULES = (
    *(
        "os",
        "csv",
        "json/__init__",
        "json/decoder",
        "abc",
        "tomllib",
        "gzip",
        "bz2",
        "lzma",
        "_strptime",
        "dbm/__init__",
    ),
    *(
        "encodings/__init__",
        "encodings/idna",
        "encodings/punycode",
        "encodings/koi8_r",
        "encodings/cp1252",
        "encodings/ascii",
    ),
    *("multiprocessing/__init__", "multiprocessing/pool", "multiprocessing/popen_fork", "importlib/__init__"),
    *("importlib/readers", "email/__init__", "email/parser", "sqlite3/__init__", "sqlite3/dbapi2", "http/__init__"),
    *("http/server", "zoneinfo/__init__", "subprocess", "xml/__init__", "xml/sax/__init__", "xml/sax/expatreader"),
    *("concurrent/__init__", "concurrent/futures/__init__", "concurrent/futures/thread", "tarfile", "runpy"),
)
PACKAGES = {
    "flask/__init__.py": "from .app import Flask\n",
    "flask/app.py": "class Flask: pass\n",
    "flask/__main__.py": "",
    "gunicorn/__init__.py": "",
    "gunicorn/__main__.py": "",
    "gunicorn/workers/__init__.py": "",
    "gunicorn/workers/gthread.py": "class ThreadWorker: pass\n",
    "yaml.py": "def load(): pass\n",
    "lazy/__init__.py": "_where = {'Big': (__spec__.parent, '.big')}\ndef __getattr__(name):\n    pass\n",
    "lazy/big.py": "class Big: pass\n",
    "calls/__init__.py": "def export():\n    import yaml\n    from . import inner\n",
    "calls/inner.py": "",
    "ns/one.py": "",
    "ns/deep/two.py": "",
    "idle/__init__.py": '"""Nothing."""\n',
    "idle/mod.py": "",
    "fast/__init__.py": "",
    "fast/_speed.cpython-311-x86_64-linux-gnu.so": "x",
    "fast/_other.cpython-310-x86_64-linux-gnu.so": "x",
    "fast/_stable.abi3.so": "x",
    "fast/plain.so": "x",
    "data/__init__.py": "",
    "data/table.json": "{}",
    "data/templates/page.html": "",
    "plug-1.0.dist-info/METADATA": "Name: plug\n",
    "plug-1.0.dist-info/entry_points.txt": (
        "[app.plugins]\none = plug_one:make\n\n[console_scripts]\np = plug_two:main\n"
    ),
    "plug_one.py": "def make(): pass\n",
    "plug_two.py": "def main(): pass\n",
    "tzdata/__init__.py": "",
    "tzdata/zoneinfo/__init__.py": "",
    "tzdata/zoneinfo/Asia/__init__.py": "",
    "tzdata/zoneinfo/Asia/Tokyo": "TZif",
    "certifi/__init__.py": "from .core import where\n",
    "certifi/core.py": "def where(): return 1\n",
    "certifi/cacert.pem": "x",
    "requests/__init__.py": "def get(): pass\n",
}
OWN = {
    "/srv/sibling.py": "def helper(): pass\nVALUE = 1\n",
    "/srv/pkg/__init__.py": "VALUE = 1\n__all__ = ['alpha', 'beta']\n",
    "/srv/pkg/alpha.py": "class Alpha: pass\n",
    "/srv/pkg/beta.py": "",
    "/srv/pkg/sub/__init__.py": "X = 1\n",
    "/srv/pkg/sub/gamma.py": "",
    "/srv/pkg/data/x.json": "{}",
    "/srv/templates/index.html": "",
    "/srv/static/site.css": "",
    "/srv/config.yaml": "",
    "/srv/lang/de.json": "",
    "/srv/lang/fr.json": "",
    "/srv/lang/.hidden.json": "",
    "/srv/job.py": "",
    "/usr/share/zoneinfo/Europe/Rome": "TZif",
    "/etc/passwd": "root:x:0:0\n",
    "/etc/app.conf": "",
}


def image(
    source: str | bytes = "",
    path: str = APP,
    *,
    mode: int = 0o644,
    more: Mapping[str, str] | None = None,
    env: Sequence[str] = (),
    entrypoint: Sequence[str] | None = None,
    cmd: Sequence[str] | None = None,
) -> ImageBuilder:
    builder = ImageBuilder().config(
        env=["PATH=/usr/local/bin:/bin", *env], workdir="/srv", entrypoint=entrypoint, cmd=cmd
    )
    for name in ("/usr/local/bin/python3.11", "/bin/sh", "/bin/date", "/bin/ls", "/usr/local/bin/gunicorn"):
        builder.file(name, elf(executable=True), mode=0o755)
    builder.symlink("/usr/local/bin/python", "python3.11").symlink("/usr/local/bin/python3", "python3.11")
    for name in MODULES:
        builder.file(f"{LIB}/{name}.py", "X = 1\n")
    for name, text in {**{f"{SITE}/{key}": text for key, text in PACKAGES.items()}, **OWN, **(more or {})}.items():
        builder.file(name, text)
    return builder.file(path, source, mode=mode)


def context_of(builder: ImageBuilder, limits: Limits | None = None) -> Context:
    tree, config = builder.tree(), builder.image().config
    return Context(
        original=tree,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=ImagePath("/srv"),
        limits=limits or Limits(),
    )


def read(context: Context, subject: Subject) -> tuple[list[Edge], list[Gap]]:
    reader = PythonReader()
    items: list[Edge | Gap | Command] = list(reader.read(subject, context)) if reader.accepts(subject) else []
    for item in tuple(items):
        if isinstance(item, Command) and item.program in reader.claims:
            items += reader.launched(item, context)
    return [item for item in items if isinstance(item, Edge)], [item for item in items if isinstance(item, Gap)]


def subject_of(context: Context, path: str, language: str = "") -> Subject:
    tree, real = context.original, ImagePath(path)
    return Subject(
        node=Node(path=path, language=language), path=real, file=tree.files[real], tree=tree, data=tree.content(real)
    )


def seen(
    source: str | bytes,
    path: str = APP,
    *,
    limits: Limits | None = None,
    more: Mapping[str, str] | None = None,
    env: Sequence[str] = (),
    mode: int = 0o644,
    cmd: Sequence[str] | None = None,
) -> tuple[dict[str, set[str]], list[str]]:
    """Targets (path, or text of an inline script) with their firings, and the reasons of gaps."""
    context = context_of(image(source, path, more=more, env=env, mode=mode, cmd=cmd), limits)
    edges, gaps = read(context, subject_of(context, path))
    return by_target(edges), [gap.reason for gap in gaps]


def by_target(edges: Sequence[Edge]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for edge in edges:
        found.setdefault(edge.target.text or edge.target.path, set()).add(edge.firing.value)
    return found


# --- imports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("import csv", f"{LIB}/csv.py", "load"),
        ("import os, csv as c", f"{LIB}/csv.py", "load"),
        ("import csv; import json", f"{LIB}/json/__init__.py", "load"),
        ("import json.decoder", f"{LIB}/json/__init__.py", "load"),
        ("import json.decoder", f"{LIB}/json/decoder.py", "load"),
        ("from json import decoder", f"{LIB}/json/decoder.py", "load"),
        ("from json import (\n  decoder,  # a comment\n  loads,\n)", f"{LIB}/json/decoder.py", "load"),
        ("from json import decoder as d, loads", f"{LIB}/json/decoder.py", "load"),
        ("from json import \\\n    decoder", f"{LIB}/json/decoder.py", "load"),
        ("import sibling", "/srv/sibling.py", "load"),
        ("from sibling import helper", "/srv/sibling.py", "load"),
        ("from pkg import *", "/srv/pkg/alpha.py", "load"),
        ("from pkg import alpha", "/srv/pkg/__init__.py", "load"),
        ("import pkg.sub.gamma", "/srv/pkg/sub/gamma.py", "load"),
        ("import ns.one", f"{SITE}/ns/one.py", "load"),
        ("from ns.deep import two", f"{SITE}/ns/deep/two.py", "load"),
        ("import fast._speed", f"{SITE}/fast/_speed.cpython-311-x86_64-linux-gnu.so", "load"),
        ("from fast import _stable, plain", f"{SITE}/fast/_stable.abi3.so", "load"),
        ("from fast import _stable, plain", f"{SITE}/fast/plain.so", "load"),
        ("x = 1\nif x:\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("for _ in range(3):\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("while x():\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("try:\n    import csv\nexcept ImportError:\n    csv = None", f"{LIB}/csv.py", "guarded"),
        ("try:\n    import nothing\nexcept ImportError:\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("try:\n    work()\nexcept Exception:\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("try:\n    work()\nfinally:\n    import csv", f"{LIB}/csv.py", "load"),
        ("with open('x') as f:\n    import csv", f"{LIB}/csv.py", "load"),
        ("with contextlib.suppress(ImportError):\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("match x:\n    case 1:\n        import csv", f"{LIB}/csv.py", "guarded"),
        ("class A:\n    import csv", f"{LIB}/csv.py", "load"),
        ("class A:\n    def f(self):\n        import csv", f"{LIB}/csv.py", "deferred"),
        ("def f():\n    import csv", f"{LIB}/csv.py", "deferred"),
        ("async def f():\n    import csv", f"{LIB}/csv.py", "deferred"),
        ("def f(): import csv", f"{LIB}/csv.py", "deferred"),
        ("def f():\n    if x:\n        import csv", f"{LIB}/csv.py", "deferred"),
        ("def f():\n    import csv\nf()", f"{LIB}/csv.py", "load"),
        ("def f():\n    g()\ndef g():\n    import csv\nf()", f"{LIB}/csv.py", "load"),
        ("def f():\n    import csv\nif x:\n    f()", f"{LIB}/csv.py", "guarded"),
        (
            "class A:\n    def __init__(self):\n        self.go()\n    def go(self):\n        import csv\nA()",
            f"{LIB}/csv.py",
            "load",
        ),
        ("def d(f):\n    import csv\n@d\ndef g(): pass", f"{LIB}/csv.py", "load"),
        ("if __name__ == '__main__':\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("import sys\nif sys.version_info >= (3, 11):\n    import tomllib", f"{LIB}/tomllib.py", "load"),
        ("import sys\nif sys.version_info[0] < 3:\n    import x\nelse:\n    import csv", f"{LIB}/csv.py", "load"),
        ("import sys\nif sys.platform == 'win32':\n    import x\nelif x:\n    import csv", f"{LIB}/csv.py", "guarded"),
        ("if not TYPE_CHECKING:\n    import csv", f"{LIB}/csv.py", "load"),
    ],
)
def test_imports_and_when_they_are_followed(source: str, target: str, firing: str) -> None:
    found, gaps = seen(source)
    assert found.get(target) == {firing}, found
    assert gaps == []


@pytest.mark.parametrize(
    "source",
    [
        "import sys, time, builtins, _io, itertools",
        "import abc, os, runpy",
        "from os import path",
        "import nowhere.at.all",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import csv",
        "import typing as t\nif t.TYPE_CHECKING:\n    import csv",
        "import sys\nif sys.version_info < (3, 8):\n    import csv",
        "import sys\nif sys.version_info >= (3, 8):\n    pass\nelse:\n    import csv",
        "import sys\nif sys.platform.startswith('win'):\n    import csv",
        "import os\nif os.name == 'nt':\n    import csv",
        "if False:\n    import csv",
        "x = '''\nimport csv\n'''",
        "# import csv",
        "from fast import _other",
    ],
)
def test_what_is_not_loaded(source: str) -> None:
    found, _ = seen(source)
    assert not {f"{LIB}/csv.py", f"{LIB}/abc.py", f"{LIB}/os.py", f"{LIB}/runpy.py"} & found.keys(), found
    assert not [path for path in found if "cpython-310" in path]


def test_a_handler_of_import_errors_is_dead_where_the_body_was_found() -> None:
    found, _ = seen("try:\n    import json\nexcept ImportError:\n    import csv")
    assert found == {f"{LIB}/json/__init__.py": {"guarded"}}


def test_frozen_modules_are_files_before_3_11() -> None:
    builder = ImageBuilder().config(env=["PATH=/usr/bin"], workdir="/srv")
    builder.file("/usr/bin/python3.9", elf(executable=True), mode=0o755).symlink("/usr/bin/python3", "python3.9")
    builder.file("/usr/lib/python3.9/os.py").file("/usr/lib/python3.9/abc.py").file(APP, "import abc")
    context = context_of(builder)
    edges, _ = read(context, subject_of(context, APP))
    assert by_target(edges) == {"/usr/lib/python3.9/abc.py": {"load"}}


def test_an_init_that_does_nothing_is_only_named() -> None:
    found, _ = seen("import idle.mod")
    assert found == {f"{SITE}/idle/__init__.py": {"named"}, f"{SITE}/idle/mod.py": {"load"}}


@pytest.mark.parametrize(
    ("path", "source", "targets"),
    [
        ("/srv/pkg/new.py", "from . import alpha", {"/srv/pkg/alpha.py"}),
        ("/srv/pkg/new.py", "from .alpha import Alpha", {"/srv/pkg/alpha.py"}),
        ("/srv/pkg/sub/new.py", "from .. import beta", {"/srv/pkg/beta.py"}),
        ("/srv/pkg/sub/new.py", "from ..sub.gamma import x", {"/srv/pkg/sub/__init__.py", "/srv/pkg/sub/gamma.py"}),
        ("/srv/pkg/sub/new.py", "from . import gamma", {"/srv/pkg/sub/gamma.py"}),
        ("/srv/pkg/new.py", "from .... import alpha", set()),
        (f"{SITE}/calls/new.py", "from .inner import x", {f"{SITE}/calls/inner.py"}),
    ],
)
def test_relative_imports(path: str, source: str, targets: set[str]) -> None:
    assert targets <= seen(source, path)[0].keys()
    if not targets:
        assert seen(source, path)[0] == {}


def test_names_that_a_package_loads_when_they_are_asked_for() -> None:
    assert seen("from lazy import Big")[0][f"{SITE}/lazy/big.py"] == {"load"}
    assert seen("import lazy\nx = lazy.Big()")[0][f"{SITE}/lazy/big.py"] == {"deferred"}
    assert f"{SITE}/lazy/big.py" not in seen("import lazy\nx = lazy.Other()")[0]
    assert f"{SITE}/lazy/big.py" in seen("X = 'lazy:Big'")[0]


def test_functions_of_libraries_that_import_when_they_are_called() -> None:
    found, _ = seen("import calls\ncalls.export()")
    assert found[f"{SITE}/yaml.py"] == {"guarded"}
    assert found[f"{SITE}/calls/inner.py"] == {"guarded"}
    assert f"{SITE}/yaml.py" not in seen("import calls\ncalls.other()")[0]


# --- modules by name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("import importlib\nimportlib.import_module('pkg.alpha')", "/srv/pkg/alpha.py", "load"),
        ("from importlib import import_module as im\nx = im('pkg.alpha')", "/srv/pkg/alpha.py", None),
        (
            "from importlib import import_module\ndef f():\n    import_module('pkg.alpha')",
            "/srv/pkg/alpha.py",
            "deferred",
        ),
        ("from importlib import import_module\nimport_module('.alpha', 'pkg')", "/srv/pkg/alpha.py", "load"),
        ("from importlib import import_module\nimport_module('..beta', package='pkg.sub')", "/srv/pkg/beta.py", "load"),
        ("__import__('pkg.alpha')", "/srv/pkg/alpha.py", "load"),
        ("__import__('pkg', fromlist=['beta'])", "/srv/pkg/beta.py", "load"),
        ("NAME = 'pkg.alpha'\n__import__(NAME)", "/srv/pkg/alpha.py", "load"),
        ("__import__('pkg' + '.alpha')", "/srv/pkg/alpha.py", "load"),
        ("__import__('.'.join(['pkg', 'alpha']))", "/srv/pkg/alpha.py", "load"),
        ("for n in ('alpha', 'beta'):\n    __import__('pkg.' + n)", "/srv/pkg/beta.py", "named"),
        ("for n in ['alpha', 'beta']:\n    __import__(f'pkg.{n}')", "/srv/pkg/alpha.py", "named"),
        ("T = {'a': 'pkg.alpha', 'b': 'pkg.beta'}\n__import__(T[x])", "/srv/pkg/beta.py", "named"),
        ("T = {'a': 'pkg.alpha', 'b': 'pkg.beta'}\n__import__(T['a'])", "/srv/pkg/alpha.py", "load"),
        ("def f(n):\n    __import__(f'pkg.{n}')", "/srv/pkg/alpha.py", "named"),
        ("def f(n):\n    __import__('pkg.%s' % n)", "/srv/pkg/beta.py", "named"),
        ("def f(n):\n    __import__('pkg.{}'.format(n))", "/srv/pkg/beta.py", "named"),
        ("def f(n):\n    __import__('pkg.' + n)", "/srv/pkg/beta.py", "named"),
        ("importlib.util.find_spec('csv')", f"{LIB}/csv.py", "deferred"),
        ("runpy.run_module('pkg.alpha')", "/srv/pkg/alpha.py", "load"),
        ("BACKEND = 'pkg.alpha.Alpha'", "/srv/pkg/alpha.py", "named"),
        ("BACKEND = 'pkg.alpha:Alpha'", "/srv/pkg/alpha.py", "named"),
        ("BACKEND = 'pkg.sub.gamma'", "/srv/pkg/sub/gamma.py", "named"),
        ("import_string('pkg.alpha.Alpha')", "/srv/pkg/alpha.py", "load"),
        ("INSTALLED_APPS = ['flask', 'pkg']", "/srv/pkg/__init__.py", "named"),
        ("if (m := 'pkg.alpha'):\n    __import__(m)", "/srv/pkg/alpha.py", "guarded"),
        ("x = [__import__('pkg.' + n) for n in ('alpha', 'beta')]", "/srv/pkg/beta.py", "named"),
    ],
)
def test_modules_by_name(source: str, target: str, firing: str | None) -> None:
    found, _ = seen(source)
    assert target in found, found
    if firing is not None:
        assert firing in found[target], found[target]


@pytest.mark.parametrize(
    "source",
    [
        "logging.getLogger('pkg.alpha')",
        "X = 'pkg.alpha.Nothing'",
        "X = 'pkg.alpha:Nothing'",
        "X = 'see pkg.alpha for more'",
        "X = 'alpha'",
    ],
)
def test_texts_that_only_look_like_modules(source: str) -> None:
    assert "/srv/pkg/alpha.py" not in seen(source)[0]


def test_a_name_that_nobody_can_tell_is_a_gap() -> None:
    assert seen("def f(n):\n    __import__(n)")[1] == ["computed-name"]
    assert seen("import os\nos.system(x)")[1] == ["computed-name"]
    assert seen("import subprocess\nsubprocess.run([x])")[1] == ["computed-name"]


# --- the standard library at run time ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("'x'.encode('idna')", f"{LIB}/encodings/idna.py", "load"),
        ("'x'.encode('idna')", f"{LIB}/encodings/punycode.py", "load"),
        ("def f():\n    b'x'.decode('koi8-r')", f"{LIB}/encodings/koi8_r.py", "deferred"),
        ("open('x', encoding='cp1252')", f"{LIB}/encodings/cp1252.py", "load"),
        ("codecs.lookup('koi8-r')", f"{LIB}/encodings/koi8_r.py", "load"),
        ("str(x, 'cp1252')", f"{LIB}/encodings/cp1252.py", "load"),
        ("open('x', encoding='ascii')", f"{LIB}/encodings/ascii.py", "load"),
        ("import datetime\ndatetime.datetime.strptime(x, y)", f"{LIB}/_strptime.py", "load"),
        ("import multiprocessing\nmultiprocessing.Pool()", f"{LIB}/multiprocessing/pool.py", "load"),
        ("import tarfile\ntarfile.open('x', 'w:gz')", f"{LIB}/gzip.py", "load"),
        ("import tarfile\ntarfile.open('x')", f"{LIB}/lzma.py", "deferred"),
        ("import asyncio\nloop.run_in_executor(None, f)", f"{LIB}/concurrent/futures/thread.py", "load"),
        ("import socket\nsocket.create_connection(('h', 1))", f"{LIB}/encodings/idna.py", "guarded"),
        ("from zoneinfo import ZoneInfo\nZoneInfo('Europe/Rome')", "/usr/share/zoneinfo/Europe/Rome", "load"),
        ("ZONE = 'Europe/Rome'", "/usr/share/zoneinfo/Europe/Rome", "named"),
        ("from zoneinfo import ZoneInfo\nZoneInfo('Asia/Tokyo')", f"{SITE}/tzdata/zoneinfo/Asia/Tokyo", "load"),
        ("import requests\nrequests.get('https://x')", f"{SITE}/certifi/cacert.pem", "guarded"),
        ("import pwd\npwd.getpwnam('x')", "/etc/passwd", "load"),
    ],
)
def test_what_the_standard_library_loads_at_run_time(source: str, target: str, firing: str) -> None:
    found, _ = seen(source)
    assert firing in found.get(target, set()), found


def test_codecs_that_are_built_in() -> None:
    assert seen("'x'.encode('ascii')\nb'x'.decode('utf-8')")[0] == {}


def test_the_zone_that_the_environment_names() -> None:
    found, _ = seen("from zoneinfo import ZoneInfo\nimport os\nZoneInfo(os.environ['TZ'])", env=["TZ=Europe/Rome"])
    assert "/usr/share/zoneinfo/Europe/Rome" in found


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "source", "target", "firing"),
    [
        (APP, "open('config.yaml')", "/srv/config.yaml", "load"),
        (APP, "def f():\n    return open('config.yaml')", "/srv/config.yaml", "deferred"),
        (APP, "open('/etc/app.conf')", "/etc/app.conf", "load"),
        (
            "/srv/pkg/new.py",
            "from pathlib import Path\nopen(Path(__file__).parent / 'data' / 'x.json')",
            "/srv/pkg/data/x.json",
            "load",
        ),
        (
            "/srv/pkg/new.py",
            "from pathlib import Path\nBASE = Path(__file__).resolve().parent\n(BASE / 'data/x.json').read_text()",
            "/srv/pkg/data/x.json",
            "load",
        ),
        (
            "/srv/pkg/new.py",
            "import os\nH = os.path.dirname(__file__)\nX = os.path.join(H, 'data', 'x.json')",
            "/srv/pkg/data/x.json",
            "named",
        ),
        (
            "/srv/pkg/sub/new.py",
            "from pathlib import Path\nX = Path(__file__).parents[1] / 'data' / 'x.json'",
            "/srv/pkg/data/x.json",
            "named",
        ),
        (
            "/srv/pkg/new.py",
            "from pathlib import Path\nX = Path(__file__).with_name('alpha.py').read_text()",
            "/srv/pkg/alpha.py",
            "load",
        ),
        (APP, "def f(n):\n    open(f'lang/{n}.json')", "/srv/lang/fr.json", "named"),
        (APP, "import glob\nglob.glob('lang/*.json')", "/srv/lang/de.json", "named"),
        (APP, "from pathlib import Path\nPath('/srv/lang').glob('*.json')", "/srv/lang/de.json", "named"),
        (APP, "render_template('index.html')", "/srv/templates/index.html", "named"),
        (APP, "from flask import Flask\napp = Flask(__name__)", "/srv/templates", "named"),
        (APP, "from flask import Flask\napp = Flask(__name__)", "/srv/static", "named"),
        (APP, "from jinja2 import FileSystemLoader\nFileSystemLoader('templates')", "/srv/templates", "named"),
        (
            APP,
            "from importlib.resources import files\nfiles('data').joinpath('table.json').read_text()",
            f"{SITE}/data/table.json",
            "load",
        ),
        (APP, "import pkgutil\npkgutil.get_data('data', 'table.json')", f"{SITE}/data/table.json", "load"),
        (APP, "from jinja2 import PackageLoader\nPackageLoader('data')", f"{SITE}/data/templates", "named"),
        (APP, "import os\nopen(os.environ.get('CONF', '/etc/app.conf'))", "/etc/app.conf", "load"),
    ],
)
def test_files_that_are_read(path: str, source: str, target: str, firing: str) -> None:
    found, _ = seen(source, path)
    assert firing in found.get(target, set()), found


@pytest.mark.parametrize("source", ["open('config.yaml', 'w')", "open('http://x/config.yaml')", "open('/dev/null')"])
def test_files_that_are_not_read(source: str) -> None:
    assert seen(source)[0] == {}


def test_a_hidden_file_matches_no_hole() -> None:
    found, _ = seen("def f(n):\n    open(f'lang/{n}.json')")
    assert set(found) == {"/srv/lang/de.json", "/srv/lang/fr.json"}


# --- entry points -----------------------------------------------------------------------------------------------------


def test_entry_points_of_a_group() -> None:
    found, _ = seen(
        "from importlib.metadata import entry_points\nfor e in entry_points(group='app.plugins'):\n    e.load()"
    )
    assert found[f"{SITE}/plug-1.0.dist-info/entry_points.txt"] == {"load"}
    assert found[f"{SITE}/plug_one.py"] == {"guarded"}
    assert f"{SITE}/plug_two.py" not in found
    found, _ = seen("import importlib.metadata\nimportlib.metadata.entry_points().select(group='app.plugins')")
    assert f"{SITE}/plug_one.py" in found


def test_the_version_of_a_distribution() -> None:
    found, _ = seen("from importlib.metadata import version\nversion('Plug')")
    assert found[f"{SITE}/plug-1.0.dist-info/METADATA"] == {"load"}
    assert f"{LIB}/email/parser.py" not in found or found[f"{LIB}/email/parser.py"] == {"load"}


# --- programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("import subprocess\nsubprocess.run(['date', '+%Y'])", "/bin/date", "load"),
        ("import subprocess\ndef f():\n    subprocess.check_output(('ls', '-l'))", "/bin/ls", "deferred"),
        ("import subprocess\nsubprocess.run('date +%Y', shell=True)", "date +%Y", "load"),
        ("import subprocess\nsubprocess.run('date +%Y', shell=True)", "/bin/sh", "load"),
        ("from subprocess import Popen, PIPE\nPopen(args=['date'])", "/bin/date", "load"),
        ("import os\nos.system('ls -l')", "ls -l", "load"),
        ("import os\nos.system(f'ls {x}')", 'ls "$UNKNOWN"', "load"),
        ("import os\nos.system(x)", "/bin/sh", "load"),
        ("import subprocess\nsubprocess.run('ls ' + x, shell=True)", 'ls "$UNKNOWN"', "load"),
        ("import subprocess\nsubprocess.run('ls ' + ' '.join(x), shell=True)", "/bin/sh", "load"),
        ("import os\nos.popen('date')", "/bin/sh", "load"),
        ("import os\nos.execvp('date', ['date', '-u'])", "/bin/date", "load"),
        ("import os\nos.execlp('date', 'date', '-u')", "/bin/date", "load"),
        ("import os\nos.spawnlp(os.P_WAIT, 'ls', 'ls')", "/bin/ls", "load"),
        ("import shutil\nif shutil.which('date'): pass", "/bin/date", "load"),
        ("import subprocess\nsubprocess.run(['sh', '-c', 'date'])", "date", "load"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pkg.alpha'])", "/srv/pkg/alpha.py", "load"),
        ("import subprocess\nsubprocess.run(['python3', 'job.py'])", "/srv/job.py", "load"),
        ("import subprocess\nsubprocess.run(['python3', '-c', 'import csv'])", "import csv", "load"),
        (
            "import asyncio\nasync def f():\n    await asyncio.create_subprocess_exec('date', '-u')",
            "/bin/date",
            "deferred",
        ),
        ("import asyncio\nasync def f():\n    await asyncio.create_subprocess_shell('ls | wc')", "ls | wc", "deferred"),
        ("import subprocess\nCMD = ['date']\nsubprocess.run(CMD + ['-u'])", "/bin/date", "load"),
        ("import subprocess, shlex\nsubprocess.run(shlex.split('date -u'))", "/bin/date", "load"),
        ("import subprocess\nx and subprocess.run(['date'])", "/bin/date", "guarded"),
        ("import subprocess\ny = subprocess.run(['date']) if x else 0", "/bin/date", "guarded"),
        ("import subprocess\ny = subprocess.run(['date']) if sys.platform == 'linux' else 0", "/bin/date", "load"),
        ("import subprocess\nf = lambda: subprocess.run(['date'])", "/bin/date", "deferred"),
        ("import subprocess\ndef f(x=subprocess.run(['date'])): pass", "/bin/date", "load"),
        ("import subprocess\ny = [subprocess.run(['date']) for z in q]", "/bin/date", "load"),
        ("import subprocess\ny = f'{subprocess.run([\"date\"])!r:>10}'", "/bin/date", "load"),
    ],
)
def test_programs_that_are_started(source: str, target: str, firing: str) -> None:
    found, _ = seen(source)
    assert firing in found.get(target, set()), found


def test_what_a_dead_condition_starts_is_nothing() -> None:
    assert (
        "/bin/date"
        not in seen("import subprocess, sys\ny = subprocess.run(['date']) if sys.platform == 'win32' else 0")[0]
    )


# --- start commands ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "targets"),
    [
        (["python", "-m", "flask", "run"], {f"{SITE}/flask/__init__.py", f"{SITE}/flask/__main__.py"}),
        (["python3", "-u", "-m", "pkg.alpha"], {"/srv/pkg/__init__.py", "/srv/pkg/alpha.py"}),
        (["gunicorn", "-b", "0.0.0.0:80", "sibling:app"], {"/srv/sibling.py"}),
        (
            ["gunicorn", "--worker-class=gunicorn.workers.gthread.ThreadWorker", "pkg.alpha:app"],
            {"/srv/pkg/alpha.py", f"{SITE}/gunicorn/workers/gthread.py"},
        ),
        (["uvicorn", "pkg.alpha:app", "--port", "80"], {"/srv/pkg/alpha.py"}),
        (["hypercorn", "pkg.alpha:create()"], {"/srv/pkg/alpha.py"}),
        (["celery", "-A", "pkg.alpha", "worker"], {"/srv/pkg/alpha.py"}),
        (["flask", "--app", "pkg.alpha", "run"], {"/srv/pkg/alpha.py"}),
        (["flask", "--app", "app.py", "run"], {"/srv/app.py"}),
        (["python", "-m", "gunicorn", "pkg.beta:app"], {f"{SITE}/gunicorn/__main__.py", "/srv/pkg/beta.py"}),
        (["sh", "-c", "exec"], set()),
        (["/bin/sh", "-x", "uvicorn", "pkg.beta:app"], {"/srv/pkg/beta.py"}),
    ],
)
def test_start_commands(command: list[str], targets: set[str]) -> None:
    for builder in (image(entrypoint=command), image(cmd=command)):
        context = context_of(builder)
        subject = Subject(
            node=Node(kind=NodeKind.CONFIG, path="original"),
            path=ImagePath("/"),
            file=None,
            tree=context.original,
            data=b"",
            config=context.config,
        )
        edges, _ = read(context, subject)
        found = by_target(edges)
        assert targets <= found.keys()
        assert set().union(*found.values()) <= {"load"}
        if not targets:
            assert found == {}


def test_variables_that_name_an_application() -> None:
    context = context_of(image(env=["FLASK_APP=pkg.alpha:app", "DJANGO_SETTINGS_MODULE=pkg.beta"]))
    subject = Subject(
        node=Node(kind=NodeKind.CONFIG, path="original"),
        path=ImagePath("/"),
        file=None,
        tree=context.original,
        data=b"",
        config=context.config,
    )
    assert {"/srv/pkg/alpha.py", "/srv/pkg/beta.py"} <= by_target(read(context, subject)[0]).keys()


@pytest.mark.parametrize(
    ("path", "text", "firing"),
    [
        ("/srv/Procfile", "web: gunicorn pkg.alpha:app\n", "guarded"),
        ("/etc/supervisor/conf.d/web.conf", "[program:web]\ncommand=uvicorn pkg.alpha:app --port 80\n", "guarded"),
    ],
)
def test_files_that_hold_start_commands(path: str, text: str, firing: str) -> None:
    found, _ = seen(text, path)
    assert found["/srv/pkg/alpha.py"] == {firing}


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exec gunicorn -b :80 pkg.alpha:app", {"/srv/pkg/alpha.py": "load"}),
        ("APP=pkg.alpha\nA=1 exec celery -A $APP worker", {"/srv/pkg/alpha.py": "load"}),
        ("test -f /x && flask --app pkg.beta run", {"/srv/pkg/beta.py": "guarded"}),
        ("python3.11 -m gunicorn pkg.beta:app", {f"{SITE}/gunicorn/__main__.py": "load", "/srv/pkg/beta.py": "load"}),
        ("gunicorn --bind $1 pkg.beta:app", {"/srv/pkg/beta.py": "load"}),
        ("cd pkg\nexec uvicorn alpha:app", {"/srv/pkg/alpha.py": "load"}),
        ('exec "$VENV"/bin/gunicorn pkg.beta:app', {"/srv/pkg/beta.py": "guarded"}),
        ("python -m $MODULE", {}),
        ("exec gunicorn $APP", {}),
        ("echo gunicorn pkg.alpha:app", {}),
    ],
)
def test_commands_of_scripts(script: str, found: dict[str, str]) -> None:
    builder = image(more={"/srv/start.sh": f"#!/bin/sh\n{script}\n"})
    for name in ("celery", "flask", "uvicorn"):
        builder.file(f"/usr/local/bin/{name}", "", mode=0o755)
    context = context_of(builder)
    given = list(ShellReader().read(subject_of(context, "/srv/start.sh"), context))
    commands = [item for item in given if isinstance(item, Command) and item.program in PythonReader.claims]
    edges = [item for one in commands for item in PythonReader().launched(one, context) if isinstance(item, Edge)]
    assert all(edge.source.path == "/srv/start.sh" and edge.line for edge in edges)
    own = {edge.target.path: edge.firing.value for edge in edges if edge.target.path.endswith(".py")}
    assert own.items() >= found.items()
    assert found or not own


def test_inline_scripts() -> None:
    context = context_of(image())
    for language, text, target in (
        ("python", "import csv", f"{LIB}/csv.py"),
        ("python", "import pkg.sub", "/srv/pkg/sub/__init__.py"),
    ):
        node = Node(kind=NodeKind.SCRIPT, path="original", language=language, text=text)
        subject = Subject(node=node, path=ImagePath("/"), file=None, tree=context.original, data=text.encode())
        found = by_target(read(context, subject)[0])
        assert "load" in found.get(target, ()), found


# --- which files, and bounds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data", "language", "accepted"),
    [
        ("/srv/a.py", b"", "", True),
        ("/srv/a.wsgi", b"", "", True),
        ("/srv/a", b"#!/usr/bin/env python3\n", "", True),
        ("/srv/a", b"#!/usr/bin/python3.11 -u\n", "", True),
        ("/srv/a", b"#!/bin/sh\ngunicorn x:y\n", "", False),
        ("/srv/a", b"#!/bin/sh\nls\n", "", False),
        ("/srv/a", b"text", "", False),
        ("/srv/a", b"text", "python", True),
        ("/srv/a.txt", b"import x", "", False),
        ("/srv/a.so", b"\x7fELF", "", False),
        (f"{SITE}/a.so", b"\x7fELF PyImport_ImportModule\0", "", True),
    ],
)
def test_which_files_are_read(path: str, data: bytes, language: str, accepted: bool) -> None:
    tree = image().tree()
    subject = Subject(node=Node(path=path, language=language), path=ImagePath(path), file=None, tree=tree, data=data)
    assert PythonReader().accepts(subject) is accepted


def test_extension_modules_name_what_they_import() -> None:
    path = f"{SITE}/fast/_speed.cpython-311-x86_64-linux-gnu.so"
    context = context_of(image())
    data = b"\x7fELF\0PyImport_ImportModule\0json.decoder\0_strptime\0csv\0no.where\0"
    subject = Subject(node=Node(path=path), path=ImagePath(path), file=None, tree=context.original, data=data)
    edges, _ = read(context, subject)
    assert by_target(edges) == {
        f"{LIB}/json/__init__.py": {"deferred"},
        f"{LIB}/json/decoder.py": {"deferred"},
        f"{LIB}/_strptime.py": {"deferred"},
    }


def test_what_is_too_large_too_deep_or_broken_is_a_gap() -> None:
    limits = Limits(script_scan=100)
    found, gaps = seen("import csv\ndef f():\n    from json import decoder\n" + "#" * 100, limits=limits)
    assert gaps == ["too-large"]
    assert found[f"{LIB}/csv.py"] == {"load"}
    assert f"{LIB}/json/__init__.py" in found
    found, gaps = seen("import csv\nx = " + "(" * 50 + "\nimport json\n", limits=Limits(script_depth=10))
    assert gaps == ["not-loadable"]
    assert set(found) == {f"{LIB}/csv.py", f"{LIB}/json/__init__.py"}
    assert seen("import csv\n$ ? !\nimport json")[1] == ["not-loadable"]


def test_edges_and_inline_scripts_are_bounded() -> None:
    source = "import os\n" + "".join(f"os.system('ls {n}')\n" for n in range(50))
    found, gaps = seen(source, limits=Limits(inline_scripts=5))
    assert sum(text.startswith("ls ") for text in found) == 5
    assert "too-large" in gaps
    found, gaps = seen("import csv, json, gzip, bz2, lzma", limits=Limits(edges_per_file=3))
    assert len(found) == 3
    assert gaps == ["too-many-references"]


def test_edges_carry_line_detail_and_reader() -> None:
    context = context_of(image("\n\nimport csv\nopen('config.yaml')\n"))
    edges, _ = read(context, subject_of(context, APP))
    assert [(edge.line, edge.detail, edge.by) for edge in edges] == [
        (3, "csv", "python"),
        (4, "open", "python"),
        (4, "config.yaml", "python"),
    ]


# --- what depends on the callers of a library -------------------------------------------------------------------------

OPTIONAL = (
    ("def f(x):\n    if x:\n        import csv\ndef g(): f(1)", True),
    ("def f(x):\n    for y in x:\n        import csv\ndef g(): f(1)", True),
    ("def f():\n    import csv", True),
    ("def f():\n    import csv\n    return f()", True),
    ("def f():\n    def inner():\n        import csv\n    return inner", True),
    ("def f():\n    import csv\ndef g(): return f()", False),
    ("def _f():\n    import csv", False),
    ("class A:\n    def f(self):\n        import csv", False),
    (
        "def f():\n    try:\n        import csv\n    except ImportError as e:\n        raise X from e\ndef g(): f()",
        False,
    ),
    ("def f(x):\n    if x:\n        import csv\n    import csv\ndef g(): f(1)", False),
    ("if x:\n    import csv", False),
)


@pytest.mark.parametrize(("source", "optional"), OPTIONAL)
@pytest.mark.parametrize("path", [APP, f"{SITE}/some/new.py", f"{LIB}/new.py"])
def test_what_depends_on_the_callers_of_a_library_is_possible_at_most(source: str, optional: bool, path: str) -> None:
    context = context_of(image(source, path))
    edges, _ = read(context, subject_of(context, path))
    found = [edge.weak for edge in edges if edge.target.path == f"{LIB}/csv.py"]
    assert found == [optional and path != APP]


def test_libraries_that_are_the_applications_own() -> None:
    source, path = "def f():\n    import csv", f"{SITE}/shop/views.py"
    url = {f"{SITE}/my_shop-1.dist-info/direct_url.json": '{"url": "file:///src", "dir_info": {}}'}
    record = {f"{SITE}/my_shop-1.dist-info/RECORD": "shop/__init__.py,,\nshop/views.py,,\n"}
    wheel = {f"{SITE}/my_shop-1.dist-info/direct_url.json": '{"url": "file:///a.whl", "archive_info": {}}'}
    for builder, own in (
        (image(source, path), False),
        (image(source, path, cmd=["gunicorn", "shop.wsgi:app"]), True),
        (image(source, path, env=["FLASK_APP=shop"]), True),
        (image(source, path, more={**url, **record}), True),
        (image(source, path, more={**wheel, **record}), False),
    ):
        context = context_of(builder)
        edges, _ = read(context, subject_of(context, path))
        assert [not edge.weak for edge in edges] == [own]


# --- what was found wrong once ----------------------------------------------------------------------------------------


def test_frozen_modules_import_modules_that_are_files() -> None:
    more = {
        f"{LIB}/importlib/util.py": "from ._abc import Loader\nimport io\nfrom contextlib import contextmanager\n",
        f"{LIB}/importlib/_abc.py": "X = 1\n",
        f"{LIB}/contextlib.py": "X = 1\n",
        f"{LIB}/io.py": "import abc\n",
    }
    found, _ = seen("import importlib.util", more=more)
    assert found == {
        path: {"load"} for path in (f"{LIB}/importlib/__init__.py", f"{LIB}/importlib/_abc.py", f"{LIB}/contextlib.py")
    }


def test_a_compiled_module_has_what_it_is_asked_for() -> None:
    source = "try:\n    from fast._speed import anything, __doc__\nexcept ImportError:\n    import csv"
    assert f"{LIB}/csv.py" not in seen(source)[0]
    assert f"{LIB}/csv.py" in seen(source.replace("_speed", "nothing"))[0]
    assert f"{LIB}/csv.py" not in seen("try:\n    from sibling import __doc__\nexcept ImportError:\n    import csv")[0]


@pytest.mark.parametrize(
    ("source", "firing"),
    [("ET.tostring(x)", {"load"}), ("ET.tostring(x, encoding='unicode')", None), ("ET.tostringlist(x)", {"load"})],
)
def test_documents_are_written_as_ascii(source: str, firing: set[str] | None) -> None:
    found, _ = seen(f"import xml.etree.ElementTree as ET\n{source}")
    assert found.get(f"{LIB}/encodings/ascii.py") == firing


def test_what_is_beyond_so_many_words_is_read_by_its_outline() -> None:
    source = "import csv\nx = 'a'\n" + "a()\n" * 200 + "from json import decoder\ndef f():\n    import gzip\n"
    found, gaps = seen(source, limits=Limits(script_tokens=100))
    assert gaps == []
    assert found[f"{LIB}/json/__init__.py"] == {"load"}
    assert found[f"{LIB}/gzip.py"] == {"deferred"}
