"""The parser of Python: what it makes of each construct, held against the host's own `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from xraydiff.facts import Firing
from xraydiff.references.readers.python.conditions import Known, verdict
from xraydiff.references.readers.python.execution import Runs
from xraydiff.references.readers.python.script import PythonScript
from xraydiff.references.readers.python.syntax import parse

KNOWN = Known(version=(3, 11), main=False)


def parsed(source: str, *, levels: int = 1_000) -> PythonScript:
    return parse(source.encode(), levels=levels, tokens=100_000)


def spelling(script: PythonScript, node: int) -> str:
    return script.text[script.starts[node] : script.ends[node]].decode()


def imports(script: PythonScript) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(use.module, use.names) for use in script.uses if use.kind == "import"]


def spelled(source: str, kind: str) -> list[str]:
    script = parsed(source)
    return [spelling(script, use.node) for use in script.uses if use.kind == kind]


EXPRESSIONS = (
    *("f(a)(b)[c].d(e)", "f(*a, **b)", "f(a, b=g(c))", "f(g(h()), i)", "a.b.c()", "f(a)[0](b)", "(f)(x)", "[f(x)]()"),
    *(
        "f(lambda x: g(x), h(1))",
        "f(lambda: g())",
        "f(x for x in g())",
        "f([g(x) for x in h() if i(x)])",
        "f({a: g(b)})",
    ),
    *(
        "f(a if g() else h())",
        "f(not g())",
        "f(a < g() < b)",
        "f(a)if b else c(d)",
        "f(-g())",
        "f(a)+g(b)*h(c)",
        "~f()",
    ),
    *(
        "await f(g())",
        "f(await g())",
        "(yield f())",
        "f(a[1:g()])",
        "f(a[:, g()])",
        "x = f(a)",
        "x: int = f(a)",
        "x += f(a)",
    ),
    *(
        "x[f(a)] = g(b)",
        "x = y = f(a)",
        "print(f(a), end=g())",
        "assert f(a), g(b)",
        "raise f(a) from g(b)",
        "del a[f()]",
    ),
    *(
        "return_ = f()",
        "f('a' 'b')",
        "f('a'\n  'b')",
        "f(b'a')",
        "f(r'\\\\')if 0 else 1",
        "f(rb'x')",
        "f(1.5e-3)",
        "f(0x1F)",
    ),
    *(
        "f(1_000)",
        "f(1j)",
        "f(...)",
        "f((a))",
        "f((a,))",
        "f(())",
        "f([])",
        "f({})",
        "f(a := g())",
        "(a := f(b))",
        "f(a, )",
    ),
    *(
        "f(a).g(b)",
        "f(\n  a,\n  b\n)",
        "f( # c\n a)",
        "f(a) # g(b)",
        "'f(a)'",
        '"""f(a)"""',
    ),
    *(
        "f(\\\n a)",
        "x = \\\n f(a)",
        "f(a); g(b)",
        "f(a) if g(b) else h(c)",
        "f(*[g(a)])",
        "f(**{'a': g(b)})",
        "a or f(b)",
    ),
    *("match.f(a)", "match = f(a)", "case(f(a))", "type(f(a))", "print(f(a))", "_ = f(a)"),
    *(
        "f('\\'')",
        'f("\\"")',
        "f('''a'b''')",
        'f("""a"b""")',
        "f('#')",
        "f('a', \"b\")",
        "f(u'a')",
        "f(a)**g(b)",
        "f(a)@g(b)",
    ),
    *(
        "x = lambda a=b: g()",
        "x = lambda *a, **b: f(a)",
        "x = lambda: (yield f())",
        "f(a)[b:c:d]",
        "f(a)[b, c]",
        "a.f(b).c",
    ),
    *(
        "f'{g(a)}'",
        "f'{g(a)!r}'",
        "f'{g(a):>10}'",
        "f'{{}}{g(a)}'",
        "f\"{g('a')}\"",
        "f'a' f'{g(b)}'",
    ),
    *(
        "f'{g(a)=}'",
        "f'{a[\"b\"]}{g(c)}'",
        'f"""{g(a)}\n{h(b)}"""',
        "rf'{g(a)}\\d'",
        "f'{g(a,b)}'",
    ),
    *(
        "f(a)<<g(b)",
        "f(a)//g(b)",
        "x = f(a),\ny = g(b)",
        "x = not f(a)",
        "f(a)[b](c)(d)",
        "@f\nclass A: pass",
        "x = *f(a), *g(b)",
        "for x in f(a), g(b): pass",
        "if x:pass\nelif f(a):pass",
        "[*f(a)]",
        "{**f(a)}",
        "f(a for a in b if c(a) for d in e(a))",
        "while (x := f(a)): g(x)",
        "def q(*, a=f(b), **c): pass",
        "def q(a, /, b=f(c)): pass",
        "print(*f(a), sep='')",
        "f(a).b = g(c)",
        "f(a)[b] = g(c)",
        "a = b = c = f(d)",
        "if f(a) and (g(b) or not h(c)): pass",
        "x = f(a) if b else g(c) if d else h(e)",
        "x = f(a)  ;  y = g(b)  ;",
        "try: pass\nexcept* f(a): pass",
        "async def q():\n return [await f(x) async for x in g(y)]",
        "f(a)is g(b)",
        "f(a)not in g(b)",
    ),
)
BLOCKS = (
    "if f(a):\n    g(b)\nelif h(c):\n    i(d)\nelse:\n    j(e)\n",
    "while f(a):\n    g(b)\nelse:\n    h(c)\n",
    "for x in f(a):\n    g(b)\nelse:\n    h(c)\n",
    "for x, (y, z) in f(a): g(b)\n",
    "async def q():\n    async for x in f(a):\n        g(b)\n    async with f(a) as b:\n        g(b)\n",
    "try:\n    f(a)\nexcept (g, h) as e:\n    i(b)\nelse:\n    j(c)\nfinally:\n    k(d)\n",
    "try: f(a)\nexcept: g(b)\n",
    "with f(a) as b, g(c) as d:\n    h(e)\n",
    "with (f(a) as b, g(c)):\n    h(e)\n",
    "class A(f(a), metaclass=g(b)):\n    x = h(c)\n    def m(self, y=i(d)): return j(e)\n",
    "@f(a)\n@g.h(b)\ndef q(x: i(c) = j(d), *y, z=k(e), **w) -> l(f):\n    return m(g)\n",
    "@f(a)\n@g.h(b)\ndef q(x=j(d)):\n    return m(g)\n",
    "match f(a):\n    case {'x': [1, *_]}:\n        i(d)\n    case [A.x, *_] | None:\n        j(d)\n",
    "match f(a):\n    case 1 if g(b):\n        h(c)\n    case _:\n        i(d)\n",
    "def q():\n\tf(a)\n\tif b:\n\t\tg(c)\n\treturn h(d)\n",
    "if a:\n  f(b)\n  if c:\n      g(d)\n  h(e)\ni(f)\n",
    "if a: f(b); g(c)\nh(d)\n",
    "def q():\n    '''doc'''\n    # comment\n\n    f(a)\n\n# comment at column 0\n    g(b)\n",
    "x = [\n    f(a),\n  g(b),\n]\nh(c)\n",
    "if (a and\n    f(b)):\n    g(c)\n",
    "def q(\n    a=f(b),\n):\n    g(c)\n",
    "x = f(\n  a\n) if b else g(\n  c\n)\n",
    "global f\nf(a)\n",
    "if a:\n    pass\nelse: f(b)\ng(c)\n",
    "def f(): yield from g(a)\n",
    "print(f(a), file=g(b))\n",
    "x = {f(a): g(b), **h(c)}\n",
    "x = {f(a) for b in g(c)}\n",
    "x = {f(a): g(b) for c in h(d) if i(e)}\n",
    "x.y: int = g(b)\n",
)


