"""The reader of Python against a real Python: what `sys.modules` gained is what the reader foresaw."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.elf_files import tree_of_directory
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, ImageConfig, Node, NodeKind
from xraydiff.paths import ROOT, ImagePath, image_path
from xraydiff.references import Context, Subject
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.python.script import Execution, PythonScript
from xraydiff.references.readers.python.syntax import parse
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

PYTHON = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), None)
SKIPPED = shutil.ignore_patterns("__pycache__", "test", "tests", "idle_test", "config-*", "*.exe", "turtledemo")
MODULES = (
    *("argparse", "ast", "asyncio", "base64", "bdb", "bisect", "bz2", "calendar", "cmd", "code", "codeop", "colorsys"),
    *(
        "compileall",
        "concurrent.futures",
        "configparser",
        "contextlib",
        "contextvars",
        "copy",
        "csv",
        "ctypes",
        "curses",
    ),
    *("dataclasses", "datetime", "dbm", "decimal", "difflib", "dis", "doctest", "email", "email.mime.text", "enum"),
    *("filecmp", "fileinput", "fnmatch", "fractions", "ftplib", "functools", "getopt", "getpass", "gettext", "glob"),
    *("graphlib", "gzip", "hashlib", "heapq", "hmac", "html.parser", "http.client", "http.cookiejar", "http.server"),
    *("imaplib", "importlib.metadata", "importlib.resources", "inspect", "ipaddress", "json", "json.tool", "linecache"),
    *("locale", "logging", "logging.config", "logging.handlers", "lzma", "mailbox", "mimetypes", "modulefinder"),
    *("multiprocessing", "multiprocessing.pool", "multiprocessing.shared_memory", "netrc", "numbers", "optparse"),
    *("pathlib", "pdb", "pickle", "pickletools", "pkgutil", "platform", "plistlib", "poplib", "pprint", "profile"),
    *("pstats", "pty", "py_compile", "pyclbr", "pydoc", "queue", "quopri", "random", "re", "reprlib", "rlcompleter"),
    *("sched", "secrets", "selectors", "shelve", "shlex", "shutil", "smtplib", "socket", "socketserver", "sqlite3"),
    *("ssl", "statistics", "string", "stringprep", "struct", "subprocess", "symtable", "sysconfig", "tabnanny"),
    *("tarfile", "tempfile", "textwrap", "threading", "timeit", "token", "tokenize", "tomllib", "trace", "traceback"),
    *("tracemalloc", "tty", "types", "typing", "unicodedata", "unittest", "unittest.mock", "urllib.request", "uuid"),
    *("venv", "warnings", "wave", "weakref", "webbrowser", "wsgiref.simple_server", "xml.dom.minidom", "xml.etree"),
    *("xml.etree.ElementTree", "xml.sax", "xmlrpc.client", "xmlrpc.server", "zipapp", "zipfile", "zipimport", "zlib"),
    *("zoneinfo",),
)
LISTED = """
import sys
specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
files = {getattr(spec, "origin", None) for spec in specs}
print(*sorted(name for name in files if name and name.startswith("/")), sep="\\n")
"""
PROGRAM = (
    '''
"""A program that loads modules in every way that it can."""
import importlib, json
import os.path
import sys
from typing import TYPE_CHECKING
from importlib import import_module as load
from pkg import *
from pkg.core import Core, missing_or_not
import lazy
import ns.one
if TYPE_CHECKING:
    import turtle
if sys.version_info >= (3, 8):
    import fractions
else:
    import pkg.old
if sys.platform == "win32":
    import pkg.windows
try:
    import tomllib
except ImportError:
    import pkg.old
try:
    import not_there
except ImportError:
    import plistlib
for name in ("one", "two"):
    importlib.import_module(f"plugins.{name}")
BACKENDS = {"a": "backends.a", "b": "backends.b:Backend"}
SETTINGS = "settings.production"

def every(kind):
    import csv
    from xml.etree import ElementTree
    load(".late", "pkg")
    for text in BACKENDS.values():
        __import__(text.partition(":")[0])
    load(SETTINGS)
    load("formats." + kind)
    load("codecs_%s" % kind)
    lazy.Thing()
    "x".encode("koi8-r")
    b"x-".decode("punycode")
    open(__file__, encoding="cp1252").close()
    import datetime
    datetime.datetime.strptime("2020", "%Y")
    import multiprocessing
    multiprocessing.get_context
    Core().work()
    return lambda: __import__("colorsys")

class Holder:
    import shlex
    def method(self):
        from decimal import Decimal
        with open(os.path.join(os.path.dirname(__file__), "data.json")) as file:
            return json.load(file), Decimal

every("x")()
Holder().method()
if __name__ == "__main__":
    import wave
'''
    + LISTED
)
FILES = {
    "app.py": PROGRAM,
    "data.json": "{}",
    "pkg/__init__.py": "__all__ = ['alpha', 'beta']\nfrom .base import Base\n",
    "pkg/alpha.py": "from . import beta as other\n",
    "pkg/beta.py": "import sched\n",
    "pkg/base.py": "class Base: pass\n",
    "pkg/core.py": (
        "from .base import Base\nfrom .sub.deep import value\nmissing_or_not = 1\n"
        "class Core(Base):\n    def work(self):\n        from . import extra\n        import graphlib\n"
    ),
    "pkg/extra.py": "",
    "pkg/late.py": "import netrc\n",
    "pkg/old.py": "",
    "pkg/windows.py": "",
    "pkg/sub/__init__.py": "X = 1\n",
    "pkg/sub/deep.py": "from ..base import Base\nvalue = 1\n",
    "lazy/__init__.py": (
        "_TABLE = {'Thing': '.thing'}\ndef __getattr__(name):\n    from importlib import import_module\n"
        "    return getattr(import_module(_TABLE[name], __name__), name)\n"
    ),
    "lazy/thing.py": "class Thing: pass\n",
    "lazy/unused.py": "",
    "ns/one.py": "import ns.two\n",
    "ns/two.py": "",
    "plugins/__init__.py": "Y = 1\n",
    "plugins/one.py": "import stringprep\n",
    "plugins/two.py": "",
    "backends/__init__.py": "Z = 1\n",
    "backends/a.py": "",
    "backends/b.py": "class Backend: pass\n",
    "settings/__init__.py": "W = 1\n",
    "settings/production.py": "DEBUG = False\n",
    "formats/__init__.py": "V = 1\n",
    "formats/x.py": "",
    "codecs_x.py": "",
}
UNREACHED = {"app.py", "pkg/old.py", "pkg/windows.py", "lazy/unused.py"}
"""Nothing loads these, and the reader does not say so."""
COMPUTED = {"codecs_x.py"}
"""A top module whose name is put together: the first part of a pattern must be known."""
LOADING = frozenset({EdgeKind.IMPORTS, EdgeKind.SOURCES, EdgeKind.LOADS})
ALL = frozenset(Firing)
AT_LOAD = frozenset({Firing.LOAD, Firing.GUARDED})


def python(*words: str, cwd: Path | None = None) -> str:
    assert PYTHON is not None
    command = [PYTHON, "-s", "-B", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=cwd, env={}).stdout


@pytest.fixture(scope="module")
def stdlib() -> Path:
    if PYTHON is None:
        pytest.skip("no python3 of the system on this machine")
    return Path(python("-c", "import os; print(os.path.dirname(os.__file__))").strip())


@pytest.fixture(scope="module")
def application() -> Iterator[Path]:
    """A program below a path that exists on the host and in the tree alike; each worker has one of its own."""
    place = "/srv" if os.access("/srv", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="xraydiff-python-", dir=place))
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, stdlib: Path, application: Path) -> Tree:
    """The host's Python and the program as a tree of their own."""
    root = tmp_path_factory.mktemp("python")
    for folder in (stdlib, application):
        shutil.copytree(folder, root / str(folder).lstrip("/"), symlinks=True, ignore=SKIPPED)
    for name in ("python3", stdlib.name):
        program = root / str(PYTHON).lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        (program.parent / name).write_bytes(b"\x7fELF")
        (program.parent / name).chmod(0o755)
    return tree_of_directory(root)


