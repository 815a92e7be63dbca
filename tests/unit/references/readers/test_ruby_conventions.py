"""What Ruby, its gems and its web frameworks find by convention: gems, bundles, templates, encodings, commands, TLS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from xraydiff.commands.start import environment, search_path
from xraydiff.facts import Edge, Firing, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.references.readers.ruby.templates import code_of_template
from xraydiff.testing import ImageBuilder, elf

LIBRARY = "/usr/lib/ruby/3.1.0"
ARCH = "/usr/lib/x86_64-linux-gnu/ruby/3.1.0"
RBCONFIG = """
  TOPDIR = File.dirname(__FILE__).chomp!("/lib/x86_64-linux-gnu/ruby/3.1.0")
  CONFIG["DESTDIR"] = ""
  CONFIG["prefix"] = (TOPDIR || DESTDIR + "/usr")
  CONFIG["exec_prefix"] = "$(prefix)"
  CONFIG["libdir"] = "$(exec_prefix)/lib"
  CONFIG["RUBY_BASE_NAME"] = "ruby"
  CONFIG["ruby_version"] = "3.1.0"
  CONFIG["rubylibprefix"] = "$(libdir)/$(RUBY_BASE_NAME)"
  CONFIG["rubylibdir"] = "$(rubylibprefix)/$(ruby_version)"
  CONFIG["vendordir"] = "$(rubylibprefix)/vendor_ruby"
  CONFIG["sitedir"] = "/usr/local/lib/site_ruby"
"""
GEMS = "/var/lib/gems/3.1.0"
STUB = "# -*- encoding: utf-8 -*-\n# stub: {name} {version} ruby lib\x00ext/more\n"
BASE: dict[str, str | bytes] = {
    f"{ARCH}/rbconfig.rb": RBCONFIG,
    f"{LIBRARY}/set.rb": "",
    f"{LIBRARY}/json.rb": "",
    f"{LIBRARY}/erb.rb": "",
    f"{LIBRARY}/digest/sha2.rb": "",
    f"{ARCH}/strscan.so": b"x",
    f"{ARCH}/enc/euc_jp.so": b"x",
    f"{ARCH}/enc/trans/japanese.so": b"\0EUC-JP\0Shift_JIS\0UTF-8\0",
    f"{ARCH}/enc/trans/transdb.so": b"\0EUC-JP\0",
    "/usr/lib/ruby/vendor_ruby/rack.rb": "",
    "/usr/local/lib/site_ruby/local.rb": "",
    "/usr/lib/x86_64-linux-gnu/libcrypto.so.3": b'\x7fELF OPENSSLDIR: "/usr/lib/ssl"\0',
    "/etc/ssl/certs/ca.pem": "",
}


def gem(name: str, version: str, *files: str) -> dict[str, str]:
    full = f"{name}-{version}"
    found = {f"{GEMS}/specifications/{full}.gemspec": STUB.format(name=name, version=version)}
    return found | {f"{GEMS}/gems/{full}/{file}": "" for file in files}


def seen(
    source: str,
    files: Mapping[str, str | bytes] | None = None,
    *,
    path: str = "/srv/app.rb",
    env: Sequence[str] = (),
    cmd: Sequence[str] | None = None,
) -> dict[str, Edge]:
    """Edges by the path or text of their target."""
    builder = ImageBuilder().config(env=["PATH=/usr/bin:/bin", *env], workdir="/srv", cmd=cmd)
    for program in ("/usr/bin/ruby", "/bin/sh", "/bin/date", "/usr/bin/convert"):
        builder.file(program, elf(executable=True), mode=0o755)
    builder.symlink("/usr/lib/ssl/certs", "/etc/ssl/certs")
    for name, content in (BASE | dict(files or {})).items():
        builder.file(name, content, mode=0o755 if "/bin/" in name else 0o644)
    builder.file(path, source)
    tree, config = builder.tree(), builder.image().config
    context = Context(
        original=tree, config=config, env=environment(config), path=search_path(config), cwd=ImagePath("/srv")
    )
    real = ImagePath(path)
    subject = Subject(node=Node(path=path), path=real, file=tree.files[real], tree=tree, data=tree.content(real))
    assert RubyReader().accepts(subject)
    items = [item for item in RubyReader().read(subject, context) if isinstance(item, Edge)]
    return {item.target.text or item.target.path: item for item in items}


@pytest.mark.parametrize(
    ("feature", "path"),
    [
        ("set", f"{LIBRARY}/set.rb"),
        ("set.rb", f"{LIBRARY}/set.rb"),
        ("strscan", f"{ARCH}/strscan.so"),
        ("strscan.so", f"{ARCH}/strscan.so"),
        ("rack", "/usr/lib/ruby/vendor_ruby/rack.rb"),
        ("local", "/usr/local/lib/site_ruby/local.rb"),
        ("./near", "/srv/near.rb"),
    ],
)
def test_the_load_path_is_that_of_the_images_own_ruby(feature: str, path: str) -> None:
    assert path in seen(f"require '{feature}'", {"/srv/near.rb": ""})


def test_rubylib_and_options_of_the_start_come_first() -> None:
    files = {"/opt/a/set.rb": "", "/srv/lib/json.rb": ""}
    edges = seen("require 'set'; require 'json'", files, env=["RUBYLIB=/opt/a"], cmd=["ruby", "-Ilib", "app.rb"])
    assert set(edges) == {"/opt/a/set.rb", "/srv/lib/json.rb"}


def test_a_gem_brings_its_specification_and_the_newest_version_counts() -> None:
    files = gem("rack", "2.2.10", "lib/rack/x.rb") | gem("rack", "2.2.9", "lib/rack/x.rb") | gem("rack", "3.0.0.rc1")
    files |= gem("native", "1.0", "ext/more/native.rb")
    edges = seen("require 'rack/x'; require 'native'", gem("rack", "2.2.9", "lib/rack/x.rb") | files)
    assert f"{GEMS}/gems/native-1.0/ext/more/native.rb" in edges
    assert f"{GEMS}/specifications/native-1.0.gemspec" in edges
    assert not any("2.2.9" in path for path in edges)


def test_a_newer_gem_stands_for_a_part_of_the_library_only_where_it_is_a_default_one() -> None:
    files = gem("json", "9.0", "lib/json.rb") | gem("other", "1.0", "lib/set.rb")
    default = {f"{GEMS}/specifications/default/json-2.6.1.gemspec": ""}
    assert f"{LIBRARY}/json.rb" in seen("require 'json'", files)
    assert f"{GEMS}/gems/json-9.0/lib/json.rb" in seen("require 'json'", files | default)
    assert f"{LIBRARY}/set.rb" in seen("require 'set'", files | default)


LOCK = """PATH
  remote: engine
  specs:
    engine (0.1)

