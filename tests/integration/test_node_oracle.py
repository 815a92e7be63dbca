"""A program that loads modules in every way, run by a real Node: what it opened must be among what the reader finds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from xraydiff.facts import Edge, FileType, ImageConfig, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Reader, Subject
from xraydiff.references.readers.node import NodeReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

NODE = shutil.which("node")
STRACE = shutil.which("strace")
SHARE = 0.95

APP = {
    "package.json": {"name": "shop", "main": "server", "imports": {"#db": "./db/index.js"}},
    "server.js": """
        'use strict';
        const path = require('node:path'), fs = require('fs');
        const { join: put } = path;
        const config = require('./config');
        const plain = require('plain');
        const viaExports = require('modern'), sub = require('modern/feature/a');
        const db = require('#db'), self = require('./lib/');
        let optional; try { optional = require('@scope/optional/deep'); } catch {}
        if (process.argv.length) require('./branch');
        const later = () => require('./lazy').run();
        const plugins = {};
        for (const name of fs.readdirSync(path.join(__dirname, 'plugins'))) {
          plugins[name] = require(put(__dirname, 'plugins', name));
        }
        const driver = { pg: './drivers/pg', lite: './drivers/lite' };
        const pick = (which) => require(driver[which]);
        const lang = (code) => require(`./lang/${code}.json`);
        (function () { require('./iife'); })();
        ['one', 'two'].forEach((n) => require('./parts/' + n));
        fs.readdirSync(__dirname + '/routes').filter((f) => f.endsWith('.js')).forEach((f) =>
          require(path.join(__dirname, 'routes', f)));
        const data = JSON.parse(fs.readFileSync(path.resolve(__dirname, 'data', 'items.json')));
        const text = fs.readFileSync('./notes.txt', 'utf8');
        const { Worker } = require('worker_threads');
        const { execFileSync, fork, execSync } = require('child_process');
        async function main() {
          later(); pick('pg'); pick('lite'); lang('it'); lang('de');
          const esm = await import('./esm/main.mjs');
          await import('esmpkg');
          await new Promise((done) => new Worker('./worker.js').on('exit', done));
          await new Promise((done) => fork(path.join(__dirname, 'child')).on('exit', done));
          execFileSync(process.execPath, ['tool.js']);
          execSync('node ./shelled.js');
          const made = require('module').createRequire(__dirname + '/other/x.js');
          made('./made');
          require(require.resolve('plain/extra'));
        }
        main();
    """,
    "config/index.json": {"a": 1},
    "db/index.js": "module.exports = require('./pool')",
    "db/pool.cjs": "never found without its suffix",
    "db/pool.js": "module.exports = 1",
    "lib/package.json": {"main": "./src/entry"},
    "lib/src/entry/index.js": "exports.x = require('../../helper'); module.require('../more');",
    "lib/src/more.js": "",
    "lib/helper.js": "",
    "branch.js": "",
    "lazy.js": "exports.run = function () { return require('./lazier') }", "lazier.js": "", "iife.js": "",
    "plugins/a.js": "", "plugins/b/index.js": "require('./c')", "plugins/b/c.js": "",
    "drivers/pg.js": "", "drivers/lite.js": "", "lang/it.json": {}, "lang/de.json": {},
    "parts/one.js": "", "parts/two.js": "", "routes/users.js": "require('../lib/helper')", "routes/orders.js": "",
    "data/items.json": [], "notes.txt": "n", "worker.js": "require('./worker-part')", "worker-part.js": "",
    "child.js": "require('./child-part'); process.disconnect && process.disconnect()", "child-part.js": "",
    "tool.js": "require('./tool-part')", "tool-part.js": "", "shelled.js": "",
    "other/made.js": "",
    "esm/main.mjs": """
        import def, { named } from './named.mjs';
        import * as all from 'modern';
        export { again } from './again.mjs';
        import { readFileSync } from 'node:fs';
        import { createRequire } from 'node:module';
        const need = createRequire(import.meta.url);
        need('./common.cjs');
        readFileSync(new URL('./asset.txt', import.meta.url));
        const lazy = await import('./dynamic.mjs');
    """,
    "esm/named.mjs": "export const named = 1; export default 2;",
    "esm/again.mjs": "export const again = 1;", "esm/common.cjs": "", "esm/asset.txt": "x",
    "esm/dynamic.mjs": "export {}",
    "node_modules/plain/package.json": {"name": "plain", "version": "1.0.0"},
    "node_modules/plain/index.js": "module.exports = require('dep')", "node_modules/plain/extra.js": "",
    "node_modules/plain/node_modules/dep/package.json": {"main": "main.js"},
    "node_modules/plain/node_modules/dep/main.js": "require('hoisted')",
    "node_modules/hoisted/package.json": {"main": "lib"}, "node_modules/hoisted/lib/index.js": "",
    "node_modules/modern/package.json": {
        "name": "modern",
        "exports": {
            ".": {"import": "./esm/index.mjs", "require": "./cjs/index.cjs"},
            "./feature/*": {"node": "./features/*.js"},
        },
    },
    "node_modules/modern/esm/index.mjs": "export default 1;",
    "node_modules/modern/cjs/index.cjs": "module.exports = require('modern/feature/b')",
    "node_modules/modern/features/a.js": "", "node_modules/modern/features/b.js": "",
    "node_modules/@scope/optional/package.json": {"name": "@scope/optional"},
    "node_modules/@scope/optional/deep.js": "", "node_modules/@scope/optional/index.js": "",
    "node_modules/esmpkg/package.json": {"name": "esmpkg", "type": "module", "exports": "./index.js"},
    "node_modules/esmpkg/index.js": "import './side.js'; export {}", "node_modules/esmpkg/side.js": "",
    "unused/never.js": "", "node_modules/unused/index.js": "",
}  # fmt: skip


def written(folder: Path) -> Path:
    for name, content in APP.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def opened(folder: Path) -> set[str]:
    """The files below the folder that a run of it opened."""
    assert NODE is not None
    assert STRACE is not None
    log = folder.parent / "strace"
    command = [STRACE, "-f", "-qq", "-e", "trace=open,openat", "-o", str(log), NODE, "server"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    found = {
        os.path.normpath(folder / match[1])
        for match in re.finditer(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)"[^)]*\) += \d+', log.read_text())
    }
    return {path for path in found if Path(path).is_file() and path.startswith(f"{folder}/")}


def reached(folder: Path, readers: Iterable[Reader]) -> set[str]:
    """The files that transitive reading finds from `node server`."""
    builder = ImageBuilder()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            builder.file(str(path), path.read_bytes())
    builder.file("/usr/bin/node", b"\x7fELF", mode=0o755).file("/bin/sh", b"\x7fELF", mode=0o755)
    tree = builder.tree()
    config = ImageConfig(cmd=("node", "server"), workdir=str(folder))
    context = Context(
        original=tree,
        config=config,
        env={},
        path=(ImagePath("/usr/bin"), ImagePath("/bin")),
        cwd=ImagePath(str(folder)),
    )
    todo = [Node(kind=NodeKind.CONFIG, path="original")]
    seen = set(todo)
    while todo:
        node = todo.pop()
        for reader in readers:
            subject = subject_of(node, tree, config)
            if subject is None or not reader.accepts(subject):
                continue
            for item in reader.read(subject, context):
                if isinstance(item, Edge) and item.target not in seen:
                    seen.add(item.target)
                    todo.append(item.target)
    return {node.path for node in seen if node.kind is NodeKind.FILE}


def subject_of(node: Node, tree: Tree, config: ImageConfig) -> Subject | None:
    if node.kind is NodeKind.CONFIG:
        return Subject(node=node, path=ImagePath("/"), file=None, tree=tree, data=b"", config=config)
    if node.kind is NodeKind.SCRIPT:
        return Subject(node=node, path=ImagePath(node.path), file=None, tree=tree, data=node.text.encode())
    found = tree.resolve(node.path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return None
    return Subject(node=node, path=found.path, file=found.file, tree=tree, data=tree.content(found.path))


@pytest.mark.skipif(NODE is None or STRACE is None, reason="node and strace are not both installed")
def test_what_node_opens_is_foreseen(tmp_path: Path) -> None:
    folder = written(tmp_path / "app")
    truth = opened(folder)
    found = reached(folder, (NodeReader(), ShellReader()))
    lines = [f"missed   {path}" for path in sorted(truth - found)]
    lines += [f"surplus  {path}" for path in sorted(found - truth) if path.startswith(str(folder))]
    sys.stdout.write("\n".join([f"{len(truth & found)} of {len(truth)} files", *lines, ""]))
    assert len(truth) > 40
    assert len(truth & found) >= SHARE * len(truth), lines
    assert not any("unused" in path for path in found)