def by_ast(source: str) -> list[str]:
    """Every call of a source: the dotted name of what is called, where it has one, in the order of the text."""
    tree = ast.parse(source)
    found = [
        (node.lineno, node.col_offset, ast.unparse(node.func))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and all(isinstance(one, ast.Name | ast.Attribute) for one in chained(node.func))
    ]
    return sorted(name for _, _, name in found)


def chained(node: ast.expr) -> Iterator[ast.expr]:
    while isinstance(node, ast.Attribute):
        yield node
        node = node.value
    yield node


def by_us(source: str) -> list[str]:
    script = parsed(source)
    functions = [script.parts[use.node][0] for use in script.uses if use.kind == "call"]
    return sorted("".join(spelling(script, function).split()) for function in functions if plain(script, function))


def plain(script: PythonScript, node: int) -> bool:
    while script.kinds[node] in ("attribute", "parenthesized_expression"):
        node = script.parts[node][0]
    return script.kinds[node] == "identifier"


@pytest.mark.parametrize("source", [*EXPRESSIONS, *BLOCKS])
def test_calls_are_those_of_ast(source: str) -> None:
    within = source.startswith("await") or "(await" in source
    wanted = [name.strip("()") for name in by_ast(f"async def _():\n {source}\n" if within else source)]
    assert [name.strip("()") for name in by_us(source)] == wanted
    assert not parsed(source).broken