GEM
  remote: https://example.org/
  specs:
    rack (2.2.9)
    web-kit (1.0)

DEPENDENCIES
  engine!
  rack (~> 2.2)
  web-kit
"""


def test_a_lock_file_decides_the_version_and_names_what_is_required() -> None:
    files = gem("rack", "2.2.10", "lib/rack.rb", "lib/rack/x.rb") | gem("rack", "2.2.9", "lib/rack.rb", "lib/rack/x.rb")
    files |= gem("web-kit", "1.0", "lib/web/kit.rb") | {"/srv/Gemfile": "", "/srv/Gemfile.lock": LOCK}
    files |= {"/srv/engine/lib/engine.rb": ""}
    edges = seen("require 'bundler/setup'\nBundler.require\nrequire 'rack/x'", files)
    assert {"/srv/Gemfile", "/srv/Gemfile.lock", "/srv/engine/lib/engine.rb"} <= set(edges)
    assert f"{GEMS}/gems/rack-2.2.9/lib/rack/x.rb" in edges
    assert f"{GEMS}/gems/web-kit-1.0/lib/web/kit.rb" in edges
    assert not any("2.2.10" in path for path in edges)


def test_a_wrapper_in_path_leads_to_the_gems_program_and_a_server_to_its_file() -> None:
    wrapper = "#!/usr/bin/ruby\nload Gem.activate_bin_path('puma', 'puma', version)\n"
    files = gem("puma", "6.0", "bin/puma", "lib/puma.rb") | {"/srv/config.ru": "", "/srv/config/puma.rb": ""}
    edges = seen(wrapper, files, path="/usr/local/bin/puma")
    assert {f"{GEMS}/gems/puma-6.0/bin/puma", "/srv/config.ru", "/srv/config/puma.rb"} <= set(edges)


def test_a_wrapper_resolves_what_the_gem_depends_on_before_it_loads_the_program() -> None:
    wrapper = "#!/usr/bin/ruby\nload Gem.activate_bin_path('rake', 'rake', version)\n"
    resolving = [f"/usr/lib/ruby/vendor_ruby/rubygems/{name}.rb" for name in ("request_set", "resolver", "source")]
    files = gem("rake", "13.0", "exe/rake") | dict.fromkeys(resolving, "")
    edges = seen(wrapper, files, path="/usr/bin/rake")
    assert edges[f"{GEMS}/gems/rake-13.0/exe/rake"].firing is Firing.LOAD
    assert {edges[path].firing for path in resolving} == {Firing.LOAD}


def test_a_rackup_file_is_the_body_of_a_builder() -> None:
    files = gem("rack", "2.2.9", "lib/rack.rb", "lib/rack/builder.rb")
    builder = f"{GEMS}/gems/rack-2.2.9/lib/rack/builder.rb"
    assert seen("run App\n", files, path="/srv/config.ru")[builder].firing is Firing.GUARDED
    assert builder not in seen("run App\n", files, path="/srv/app.rb")


def test_bundle_exec_leads_to_the_program_of_the_word_after_it() -> None:
    files: dict[str, str | bytes] = {}
    files |= gem("rackup", "2.1", "bin/rackup") | {"/srv/config.ru": "", "/srv/Gemfile": "", "/srv/Gemfile.lock": LOCK}
    edges = seen("#!/usr/bin/ruby\n", files, path="/usr/bin/bundle", cmd=["bundle", "exec", "rackup", "-p", "80"])
    assert {f"{GEMS}/gems/rackup-2.1/bin/rackup", "/srv/config.ru", "/srv/Gemfile.lock"} <= set(edges)


def test_templates_of_sinatra() -> None:
    source = """
    require 'sinatra'
    set :views, File.join(__dir__, 'pages')
    get('/') { erb :index }
    get('/b') { erb :'admin/users', layout: :wide }
    """
    names = ("index.erb", "layout.erb", "admin/users.erb", "wide.erb", "unused.erb")
    edges = seen(source, {f"/srv/pages/{name}": "" for name in names} | {"/srv/public/a.css": ""})
    assert {f"/srv/pages/{name}" for name in names[:4]} <= set(edges)
    assert "/srv/pages/unused.erb" not in edges
    assert edges["/srv/pages/index.erb"].firing == "deferred"
    assert edges["/srv/public"].target.kind is NodeKind.DIRECTORY
    assert f"{LIBRARY}/erb.rb" in edges


def test_partials_of_rails_and_what_it_loads_by_name() -> None:
    files = {"/srv/app/views/users/_row.html.erb": "", "/srv/app/models/user.rb": "", "/srv/config/routes.rb": ""}
    inside = seen("<%= render 'users/row' %>", files, path="/srv/app/views/users/index.html.erb")
    assert "/srv/app/views/users/_row.html.erb" in inside
    whole = seen("class Shop < Rails::Application\nend", files, path="/srv/config/application.rb")
    assert {path: edge.firing.value for path, edge in whole.items()} == dict.fromkeys(files, "kept_with")


def test_a_folder_that_is_handed_to_zeitwerk() -> None:
    edges = seen('loader.push_dir("#{__dir__}/lib")', {"/srv/lib/a/b.rb": "", "/srv/lib/c.rb": ""})
    assert {path: edge.firing.value for path, edge in edges.items()} == {
        "/srv/lib/a/b.rb": "kept_with",
        "/srv/lib/c.rb": "kept_with",
    }


def test_a_constant_prefix_stands_for_its_folder() -> None:
    files = {"/srv/lib/plugins/a.rb": "", "/srv/lib/plugins/b.so": "x", "/srv/lib/other.rb": ""}
    edges = seen('$: << "#{__dir__}/lib"\nrequire "plugins/#{name}"', files)
    assert {path: edge.firing.value for path, edge in edges.items()} == {"/srv/lib/plugins/a.rb": "named"}


@pytest.mark.parametrize(
    "source",
    [
        "'x'.encode('EUC-JP')",
        "'x'.force_encoding(Encoding::EUC_JP)",
        "File.open('y', 'r:euc-jp:utf-8')",
        "# encoding: euc-jp\n",
    ],
)
def test_encodings_by_name(source: str) -> None:
    assert set(seen(source)) == {f"{ARCH}/enc/euc_jp.so", f"{ARCH}/enc/trans/japanese.so"}


def test_encodings_that_ruby_holds_itself_ask_for_nothing() -> None:
    assert seen("'x'.encode('UTF-8').force_encoding(Encoding::BINARY)") == {}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("system('date')", {"/bin/date"}),
        ("system('date > /dev/null')", {"/bin/sh", "date > /dev/null"}),
        ("system('date +%Y --date=now')", {"/bin/date"}),
        ("system('/bin/date a=b')", {"/bin/date"}),
        ("system('A=1 date')", {"/bin/sh", "A=1 date"}),
        ("system('date # now')", {"/bin/sh", "date # now"}),
        ("system('date', '+%Y')", {"/bin/date"}),
        ("system({'A' => 'b'}, 'date', '+%Y', out: :err)", {"/bin/date"}),
        ("IO.popen(['convert', 'a', 'b'])", {"/usr/bin/convert"}),
        ("Open3.capture2e('sh', '-c', 'date; convert')", {"/bin/sh", "date; convert"}),
        ("exec(<<~LINE)\n  date | convert\nLINE\n", {"/bin/sh", "  date | convert\n"}),
        ("%x(date #{day})", {"/bin/sh", 'date "$UNKNOWN"'}),
        ("open('|date')", {"/bin/date"}),
        ("other.system('date')", set()),
    ],
)
def test_commands(source: str, wanted: set[str]) -> None:
    assert {text.lstrip("\n") for text in seen(source)} == wanted


def test_certificate_authorities_for_a_client_of_tls() -> None:
    assert "/usr/lib/ssl/certs" in seen("def get\n Net::HTTP.get(URI('https://example.org'))\nend")
    assert "/usr/lib/ssl/certs" in seen("http = Net::HTTP.new(h, 443)\nhttp.use_ssl = true")
    assert seen("Net::HTTP.get(URI('http://example.org'))") == {}


def test_what_a_digest_loads_when_it_is_named() -> None:
    assert set(seen("puts Digest::SHA256.hexdigest(x)")) == {f"{LIBRARY}/digest/sha2.rb"}


def test_an_extension_loads_what_it_hands_to_rb_require() -> None:
    builder = ImageBuilder()
    for name, content in BASE.items():
        builder.file(name, content)
    path = ImagePath(f"{ARCH}/psych.so")
    builder.file(path, b"\x7fELF\0rb_require\0digest/sha2\0nothing/like/it\0set\0Init_psych\0")
    tree, config = builder.tree(), builder.image().config
    context = Context(original=tree, config=config, env={}, path=(), cwd=ImagePath("/"))
    subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=tree.content(path))
    assert RubyReader().accepts(subject)
    edges = {
        edge.target.path: edge.firing.value for edge in RubyReader().read(subject, context) if isinstance(edge, Edge)
    }
    assert edges == {f"{LIBRARY}/digest/sha2.rb": "load", f"{LIBRARY}/set.rb": "guarded"}


def test_foreign_platforms_are_no_branch() -> None:
    source = "if RUBY_ENGINE == 'jruby'\n require 'set'\nelse\n require 'json'\nend"
    assert set(seen(source)) == {f"{LIBRARY}/json.rb"}


def test_lines_of_a_template_stay_where_they_were() -> None:
    code = code_of_template(b"<h1>\n<%# no\n %>\n<% if a -%>\n<%= b %>\n<%% no %>\n<% end %>")
    assert code == b"\n\n\n if a ;\n b ;\n\n end ;"


def test_data_beside_the_program() -> None:
    source = """
    ROOT = Pathname.new(__FILE__).dirname
    YAML.load_file(ROOT.join('config', 'a.yml'))
    CSV.foreach(File.expand_path('../srv/data/b.csv', __dir__))
    LIST = Dir.glob(File.join(__dir__, 'data', '*.txt'))
    File.read("#{__dir__}/data/#{name}.md")
    """
    files = {f"/srv/{name}": "" for name in ("config/a.yml", "data/b.csv", "data/c.txt", "data/d.md")}
    edges = seen(source, files)
    assert {"/srv/config/a.yml", "/srv/data/b.csv", "/srv/data/c.txt", "/srv/data"} <= set(edges)
    assert edges["/srv/data"].target.kind is NodeKind.DIRECTORY


def test_lines_of_a_program_that_is_too_large_to_be_parsed() -> None:
    source = "require 'set'\n  require_relative 'near'\n" + "x = 1\n" * 60_000
    edges = seen(source, {"/srv/near.rb": ""})
    assert {path: edge.firing.value for path, edge in edges.items()} == {
        f"{LIBRARY}/set.rb": "guarded",
        "/srv/near.rb": "deferred",
    }