def context_of(tree: Tree, cwd: str) -> Context:
    config = ImageConfig(workdir=cwd)
    path = (ImagePath(str(Path(str(PYTHON)).parent)),)
    return Context(original=tree, config=config, env={}, path=path, cwd=ImagePath(cwd))


def edges_of(node: Node, context: Context) -> tuple[Edge, ...]:
    """Its edges to modules; remembered, since a hundred modules of the library load the same ones."""
    known = context.once(edges_by_node)
    if node not in known:
        reader, tree = PythonReader(), context.original
        real = tree.resolve(node.path).path
        file = tree.files[real] if real is not None else None
        data = node.text.encode() if node.kind is NodeKind.SCRIPT else tree.content(real) if real is not None else b""
        subject = Subject(node=node, path=real or ROOT, file=file, tree=tree, data=data)
        items = reader.read(subject, context) if reader.accepts(subject) else ()
        known[node] = tuple(one for one in items if isinstance(one, Edge) and one.kind in LOADING)
    return known[node]


def edges_by_node(_: Context) -> dict[Node, tuple[Edge, ...]]:
    return {}


def foreseen(context: Context, starts: Sequence[Node], firings: frozenset[Firing]) -> set[str]:
    """Everything that the reader reaches over edges of these firings."""
    tree = context.original
    todo, seen, found = list(starts), set(starts), set[str]()
    while todo:
        node = todo.pop()
        for edge in edges_of(node, context):
            if edge.firing in firings or loads(edge):
                target = tree.resolve(edge.target.path)
                if target.path is None or target.file is None or target.file.type is not FileType.FILE:
                    continue
                found.add(target.path)
                following = Node(path=target.path, language=edge.target.language)
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
    return found


