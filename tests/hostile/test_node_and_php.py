"""Scripts of Node and PHP made to cost time, memory or the stack: each is read, or refused with a gap, in seconds."""

from __future__ import annotations

import json
import threading
import time

import pytest

from tests.patience import SLOW
from xraydiff.facts import Edge, ImageConfig, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Command, Context, Gap, Reader, Subject
from xraydiff.references.readers.node import NodeReader
from xraydiff.references.readers.php import PhpReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

SECONDS = 3.0
SIZE = Limits().syntax
"""Bytes of what is parsed at most; the parser takes up to 5 us for one of them where they nest."""
PREFIX = b"require;import\n"


def _tree() -> FileTree:
    builder = ImageBuilder().file("/bin/sh", b"\x7fELF", mode=0o755)
    for number in range(3_000):
        builder.file(f"/app/many/{number:05}.js", b"x").file(f"/app/many/{number:05}.php", b"x")
    targets = {f"./k{number}/*": f"./{number}/*.js" for number in range(20_000)}
    builder.file("/app/node_modules/wide/package.json", json.dumps({"exports": targets}))
    deep = '{"node":[' * 200 + '"./x.js"' + '],"default":null}' * 200
    builder.file("/app/node_modules/deep/package.json", f'{{"exports":{deep}}}').file("/app/node_modules/deep/x.js")
    builder.file(
        "/app/node_modules/deeper/package.json", '{"exports":' + '{"node":' * 200_000 + '"./x"' + "}" * 200_001
    )
    builder.file("/app/node_modules/broken/package.json", "{").file("/app/node_modules/broken/index.js")
    loop = {"main": "../loop", "exports": None}
    builder.file("/app/node_modules/loop/package.json", json.dumps(loop)).symlink("/app/node_modules/self", "self")
    entries = "".join(f"    'P{number}\\\\' => array($vendorDir . '/{number}'),\n" for number in range(20_000))
    builder.file("/app/vendor/composer/autoload_real.php", "").file(
        "/app/vendor/composer/autoload_psr4.php", f"<?php\nreturn array(\n{entries});\n"
    )
    return builder.tree()


TREE = _tree()


def _read(reader: Reader, data: bytes, name: str) -> list[Edge | Gap]:
    path = image_path(f"/app/{name}")
    subject = Subject(node=Node(path=path), path=path, file=None, tree=TREE, data=data)
    context = Context(original=TREE, config=ImageConfig(), env={}, path=(ImagePath("/bin"),), cwd=ImagePath("/app"))
    assert reader.accepts(subject)
    return [item for item in reader.read(subject, context) if not isinstance(item, Command)]


def _node(data: bytes) -> list[Edge | Gap]:
    return _timed(NodeReader(), data, "x.js")


def _php(data: bytes) -> list[Edge | Gap]:
    return _timed(PhpReader(), data, "x.php")


def _timed(reader: Reader, data: bytes, name: str) -> list[Edge | Gap]:
    start = time.process_time()
    items = _read(reader, data, name)
    assert time.process_time() - start < SECONDS * SLOW
    return items


def _reasons(items: list[Edge | Gap]) -> set[str]:
    return {item.reason for item in items if isinstance(item, Gap)}


JAVASCRIPT = [
    b"(", b"[", b"{", b"a(", b"`${", b"a=>", b"(a)=>", b"a?", b"a?b:", b"a+", b"a,", b"a.b", b"!", b"async ", b"<a>",
    b"if(a)", b"if(a){", b"else ", b"function a(){", b"class A{", b"({a:", b"(a,", b"[a,", b"async(", b"new ", b"new a(",
    b"import(", b"'a'+", b"a=", b"{a:", b"{a}", b"yield ", b"x:", b"`", b"/*", b"for(", b"a[", b"(a=", b"({a=", b"'", b'"',
    b"a()", b"a()()", b"require(", b"require('a');", b"(0,a)(", b"a.b(c).", b"const a=a+a;", b"a=[a,a];", b"\x00", b"\xff",
    b"path.join(", b"x=>{", b"try{", b"switch(a){case ", b"@a ", b"&a;", b"var a=", b"import a from", b"/'/{a:", b"<!--",
    b"*//\n", b"*/**/", b"import//\n", b"//\n",
]  # fmt: skip
PHP = [
    b"(", b"[", b"{", b"a(", b"$a->", b"$", b"fn()=>", b"function(){", b"$a?", b"$a.", b"'a'.", b'"$a', b'"{$', b"if(a)",
    b"if(a){", b"if(a):", b"class A{", b"new ", b"new class{", b"include ", b"`", b"<?php ", b"?>", b"?><?php ", b"<<<A\n",
    b"use a\\", b"namespace a{", b"array(", b"match(a){", b"try{", b"foreach(a as ", b"!", b"@", b"(int)", b"#", b"#[", b"/*",
    b"'", b"a::", b"$a=", b"${", b"$$", b"echo ", b"a()", b"a()()", b"$a()", b"$a=$a.$a;", b"require 'a';", b"{a:", b"\x00",
    b"\xff", b"$a[", b"new a\\b;", b"a::b()::", b"class//\n", b"}#\n", b"*/**/",
]  # fmt: skip


