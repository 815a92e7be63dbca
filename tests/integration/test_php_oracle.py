"""A program that includes files in every way, run by a real PHP: what it opened must be among what the reader finds."""

from __future__ import annotations

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
from xraydiff.references.readers.php import PhpReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

PHP = shutil.which("php")
STRACE = shutil.which("strace")
SHARE = 0.95


def has_simplexml() -> bool:
    """Whether PHP can read XML: Debian has that in a package of its own, php-xml."""
    if PHP is None:
        return False
    asked = subprocess.run([PHP, "-m"], capture_output=True, text=True, check=False)
    return "SimpleXML" in asked.stdout.split()


LOADER = r"""<?php
class ComposerAutoloaderInit {
    public static function getLoader() {
        $map = require __DIR__ . '/autoload_psr4.php';
        $classes = require __DIR__ . '/autoload_classmap.php';
        spl_autoload_register(static function ($class) use ($map, $classes) {
            if (isset($classes[$class])) { require $classes[$class]; return; }
            foreach ($map as $prefix => $dirs) {
                if (strncmp($prefix, $class, strlen($prefix)) === 0) {
                    foreach ($dirs as $dir) {
                        $file = $dir . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
                        if (is_file($file)) { require $file; }
                    }
                }
            }
        });
        foreach (require __DIR__ . '/autoload_files.php' as $file) { require $file; }
    }
}
"""
APP = {
    "composer.json": "{}",
    "index.php": r"""<?php
        namespace Shop;
        use Vendor\Lib\Client; use Vendor\Lib\{Tool as T, Legacy};
        define('ROOT', __DIR__);
        const PARTS = ROOT . '/parts';
        require __DIR__ . '/vendor/autoload.php';
        require_once 'config.php';
        include './relative.php';
        require dirname(__FILE__) . DIRECTORY_SEPARATOR . 'dirs' . DIRECTORY_SEPARATOR . 'a.php';
        require PARTS . "/one.php";
        foreach (glob(__DIR__ . '/routes/*.php') as $route) { require $route; }
        foreach (['x', 'y'] as $name) { include ROOT . "/named/$name.php"; }
        $handlers = ['home' => 'handlers/home.php', 'cart' => 'handlers/cart.php'];
        $pick = function ($key) use ($handlers) { return require ROOT . '/' . $handlers[$key]; };
        $pick('home'); $pick('cart');
        if (is_file(ROOT . '/branch.php')) { require ROOT . '/branch.php'; }
        (function () { require __DIR__ . '/called.php'; })();
        function later() { require_once sprintf('%s/later/%s.php', __DIR__, 'deep'); }
        later();
        $client = new Client(); T::run(); new \Vendor\Lib\Direct();
        $old = new Legacy;
        $class = 'Vendor\\Lib\\ByName'; new $class;
        $helper = new Helper();
        file_get_contents(__DIR__ . '/data/items.json');
        readfile('data/plain.txt');
        parse_ini_file(ROOT . '/data/shop.ini');
        simplexml_load_file(__DIR__ . '/data/shop.xml');
        function render($view) { include __DIR__ . '/views/' . $view . '.phtml'; }
        render('home'); render('cart');
        $out = shell_exec('php ' . ROOT . '/console');
        $two = `php bin/second.php`;
        spl_autoload_register(function ($class) { require __DIR__ . '/classes/' . strtr($class, '\\', '/') . '.php'; });
        new \Plain\Thing();
        require \Shop\Consts::PATH;
    """,
    "config.php": "<?php require 'settings.inc'; return [];", "settings.inc": "<?php ",
    "relative.php": "<?php ", "dirs/a.php": "<?php include __DIR__ . '/../dirs/b.php';", "dirs/b.php": "<?php ",
    "parts/one.php": "<?php require ROOT . '/parts/two.php';", "parts/two.php": "<?php ",
    "routes/r1.php": "<?php ", "routes/r2.php": "<?php ", "named/x.php": "<?php ", "named/y.php": "<?php ",
    "handlers/home.php": "<?php ", "handlers/cart.php": "<?php ", "branch.php": "<?php ", "called.php": "<?php ",
    "later/deep.php": "<?php ",
    "data/items.json": "[]", "data/plain.txt": "", "data/shop.ini": "a=1\n", "data/shop.xml": "<a/>",
    "views/home.phtml": "<p><?php include 'parts/row.phtml' ?></p>", "views/cart.phtml": "<p></p>",
    "views/parts/row.phtml": "row",
    "console": "#!/usr/bin/env php\n<?php require __DIR__ . '/console-part.php';", "console-part.php": "<?php ",
    "bin/second.php": "<?php ", "classes/Plain/Thing.php": "<?php namespace Plain; class Thing {}",
    "src/Helper.php": "<?php namespace Shop; class Helper extends Base implements Face { use Mix; }",
    "src/Base.php": "<?php namespace Shop; abstract class Base {}",
    "src/Face.php": "<?php namespace Shop; interface Face {}", "src/Mix.php": "<?php namespace Shop; trait Mix {}",
    "src/Consts.php": "<?php namespace Shop; class Consts { const PATH = __DIR__ . '/tail.php'; }",
    "src/tail.php": "<?php ",
    "vendor/autoload.php": "<?php require_once __DIR__ . '/composer/autoload_real.php';"
    " ComposerAutoloaderInit::getLoader();",
    "vendor/composer/autoload_real.php": LOADER,
    "vendor/composer/autoload_psr4.php": """<?php
$vendorDir = dirname(__DIR__);
$baseDir = dirname($vendorDir);
return array(
    'Vendor\\\\Lib\\\\' => array($vendorDir . '/vendor/lib/src', $vendorDir . '/vendor/lib/more'),
    'Shop\\\\' => array($baseDir . '/src'),
);
""",
    "vendor/composer/autoload_classmap.php": """<?php
$vendorDir = dirname(__DIR__);
$baseDir = dirname($vendorDir);
return array(
    'Vendor\\\\Lib\\\\Legacy' => $vendorDir . '/vendor/lib/old/legacy.class.php',
    'Vendor\\\\Lib\\\\Unused' => $vendorDir . '/vendor/lib/old/unused.class.php',
);
""",
    "vendor/composer/autoload_files.php": """<?php
$vendorDir = dirname(__DIR__);
$baseDir = dirname($vendorDir);
return array(
    'a1' => $vendorDir . '/vendor/lib/functions.php',
);
""",
    "vendor/vendor/lib/functions.php": "<?php ",
    "vendor/vendor/lib/src/Client.php": "<?php namespace Vendor\\Lib; class Client extends Inner\\Root {}",
    "vendor/vendor/lib/src/Inner/Root.php": "<?php namespace Vendor\\Lib\\Inner; class Root {}",
    "vendor/vendor/lib/src/Tool.php": "<?php namespace Vendor\\Lib;"
    " class Tool { static function run() { return new Late; } }",
    "vendor/vendor/lib/src/Late.php": "<?php namespace Vendor\\Lib; class Late {}",
    "vendor/vendor/lib/src/Direct.php": "<?php namespace Vendor\\Lib; class Direct {}",
    "vendor/vendor/lib/more/ByName.php": "<?php namespace Vendor\\Lib; class ByName {}",
    "vendor/vendor/lib/old/legacy.class.php": "<?php namespace Vendor\\Lib; class Legacy {}",
    "vendor/vendor/lib/old/unused.class.php": "<?php namespace Vendor\\Lib; class Unused {}",
    "vendor/vendor/lib/src/Unused2.php": "<?php ",
}  # fmt: skip


