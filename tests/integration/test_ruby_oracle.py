"""The reader of Ruby against a real Ruby: what `$LOADED_FEATURES` gained is what the reader foresaw."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.elf_files import tree_of_directory
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, ImageConfig, Node, NodeKind
from xraydiff.paths import ROOT, ImagePath, image_path
from xraydiff.references import Context, Subject
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

RUBY = shutil.which("ruby")
FEATURES = (
    *("abbrev", "base64", "benchmark", "bigdecimal", "cgi", "coverage", "csv", "date", "delegate", "did_you_mean"),
    *("digest", "digest/sha2", "drb", "english", "erb", "etc", "fcntl", "fiddle", "fileutils", "find", "forwardable"),
    *("getoptlong", "io/console", "io/wait", "ipaddr", "irb", "json", "logger", "matrix", "minitest", "monitor"),
    *("mutex_m", "net/ftp", "net/http", "net/https", "net/imap", "net/pop", "net/protocol", "net/smtp", "nkf"),
    *("objspace", "observer", "open-uri", "open3", "openssl", "optparse", "ostruct", "pathname", "pp", "prettyprint"),
    *(
        "prime",
        "pstore",
        "psych",
        "pty",
        "racc/parser",
        "rbs",
        "rdoc",
        "readline",
        "reline",
        "resolv",
        "rexml/document",
    ),
    *("rinda/tuplespace", "ripper", "rss", "securerandom", "set", "shellwords", "singleton", "socket", "stringio"),
    *("strscan", "syslog", "tempfile", "test/unit", "time", "timeout", "tmpdir", "tsort", "un", "unicode_normalize"),
    *("uri", "weakref", "yaml", "yaml/store", "zlib"),
)
PROGRAM = """
require 'json'
require_relative 'lib/greeter'
$LOAD_PATH.unshift(File.join(__dir__, 'vendor'))
require 'mine/core'
Dir[File.join(__dir__, 'plugins', '*.rb')].sort.each { |plugin| require plugin }
%w[one two].each { |name| require "parts/#{name}" }
autoload :Later, File.expand_path('later', __dir__)
begin
  require 'csv'
rescue LoadError
  nil
end
def report
  require 'erb'
  require 'time'
  Later.name
  "x".encode('EUC-JP')
  "x".encode(Encoding::Shift_JIS, 'UTF-8')
  load File.join(__dir__, 'tasks', 'run.rake')
end
report if ENV['ALL'] || true
load 'settings.rb' if ARGV.empty?
puts JSON.dump($LOADED_FEATURES)
"""
FILES = {
    "app.rb": PROGRAM,
    "lib/greeter.rb": "require 'set'\nrequire_relative './greeter/polite'\n",
    "lib/greeter/polite.rb": "module Greeter; autoload :Very, 'very_polite'; end\n",
    "vendor/mine/core.rb": "require 'mine/base'\nrequire 'logger'\n",
    "vendor/mine/base.rb": "",
    "vendor/parts/one.rb": "require 'digest/sha2'\n",
    "vendor/parts/two.rb": "",
    "plugins/a.rb": "require 'tempfile'\n",
    "plugins/b.rb": "",
    "later.rb": "class Later; require 'ostruct'; end\n",
    "tasks/run.rake": "require 'shellwords'\n",
    "settings.rb": "",
}


def ruby(*words: str, cwd: Path | None = None) -> str:
    assert RUBY is not None
    done = subprocess.run([RUBY, *words], capture_output=True, text=True, timeout=60, check=True, cwd=cwd)
    return done.stdout


@pytest.fixture(scope="module")
def application() -> Iterator[Path]:
    """A program below a path that exists on the host and in the tree alike; each worker has one of its own."""
    place = "/srv" if os.access("/srv", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="xraydiff-ruby-", dir=place))
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, application: Path) -> Tree:
    """The host's Ruby and the program as a tree of their own."""
    if RUBY is None:
        pytest.skip("no ruby on this machine")
    script = "puts $LOAD_PATH, Gem.path, RbConfig::CONFIG['rubyarchdir'], Gem.default_dir"
    root = tmp_path_factory.mktemp("ruby")
    roots = sorted({*ruby("-e", script).splitlines(), str(application)})
    for index, name in enumerate(roots):
        inside = any(name.startswith(f"{other}/") for other in roots[:index])
        if Path(name).is_dir() and not inside:
            shutil.copytree(name, root / name.lstrip("/"), symlinks=True, dirs_exist_ok=True)
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    return tree_of_directory(root)


