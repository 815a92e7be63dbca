"""A program asks for the same things whole, behind a table that is too large for its parser, and where it is broken."""

from __future__ import annotations

import pytest

from xraydiff.facts import Edge, ImageConfig, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Context, Gap, Reader, Subject
from xraydiff.references.readers.node import NodeReader
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.php import PhpReader
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.testing import ImageBuilder

PROGRAMS = ("convert", "date", "sh", "id", "node", "perl", "ruby", "php", "python3")
FILES = (
    "lib/a.js",
    "lib/b.js",
    "lib/a.php",
    "lib/a.rb",
    "lib/a.pl",
    "lib/a.py",
    "data.json",
    "worker.js",
    "lib/__init__.py",
)


def _tree() -> ImageBuilder:
    builder = ImageBuilder()
    for name in PROGRAMS:
        builder.file(f"/usr/bin/{name}", b"\x7fELF", mode=0o755)
    builder.symlink("/bin", "usr/bin")
    for name in FILES:
        builder.file(f"/app/{name}", b"x")
    return builder


TREE = _tree().tree()
READERS: dict[str, Reader] = {
    "js": NodeReader(), "php": PhpReader(), "rb": RubyReader(), "pl": PerlReader(), "py": PythonReader()
}  # fmt: skip


def _read(suffix: str, source: str, limits: Limits | None = None) -> tuple[set[str], set[str]]:
    """What is asked for, commands by their text, and the reasons of gaps."""
    path = image_path(f"/app/x.{suffix}")
    subject = Subject(node=Node(path=path), path=path, file=None, tree=TREE, data=source.encode())
    context = Context(
        original=TREE,
        config=ImageConfig(),
        env={},
        path=(ImagePath("/usr/bin"),),
        cwd=ImagePath("/app"),
        limits=limits or Limits(),
    )
    items = list(READERS[suffix].read(subject, context))
    edges = {edge.target.text or edge.target.path for edge in items if isinstance(edge, Edge)}
    return edges, {gap.reason for gap in items if isinstance(gap, Gap)}


CASES = {
    "js": (
        "{}",
        [
            ("require('./lib/a')", {"/app/lib/a.js"}),
            ("import('./lib/a.js')", {"/app/lib/a.js"}),
            ("\nimport a, {b} from './lib/a.js'\n", {"/app/lib/a.js"}),
            ("\nexport * from './lib/a.js'\n", {"/app/lib/a.js"}),
            ("require('child_process').execSync('convert x')", {"/bin/sh", "convert x"}),
            (
                "const cp = require('child_process'); function f() { cp.spawn('convert', ['x']) }",
                {"/usr/bin/convert"},
            ),
            ("const {exec: run} = require('child_process'); run(`date`)", {"/bin/sh", "date"}),
            ("\nimport {execFile as go} from 'node:child_process'\ngo('convert')", {"/usr/bin/convert"}),
            ("const c = 'convert'; require('child_process').spawnSync(c)", {"/usr/bin/convert"}),
            ("require('fs').readFileSync('data.json')", {"/app/data.json"}),
            ("const p = require('path'); x(p.join(__dirname, 'data.json'))", {"/app/data.json"}),
            ("x(__dirname + '/data.json')", {"/app/data.json"}),
            ("new Worker('./worker.js')", {"/app/worker.js"}),
            (
                "const {promisify} = require('util'), cp = require('child_process'), r = promisify(cp.exec); r('date')",
                {"/bin/sh", "date"},
            ),
        ],
    ),
    "php": (
        "<?php {};",
        [
            ("require __DIR__ . '/lib/a.php'", {"/app/lib/a.php"}),
            ("function f() { include_once('lib/a.php'); }", {"/app/lib/a.php"}),
            ("$x = shell_exec('convert x')", {"convert x"}),
            ("function f() { return `convert x`; }", {"convert x"}),
            ("if (!function_exists('f')) { proc_open('date', [], $p); }", {"date"}),
            ("$tool = 'convert'; exec($tool)", {"convert"}),
            ("file_get_contents(__DIR__ . '/data.json')", {"/app/data.json"}),
        ],
    ),
    "rb": (
        "{}\n",
        [
            ("require_relative 'lib/a'", {"/app/lib/a.rb"}),
            ("load '/app/lib/a.rb'", {"/app/lib/a.rb"}),
            ("def f\n  x = system('convert', 'y')\nend", {"/usr/bin/convert"}),
            ("x = `convert a`.lines if y", {"/usr/bin/convert"}),
            ("spawn({'A' => 'b'}, 'date') unless x", {"/usr/bin/date"}),
            ("IO.popen(['id']) { |io| io.read }", {"/usr/bin/id"}),
            ("TOOL = 'convert'\ndef f\n  exec TOOL\nend", {"/usr/bin/convert"}),
            ("File.read(File.join(__dir__, 'data.json'))", {"/app/data.json"}),
        ],
    ),
    "pl": (
        "{};\n",
        [
            ("require './lib/a.pl'", {"/app/lib/a.pl"}),
            ("do './lib/a.pl' or die", {"/app/lib/a.pl"}),
            ("sub f { system('convert', 'x') == 0 or die }", {"/usr/bin/convert"}),
            ("if (open(my $f, '-|', 'convert', 'x')) { 1 }", {"/usr/bin/convert"}),
            ("my $out = `date`", {"/usr/bin/date"}),
            ("my $out = qx(date)", {"/usr/bin/date"}),
            ("my $tool = 'convert'; sub f { exec $tool }", {"/usr/bin/convert"}),
            ("open(F, '<', '/app/data.json') or die", {"/app/data.json"}),
        ],
    ),
    "py": (
        "{}\n",
        [
            ("import lib.a", {"/app/lib/a.py", "/app/lib/__init__.py"}),
            ("import subprocess\nsubprocess.run(['convert', 'x'])", {"/usr/bin/convert"}),
            ("import subprocess as s\ndef f():\n    return s.Popen(\n        ['convert']\n    )", {"/usr/bin/convert"}),
            ("import os\nif os.name:\n    os.system('date')", {"date"}),
            ("import os\nTOOL = 'convert'\ndef f():\n    os.execvp(TOOL, [TOOL])", {"/usr/bin/convert"}),
            ("def f():\n    with open('/app/data.json') as g: pass", {"/app/data.json"}),
        ],
    ),
}  # fmt: skip
TABLES = {
    "js": "T=[" + "[1,'a b',\"c\",/d/],\n" * 20_000 + "];\n",
    "php": "$t = [" + "[1, 'a b', \"c\"],\n" * 20_000 + "];\n",
    "rb": "T = [\n" + "[1, 'a b', \"c\", /d/],\n" * 20_000 + "]\n",
    "pl": "my @t = (\n" + "[1, 'a b', \"c\", qr/d/],\n" * 20_000 + ");\n",
    "py": "T = [\n" + "(1, 'a b', \"c\"),\n" * 60_000 + "]\n",
}
DEEP = {"js": ("{", "}"), "php": ("if(a){", ";}"), "rb": ("if a\n", "\nend\n"), "pl": ("if ($a) {\n", "\n}\n")}
BROKEN = {"js": ") } ; ", "php": ") ] ; ", "rb": ") ] ; ", "pl": ") ] ; "}
ROWS = [(suffix, form, source, wanted) for suffix, (form, rows) in CASES.items() for source, wanted in rows]


