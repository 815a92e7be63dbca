"""Programs of Python, and trees around them, that were made to stall or to crash their reader."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Mapping, Sequence

import pytest

from tests.patience import SLOW
from xraydiff.facts import Edge, ImageConfig, Node, NodeKind
from xraydiff.limits import MIB, Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, elf
from xraydiff.tree import Tree

PATH = ImagePath("/srv/app.py")
SIZE = 2 * MIB - 64
LIB = "/usr/lib/python3.11"
SITE = f"{LIB}/site-packages"


def tree_of(files: Mapping[str, bytes | str], links: Mapping[str, str] | None = None) -> Tree:
    builder = ImageBuilder().file("/usr/bin/python3.11", elf(executable=True), mode=0o755)
    builder.symlink("/usr/bin/python3", "python3.11").file(f"{LIB}/os.py").file("/bin/sh", "x", mode=0o755)
    builder.file("/srv/x/__init__.py", "X = 1\n").file("/srv/x/y.py").file(f"{LIB}/encodings/idna.py", "X = 1\n")
    for path, content in files.items():
        builder.file(path, content)
    for path, target in (links or {}).items():
        builder.symlink(path, target)
    return builder.tree()


SMALL = tree_of({PATH: b""})


def context_of(tree: Tree, limits: Limits | None = None, env: Mapping[str, str] | None = None) -> Context:
    path = (ImagePath("/usr/bin"), ImagePath("/bin"))
    return Context(
        original=tree, config=ImageConfig(), env=env or {}, path=path, cwd=ImagePath("/srv"), limits=limits or Limits()
    )


def read(
    data: bytes,
    files: Mapping[str, bytes | str] | None = None,
    limits: Limits | None = None,
    *,
    path: ImagePath = PATH,
    links: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[list[Edge], set[str], float]:
    """Edges, reasons of gaps, and seconds."""
    tree = tree_of({path: b"", **(files or {})}, links) if files or links or path != PATH else SMALL
    subject = Subject(node=Node(path=path), path=path, file=tree.files.get(path), tree=tree, data=data)
    return timed(subject, context_of(tree, limits, env))


def timed(subject: Subject, context: Context) -> tuple[list[Edge], set[str], float]:
    reader = PythonReader()
    assert reader.accepts(subject)
    start = time.process_time()
    items = list(reader.read(subject, context))
    seconds = time.process_time() - start
    return (
        [item for item in items if isinstance(item, Edge)],
        {item.reason for item in items if isinstance(item, Gap)},
        seconds,
    )


def repeated(text: bytes, size: int = SIZE) -> bytes:
    return (text * (size // len(text) + 1))[:size]


TEXTS: Sequence[bytes] = (
    *(b"(", b"[", b"{", b"a(", b"a.", b"a[", b"a{", b"lambda:", b"lambda a:", b"lambda a=", b"lambda *", b'f"{'),
    *(b'f\'{f"{', b'f"""{', b"f'{{", b"f'{a!r:{", b"f'{a:", b"f'{lambda:", b'f"{a}"', b"f'{f'{f'{f'{f'{", b"t'{"),
    *(b"rf'{", b'"""', b"'''", b'"', b"'", b"'\\", b'"\\\n', b"\\\n", b"\\", b"'a' ", b"'a'\n", b"f'{a}' "),
    *(b"('a' ", b"'a.b', ", b"'/a/b', ", b"b'", b"if a:\n", b"if a:", b"if a: b\n", b"elif a:\n", b"else:\n"),
    *(b"else:", b"while a:\n", b"for a in b:\n", b"for a in ", b"for a, ", b"with a as b, ", b"with a:\n "),
    *(b"try:\n", b"try:\n a\nexcept:\n", b"except ImportError:\n", b"finally:\n"),
    *(b"try:\n import q\nexcept ImportError:\n ", b"class A:\n", b"class A(", b"def f(", b"def f(a=", b"def f(a:"),
    *(b"def f():\n", b"def f(): ", b"def f():\n f()\n", b"async ", b"async def f():\n", b"await ", b"yield "),
    *(b"yield from ", b":=", b"(a:=", b"->", b"a->", b"...", b"..", b".", b"@a\n", b"@a(", b"@", b"a if b else "),
    *(b"a if ", b"a if b ", b"(a if b else ", b"else ", b"[a for a in ", b"[a for b in c if "),
    *(b"[[a for b in c] for d in ", b"not ", b"a not in ", b"a or ", b"a and ", b"or ", b"a or b and ", b"*", b"**"),
    *(b"a**", b"*a,", b"**a,", b"a*", b"-", b"~", b"a-", b"a - -", b"a<", b"a<b<", b"a@", b"a/", b"a%", b"a+"),
    *(b"a//", b"a<<", b"a|", b"a=", b"a==", b"a+=", b"a:", b"a:b=", b"a,", b"a;", b";", b",", b":", b"=", b"a\n"),
    *(b"\n", b"\r", b"\r\n", b" ", b"\t", b" \n", b"#", b"#\n", b"# a\n", b"1", b"1 ", b"1.", b"1e", b"0x", b"1_"),
    *(b".1", b"1a ", b"\x00", b"\xff", b"\xff ", b"\xc3\xa4", b"\xe2\x80\xa8", b"\x0c", b"\x0c\n", b"$", b"?", b"!"),
    *(b"`", b"a b ", b"a 'b' ", b"import a\n", b"import a,", b"import a.", b"import ", b"import a as "),
    *(b"from . import ", b"from . import a\n", b"from .", b"from a", b"from a import (", b"from a import (b,"),
    *(b"from a import b,", b"from a import *\n", b"from a import (#\n", b"from a import \\\n", b"from.", b"from "),
    *(b"from " + b"." * 100 + b" import a\n", b"import x.y\n", b"import x.y,", b"from x import y\n", b"import q;"),
    *(b"global a\n", b"return ", b"raise ", b"assert ", b"del ", b"pass;", b"match a:\n", b"match ", b"case "),
    *(b"case a:", b"type ", b"print ", b"__import__('x.y')\n", b"__import__('x.'+", b"__import__(f'x.{"),
    *(b"import_module(", b"open('x')\n", b"open(__file__ + ", b"os.path.join(", b"os.path.dirname(", b"Path(a)/"),
    *(b"Path('/srv')/'x'/", b"a.parent", b"a.parent.parent\n", b"a['b']", b"a.b(c).d(e)", b"a()", b"()", b"[]"),
    *(b"{}", b"{a:", b"{a:b,", b"{a,", b"(a,", b"(a,)", b"[a,", b"a[b:", b"a[b,", b")", b"]", b"}", b"([{", b")]}"),
    *(b"(]", b"(\n", b"(\nimport a\n", b"(\nclass A:\n", b"(#\n", b"x.y.", b"a.b ", b"x = x + ", b"x += x\n"),
    *(b"x = 'a'\n", b"'x.y' ", b"'x.' ", b"'x.y'\n", b"'x.{}'\n", b"f'x.{a}'\n", b"'a'.encode('idna')\n"),
    *(b"open(a, encoding='idna')\n", b"encoding=", b"os.system('ls')\n", b"subprocess.run(['ls', "),
    *(b"subprocess.run('ls', shell=True)\n", b"x = lambda: x()\n", b"f(f", b"f(a)(", b"__all__ = ["),
    *(b"if __name__ == '__main__':\n", b"if TYPE_CHECKING:\n", b"if not ", b"if (", b"if a and "),
    *(b"if sys.version_info > (3,", b"def __getattr__(", b"def a():\n x()\ndef x():\n a()\n"),
    *(b"class A:\n def __init__(self): self.a()\n", b"self.a()\n", b"a()\n", b"def f(): g()\ng()\n"),
)  # fmt: skip


WORST: Sequence[bytes] = (
    *(b"os.system('ls')\n", b"import x.y,", b"import x.y\n", b"from x import y\n", b"'x.y' ", b"'x.'\n", b"f'x.{a}'\n"),
    *(b"open('x')\n", b"def f(): g()\ng()\n", b"self.a()\n", b"a.parent.parent\n", b"x.y.", b"f(", b"a[", b"[*"),
    *(b"a()", b"a.b(c).d(e)", b"[]", b'f"{a}"', b"a[b]+", b"import a;"),
)  # fmt: skip
"""What costs most time, or memory, for a byte."""


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_one_text_over_and_over(text: bytes) -> None:
    assert read(b"import x.y\n'a'\n" + repeated(text, SIZE // 32))[2] < 2 * SLOW
    assert read(b"'a'\n" + text * 2_500 + b"\n" + b"a = 'b'\n" * 5_000)[2] < 4 * SLOW


@pytest.mark.parametrize("text", WORST, ids=range(len(WORST)))
def test_a_whole_script_of_one_text(text: bytes) -> None:
    data = b"'a'\n" + repeated(text)
    edges, _, seconds = read(data)
    assert seconds < 15 * SLOW
    assert len(edges) <= Limits().edges_per_file


@pytest.mark.parametrize("text", WORST[-6:-2], ids=range(4))
def test_memory(text: bytes) -> None:
    data = b"'a'\n" + repeated(text, SIZE // 8)
    tracemalloc.start()
    read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 96 * MIB


@pytest.mark.parametrize(
    "text", [b"import x.y\n", b"\0", b"'", b"(", b"from " + b"." * 90_000, b"  import a.b.c\n", b" " * 99_999]
)
def test_more_than_a_script_is_only_searched_for_plain_imports(text: bytes) -> None:
    edges, gaps, seconds = read(b"import x.y\n" + repeated(text, 50 * MIB))
    assert seconds < 20 * SLOW
    assert gaps == {"too-large"}
    assert "/srv/x/y.py" in {edge.target.path for edge in edges}


@pytest.mark.parametrize(
    ("text", "end"),
    [(b"(", b")"), (b"[", b"]"), (b"{a:", b"}"), (b"f(", b")"), (b"a[", b"]"), (b"(lambda: ", b")"), (b"f(a=", b")")],
)
def test_deep_brackets(text: bytes, end: bytes) -> None:
    for count in (999, 1_001, 100_000):
        edges, gaps, seconds = read(text * count + b"1" + end * count + b"\nimport x.y\n")
        assert seconds < 5 * SLOW
        assert "/srv/x/y.py" in {edge.target.path for edge in edges}
        assert ("not-loadable" in gaps) is (count > 1_000)


def test_deep_blocks() -> None:
    for count, unit in ((900, b" "), (1_800, b" "), (1_400, b"\t")):
        deep = b"".join(unit * n + b"if a:\n" for n in range(count)) + unit * count + b"import x.y\n'a'\n"
        edges, gaps, seconds = read(deep)
        assert seconds < 5 * SLOW
        assert "/srv/x/y.py" in {edge.target.path for edge in edges}
        assert ("not-loadable" in gaps) is (count > 1_000)
    tries = b"".join(
        b" " * n + b"try:\n" + b" " * n + b" import q%d\n" % n + b" " * n + b"except ImportError:\n" for n in range(900)
    )
    assert read(tries + b" " * 900 + b"import x.y\n")[2] < 5 * SLOW


def test_values_that_grow() -> None:
    doubled = b"a0 = 'x'\n" + b"".join(b"a%d = a%d + a%d\n" % (i + 1, i, i) for i in range(20_000)) + b"open(a20000)\n"
    joined = (
        b"a0 = 'x'\n" + b"".join(b"a%d = f'{a%d}/{a%d}'\n" % (i + 1, i, i) for i in range(9_000)) + b"open(a9000)\n"
    )
    many = b"l = [" + b"'w', " * 20_000 + b"]\n" + b"for x in l:\n for y in l:\n  __import__(f'{x}.{y}')\n" * 2_000
    deep = b"x = os.path.join(" * 50_000 + b"'a'" + b")" * 50_000
    sums = b"open(" + b"'a' + " * 100_000 + b"'b')\n"
    choices = b"".join(b"v = 'p%d'\n" % i for i in range(20_000)) + b"open(f'{v}/{v}/{v}/{v}')\n" * 5_000
    circle = b"a = b\nb = c\nc = a\nopen(a)\n" * 10_000
    keys = b"d = {" + b"".join(b"'k%d': 'v%d'," % (i, i) for i in range(50_000)) + b"}\n" + b"open(d[x])\n" * 20_000
    calls = b"".join(b"def f%d():\n f%d()\n f%d()\n" % (i, i + 1, i + 1) for i in range(20_000)) + b"f0()\n"
    same = b"def f():\n f()\n" * 50_000 + b"f()\n"
    formats = b"x = '" + b"{}" * 2_000 + b"'\n" + b"open(x.format(1))\n" * 20_000
    parents = b"x = '/" + b"a/" * 2_000 + b"'\n" + b"open(x" + b".parent" * 20_000 + b")\n"
    for data in (doubled, joined, many, deep, sums, choices, circle, keys, calls, same, formats, parents):
        assert read(data)[2] < 10 * SLOW


def test_patterns_over_a_large_tree() -> None:
    files = {f"/srv/d{i % 40}/e{i % 60}/f{i}.py": b"" for i in range(8_000)}
    source = b"import glob\n" + b"glob.glob('**/**/**/*.txt')\n" * 2_000 + b"__import__(f'd1.{x}.{y}')\n" * 2_000
    source += b"open(f'd{x}/e{y}/f{z}.py')\n" * 2_000 + b"Path('/srv').rglob('*/*/*')\n" * 2_000
    assert read(source, files)[2] < 20 * SLOW
    different = b"".join(
        b"__import__(f'd%d.e{x}.f%d{z}')\nopen(f'd%d/{y}/f{z}%d')\n" % (i % 40, i, i % 40, i) for i in range(5_000)
    )
    assert read(different, files)[2] < 20 * SLOW


def test_many_imports_of_one_file() -> None:
    edges, _, seconds = read(b"import x.y\n" * 100_000)
    assert seconds < 20 * SLOW
    assert len({edge.target.path for edge in edges}) == 2
    edges, _, seconds = read(b"".join(b"import n%d.x.y\n" % i for i in range(100_000)))
    assert (edges, seconds < 20 * SLOW) == ([], True)
    names = b"from x import " + b", ".join(b"n%d" % i for i in range(20_000))
    assert read(names, {"/srv/x/__init__.py": b"n1 = " * 200_000})[2] < 10 * SLOW


def test_wide_and_deep_packages() -> None:
    wide = {f"/srv/wide/m{i}.py": b"" for i in range(20_000)}
    _, _, seconds = read(b"import wide\n__import__(f'wide.{x}')\n__import__(f'wide.m1{x}')\n" * 500, wide)
    assert seconds < 10 * SLOW
    folder = "/srv" + "/p" * 400
    deep = {f"{folder[: 4 + 2 * (i + 1)]}/__init__.py": b"X = 1\n" for i in range(400)}
    source = b"import " + b".".join([b"p"] * 30) + b"\nimport " + b".".join([b"p"] * 400) + b"\n"
    assert read(source * 500, deep)[2] < 10 * SLOW
    assert read(b"from ... import a\nfrom .p import b\n" * 2_000, deep, path=ImagePath(f"{folder}/m.py"))[2] < 10 * SLOW
    loop = {
        "/srv/a/__init__.py": b"from b import *\n__all__ = [" + b"'c'," * 4_000 + b"]",
        "/srv/b/__init__.py": b"from a import *\n",
    }
    assert read(b"from a import *\nfrom b import *\n" * 5_000, loop)[2] < 10 * SLOW


@pytest.mark.parametrize(
    "text",
    [
        b"/srv/x\n", b"x\n", b"#\n", b"import a\n", b"import __editable___a_finder\n", b"..\n", b"../" * 1_000 + b"\n",
        b"\0", b"\xff", b"\n", b"a", b"/" * 5_000 + b"\n", b"home = /opt/venv\n", b"home=", b"=\n", b"a = b\n",
        b"[g]\na = x.y\n", b"[", b"[g]\n", b"a=b:c\n", b"a b c = ", b"[g]\n" + b"a" * 250,
        b"a" * 250 + b" ", b"Name: x\n",
    ],
)  # fmt: skip
def test_records_of_an_installation_that_are_huge(text: bytes) -> None:
    data = repeated(text, MIB)
    files = {f"{SITE}/a{n}.pth": data for n in range(10)}
    files |= {f"{SITE}/d{n}-1.dist-info/{name}": data for n in range(20) for name in ("METADATA", "RECORD")}
    files |= {f"{SITE}/d{n}-1.dist-info/entry_points.txt": data[: MIB // 2] for n in range(10)}
    files |= {f"{SITE}/__editable___a_finder.py": data, "/srv/pyvenv.cfg": data, "/etc/passwd": data}
    source = b"import x.y\nfrom importlib.metadata import *\nentry_points(group='g')\nversion('d1')\n" * 50
    assert read(source, files)[2] < 20 * SLOW


def test_thousands_of_distributions_and_entry_points() -> None:
    files = {f"{SITE}/d{n}-1.dist-info/METADATA": b"Name: x\n" for n in range(5_000)}
    entries = b"".join(b"[g%d]\n" % n + b"a = x.y:z\n" * 5 for n in range(20_000))
    files |= {f"{SITE}/d{n}-1.dist-info/entry_points.txt": entries for n in range(3)}
    files |= {f"{SITE}/p{n}.pth": b"/srv/x\n" * 2_000 for n in range(300)}
    source = b"from importlib.metadata import entry_points, version\n" + b"".join(
        b"entry_points(group='g%d')\nversion('d%d')\n" % (n, n) for n in range(5_000)
    )
    assert read(source, files)[2] < 30 * SLOW


def test_a_search_path_of_thousands() -> None:
    files = {f"/p/d{n}/x.py": b"" for n in range(2_000)}
    path = ":".join(f"/p/d{n}" for n in range(2_000))
    source = b"".join(b"import m%d\n" % n for n in range(10_000)) + b"import only\n"
    files["/p/d1999/only.py"] = b""
    edges, _, seconds = read(source, files, env={"PYTHONPATH": path}, path=ImagePath("/app.py"))
    assert seconds < 60 * SLOW
    assert "/p/d1999/only.py" in {edge.target.path for edge in edges}


def test_links_that_lead_in_circles() -> None:
    links = {"/srv/loop": "loop2", "/srv/loop2": "loop", "/srv/me": ".", "/srv/up": "..", "/srv/x.py": "x.py"}
    source = b"import loop.a\nimport me.me.me.me.y\nimport up.srv.up.srv.x.y\nopen('loop/x')\nfrom .. import loop\n"
    source += b"glob.glob('**/*')\nglob.glob('me/**/me/**')\n__import__(f'me.{a}.{b}.{c}')\nopen(f'me/{a}/me/{b}')\n"
    _, _, seconds = read(source, {}, links=links)
    assert seconds < 5 * SLOW


@pytest.mark.parametrize(
    "config",
    [b"home = /opt/venv/bin\n", b"home = /opt/b/bin\n", b"home = /proc/self/root/opt/venv/bin\n", b"home = ..\n"],
)
def test_environments_whose_home_is_a_circle(config: bytes) -> None:
    files = {"/opt/venv/pyvenv.cfg": config, "/opt/b/pyvenv.cfg": b"home = /opt/venv/bin\n", "/opt/venv/app.py": b""}
    links = {"/opt/venv/bin/python3": "/opt/b/bin/python3", "/opt/b/bin/python3": "/opt/venv/bin/python3"}
    links |= {"/opt/venv/bin/python": "python3", "/proc/self/root": "/"}
    path = ImagePath("/opt/venv/app.py")
    assert read(b"import x.y\nimport sys\nopen(sys.prefix + '/a')\n", files, links=links, path=path)[2] < 5 * SLOW


def test_tables_of_lazy_names_and_library_functions() -> None:
    marks = b"def __getattr__(n): pass\n"
    tables = (
        b"{" + b"'a': 'b'," * 100_000,
        b"{'a': [" * 100_000,
        b"'a': [" + b"'b'," * 200_000 + b"]",
        b"'a' : (" * 100_000,
        b"if TYPE_CHECKING:\n" + b" from a import (b" * 60_000,
        b"if TYPE_CHECKING:\n" * 60_000,
        b"if TYPE_CHECKING:\n" + b" \n" * 500_000,
        b" from a import b," * 60_000,
        b"'" * 1_000_000,
        b"'a'" + b" " * 1_000_000,
    )
    for table in tables:
        files = {"/srv/lazy/__init__.py": marks + table, "/srv/lib.py": table}
        source = b"import lazy, lib\nfrom lazy import a, b\nlib.f()\n" + b"lazy.a\nlib.g()\n" * 3_000
        assert read(source, files)[2] < 15 * SLOW
    bodies = (
        b"def f():\n import x.y\n" * 50_000, b"class A:\n def __init__(self):\n  import x.y\n" * 40_000,
        b"def f():\n    from x import (" * 40_000, b"class A:\n" + b" def f(): pass\n" * 100_000,
        b"def f():\n" + b"    import x.y\n" * 100_000, b"from . import (" * 100_000, b"from x import a\n" * 100_000,
    )  # fmt: skip
    for body in bodies:
        source = b"import lib\n" + b"".join(b"lib.f%d()\nlib.f()\nlib.A()\n" % n for n in range(2_000))
        assert read(source, {"/srv/lib.py": body})[2] < 15 * SLOW


def test_inits_that_seem_to_do_nothing() -> None:
    for text in (
        b"#\n" * 2_000,
        b"'" * 4_000,
        b'"""' * 1_300,
        b"__all__ = [" * 300,
        b" " * 4_000,
        b"'\\" * 2_000,
        b"__all__:" * 500,
    ):
        files = {f"/srv/p{n}/__init__.py": text for n in range(300)}
        assert read(b"".join(b"import p%d\n" % n for n in range(300)), files)[2] < 10 * SLOW


@pytest.mark.parametrize(
    "text", [b"\0a.b", b"\0_a", b"\0a.b.c.d.e.f\0", b"a.", b"\0", b"\0_a\0_b", b"PyImport_Import\0"]
)
def test_extension_modules(text: bytes) -> None:
    path = ImagePath(f"{SITE}/a.so")
    data = b"\x7fELF PyImport_Import\0" + repeated(text, 30 * MIB)
    edges, _, seconds = read(data, {}, path=path)
    assert (edges, seconds < 20 * SLOW) == ([], True)


@pytest.mark.parametrize(
    "text",
    [
        b"gunicorn x.y:z\n",
        b"python -m x.y\n",
        b"python -m ",
        b"flask --app ",
        b"uvicorn '",
        b"celery -A x.y ",
        b"python\n",
        b'uwsgi "',
    ],
)
def test_shell_texts_that_name_python(text: bytes) -> None:
    data = repeated(text, MIB)
    node = Node(kind=NodeKind.SCRIPT, path="/srv/a.sh", language="shell", text=data.decode())
    subject = Subject(node=node, path=ImagePath("/srv/a.sh"), file=None, tree=SMALL, data=data)
    start = time.process_time()
    handed = [one for one in ShellReader().read(subject, context_of(SMALL)) if isinstance(one, Command)]
    for command in handed:
        assert len(list(PythonReader().launched(command, context_of(SMALL)))) <= 100
    assert time.process_time() - start < 10 * SLOW
    words = (data.decode(),) * 3
    config = ImageConfig(entrypoint=words, cmd=words)
    context = Context(original=SMALL, config=config, env={}, path=(ImagePath("/usr/bin"),), cwd=ImagePath("/srv"))
    node = Node(kind=NodeKind.CONFIG, path="original")
    subject = Subject(node=node, path=ImagePath("/"), file=None, tree=SMALL, data=b"", config=config)
    assert timed(subject, context)[2] < 10 * SLOW


def test_inline_scripts_and_edges_are_bounded() -> None:
    source = b"import os\n" + b"".join(b"os.system('ls %d > x')\n" % i for i in range(20_000))
    edges, gaps, _ = read(source, limits=Limits(inline_scripts=10))
    assert sum(edge.target.text != "" for edge in edges) <= 10
    assert "too-large" in gaps
    source = b"".join(b"import m%d\n" % i for i in range(50))
    edges, gaps, _ = read(source, {f"/srv/m{i}.py": b"" for i in range(50)}, Limits(edges_per_file=5))
    assert len(edges) == 5
    assert "too-many-references" in gaps