def context_of(tree: Tree, cwd: str) -> Context:
    config = ImageConfig(workdir=cwd)
    return Context(original=tree, config=config, env={}, path=(ImagePath("/usr/bin"),), cwd=ImagePath(cwd))


def foreseen(context: Context, starts: Sequence[Node], firings: frozenset[Firing]) -> set[str]:
    """Everything that the reader reaches over edges of these firings."""
    reader, tree = RubyReader(), context.original
    todo, seen, found = list(starts), set(starts), set[str]()
    while todo:
        node = todo.pop()
        real = tree.resolve(node.path).path
        file = tree.files[real] if real is not None else None
        data = node.text.encode() if node.kind is NodeKind.SCRIPT else tree.content(real) if real is not None else b""
        subject = Subject(node=node, path=real or ROOT, file=file, tree=tree, data=data)
        if not reader.accepts(subject):
            continue
        for edge in reader.read(subject, context):
            if isinstance(edge, Edge) and edge.firing in firings and edge.kind in LOADING:
                target = tree.resolve(edge.target.path)
                if target.path is None or target.file is None or target.file.type is not FileType.FILE:
                    continue
                found.add(target.path)
                following = Node(path=target.path, language=edge.target.language)
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
    return found


LOADING = frozenset({EdgeKind.IMPORTS, EdgeKind.SOURCES, EdgeKind.LOADS})
ALL = frozenset(Firing)
AT_LOAD = frozenset({Firing.LOAD, Firing.GUARDED})


def really(tree: Tree, names: Sequence[str]) -> set[str]:
    """Loaded features that are files: what Ruby holds itself (`thread.rb`, `enumerator.so`) has no path."""
    paths = (tree.resolve(image_path(name)).path for name in names if name.startswith("/"))
    return {path for path in paths if path is not None}


@pytest.fixture(scope="module")
def before() -> set[str]:
    return set(ruby("-e", "puts $LOADED_FEATURES").splitlines())


def test_features_of_the_library(tree: Tree, before: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    context = context_of(tree, "/srv")
    wanted = held = surplus = 0
    rows: list[str] = []
    for feature in FEATURES:
        script = f"begin; require '{feature}'; rescue LoadError; exit! 0; end; "
        script += "puts $LOADED_FEATURES; $stdout.flush; exit! 0"
        loaded = really(tree, [name for name in ruby("-e", script).splitlines() if name not in before])
        start = Node(kind=NodeKind.SCRIPT, path="/srv/app", language="ruby", text=f"require '{feature}'")
        found = foreseen(context, [start], AT_LOAD) - really(tree, sorted(before))
        missed = loaded - found
        more = {path for path in found - loaded if not path.endswith(".gemspec")}
        wanted, held, surplus = wanted + len(loaded), held + len(loaded & found), surplus + len(more)
        rows.append(f"{feature:20} {len(loaded):4} {len(missed):4} {len(more):4} {' '.join(sorted(missed)[:3])}")
    with capsys.disabled():
        print(f"\n{'feature':20} load miss more\n" + "\n".join(row for row in rows if " 0 " not in row[20:32]))
        print(f"contained {held / wanted:.3f} of {wanted}, surplus {surplus}")
    assert held / wanted >= 0.95
    assert surplus <= wanted


def test_a_program_with_every_branch(tree: Tree, application: Path, before: set[str]) -> None:
    output = ruby("app.rb", cwd=application).splitlines()[-1]
    loaded = really(tree, [name for name in json.loads(output) if name not in before])
    start = Node(path=f"{application}/app.rb", language="ruby")
    found = foreseen(context_of(tree, str(application)), [start], ALL)
    assert loaded - found == set()
    own = {path for path in found if path.startswith(str(application))}
    assert own == {f"{application}/{name}" for name in FILES if name != "app.rb"}