@pytest.mark.parametrize(("suffix", "form", "source", "wanted"), ROWS)
def test_behind_a_table_too_large_to_be_parsed(suffix: str, form: str, source: str, wanted: set[str]) -> None:
    assert wanted <= _read(suffix, form.replace("{}", source))[0]
    found, gaps = _read(suffix, form.replace("{}", TABLES[suffix] + source))
    assert wanted <= found
    assert gaps == set()


@pytest.mark.parametrize(("suffix", "form", "source", "wanted"), [row for row in ROWS if row[0] in BROKEN])
def test_beside_something_that_does_not_parse(suffix: str, form: str, source: str, wanted: set[str]) -> None:
    found, gaps = _read(suffix, form.replace("{}", BROKEN[suffix] + source))
    assert wanted <= found
    assert gaps == set()


@pytest.mark.parametrize(("suffix", "form", "source", "wanted"), [row for row in ROWS if row[0] in BROKEN])
def test_deeper_than_is_walked(suffix: str, form: str, source: str, wanted: set[str]) -> None:
    before, after = DEEP[suffix]
    deep = source if source.startswith("\n") else before * 60 + source + after * 60
    found, gaps = _read(suffix, form.replace("{}", deep), Limits(script_depth=30))
    assert wanted <= found
    assert gaps == set()


@pytest.mark.parametrize("suffix", sorted(BROKEN))
def test_where_the_parser_has_no_work_left_that_is_said(suffix: str) -> None:
    form, rows = CASES[suffix]
    source = form.replace("{}", "\n".join(f"{row[0]};" for row in rows))
    assert _read(suffix, source, Limits(syntax_total=1))[1] == {"too-large"}


BUNDLE = (
    "(()=>{var e={1:(e,t,n)=>{const r=n(2);(0,r.execSync)('convert x')},2:e=>{e.exports=require('child_process')}};"
    + "var q=function(e,t){return e/t>2?/a\"b/.test(e):`x${e?`y`:'z'}`};a.b=c;" * 20_000
    + "var s=__toESM(require('./lib/a'));function z(){return(0,s.fork)('./worker.js')}})();"
)


def test_a_bundle_in_one_line() -> None:
    found, gaps = _read("js", BUNDLE)
    assert found == {"/bin/sh", "convert x", "/app/lib/a.js", "/app/worker.js"}
    assert gaps == set()


def test_a_bundle_that_ends_in_a_text_is_said() -> None:
    found, gaps = _read("js", BUNDLE + "\nx='")
    assert "/app/lib/a.js" in found
    assert gaps == {"malformed"}


def test_texts_and_comments_of_a_bundle_ask_for_nothing() -> None:
    source = TABLES["js"] + "/* require('./lib/a') */ x = \"require('./lib/b')\"; // execSync('convert')\n"
    assert _read("js", source) == (set(), set())
    source = TABLES["php"] + "/* include 'lib/a.php'; */ $x = \"exec('convert')\"; # `date`\n"
    assert _read("php", f"<?php {source}") == (set(), set())


def test_lines_stay_where_they_were() -> None:
    path = image_path("/app/x.rb")
    data = ("x = 1\n" * 60_000 + "require_relative 'lib/a'\n").encode()
    subject = Subject(node=Node(path=path), path=path, file=None, tree=TREE, data=data)
    context = Context(original=TREE, config=ImageConfig(), env={}, path=(ImagePath("/usr/bin"),), cwd=ImagePath("/app"))
    assert [edge.line for edge in RubyReader().read(subject, context) if isinstance(edge, Edge)] == [60_001]
