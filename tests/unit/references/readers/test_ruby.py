"""What a Ruby program asks for, over an image with a Ruby of its own."""

from __future__ import annotations

import pytest

from xraydiff.commands.start import environment, search_path
from xraydiff.facts import Edge, Node
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.testing import ImageBuilder, elf

APP = ImagePath("/srv/app.rb")
STANDARD = "/usr/local/lib/ruby/3.2.0"
RBCONFIG = f"""
  TOPDIR = File.dirname(__FILE__).chomp!("/lib/ruby/3.2.0/x86_64-linux")
  CONFIG["prefix"] = (TOPDIR || "/usr/local")
  CONFIG["rubylibdir"] = "{STANDARD}"
  CONFIG["rubylibprefix"] = "/usr/local/lib/ruby"
  CONFIG["rubyarchdir"] = "{STANDARD}/x86_64-linux"
  CONFIG["ruby_version"] = "3.2.0"
  CONFIG["arch"] = "x86_64-linux"
"""
FILES = (
    *(f"{STANDARD}/{name}.rb" for name in ("json", "set", "csv", "erb", "logger")),
    *("/srv/lib/greeter.rb", "/srv/plugins/a.rb", "/srv/plugins/b.rb", "/srv/later.rb", "/srv/data.txt"),
)


def seen(source: str) -> tuple[dict[str, str], list[str]]:
    """Targets with their firing, and the reasons of gaps."""
    builder = ImageBuilder().config(env=["PATH=/usr/local/bin:/bin"], workdir="/srv")
    builder.file("/usr/local/bin/ruby", elf(executable=True), mode=0o755).file(APP, source)
    builder.file(f"{STANDARD}/x86_64-linux/rbconfig.rb", RBCONFIG).file("/bin/sh", "x", mode=0o755).file(
        "/bin/date", "x", mode=0o755
    )
    for path in FILES:
        builder.file(path, "# ruby\n")
    tree, config = builder.tree(), builder.image().config
    context = Context(
        original=tree, config=config, env=environment(config), path=search_path(config), cwd=ImagePath("/srv")
    )
    subject = Subject(node=Node(path=APP), path=APP, file=tree.files[APP], tree=tree, data=tree.content(APP))
    reader = RubyReader()
    assert reader.accepts(subject)
    items = list(reader.read(subject, context))
    edges = {item.target.text or item.target.path: item.firing.value for item in items if isinstance(item, Edge)}
    return edges, [item.reason for item in items if isinstance(item, Gap)]


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("require 'json'", f"{STANDARD}/json.rb", "load"),
        ("require_relative 'lib/greeter'", "/srv/lib/greeter.rb", "load"),
        ("begin\n require 'csv'\nrescue LoadError\nend", f"{STANDARD}/csv.rb", "guarded"),
        ("require 'csv' if ENV['X']", f"{STANDARD}/csv.rb", "guarded"),
        ("def report\n require 'erb'\nend", f"{STANDARD}/erb.rb", "deferred"),
        ("autoload :Later, File.expand_path('later', __dir__)", "/srv/later.rb", "deferred"),
        ("File.read(File.join(__dir__, 'data.txt'))", "/srv/data.txt", "named"),
        ("$LOAD_PATH.unshift(File.join(__dir__, 'lib'))\nrequire 'greeter'", "/srv/lib/greeter.rb", "load"),
    ],
)
def test_what_is_asked_for_and_when(source: str, target: str, firing: str) -> None:
    edges, _ = seen(source)
    assert edges.get(target) == firing, edges


def test_every_file_of_a_folder_that_is_required_in_a_loop() -> None:
    edges, _ = seen("Dir[File.join(__dir__, 'plugins', '*.rb')].each { |plugin| require plugin }")
    assert {"/srv/plugins/a.rb", "/srv/plugins/b.rb"} <= set(edges)


def test_a_command_string_goes_to_the_shells_reader() -> None:
    edges, _ = seen("puts `date +%Y; date`")
    assert "date +%Y; date" in edges
    assert "/bin/sh" in edges


def test_comments_strings_and_unknown_features_ask_for_nothing() -> None:
    assert seen("# require 'json'\nputs \"require 'set'\"\nrequire 'no_such_feature'\n")[0] == {}


def test_a_name_that_is_computed_is_a_gap() -> None:
    _, gaps = seen("require ARGV[0]")
    assert "computed-name" in gaps


@pytest.mark.parametrize("source", ["(" * 100_000, "if a\n" * 50_000, "[" * 100_000 + "]" * 100_000])
def test_nesting_without_bound_hides_nothing(source: str) -> None:
    edges, gaps = seen(source + "\nrequire 'json'\n")
    assert edges
    assert not gaps