@pytest.mark.parametrize("source", [*EXPRESSIONS, *BLOCKS])
def test_nothing_is_lost_after_a_construct(source: str) -> None:
    script = parsed(f"{source}\nimport after\n")
    assert imports(script) == [("", (("after", ""),))]
    assert Runs(script, KNOWN).firing(script.uses[-1].context) is Firing.LOAD


@pytest.mark.parametrize(
    ("source", "module", "names"),
    [
        ("import a", "", (("a", ""),)),
        ("import a.b.c as d", "", (("a.b.c", "d"),)),
        ("import a , b as c,d", "", (("a", ""), ("b", "c"), ("d", ""))),
        ("import a\\\n .b", "", (("a.b", ""),)),
        ("from a import b", "a", (("b", ""),)),
        ("from a.b import c as d, e", "a.b", (("c", "d"), ("e", ""))),
        ("from . import a", ".", (("a", ""),)),
        ("from .. a import b", "..a", (("b", ""),)),
        ("from ...a.b import *", "...a.b", (("*", ""),)),
        ("from.a import b", ".a", (("b", ""),)),
        ("from.import b", ".", (("b", ""),)),
        ("from a import (b)", "a", (("b", ""),)),
        ("from a import(b,c,)", "a", (("b", ""), ("c", ""))),
        ("from a import (\n  b, # not (c)\n  d as e\n)", "a", (("b", ""), ("d", "e"))),
        ("from a \\\n import b", "a", (("b", ""),)),
        ("from importlib import b", "importlib", (("b", ""),)),
        ("from a.import_ import b", "a.import_", (("b", ""),)),
        ("\ufefffrom a import b", "a", (("b", ""),)),
        ("from ä.ö import ü", "ä.ö", (("ü", ""),)),
        ("import a\r\n", "", (("a", ""),)),
        ("import a # b", "", (("a", ""),)),
        ("if x: import a\n", "", (("a", ""),)),
    ],
)
def test_imports(source: str, module: str, names: tuple[tuple[str, str], ...]) -> None:
    assert imports(parsed(source)) == [(module, names)]


@pytest.mark.parametrize(
    "source", ["'import a'", "'''\nimport a\n'''", "# import a", "x = 'a' \\\n'import b'", "r'\\'\n"]
)
def test_no_imports(source: str) -> None:
    assert imports(parsed(source)) == []


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("f(('a', 'b'))", ["'a'", "'b'"]),
        ("'a' 'b'", ["'a'", "'b'"]),
        ("f'{x[\"a\"]}'", ["f'{x[\"a\"]}'", '"a"']),
        ("f'a{b}c'", ["f'a{b}c'"]),
        ("f'{f\"{'a'}\"}'", ["f'{f\"{'a'}\"}'", "f\"{'a'}\"", "'a'"]),
        ("f'{'a'}'", ["f'{'a'}'", "'a'"]),
        ('"""a\n"b" c"""', ['"""a\n"b" c"""']),
        ("'a\\\nb'", ["'a\\\nb'"]),
        ("'a\nx = 'b'", ["'a", "'b'"]),
        ("'''a", ["'''a"]),
    ],
)
def test_strings(source: str, wanted: list[str]) -> None:
    assert spelled(source, "string") == wanted