def written(folder: Path) -> Path:
    for name, content in APP.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def opened(folder: Path) -> set[str]:
    """Files below the folder, settings and extensions that a run of it opened."""
    assert PHP is not None
    assert STRACE is not None
    log = folder.parent / "strace"
    command = [STRACE, "-f", "-qq", "-e", "trace=open,openat", "-o", str(log), PHP, "index.php"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = re.finditer(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)"[^)]*\) += \d+', log.read_text())
    paths = {os.path.realpath(folder / match[1]) for match in found}
    mine = (f"{folder}/", "/etc/php/", "/usr/lib/php/2", "/usr/local/etc/php/", "/usr/local/lib/php/extensions/")
    return {path for path in paths if Path(path).is_file() and path.startswith(mine)}


def image_of(folder: Path) -> Tree:
    """The program, its settings and its extensions as they are on this machine, and the folder."""
    assert PHP is not None
    builder = ImageBuilder()
    program = os.path.realpath(PHP)
    for top in (folder, Path("/etc/php"), Path("/usr/lib/php"), Path("/usr/local/etc/php")):
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            if path.is_symlink():
                builder.symlink(str(path), str(path.readlink()))
            elif path.is_file():
                builder.file(str(path), path.read_bytes())
    builder.file(program, Path(program).read_bytes(), mode=0o755).file("/bin/sh", b"\x7fELF", mode=0o755)
    return builder.symlink("/srv/bin/php", program).tree()


def reached(folder: Path, tree: Tree, readers: Iterable[Reader]) -> set[str]:
    """The real paths that transitive reading finds from `php index.php`."""
    config = ImageConfig(cmd=("php", "index.php"), workdir=str(folder))
    search = (ImagePath("/srv/bin"), ImagePath("/bin"))
    context = Context(original=tree, config=config, env={}, path=search, cwd=ImagePath(str(folder)))
    todo = [Node(kind=NodeKind.CONFIG, path="original"), Node(path=f"{folder}/index.php")]
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
    return {str(tree.resolve(node.path).path) for node in seen if node.kind is NodeKind.FILE}


def subject_of(node: Node, tree: Tree, config: ImageConfig) -> Subject | None:
    if node.kind is NodeKind.CONFIG:
        return Subject(node=node, path=ImagePath("/"), file=None, tree=tree, data=b"", config=config)
    if node.kind is NodeKind.SCRIPT:
        return Subject(node=node, path=ImagePath(node.path), file=None, tree=tree, data=node.text.encode())
    found = tree.resolve(node.path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return None
    return Subject(node=node, path=found.path, file=found.file, tree=tree, data=tree.content(found.path))


@pytest.mark.skipif(STRACE is None or not has_simplexml(), reason="php with SimpleXML and strace are not both here")
def test_what_php_opens_is_foreseen(tmp_path: Path) -> None:
    folder = written(tmp_path / "app")
    truth = opened(folder)
    found = reached(folder, image_of(folder), (PhpReader(), ShellReader()))
    lines = [f"missed   {path}" for path in sorted(truth - found)]
    lines += [f"surplus  {path}" for path in sorted(found - truth) if path.startswith(str(folder))]
    sys.stdout.write("\n".join([f"{len(truth & found)} of {len(truth)} files", *lines, ""]))
    assert len(truth) > 40
    assert len(truth & found) >= SHARE * len(truth), lines
    assert not any("nused" in path for path in found)
