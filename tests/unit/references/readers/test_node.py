"""Node programs: what they load, name and run, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from xraydiff.facts import ConfigField, Edge, Firing, ImageConfig, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.readers.node import NodeReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

FILES: Mapping[str, object] = {
    "/app/package.json": {
        "name": "shop",
        "dependencies": {"plain": "1", "gone": "1"},
        "optionalDependencies": {"modern": "1"},
        "imports": {"#db": "./db.js", "#lib/*": "./lib/*.js", "#dep": "plain"},
        "exports": {"./own": "./lib/a.js"},
        "scripts": {"prestart": "node before.js", "start": "next start -p 1", "build": "tsc"},
    },
    "/app/server.js": "", "/app/db.js": "", "/app/esm.mjs": "", "/app/data.json": {}, "/app/addon.node": "\x7fELF",
    "/app/noext": "", "/app/lib/a.js": "", "/app/lib/b.js": "", "/app/lib/index.js": "", "/app/lib/c.cjs": "",
    "/app/folder/package.json": {"main": "./src/start"}, "/app/folder/src/start.js": "",
    "/app/odd/package.json": {"main": "missing"}, "/app/odd/index.json": {},
    "/app/routes/users.js": "", "/app/routes/orders.js": "", "/app/routes/readme.md": "",
    "/app/plugins/one/index.js": "", "/app/plugins/two.js": "",
    "/app/lang/en.json": {}, "/app/lang/it.json": {}, "/app/lang/de.txt": "",
    "/app/views/home.pug": "", "/app/views/mail/hi.pug": "", "/app/public/app.css": "", "/app/templates/a.html": "",
    "/app/worker.js": "", "/app/notes.txt": "", "/app/ts/x.ts": "",
    "/app/node_modules/plain/package.json": {"version": "1"}, "/app/node_modules/plain/index.js": "",
    "/app/node_modules/plain/sub/x.js": "", "/app/node_modules/pug/package.json": {"main": "lib/index.js"},
    "/app/node_modules/pug/lib/index.js": "",
    "/app/node_modules/modern/package.json": {
        "name": "modern",
        "exports": {
            ".": {"import": "./i.mjs", "require": "./r.cjs", "default": "./d.js"},
            "./f/*": "./features/*.js", "./f/internal/*": None,
            "./list": [{"browser": "./no.js"}, "./i.mjs"], "./deep": {"node": {"default": "./d.js"}}, "./old/": "./features/",
        },
    },
    "/app/node_modules/modern/i.mjs": "", "/app/node_modules/modern/r.cjs": "", "/app/node_modules/modern/d.js": "",
    "/app/node_modules/modern/features/a.js": "", "/app/node_modules/modern/features/internal/z.js": "",
    "/app/node_modules/sugar/package.json": {"exports": "./main.js"}, "/app/node_modules/sugar/main.js": "",
    "/app/node_modules/sync/package.json": {"exports": {"module-sync": "./s.mjs", "require": "./r.cjs"}},
    "/app/node_modules/sync/s.mjs": "", "/app/node_modules/sync/r.cjs": "",
    "/app/node_modules/esmold/package.json": {"main": "lib"}, "/app/node_modules/esmold/lib/index.js": "",
    "/app/node_modules/@img/sharp-linux-x64/sharp.node": "", "/app/node_modules/@img/other/sharp.node": "",
    "/app/node_modules/native/package.json": {"main": "x.js", "binary": {"module_path": "./lib/binding/{node_abi}-x/"}},
    "/app/node_modules/native/x.js": "", "/app/node_modules/native/build/Release/native.node": "",
    "/app/node_modules/native/prebuilds/linux-x64/node.napi.node": "",
    "/app/node_modules/native/prebuilds/win32-x64/node.napi.node": "",
    "/app/node_modules/native/lib/binding/v9-x/bound.node": "",
    "/node_modules/above/index.js": "", "/opt/shared/onpath/index.js": "", "/usr/share/nodejs/debian/index.js": "",
    "/app/package-lock.json": {}, "/srv/server.js": "",
}  # fmt: skip


def _tree() -> FileTree:
    builder = ImageBuilder()
    for path, content in FILES.items():
        builder.file(path, content if isinstance(content, str) else json.dumps(content))
    for path in ("/bin/sh", "/usr/bin/node", "/usr/bin/npm", "/usr/bin/git", "/usr/bin/env"):
        builder.file(path, b"\x7fELF", mode=0o755)
    builder.symlink("/app/linked", "/opt/real").file("/opt/real/index.js", "").file("/opt/real/near.js", "")
    return builder.tree()


TREE = _tree()


def _context(**changes: object) -> Context:
    values: dict[str, object] = {
        "original": TREE,
        "config": ImageConfig(),
        "env": {"NODE_PATH": "/opt/shared:relative"},
        "path": (ImagePath("/usr/bin"), ImagePath("/bin")),
        "cwd": ImagePath("/app"),
        **changes,
    }
    return Context(**values)  # type: ignore[arg-type]  # test shorthand


def _read(subject: Subject, **changes: object) -> list[Edge | Gap]:
    assert NodeReader().accepts(subject)
    return [item for item in NodeReader().read(subject, _context(**changes)) if not isinstance(item, Command)]


def _items(source: str, *, path: str = "/app/server.js", language: str = "", **changes: object) -> list[Edge | Gap]:
    node = Node(path=path, language=language)
    subject = Subject(node=node, path=image_path(path), file=None, tree=TREE, data=source.encode())
    return _read(subject, **changes)


def _seen(items: list[Edge | Gap], *kinds: str) -> dict[str, str]:
    """Targets with their firing, package.json files left out."""
    return {
        edge.target.text or edge.target.path: edge.firing.value
        for edge in items
        if isinstance(edge, Edge)
        and not edge.target.path.endswith("/package.json")
        and (not kinds or edge.kind.value in kinds)
    }


def _gaps(items: list[Edge | Gap]) -> set[str]:
    return {item.reason for item in items if isinstance(item, Gap)}


LOAD, GUARDED, DEFERRED, NAMED = "load", "guarded", "deferred", "named"

RESOLUTION = [
    ("require('fs'); require('node:test'); require('path/posix'); import('node:fs/promises')", {}),
    ("require('./db')", "/app/db.js"),
    ("require('./db.js')", "/app/db.js"),
    ("require('/app/db')", "/app/db.js"),
    ("require('./data')", "/app/data.json"),
    ("require('./addon')", "/app/addon.node"),
    ("require('./noext')", "/app/noext"),
    ("require('./lib')", "/app/lib/index.js"),
    ("require('./lib/')", "/app/lib/index.js"),
    ("require('./lib/../db')", "/app/db.js"),
    ("require('./lib/c')", {}),
    ("require('./folder')", "/app/folder/src/start.js"),
    ("require('./odd')", "/app/odd/index.json"),
    ("require('./linked')", "/app/linked/index.js"),
    ("require('plain')", "/app/node_modules/plain/index.js"),
    ("require('plain/sub/x')", "/app/node_modules/plain/sub/x.js"),
    ("require('pug')", "/app/node_modules/pug/lib/index.js"),
    ("require('above')", "/node_modules/above/index.js"),
    ("require('onpath')", "/opt/shared/onpath/index.js"),
    ("require('debian')", "/usr/share/nodejs/debian/index.js"),
    ("import 'onpath'", {}),
    ("require('nowhere')", {}),
    ("require('modern')", "/app/node_modules/modern/r.cjs"),
    ("import x from 'modern'", "/app/node_modules/modern/i.mjs"),
    ("export * from 'modern'", "/app/node_modules/modern/i.mjs"),
    ("require('modern/f/a')", "/app/node_modules/modern/features/a.js"),
    ("require('modern/f/internal/z')", {}),
    ("require('modern/d.js')", {}),
    ("require('modern/list')", "/app/node_modules/modern/i.mjs"),
    ("require('modern/deep')", "/app/node_modules/modern/d.js"),
    ("require('modern/old/a.js')", "/app/node_modules/modern/features/a.js"),
    ("require('sugar')", "/app/node_modules/sugar/main.js"),
    ("require('sync')", {"/app/node_modules/sync/r.cjs": LOAD, "/app/node_modules/sync/s.mjs": LOAD}),
    ("import 'esmold'", "/app/node_modules/esmold/lib/index.js"),
    ("import './db.js?v=1'", "/app/db.js"),
    ("import 'file:///app/db.js'", "/app/db.js"),
    ("import './ts/x.js'", "/app/ts/x.ts"),
    ("require('#db')", "/app/db.js"),
    ("require('#lib/b')", "/app/lib/b.js"),
    ("require('#dep')", "/app/node_modules/plain/index.js"),
    ("require('shop/own')", "/app/lib/a.js"),
    ("require.resolve('./db')", "/app/db.js"),
    ("module.require('./db')", "/app/db.js"),
    ("require(`./db`)", "/app/db.js"),
    ("require('./d' + 'b')", "/app/db.js"),
    ("require(require.resolve('plain/sub/x'))", "/app/node_modules/plain/sub/x.js"),
    ("import { createRequire as c } from 'module'; const r = c(import.meta.url); r('./db')", "/app/db.js"),
    ("const r = require('module').createRequire('/app/lib/x.js'); r('./a')", "/app/lib/a.js"),
    ("require(process.cwd() + '/db')", "/app/db.js"),
    ("const p = require('path'); require(p.join(__dirname, 'lib', 'a'))", "/app/lib/a.js"),
    ("const {resolve: to} = require('node:path'); require(to('lib/a'))", "/app/lib/a.js"),
    ("import * as p from 'path'; require(p.dirname('/app/lib/a.js') + '/b')", "/app/lib/b.js"),
    (
        "const path_1 = __importDefault(require('path')); require((0, path_1.default.join)(__dirname, 'db'))",
        "/app/db.js",
    ),
]


@pytest.mark.parametrize(("source", "expected"), RESOLUTION, ids=[source for source, _ in RESOLUTION])
def test_modules_are_found_as_node_finds_them(source: str, expected: str | dict[str, str]) -> None:
    found = _seen(_items(source, path="/app/esm.js"), "imports")
    assert found == ({expected: LOAD} if isinstance(expected, str) else expected)


FIRINGS = [
    ("require('./db')", LOAD),
    ("if (x) require('./db')", GUARDED),
    ("if (x) {} else { require('./db') }", GUARDED),
    ("if (require('./db')) {}", LOAD),
    ("try { require('./db') } catch {}", GUARDED),
    ("try {} catch { require('./db') }", GUARDED),
    ("try {} finally { require('./db') }", LOAD),
    ("x && require('./db')", GUARDED),
    ("require('./db') || x", LOAD),
    ("x ??= require('./db')", GUARDED),
    ("x ? require('./db') : 1", GUARDED),
    ("switch (x) { case 1: require('./db') }", GUARDED),
    ("for (const a of b) require('./db')", GUARDED),
    ("function f() { require('./db') }", DEFERRED),
    ("const f = () => require('./db')", DEFERRED),
    ("const f = async () => { await import('./db.js') }", DEFERRED),
    ("await import('./db.js')", LOAD),
    ("class A { m() { require('./db') } }", DEFERRED),
    ("class A { x = require('./db') }", DEFERRED),
    ("class A { static x = require('./db') }", LOAD),
    ("class A { static { require('./db') } }", LOAD),
    ("(function () { require('./db') })()", LOAD),
    ("(() => { require('./db') })()", LOAD),
    ("!function () { require('./db') }()", LOAD),
    ("(async () => { require('./db') })()", LOAD),
    ("(function () { require('./db') }).call(this)", LOAD),
    ("(function (f) { f() })(function () { require('./db') })", GUARDED),
    ("[1].forEach(() => require('./db'))", GUARDED),
    ("app.get('/', () => require('./db'))", DEFERRED),
    ("Promise.resolve().then(() => require('./db'))", DEFERRED),
    ("function f() { if (x) require('./db') }", DEFERRED),
    ("function f(a = require('./db')) {}", DEFERRED),
]


@pytest.mark.parametrize(("source", "firing"), FIRINGS, ids=[source for source, _ in FIRINGS])
def test_when_a_module_is_loaded(source: str, firing: str) -> None:
    assert _seen(_items(source), "imports") == {"/app/db.js": firing}


ROUTES = {"/app/routes/orders.js": NAMED, "/app/routes/users.js": NAMED}
LANGUAGES = {"/app/lang/en.json": NAMED, "/app/lang/it.json": NAMED}
COMPUTED = [
    ("require('./routes/' + x)", ROUTES),
    ("require(`./routes/${x}`)", ROUTES),
    ("require(`./routes/${x}.js`)", ROUTES),
    ("require('./routes/u' + x)", {"/app/routes/users.js": NAMED}),
    ("require('./plugins/' + x)", {"/app/plugins/one/index.js": NAMED, "/app/plugins/two.js": NAMED}),
    ("require(`./lang/${x}.json`)", LANGUAGES),
    ("require(require('path').join(__dirname, 'routes', f))", ROUTES),
    ("const fs = require('fs'); fs.readdirSync(__dirname + '/routes').forEach(f => require('./routes/' + f))", ROUTES),
    ("for (const n of ['users', 'orders']) require('./routes/' + n)", dict.fromkeys(ROUTES, GUARDED)),
    ("['users', 'orders'].map(function (n) { return require('./routes/' + n) })", dict.fromkeys(ROUTES, GUARDED)),
    ("const t = {a: './routes/users', b: './db'}; module.exports = (n) => require(t[n])",
     {"/app/routes/users.js": DEFERRED, "/app/db.js": DEFERRED}),
    ("const t = {a: './routes/users', b: './db'}; require(t.b)", {"/app/db.js": LOAD}),
    ("require(x ? './db' : './routes/users')", {"/app/db.js": LOAD, "/app/routes/users.js": LOAD}),
    ("require(process.env.DRIVER || './db')", {"/app/db.js": LOAD}),
    ("const g = require('glob'); g.sync('./routes/**/*.js').forEach(f => require(require('path').resolve(f)))", ROUTES),
    ("require('@img/sharp-' + x + '/sharp.node')", {"/app/node_modules/@img/sharp-linux-x64/sharp.node": NAMED}),
    ("require('plain/sub/' + x)", {"/app/node_modules/plain/sub/x.js": NAMED}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), COMPUTED, ids=[source for source, _ in COMPUTED])
def test_computed_names(source: str, expected: dict[str, str]) -> None:
    items = _items(source)
    assert _seen(items, "imports", "contains") == expected
    assert not _gaps(items)


@pytest.mark.parametrize("source", ["require(x)", "require('./' + x)", "import(f())", "require(`${x}/y`)"])
def test_a_name_that_tells_nothing_is_a_gap(source: str) -> None:
    items = _items(source)
    assert _seen(items) == {}
    assert _gaps(items) == {"computed-name"}


FILES_NAMED = [
    ("require('fs').readFileSync('./notes.txt')", {"/app/notes.txt": LOAD}),
    ("import {readFile} from 'fs/promises'; const f = () => readFile('notes.txt')", {"/app/notes.txt": DEFERRED}),
    ("require('fs').existsSync(__dirname + '/notes.txt')", {"/app/notes.txt": NAMED}),
    ("require('fs').readFileSync(new URL('./notes.txt', import.meta.url))", {"/app/notes.txt": LOAD}),
    ("import {fileURLToPath} from 'url'; import {dirname} from 'path'; const __dirname = dirname(fileURLToPath("
     "import.meta.url)); require('fs').readFileSync(__dirname + '/notes.txt')", {"/app/notes.txt": LOAD}),
    ("x(require('path').join(__dirname, 'public'))", {"/app/public": NAMED}),
    ("x(__dirname + '/public/' + name)", {"/app/public/app.css": NAMED}),
    ("const e = require('express'); e.static('public')", {"/app/public": NAMED}),
    ("require('serve-static')('public')", {"/app/public": NAMED}),
    ("app.register(require('@fastify/static'), {root: require('path').join(__dirname, 'public')})", {"/app/public": NAMED}),
    ("nunjucks.configure('templates', {root: 'templates'}); require('x')", {"/app/templates": NAMED}),
    ("sendFile('public/app.css'); require('x')", {"/app/public/app.css": NAMED}),
    ("x('../app/notes.txt'); require('x')", {"/app/notes.txt": NAMED}),
    ("x('public', 'lib'); require('x')", {}),
    ("x(__dirname, require('path').join(__dirname, '..'))", {}),
    ("app.set('views', './views'); require('x')", {"/app/views": NAMED}),
    ("const f = (req, res) => res.render('home')", {"/app/views/home.pug": DEFERRED}),
    ("const f = (req, res) => res.render('mail/hi.pug')", {"/app/views/mail/hi.pug": DEFERRED}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), FILES_NAMED, ids=[source for source, _ in FILES_NAMED])
def test_files_and_folders(source: str, expected: dict[str, str]) -> None:
    assert _seen(_items(source), "names") == expected


def test_a_view_engine_is_a_module_and_brings_the_folder_of_views() -> None:
    found = _seen(_items("const app = require('express')(); app.set('view engine', 'pug')"))
    assert found == {"/app/node_modules/pug/lib/index.js": DEFERRED, "/app/views": NAMED}


ADDONS = [
    ("require('bindings')('native')", "/app/node_modules/native/build/Release/native.node"),
    ("require('node-gyp-build')(__dirname + '/nothing/..')", "/app/node_modules/native/prebuilds/linux-x64/node.napi.node"),
    ("const p = require('@mapbox/node-pre-gyp'); p.find(require('path').join(__dirname, 'package.json'))",
     "/app/node_modules/native/lib/binding/v9-x/bound.node"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "addon"), ADDONS)
def test_addons_where_build_tools_put_them(source: str, addon: str) -> None:
    found = _seen(_items(source, path="/app/node_modules/native/x.js"), "loads")
    assert found.pop(addon) == LOAD
    assert not any("win32" in path for path in found)


SHELL = "/bin/sh"
PROGRAMS = [
    ("require('child_process').exec('date +%Y')", {SHELL: LOAD, "date +%Y": LOAD}),
    ("const {execSync} = require('child_process'); const f = () => execSync('git log')", {SHELL: DEFERRED, "git log": DEFERRED}),
    ("import {exec} from 'node:child_process'; import {promisify} from 'util'; const run = promisify(exec); run('date')",
     {SHELL: LOAD, "date": LOAD}),
    ("require('child_process').execSync(`git show ${x}`)", {SHELL: LOAD, 'git show "$UNKNOWN"': LOAD}),
    ("require('child_process').exec(command)", {SHELL: LOAD}),
    ("require('child_process').spawn('git', ['log'])", {"/usr/bin/git": LOAD}),
    ("require('child_process').spawn('env', ['A=1', 'git', x])", {"/usr/bin/env": LOAD, "/usr/bin/git": LOAD}),
    ("require('child_process').spawn(x ? 'git' : 'env')", {"/usr/bin/git": "guarded", "/usr/bin/env": "guarded"}),
    ("require('child_process').spawn('git', ['log', x], {shell: true})", {SHELL: LOAD, 'git log "$UNKNOWN"': LOAD}),
    ("require('child_process').spawn('git', {shell: true})", {SHELL: LOAD, "git": LOAD}),
    ("require('child_process').execFile('sh', ['-c', 'date'])", {SHELL: LOAD, "date": LOAD}),
    ("require('child_process').spawn(process.execPath, ['worker.js'])", {"/usr/bin/node": LOAD, "/app/worker.js": LOAD}),
    ("require('child_process').fork('./worker')", {"/app/worker.js": LOAD}),
    ("const {Worker} = require('worker_threads'); new Worker('./worker.js')", {"/app/worker.js": LOAD}),
    ("new Worker(new URL('./worker.js', import.meta.url))", {"/app/worker.js": LOAD}),
    ("const {execa} = require('execa'); execa('git')", {"/usr/bin/git": LOAD}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), PROGRAMS, ids=[source for source, _ in PROGRAMS])
def test_programs_and_scripts(source: str, expected: dict[str, str]) -> None:
    assert _seen(_items(source), "executes", "contains", "sources") == expected


def test_package_json_files_on_the_way_are_targets() -> None:
    targets = {item.target.path for item in _items("require('pug'); require('./folder')") if isinstance(item, Edge)}
    assert targets >= {"/app/node_modules/pug/package.json", "/app/folder/package.json"}


def test_what_package_json_declares_goes_with_it() -> None:
    text = json.dumps(FILES["/app/package.json"])
    found = [item for item in _items(text, path="/app/package.json") if isinstance(item, Edge)]
    assert {(edge.kind.value, edge.firing.value) for edge in found} == {("companion", "kept_with")}
    assert {edge.target.path for edge in found} == {
        "/app/node_modules/plain/package.json", "/app/node_modules/plain/index.js",
        "/app/node_modules/modern/package.json", "/app/node_modules/modern/r.cjs",
    }  # fmt: skip
    assert _items(text, path="/app/node_modules/plain/package.json") == []


def _config(*words: str, health: tuple[str, ...] = (), **changes: object) -> dict[str, str]:
    config = ImageConfig(cmd=words)
    node = Node(kind=NodeKind.CONFIG, path="original")
    subject = Subject(node=node, path=ImagePath("/"), file=None, tree=TREE, data=b"", config=config)
    return _seen(_read(subject, **changes))


BIN = "PATH=/app/node_modules/.bin:$PATH\n"
COMMANDS = [
    (("node", "server"), {"/app/server.js": LOAD}),
    (("node", "server.js"), {}),
    (("tini", "--", "node", "."), {}),
    (("node", "folder"), {"/app/folder/src/start.js": LOAD}),
    (("node", "-r", "plain/sub/x", "server"), {"/app/node_modules/plain/sub/x.js": LOAD, "/app/server.js": LOAD}),
    (("node", "--require=plain", "--max-old-space-size=9", "server.js"), {"/app/node_modules/plain/index.js": LOAD}),
    (("node", "--import", "modern", "server.js"), {"/app/node_modules/modern/i.mjs": LOAD}),
    (("npm", "start"), {SHELL: LOAD, BIN + "node before.js": LOAD, BIN + "next start -p 1": LOAD}),
    (("npm", "--prefix", "/app", "run", "-s", "build", "--", "--x y"), {SHELL: LOAD, BIN + "tsc '--x y'": LOAD}),
    (("yarn", "build"), {SHELL: LOAD, BIN + "tsc": LOAD}),
    (("pnpm", "next", "start"), {SHELL: LOAD, BIN + "next start": LOAD}),
    (("npx", "next", "start"), {SHELL: LOAD, BIN + "next start": LOAD}),
    (("node", "--run", "build"), {SHELL: LOAD, BIN + "tsc": LOAD}),
    (("npm", "ci"), {}),
]


@pytest.mark.parametrize(("words", "expected"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_start_commands(words: tuple[str, ...], expected: dict[str, str]) -> None:
    assert _config(*words) == expected


def test_node_options_preload() -> None:
    assert _config("node", "server.js", env={"NODE_OPTIONS": "--require /app/db.js"}) == {"/app/db.js": LOAD}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("/usr/bin/npm", "run", "build"), {SHELL: GUARDED, BIN + "tsc": GUARDED}),
        (("yarn", "start", "--x"), {SHELL: GUARDED, BIN + "node before.js": GUARDED,
                                    BIN + "next start -p 1 --x": GUARDED}),
        (("yarn", "start", "\0"), {SHELL: GUARDED, BIN + "node before.js": GUARDED, BIN + "next start -p 1": GUARDED}),
        (("node", "-r", "plain/sub/x", "\0"), {"/app/node_modules/plain/sub/x.js": GUARDED}),
        (("node", "server"), {"/app/server.js": GUARDED}),
        (("\0/node", "server"), {"/app/server.js": GUARDED}),
        (("npm", "\0"), {}),
    ],
)  # fmt: skip
def test_commands_of_scripts(words: tuple[str, ...], expected: dict[str, str]) -> None:
    command = Command(
        source=Node(path="/app/start.sh"),
        program=words[0].rpartition("/")[2],
        words=words,
        cwd=ImagePath("/app"),
        firing=Firing.GUARDED,
        line=3,
    )
    items = list(NodeReader().launched(command, _context()))
    assert _seen(items) == expected
    assert {item.line for item in items if isinstance(item, Edge)} <= {3}
    assert list(NodeReader().launched(replace(command, field=ConfigField.CMD), _context())) == []


def test_commands_count_from_where_they_are_run() -> None:
    command = Command(
        source=Node(path="/app/start.sh"), program="node", words=("node", "start"), cwd=ImagePath("/app/folder/src")
    )
    assert _seen(list(NodeReader().launched(command, _context()))) == {"/app/folder/src/start.js": LOAD}


def test_inline_scripts_count_from_the_working_directory() -> None:
    node = Node(kind=NodeKind.SCRIPT, path="original", language="node", text="require('./db')")
    subject = Subject(node=node, path=ImagePath("/"), file=None, tree=TREE, data=node.text.encode())
    assert _seen(_read(subject)) == {"/app/db.js": LOAD}


@pytest.mark.parametrize(
    ("path", "data", "language", "expected"),
    [
        ("/app/x.js", b"", "", True), ("/app/x.mjs", b"", "", True), ("/app/x.d.ts", b"", "", False),
        ("/app/bin/x", b"#!/usr/bin/env node\n", "", True), ("/app/bin/x", b"#!/bin/sh\nnpm start", "", False),
        ("/app/bin/x", b"#!/bin/sh\nls", "", False), ("/app/x", b"", "node", True), ("/app/x.py", b"", "", False),
        ("/usr/bin/node", b"\x7fELF", "node", False), ("/app/package.json", b"{}", "", True),
        ("/app/other.json", b"{}", "", False),
    ],
)  # fmt: skip
def test_accepts(path: str, data: bytes, language: str, expected: bool) -> None:
    node = Node(path=path, language=language)
    subject = Subject(node=node, path=ImagePath(path), file=None, tree=TREE, data=data)
    assert NodeReader().accepts(subject) is expected


def test_lines_and_details() -> None:
    edges = [item for item in _items("\n\nrequire('./lib/a');\nrequire('./routes/' + x)\n") if isinstance(item, Edge)]
    assert [(edge.line, edge.detail, edge.by) for edge in edges if edge.target.path == "/app/lib/a.js"] == [
        (3, "./lib/a", "node")
    ]
    assert {(edge.line, edge.detail) for edge in edges if "routes" in edge.target.path} == {(4, "'./routes/' + x")}


def test_comments_cost_nothing() -> None:
    items = _items("/*" + "x" * 300_000 + "*/\nrequire('plain');" + "\n//" * 9_000 + '\nimport"./db.js"')
    assert _gaps(items) == set()
    assert _seen(items) == {"/app/node_modules/plain/index.js": LOAD, "/app/db.js": LOAD}
    assert [item.line for item in items if isinstance(item, Edge)][::2] == [2, 9003]


def test_limits_and_broken_texts() -> None:
    assert _gaps(_items("require('./db'); ) }")) == set()
    assert _gaps(_items("require('./db'); ) } 'x")) == {"malformed"}
    deep = _items("x(" * 50 + "require('./db')" + ")" * 50, limits=Limits(script_depth=20))
    assert (_gaps(deep), set(_seen(deep))) == (set(), {"/app/db.js"})
    assert "too-large" in _gaps(_items("require('./db')", limits=Limits(script_scan=10)))
    assert "too-large" in _gaps(_items("require('./db');" * 99, limits=Limits(script_steps=100)))
    assert _seen(_items("import type { A } from './db'; import b from './lib/a.js'", path="/app/x.ts")) == {
        "/app/lib/a.js": LOAD
    }