@pytest.mark.parametrize(
    ("source", "name", "firing"),
    [
        ("f()", "f", Firing.LOAD),
        ("if x:\n    f()", "f", Firing.GUARDED),
        ("if x: f()\ng()", "g", Firing.LOAD),
        ("x and f()", "f", Firing.GUARDED),
        ("f() or g()", "f", Firing.LOAD),
        ("f() or g()", "g", Firing.GUARDED),
        ("f() if x else g()", "f", Firing.GUARDED),
        ("f() if x else g()", "g", Firing.GUARDED),
        ("a = f() if c() else g()", "c", Firing.LOAD),
        ("def q(a=f()): g()", "f", Firing.LOAD),
        ("def q(a=f()): g()", "g", Firing.DEFERRED),
        ("x = lambda: f()", "f", Firing.DEFERRED),
        ("h(lambda: f(), g())", "g", Firing.LOAD),
        ("class A:\n    x = f()", "f", Firing.LOAD),
        ("class A:\n    def m(self): f()", "f", Firing.DEFERRED),
        ("def q(): f()\nq()", "f", Firing.LOAD),
        ("def q(): f()\ndef r(): q()", "f", Firing.DEFERRED),
        ("try:\n    f()\nexcept E:\n    g()\nelse:\n    h()\nfinally:\n    i()", "f", Firing.GUARDED),
        ("try:\n    f()\nexcept E:\n    g()\nelse:\n    h()\nfinally:\n    i()", "g", Firing.GUARDED),
        ("try:\n    f()\nexcept E:\n    g()\nelse:\n    h()\nfinally:\n    i()", "i", Firing.LOAD),
        ("if TYPE_CHECKING:\n    f()", "f", None),
        ("if TYPE_CHECKING:\n    f()\nelse:\n    g()", "g", Firing.LOAD),
        ("if TYPE_CHECKING: pass\nelif x: f()\nelse: g()", "g", Firing.GUARDED),
        ("if sys.version_info >= (3, 8):\n    f()\nelif x:\n    g()\nelse:\n    h()", "g", None),
        ("if sys.version_info >= (3, 8):\n    f()\nelif x:\n    g()\nelse:\n    h()", "h", None),
        ("if 0:\n    f()", "f", None),
        ("x: f() = g()", "f", None),
        ("x: f() = g()", "g", Firing.LOAD),
        ("def q(a: f() = g()) -> h(): pass", "f", None),
        ("def q(a: f() = g()) -> h(): pass", "g", Firing.LOAD),
        ("def q(a: f() = g()) -> h(): pass", "h", None),
        ("[f(x) for x in y]", "f", Firing.LOAD),
        ("match f():\n    case 1: g()", "f", Firing.LOAD),
        ("match f():\n    case 1: g()", "g", Firing.GUARDED),
        ("if __name__ == '__main__':\n    f()", "f", None),
    ],
)
def test_when_a_call_runs(source: str, name: str, firing: Firing | None) -> None:
    script = parsed(source)
    runs = Runs(script, KNOWN)
    found = [
        runs.firing(use.context)
        for use in script.uses
        if use.kind == "call" and spelling(script, script.parts[use.node][0]) == name
    ]
    assert found == [firing]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sys.version_info >= (3, 11)", True),
        ("sys.version_info > (3, 11)", True),
        ("sys.version_info > (3, 12)", False),
        ("sys.version_info[:2] > (3, 11)", False),
        ("sys.version_info < (3, 11)", False),
        ("sys.version_info <= (3, 11)", False),
        ("sys.version_info[:2] <= (3, 11)", True),
        ("sys.version_info[:2] == (3, 11)", True),
        ("sys.version_info == (3, 11)", False),
        ("sys.version_info != (3, 11)", True),
        ("sys.version_info[0] == 3", True),
        ("sys.version_info.major < 3", False),
        ("sys.version_info[0] >= 3", True),
        ("version_info >= (3,)", True),
        ("version_info > (3,)", True),
        ("sys.version_info >= (3, 11, 4)", None),
        ("sys.version_info < (3, 11, 4)", None),
        ("sys.version_info >= (3, 10, 4)", True),
        ("not TYPE_CHECKING", True),
        ("not (TYPE_CHECKING)", True),
        ("TYPE_CHECKING or x", None),
        ("TYPE_CHECKING and x", False),
        ("PY3 or x", True),
        ("six.PY2", False),
        ("x", None),
        ("sys.platform == 'linux'", True),
        ('sys.platform != "win32"', True),
        ("sys.platform.startswith('win')", False),
        ("os.name == 'nt'", False),
        ("platform.system() == 'Windows'", False),
        ("__name__ == '__main__'", False),
        ("x and y or z", None),
        ("(a or b) and False", None),
        ("x" * 500, None),
        ("", None),
    ],
)
def test_conditions(text: str, wanted: bool | None) -> None:
    assert verdict(text, KNOWN) is wanted


@pytest.mark.parametrize(
    "source",
    [
        "print 'x'\n",
        "exec 'x' in y\n",
        "f(a b)\n",
        "def f(\nimport b\n",
        "x = (a,\nclass B:\n    pass\n",
        ")))\n",
        "if\n",
        "class\n",
        "from\n",
        "from a import\n",
        "import\n",
        "$\n",
        "@\n",
        "lambda\n",
        "x = {'a': \n",
        "f'{'\n",
        "'''x'''\n)\n",
        "else:\n    pass\n",
        "except:\n    pass\n",
        "  indented\n",
    ],
)
def test_broken_text_does_not_hide_what_follows(source: str) -> None:
    found = imports(parsed(f"{source}import after\n"))
    assert found[-1:] == [("", (("after", ""),))]


def test_levels_are_bounded() -> None:
    script = parsed("x = " + "(" * 50 + ")" * 50 + "\nimport a\n", levels=10)
    assert script.too_deep
    assert imports(script) == [("", (("a", ""),))]
    deep = "".join(f"{' ' * n}if x{n}:\n" for n in range(50)) + " " * 50 + "import a\nimport b\n"
    script = parsed(deep, levels=10)
    assert script.too_deep
    assert [names[0][0] for _, names in imports(script)] == ["a", "b"]
