"""PHP programs: what they include, autoload, name and run, and when; php.ini and what it loads."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from xraydiff.facts import Edge, ImageConfig, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.php import PhpReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

CLASSMAP = """<?php
$vendorDir = dirname(__DIR__);
$baseDir = dirname($vendorDir);
return array(
    'Old\\\\Thing' => $vendorDir . '/acme/old/thing.class.php',
);
"""
PSR4 = """<?php
return array(
    'Acme\\\\Lib\\\\' => array($vendorDir . '/acme/lib/src', $vendorDir . '/acme/lib/more'),
    'Acme\\\\' => array($vendorDir . '/acme/all'),
    'App\\\\' => array($baseDir . '/src'),
);
"""
PSR0 = """<?php
return array(
    'Twig_' => array($vendorDir . '/twig/lib'),
);
"""
AUTOFILES = "<?php\nreturn array(\n    'a' => $vendorDir . '/acme/lib/functions.php',\n);\n"
FILES: Mapping[str, str] = {
    "/app/composer.json": "{}", "/app/index.php": "", "/app/a.php": "", "/app/noext": "", "/app/inc/b.php": "",
    "/app/inc/c.inc": "", "/app/wp-includes/load.php": "", "/app/data/x.json": "", "/app/data/y.json": "",
    "/app/public/style.css": "", "/app/lang/en.php": "", "/app/lang/it.php": "", "/app/lang/note.txt": "",
    "/app/templates/home.html.twig": "", "/app/resources/views/shop/cart.blade.php": "",
    "/app/resources/views/layouts/app.blade.php": "", "/app/deep/x/y/Z.php": "", "/app/config/app.php": "",
    "/usr/share/php/PEAR.php": "",
    "/app/src/Cart.php": "", "/app/src/Model/Item.php": "", "/app/src/Web/Page.php": "",
    "/app/vendor/autoload.php": "", "/app/vendor/composer/autoload_real.php": "",
    "/app/vendor/composer/autoload_classmap.php": CLASSMAP, "/app/vendor/composer/autoload_psr4.php": PSR4,
    "/app/vendor/composer/autoload_namespaces.php": PSR0, "/app/vendor/composer/autoload_files.php": AUTOFILES,
    "/app/vendor/acme/lib/src/Client.php": "", "/app/vendor/acme/lib/more/Extra.php": "",
    "/app/vendor/acme/all/Lib/Shared.php": "", "/app/vendor/acme/all/Other.php": "",
    "/app/vendor/acme/lib/functions.php": "", "/app/vendor/acme/old/thing.class.php": "",
    "/app/vendor/twig/lib/Twig/Loader.php": "",
    "/usr/share/zoneinfo/Europe/Rome": "TZif",
    "/etc/php/8.2/cli/php.ini": "", "/etc/php/8.2/cli/conf.d/20-xml.ini": "extension=xml.so",
    "/etc/php/8.2/fpm/php.ini": "", "/usr/lib/php/20220829/xml.so": "", "/usr/lib/php/20220829/opcache.so": "",
    "/opt/ext/own.so": "", "/etc/ssl/own.pem": "",
}  # fmt: skip
PROGRAM = b"\x7fELF" + b"\0".join(
    (
        b"",
        b"/etc/php/8.2/cli",
        b"/etc/php/8.2/cli/conf.d",
        b"/usr/share/zoneinfo/%s",
        b"/usr/share/zoneinfo",
        b"",
        b"x" * 70_000,
    )
)


def _tree(program: bytes = PROGRAM) -> FileTree:
    builder = ImageBuilder()
    for path, content in FILES.items():
        builder.file(path, content)
    for path in ("/bin/sh", "/usr/bin/date"):
        builder.file(path, b"\x7fELF", mode=0o755)
    return builder.file("/usr/bin/php8.2", program, mode=0o755).symlink("/usr/bin/php", "php8.2").tree()


TREE = _tree()


def _context(**changes: object) -> Context:
    values: dict[str, object] = {
        "original": TREE,
        "config": ImageConfig(),
        "env": {},
        "path": (ImagePath("/usr/bin"), ImagePath("/bin")),
        "cwd": ImagePath("/"),
        **changes,
    }
    return Context(**values)  # type: ignore[arg-type]  # test shorthand


def _read(subject: Subject, **changes: object) -> list[Edge | Gap]:
    assert PhpReader().accepts(subject)
    return [item for item in PhpReader().read(subject, _context(**changes)) if not isinstance(item, Command)]


def _items(
    source: str | bytes, *, path: str = "/app/index.php", language: str = "", **changes: object
) -> list[Edge | Gap]:
    data = source if isinstance(source, bytes) else source.encode()
    node = Node(path=path, language=language)
    return _read(Subject(node=node, path=image_path(path), file=None, tree=TREE, data=data), **changes)


def _php(source: str, **changes: object) -> list[Edge | Gap]:
    return _items(f"<?php {source}", **changes)  # type: ignore[arg-type]  # test shorthand


def _seen(items: list[Edge | Gap], *kinds: str) -> dict[str, str]:
    return {
        edge.target.text or edge.target.path: edge.firing.value
        for edge in items
        if isinstance(edge, Edge) and (not kinds or edge.kind.value in kinds)
    }


def _gaps(items: list[Edge | Gap]) -> set[str]:
    return {item.reason for item in items if isinstance(item, Gap)}


LOAD, GUARDED, DEFERRED, NAMED = "load", "guarded", "deferred", "named"

INCLUDES = [
    ("require 'a.php';", "/app/a.php"),
    ("include('a.php');", "/app/a.php"),
    ("require_once __DIR__ . '/inc/b.php';", "/app/inc/b.php"),
    ('include_once "inc/c.inc";', "/app/inc/c.inc"),
    ("require './a.php';", "/app/a.php"),
    ("require dirname(__FILE__) . '/a.php';", "/app/a.php"),
    ("require __DIR__ . '/inc/../a.php';", "/app/a.php"),
    ("require 'noext';", "/app/noext"),
    ("require 'PEAR.php';", "/usr/share/php/PEAR.php"),
    ("require '/app/a.php';", "/app/a.php"),
    ("require 'nowhere.php';", None),
    ("define('ROOT', __DIR__); require ROOT . '/a.php';", "/app/a.php"),
    ("const ROOT = __DIR__; require ROOT . '/a.php';", "/app/a.php"),
    ("$base = __DIR__; require \"$base/a.php\";", "/app/a.php"),
    ("$base = __DIR__; require \"{$base}/inc/b.php\";", "/app/inc/b.php"),
    ("require sprintf('%s/inc/%s.php', __DIR__, 'b');", "/app/inc/b.php"),
    ("require implode(DIRECTORY_SEPARATOR, [__DIR__, 'inc', 'b.php']);", "/app/inc/b.php"),
    ("class A { const P = __DIR__ . '/a.php'; } require A::P;", "/app/a.php"),
    ("$t = ['x' => 'a.php', 'y' => 'inc/b.php']; require $t['x'];", "/app/a.php"),
    ("require $_SERVER['DOCUMENT_ROOT'] . '/a.php';", "/app/a.php"),
    ("require base_path('config/app.php');", "/app/config/app.php"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), INCLUDES, ids=[source for source, _ in INCLUDES])
def test_includes(source: str, expected: str | None) -> None:
    assert _seen(_php(source), "sources") == ({expected: LOAD} if expected else {})


FIRINGS = [
    ("if ($x) { require 'a.php'; }", GUARDED),
    ("if ($x): require 'a.php'; endif;", GUARDED),
    ("if ($x) {} else { require 'a.php'; }", GUARDED),
    ("if ($x) {} elseif ($y) { require 'a.php'; }", GUARDED),
    ("if (require 'a.php') {}", LOAD),
    ("try { require 'a.php'; } catch (E $e) {}", GUARDED),
    ("try {} catch (E $e) { require 'a.php'; }", GUARDED),
    ("try {} finally { require 'a.php'; }", LOAD),
    ("$x && require 'a.php';", GUARDED),
    ("$x or require 'a.php';", GUARDED),
    ("$x ?? require 'a.php';", GUARDED),
    ("$x ? include 'a.php' : 1;", GUARDED),
    ("switch ($x) { case 1: require 'a.php'; }", GUARDED),
    ("match ($x) { 1 => require 'a.php' };", GUARDED),
    ("foreach ($x as $y) { require 'a.php'; }", GUARDED),
    ("while ($x) require 'a.php';", GUARDED),
    ("function f() { require 'a.php'; }", DEFERRED),
    ("class A { function f() { require 'a.php'; } }", DEFERRED),
    ("$f = function () { require 'a.php'; };", DEFERRED),
    ("$f = fn() => require 'a.php';", DEFERRED),
    ("(function () { require 'a.php'; })();", LOAD),
    ("$x = require 'a.php';", LOAD),
]


@pytest.mark.parametrize(("source", "firing"), FIRINGS, ids=[source for source, _ in FIRINGS])
def test_when_a_file_is_included(source: str, firing: str) -> None:
    assert _seen(_php(source), "sources") == {"/app/a.php": firing}


LANGUAGES = {"/app/lang/en.php": NAMED, "/app/lang/it.php": NAMED}
COMPUTED = [
    ('require "lang/$code.php";', LANGUAGES),
    ("require __DIR__ . '/lang/' . $code . '.php';", LANGUAGES),
    ("require __DIR__ . \"/lang/{$a['code']}.php\";", LANGUAGES),
    ("foreach (glob(__DIR__ . '/lang/*.php') as $f) { require $f; }", LANGUAGES),
    ("foreach (['en', 'it'] as $l) { require \"lang/$l.php\"; }", dict.fromkeys(LANGUAGES, GUARDED)),
    ("$t = ['x' => 'a.php', 'y' => 'inc/b.php']; require $t[$k];", {"/app/a.php": LOAD, "/app/inc/b.php": LOAD}),
    ("spl_autoload_register(function ($c) { require __DIR__ . '/deep/' . str_replace('\\\\', '/', $c) . '.php'; });",
     {"/app/deep/x/y/Z.php": NAMED}),
    ("require ABSPATH . 'wp-includes/load.php';", {"/app/wp-includes/load.php": GUARDED}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), COMPUTED, ids=[source for source, _ in COMPUTED])
def test_computed_names(source: str, expected: dict[str, str]) -> None:
    items = _php(source)
    assert _seen(items, "sources", "contains") == expected
    assert not _gaps(items)


@pytest.mark.parametrize(
    "source", ["require $x;", "require __DIR__ . '/' . $x;", "require f();", "include $x . '/' . $y;"]
)
def test_a_name_that_tells_nothing_is_a_gap(source: str) -> None:
    items = _php(source)
    assert _seen(items) == {}
    assert _gaps(items) == {"computed-name"}


CART, ITEM, CLIENT = "/app/src/Cart.php", "/app/src/Model/Item.php", "/app/vendor/acme/lib/src/Client.php"
CLASSES = [
    ("new App\\Cart();", {CART: LOAD}),
    ("new \\App\\Cart;", {CART: LOAD}),
    ("namespace App; new Cart;", {CART: LOAD}),
    ("namespace App\\Web; new \\App\\Cart; new namespace\\Page;", {CART: LOAD, "/app/src/Web/Page.php": LOAD}),
    ("use App\\Cart;", {CART: NAMED}),
    ("use App\\{Cart, Model\\Item as I}; function f() { new I; }", {CART: NAMED, ITEM: DEFERRED}),
    ("use App\\Cart as C; C::make();", {CART: LOAD}),
    ("class A extends App\\Cart implements App\\Model\\Item {}", {CART: LOAD, ITEM: LOAD}),
    ("class A { use \\App\\Cart; }", {CART: LOAD}),
    ("class A { function f(\\App\\Cart $x): \\App\\Model\\Item {} }", {CART: NAMED, ITEM: NAMED}),
    ("$x = App\\Cart::class;", {CART: NAMED}),
    ("$x = App\\Cart::LIMIT;", {CART: LOAD}),
    ("$x = 'App\\\\Cart';", {CART: NAMED}),
    ("new Acme\\Lib\\Client; new Acme\\Lib\\Extra;", {CLIENT: LOAD, "/app/vendor/acme/lib/more/Extra.php": LOAD}),
    ("new Acme\\Lib\\Shared; new Acme\\Other;",
     {"/app/vendor/acme/all/Lib/Shared.php": LOAD, "/app/vendor/acme/all/Other.php": LOAD}),
    ("new old\\thing;", {"/app/vendor/acme/old/thing.class.php": LOAD}),
    ("new Twig_Loader;", {"/app/vendor/twig/lib/Twig/Loader.php": LOAD}),
    ("new Nobody\\Knows; new self; new DateTime;", {}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), CLASSES, ids=[source for source, _ in CLASSES])
def test_classes_by_the_maps_of_composer(source: str, expected: dict[str, str]) -> None:
    assert _seen(_php(source), "imports") == expected


def test_files_that_composer_includes_at_once() -> None:
    items = _php("class X {}", path="/app/vendor/composer/autoload_real.php")
    assert _seen(items) == {"/app/vendor/acme/lib/functions.php": LOAD}
    assert _items(CLASSMAP, path="/app/vendor/composer/autoload_classmap.php") == []


NAMES = [
    ("file_get_contents(__DIR__ . '/data/x.json');", {"/app/data/x.json": LOAD}),
    ("function f() { return fopen('data/x.json', 'r'); }", {"/app/data/x.json": DEFERRED}),
    ("readfile(\"data/$x.json\");", {"/app/data/x.json": NAMED, "/app/data/y.json": NAMED}),
    ("file_exists(__DIR__ . '/data/x.json');", {"/app/data/x.json": NAMED}),
    ("file_get_contents('https://x/a.php');", {}),
    ("scandir(__DIR__ . '/data');", {"/app/data": NAMED}),
    ("$x = __DIR__ . '/public';", {"/app/public": NAMED}),
    ("$x = 'data/x.json';", {"/app/data/x.json": NAMED}),
    ("$x = dirname(__DIR__); $y = __DIR__ . '/..';", {}),
    ("$twig->render('home.html.twig', []);", {"/app/templates/home.html.twig": LOAD}),
    ("function f() { return view('shop.cart'); }", {"/app/resources/views/shop/cart.blade.php": DEFERRED}),
    ("date_default_timezone_set('Europe/Rome');", {"/usr/share/zoneinfo/Europe/Rome": LOAD}),
    ("new DateTimeZone('Europe/Rome');", {"/usr/share/zoneinfo/Europe/Rome": LOAD}),
    ("new DateTimeZone('Europe/Nowhere');", {}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), NAMES, ids=[source for source, _ in NAMES])
def test_files_folders_views_and_zones(source: str, expected: dict[str, str]) -> None:
    assert _seen(_php(source), "names") == expected


def test_a_php_with_zones_of_its_own_asks_for_no_zone_file() -> None:
    tree = _tree(b"\x7fELF" + b"x" * 70_000)
    assert _seen(_php("new DateTimeZone('Europe/Rome');", original=tree)) == {}


PROGRAMS = [
    ("shell_exec('date +%Y');", {"/bin/sh": LOAD, "date +%Y": LOAD}),
    ('function f() { \\exec("date $x", $o); }', {"/bin/sh": DEFERRED, 'date "$UNKNOWN"': DEFERRED}),
    ("$x = `date $y`;", {"/bin/sh": LOAD, 'date "$UNKNOWN"': LOAD}),
    ("popen('date', 'r'); system($x);", {"/bin/sh": LOAD, "date": LOAD}),
    ("pcntl_exec('/usr/bin/date');", {"/usr/bin/date": LOAD}),
    ("pcntl_exec('/bin/sh', ['-c', 'date']);", {"/bin/sh": LOAD, "date": LOAD}),
    ("$words = ['/bin/sh', '-c', 'date', $x]; proc_open($words, [], $pipes);", {"/bin/sh": LOAD, "date": LOAD}),
]


@pytest.mark.parametrize(("source", "expected"), PROGRAMS, ids=[source for source, _ in PROGRAMS])
def test_programs(source: str, expected: dict[str, str]) -> None:
    found = _seen(_php(source), "executes", "contains")
    assert {text.strip("`"): firing for text, firing in found.items()} == expected


def test_blade_templates() -> None:
    items = _items(
        "<p>\n@extends('layouts.app')\n@include('shop.nowhere')", path="/app/resources/views/shop/cart.blade.php"
    )
    assert [(e.target.path, e.line) for e in items if isinstance(e, Edge)] == [
        ("/app/resources/views/layouts/app.blade.php", 2)
    ]


SETTINGS = [
    ("extension=xml.so", {"/usr/lib/php/20220829/xml.so": LOAD}),
    ("; comment\nextension = xml\n;extension=opcache", {"/usr/lib/php/20220829/xml.so": LOAD}),
    ('zend_extension="opcache.so" ; fast', {"/usr/lib/php/20220829/opcache.so": LOAD}),
    ("extension=/opt/ext/own.so", {"/opt/ext/own.so": LOAD}),
    ("extension_dir = /opt/ext\nextension=own", {"/opt/ext/own.so": LOAD}),
    ("openssl.cafile=/etc/ssl/own.pem\ndate.timezone = Europe/Rome",
     {"/etc/ssl/own.pem": NAMED, "/usr/share/zoneinfo/Europe/Rome": NAMED}),
    ("include_path=.:/usr/share/php", {"/usr/share/php": NAMED}),
    ("extension=nowhere.so\nmemory_limit=1", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SETTINGS, ids=[text for text, _ in SETTINGS])
def test_settings(text: str, expected: dict[str, str]) -> None:
    assert _seen(_items(text, path="/etc/php/8.2/cli/php.ini")) == expected


def test_a_program_reads_the_settings_that_are_compiled_into_it() -> None:
    settings = {"/etc/php/8.2/cli/php.ini": LOAD, "/etc/php/8.2/cli/conf.d/20-xml.ini": LOAD}
    assert _seen(_items(PROGRAM, path="/usr/bin/php8.2")) == settings
    config = ImageConfig(cmd=("php", "index.php"))
    node = Node(kind=NodeKind.CONFIG, path="original")
    subject = Subject(node=node, path=ImagePath("/"), file=None, tree=TREE, data=b"", config=config)
    assert _seen(_read(subject)) == settings
    env = {"PHPRC": "/etc/php/8.2/fpm", "PHP_INI_SCAN_DIR": "/nowhere"}
    assert _seen(_read(subject, env=env)) == {"/etc/php/8.2/fpm/php.ini": LOAD}


def test_inline_code_has_no_tag() -> None:
    node = Node(kind=NodeKind.SCRIPT, path="original", language="php", text="require 'app/a.php';")
    subject = Subject(node=node, path=ImagePath("/"), file=None, tree=TREE, data=node.text.encode())
    assert _seen(_read(subject)) == {"/app/a.php": LOAD}


@pytest.mark.parametrize(
    ("path", "data", "language", "expected"),
    [
        ("/app/x.php", b"", "", True), ("/app/x.phtml", b"", "", True), ("/app/console", b"#!/usr/bin/env php", "", True),
        ("/app/x", b"<?php", "", True), ("/app/x", b"", "php", True), ("/app/x.py", b"", "", False),
        ("/etc/php/8.2/cli/php.ini", b"a=1", "", True), ("/usr/local/etc/php/conf.d/x.ini", b"a=1", "", True),
        ("/etc/other.ini", b"a=1", "", False), ("/usr/sbin/php-fpm8.2", b"\x7fELF", "", True),
        ("/usr/bin/other", b"\x7fELF", "", False), ("/app/x.php", b"", "shell", False),
    ],
)  # fmt: skip
def test_accepts(path: str, data: bytes, language: str, expected: bool) -> None:
    node = Node(path=path, language=language)
    subject = Subject(node=node, path=ImagePath(path), file=None, tree=TREE, data=data)
    assert PhpReader().accepts(subject) is expected


def test_lines_and_details() -> None:
    (edge,) = (item for item in _items("<p>\n<?php\n\nrequire __DIR__ . '/a.php';\n") if isinstance(item, Edge))
    assert (edge.line, edge.detail, edge.by) == (4, "__DIR__ . '/a.php'", "php")


def test_limits_and_broken_texts() -> None:
    broken = _php("require 'a.php'; ) } {")
    assert (_gaps(broken), set(_seen(broken))) == (set(), {"/app/a.php"})
    assert _gaps(_php("require 'a.php'; ) } { 'x")) == {"malformed"}
    deep = _php("$x = " + "f(" * 50 + "include 'a.php'" + ")" * 50 + ";", limits=Limits(script_depth=20))
    assert (_gaps(deep), set(_seen(deep))) == (set(), {"/app/a.php"})
    many = "".join(f"require 'a{one}.php';" for one in range(99))
    assert "too-large" in _gaps(_php(many, limits=Limits(script_steps=50)))
    assert _gaps(_php("/*" + "x" * 300_000 + "*/")) == set()
    assert _gaps(_php("require 'a.php';", limits=Limits(script_scan=10))) == {"too-large"}
    assert _items("plain text without a tag") == []