def loads(edge: Edge) -> bool:
    """An `__init__` that does nothing is merely named, and of C code nobody knows when it imports."""
    return edge.target.path.endswith("/__init__.py") or edge.source.path.endswith(".so")


def really(tree: Tree, names: Sequence[str]) -> set[str]:
    """Files of loaded modules: what is built in or frozen has none."""
    paths = (tree.resolve(image_path(name)).path for name in names if name.startswith("/"))
    return {path for path in paths if path is not None}


@pytest.fixture(scope="module")
def before(stdlib: Path) -> list[str]:
    assert stdlib.is_dir()
    return python("-c", LISTED).splitlines()


def test_modules_of_the_library(tree: Tree, before: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    context, idle = context_of(tree, "/srv"), really(tree, before)
    wanted = held = surplus = 0
    rows: list[str] = []
    for module in MODULES:
        script = f"try:\n    import {module}\nexcept ImportError:\n    pass\n{LISTED}"
        loaded = really(tree, python("-c", script).splitlines()) - idle
        start = Node(kind=NodeKind.SCRIPT, path="/srv/app", language="python", text=f"import {module} as m; m = ''")
        found = foreseen(context, [start], AT_LOAD) - idle
        missed, more = loaded - found, found - loaded
        wanted, held, surplus = wanted + len(loaded), held + len(loaded & found), surplus + len(more)
        if missed or more:
            rows.append(
                f"{module:24} {len(loaded):4} {len(missed):4} {len(more):4} {' '.join(sorted(missed)[:3])}"
                f" | {' '.join(Path(path).name for path in sorted(more)[:6])}"
            )
    with capsys.disabled():
        print(f"\n{'module':24} load miss more\n" + "\n".join(rows))
        print(f"contained {held / wanted:.3f} of {wanted}, surplus {surplus}")
    assert held / wanted >= 0.98
    assert surplus <= wanted / 3


def test_a_program_with_every_branch(
    tree: Tree, application: Path, before: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = python("app.py", cwd=application).splitlines()
    loaded = really(tree, output) - really(tree, before)
    start = Node(path=f"{application}/app.py", language="python")
    found = foreseen(context_of(tree, str(application)), [start], ALL)
    missed = loaded - found - {f"{application}/{name}" for name in COMPUTED}
    with capsys.disabled():
        print(f"\nloaded {len(loaded)}, foreseen {len(found)}, missed {sorted(missed)}")
    assert missed == set()
    own = {path.removeprefix(f"{application}/") for path in found if path.startswith(str(application))}
    assert own == FILES.keys() - UNREACHED - COMPUTED - {"data.json"}


# --- the parser against `ast` -----------------------------------------------------------------------------------------

Found = Counter[tuple[str, tuple[tuple[str, str], ...], bool]]


def by_ast(tree: ast.Module) -> tuple[Found, Counter[str]]:
    """Imports, each with whether it stands in a function, and calls of dotted names."""
    found: Found = Counter()
    calls: Counter[str] = Counter()
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        match node:
            case ast.Import():
                found["", tuple((one.name, one.asname or "") for one in node.names), inside] += 1
            case ast.ImportFrom():
                module = "." * node.level + (node.module or "")
                found[module, tuple((one.name, one.asname or "") for one in node.names), inside] += 1
            case ast.Call():
                calls[dotted(node.func)] += 1
        for field, value in ast.iter_fields(node):
            deep = inside or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body")
            inner = value if isinstance(value, list) else [value]
            todo += [(one, deep) for one in inner if isinstance(one, ast.AST)]
    del calls[""]
    return found, calls


def dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def by_us(script: PythonScript) -> tuple[Found, Counter[str]]:
    found: Found = Counter()
    calls: Counter[str] = Counter()
    for use in script.uses:
        if use.kind == "import":
            found[use.module, use.names, in_function(script, use.context)] += 1
        elif use.kind == "call":
            calls[spelled(script, script.parts[use.node][0])] += 1
    del calls[""]
    return found, calls


def in_function(script: PythonScript, context: int) -> bool:
    while context >= 0 and script.contexts[context].execution is not Execution.FUNCTION:
        context = script.contexts[context].around
    return context >= 0


def spelled(script: PythonScript, node: int) -> str:
    parts: list[str] = []
    while node:
        if script.kinds[node] == "parenthesized_expression":
            node = script.parts[node][0]
            continue
        node, name = script.parts[node] if script.kinds[node] == "attribute" else (0, node)
        if script.kinds[name] != "identifier":
            return ""
        parts.append(script.text[script.starts[name] : script.ends[name]].decode())
    return ".".join(reversed(parts))


def test_the_parser_finds_what_ast_finds(stdlib: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = imports = called = lost = 0
    rows: list[str] = []
    for path in sorted(stdlib.rglob("*.py")):
        if any(part in ("test", "tests", "lib2to3", "site-packages", "dist-packages") for part in path.parts):
            continue
        data = path.read_bytes()
        try:
            wanted, wanted_calls = by_ast(ast.parse(data))
        except SyntaxError:
            # A file that is newer than the Python that runs the tests.
            continue
        script = parse(data, levels=1_000, tokens=400_000)
        found, calls = by_us(script)
        count, imports, called = count + 1, imports + wanted.total(), called + wanted_calls.total()
        differing = (wanted_calls - calls) + (calls - wanted_calls)
        lost += differing.total()
        if script.broken or script.too_deep or found != wanted or differing:
            rows.append(
                f"{path.relative_to(stdlib)} broken={script.broken} missing={dict(wanted - found)} "
                f"more={dict(found - wanted)} calls={dict(differing)}"
            )
        assert not script.broken, path
        assert found == wanted, path
    with capsys.disabled():
        print(f"\n{count} modules, {imports} imports, {called} calls, {lost} of these differ")
        print("\n".join(row[:300] for row in rows))
    assert count >= 150
    assert lost <= called / 1_000


def test_the_same_program_gives_the_same_edges(tree: Tree, application: Path) -> None:
    path = ImagePath(f"{application}/app.py")
    subject = Subject(node=Node(path=path), path=path, file=None, tree=tree, data=tree.content(path))
    once, again = (list(PythonReader().read(subject, context_of(tree, str(application)))) for _ in range(2))
    assert once == again
    assert once