@pytest.mark.parametrize("piece", JAVASCRIPT, ids=repr)
def test_repeated_javascript(piece: bytes) -> None:
    _node(PREFIX + piece * ((SIZE - len(PREFIX)) // len(piece)))


@pytest.mark.parametrize("piece", PHP, ids=repr)
def test_repeated_php(piece: bytes) -> None:
    _php(b"<?php " + piece * ((SIZE - 6) // len(piece)))


def test_deep_nesting_does_not_overflow_the_stack_of_a_small_thread() -> None:
    found: list[list[Edge | Gap]] = []
    data = PREFIX + b"[" * 50_000 + b"require('broken')" + b"]" * 50_000
    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=lambda: found.append(_node(data)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found
    assert _reasons(found[0]) == set()
    assert found[0]


def test_fifty_megabytes_are_refused_quickly() -> None:
    items = _node(b"require('wide');" * 3_200_000)
    assert _reasons(items) == {"too-large"}
    assert _reasons(_php(b"<?php " + b"require 'a';" * 4_000_000)) == {"too-large"}


def test_very_many_different_imports_of_a_bundle() -> None:
    data = b"".join(b"require('m%07d');" % number for number in range(200_000))
    assert _reasons(_node(data)) == {"too-large", "too-many-references"}


COSTLY = {
    "one directory again and again": b"require('./many/'+x+'%d');",
    "every name a new pattern": b"require(`./many/${x}%d${y}.js`);",
    "packages that are not there": b"require('none%d/x');",
    "exports of a very wide package": b"require('wide/k%d/x');",
    "relative names": b"x('./none/%d');require;",
    "paths": b"require('path').join(__dirname,'many',x,'%d');",
    "a name with many meanings": b"v='./a%d';require(v+v+v+v);",
    "names that stand for each other": b"v%d=v1+v2+v3+v4;require(v%d);",
    "tables": b"t={a%d:'./a',b:t,c:'./c'};require(t[x]);",
    "views": b"res.render('view%d');",
    "commands": b"require('child_process').exec('ls %d');",
}


@pytest.mark.parametrize("piece", COSTLY.values(), ids=COSTLY)
def test_look_ups_are_bounded(piece: bytes) -> None:
    count = SIZE // (len(piece) + 8)
    data = b"\n".join(piece.replace(b"%d", b"%d" % number) for number in range(count))
    _node(data[:SIZE])


COSTLY_PHP = {
    "one directory again and again": b"require 'many/'.$x.'%d';",
    "classes of many prefixes": b"new P%d\\A\\B\\C\\D\\E\\F;",
    "long class names": b"new A%d\\" + b"a\\" * 60 + b"b;",
    "views": b"view('a.b.c%d');",
    "paths": b"$x=__DIR__.'/many/'.$y.'%d';",
    "includes above": b"require X.'none%d.php';",
    "a name with many meanings": b"$v='a%d';require $v.$v.$v.$v;",
    "tables": b"$t=['a%d'=>'a','b'=>$t['c']];require $t[$x];",
}


@pytest.mark.parametrize("piece", COSTLY_PHP.values(), ids=COSTLY_PHP)
def test_look_ups_of_php_are_bounded(piece: bytes) -> None:
    count = SIZE // (len(piece) + 8)
    data = b"<?php " + b"\n".join(piece.replace(b"%d", b"%d" % number) for number in range(count))
    _php(data[:SIZE])


def test_odd_packages() -> None:
    items = _node(
        b"require('deep');require('deeper');require('broken');require('loop');require('self');require('wide/k1/x');"
        b"require('../../../../../../..');require('" + b"a/" * 5_000 + b"');require('\\0');require('\\u{110000}')"
    )
    found = {item.target.path for item in items if isinstance(item, Edge)}
    assert found == {
        "/app/node_modules/deep/package.json", "/app/node_modules/deep/x.js",
        "/app/node_modules/broken/package.json", "/app/node_modules/broken/index.js",
    }  # fmt: skip


def test_bytes_that_are_no_text() -> None:
    for data in (b"\x00" * 1000, bytes(range(256)) * 50, b"\xef\xbb\xbfrequire('broken')", b"require('\xff\xfe')"):
        _node(PREFIX + data)
        _php(b"<?php " + data)
    assert not [item for item in _node(b"\xef\xbb\xbfrequire('broken')") if isinstance(item, Gap)]
