"""What a Perl program asks for, over an image with a perl of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from xraydiff.facts import Edge, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.perl.interpreter import find_interpreter
from xraydiff.references.readers.perl.parsing import code_of
from xraydiff.testing import ImageBuilder, context_of, elf, read

CORE, ARCH, SITE = "/usr/share/perl/5.36", "/usr/lib/x86_64-linux-gnu/perl/5.36", "/usr/local/share/perl/5.36.0"
VENDOR, VENDOR_ARCH, BASE_ARCH = (
    "/usr/share/perl5",
    "/usr/lib/x86_64-linux-gnu/perl5/5.36",
    "/usr/lib/x86_64-linux-gnu/perl-base",
)
COMPILED = f"\0/etc/perl\0{SITE}\0{VENDOR}\0{CORE}\0/usr/local/lib/site_perl\0{VENDOR_ARCH}\0{BASE_ARCH}\0{ARCH}\0"
MODULES = (
    *(f"{BASE_ARCH}/{name}.pm" for name in ("strict", "parent", "base", "lib", "XSLoader", "IO/File", "Errno")),
    *(f"{BASE_ARCH}/{name}.pm" for name in ("Exporter", "Exporter/Heavy", "PerlIO/scalar", "File/Glob", "AutoLoader")),
    *(f"{CORE}/{name}.pm" for name in ("Text/Wrap", "JSON/PP", "PerlIO", "_charnames", "autouse", "if")),
    *(f"{ARCH}/{name}.pm" for name in ("Encode", "Encode/JP", "Encode/Byte", "Encode/Unicode", "PerlIO/encoding")),
    *(f"{ARCH}/auto/{name}.so" for name in ("Foo/Foo", "Foo/Bar/Bar")),
    *(f"{VENDOR}/{name}.pm" for name in ("DBI", "DBD/Pg", "HTTP/Tiny", "IO/Socket/SSL", "Plack/Middleware/Static")),
    *(f"{VENDOR}/{name}.pm" for name in ("Mojolicious/Lite", "Shop/A", "Shop/B")),
    f"{CORE}/unicore/Name.pl",
)


def installed(files: Mapping[str, str], env: Sequence[str] = (), cmd: Sequence[str] | None = None) -> Context:
    builder = ImageBuilder().config(env=["PATH=/usr/bin:/bin", *env], workdir="/srv", cmd=cmd)
    builder.file("/usr/bin/perl", b"\x7fELF" + COMPILED.encode(), mode=0o755)
    for program in ("/bin/sh", "/bin/date", "/usr/bin/convert", "/usr/bin/env"):
        builder.file(program, elf(executable=True), mode=0o755)
    builder.file("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", b'\x7fELF OPENSSLDIR: "/usr/lib/ssl"\0')
    builder.symlink("/usr/lib/ssl/certs", "/etc/ssl/certs").file("/etc/ssl/certs/a.pem", b"")
    builder.directory("/etc/perl").directory(SITE).directory("/usr/local/lib/site_perl").directory(VENDOR_ARCH)
    config_pm = "tie %Config, 'Config', {\n    archname => 'x',\n};\n"
    for name, content in (
        {f"{BASE_ARCH}/Config.pm": config_pm, f"{BASE_ARCH}/Config_heavy.pl": ""} | dict(files)
    ).items():
        builder.file(name, content)
    for name in MODULES:
        if name not in files:
            builder.file(name, "1;\n")
    return context_of(builder)


def read_program(
    source: str,
    files: Mapping[str, str] | None = None,
    *,
    path: str = "/srv/app.pl",
    env: Sequence[str] = (),
    cmd: Sequence[str] | None = None,
) -> tuple[dict[str, Edge], list[str]]:
    """Edges by the path or text of their target, and reasons of gaps."""
    reading = read(PerlReader(), installed({**(files or {}), path: source}, env, cmd), path)
    assert reading.accepted
    return dict(zip(reading.targets, reading.edges, strict=True)), [gap.reason for gap in reading.gaps]


def seen(source: str, files: Mapping[str, str] | None = None, *, path: str = "/srv/app.pl") -> dict[str, str]:
    edges, _ = read_program(source, files, path=path)
    return {target: edge.firing.value for target, edge in edges.items()}


def test_inc_stands_in_the_program_and_is_put_in_order() -> None:
    context = installed({})
    perl = find_interpreter(context, Lookup(context))
    assert perl.inc == (
        *("/etc/perl", SITE, VENDOR_ARCH, VENDOR, BASE_ARCH, ARCH, CORE),
        "/usr/local/lib/site_perl",
    )
    assert perl.version == 5.036


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (
            [
                "/usr/local/lib/perl5/5.38.2",
                "/usr/local/lib/perl5/5.38.2/x86_64-linux-gnu",
                "/usr/local/lib/perl5/site_perl/5.38.2",
                "/usr/local/lib/perl5/site_perl/5.38.2/x86_64-linux-gnu",
            ],
            [3, 2, 1, 0],
        ),
        (
            [
                "/usr/share/perl5/core_perl",
                "/usr/lib/perl5/core_perl",
                "/usr/share/perl5/vendor_perl",
                "/usr/lib/perl5/vendor_perl",
                "/usr/local/share/perl5/site_perl",
                "/usr/local/lib/perl5/site_perl",
            ],
            [5, 4, 3, 2, 1, 0],
        ),
    ],
    ids=["official image", "Alpine"],
)
def test_inc_of_other_builds(names: list[str], order: list[int]) -> None:
    builder = ImageBuilder().file("/usr/local/bin/perl", b"\x7fELF\0" + "\0".join(names).encode() + b"\0", mode=0o755)
    for name in names:
        builder.directory(name)
    context = context_of(builder)
    assert list(find_interpreter(context, Lookup(context)).inc) == [names[index] for index in order]


@pytest.mark.parametrize(
    ("source", "target", "firing"),
    [
        ("use Text::Wrap qw(wrap);", f"{CORE}/Text/Wrap.pm", "load"),
        ("no strict 'refs';", f"{BASE_ARCH}/strict.pm", "load"),
        ("require Text::Wrap;", f"{CORE}/Text/Wrap.pm", "load"),
        ("require 'Text/Wrap.pm';", f"{CORE}/Text/Wrap.pm", "load"),
        ("eval { require JSON::PP; 1 } or die;", f"{CORE}/JSON/PP.pm", "guarded"),
        ("require JSON::PP if $x;", f"{CORE}/JSON/PP.pm", "guarded"),
        ("if ($x) { require JSON::PP }", f"{CORE}/JSON/PP.pm", "guarded"),
        ("$x or require JSON::PP;", f"{CORE}/JSON/PP.pm", "guarded"),
        ("sub f { require JSON::PP }", f"{CORE}/JSON/PP.pm", "deferred"),
        ("sub f { use JSON::PP; }", f"{CORE}/JSON/PP.pm", "load"),
        ("my $f = sub { require JSON::PP };", f"{CORE}/JSON/PP.pm", "deferred"),
        ("END { require JSON::PP }", f"{CORE}/JSON/PP.pm", "deferred"),
        ("BEGIN { require JSON::PP }", f"{CORE}/JSON/PP.pm", "load"),
        ("use if $x, 'JSON::PP';", f"{CORE}/JSON/PP.pm", "guarded"),
        ("use autouse 'JSON::PP' => 'x';", f"{CORE}/JSON/PP.pm", "deferred"),
        ("use parent 'Shop::A';", f"{VENDOR}/Shop/A.pm", "load"),
        ("use base qw(Shop::A);", f"{VENDOR}/Shop/A.pm", "guarded"),
        ("use Module::Runtime; use_module('Shop::A');", f"{VENDOR}/Shop/A.pm", "load"),
        ("Class::Load::load_class('Shop::A');", f"{VENDOR}/Shop/A.pm", "load"),
        ("extends 'Shop::A'; with 'Shop::B';", f"{VENDOR}/Shop/B.pm", "load"),
        ("my $c = 'Shop::A'; $c->require;", f"{VENDOR}/Shop/A.pm", "load"),
        ('my $m = shift; eval "require Shop::$m; 1" or die;', f"{VENDOR}/Shop/A.pm", "named"),
        ('my $m = "Shop::" . shift; load_class($m);', f"{VENDOR}/Shop/B.pm", "named"),
        ("use Foo ':all'; use Exporter ':all';", f"{BASE_ARCH}/Exporter/Heavy.pm", "guarded"),
        ("builder { enable 'Static', path => 1 };", f"{VENDOR}/Plack/Middleware/Static.pm", "load"),
        ('sub db { DBI->connect("dbi:Pg:dbname=x") }', f"{VENDOR}/DBD/Pg.pm", "deferred"),
        ("STDOUT->autoflush(1);", f"{BASE_ARCH}/IO/File.pm", "load"),
        ("sub f { my @f = glob('*.x') }", f"{BASE_ARCH}/File/Glob.pm", "load"),
        ("print $!{ENOENT};", f"{BASE_ARCH}/Errno.pm", "load"),
        ("use Config; print $Config{d_flock};", f"{BASE_ARCH}/Config_heavy.pl", "load"),
        ("open my $h, '<', \\$text;", f"{BASE_ARCH}/PerlIO/scalar.pm", "deferred"),
        ("open my $h, '<:encoding(UTF-16)', $f;", f"{ARCH}/Encode/Unicode.pm", "load"),
        ("binmode STDOUT, ':encoding(cp1252)';", f"{ARCH}/PerlIO/encoding.pm", "load"),
        ("Encode::decode('Shift_JIS', $x);", f"{ARCH}/Encode/JP.pm", "load"),
        ('print "\\N{GREEK SMALL LETTER ALPHA}";', f"{CORE}/unicore/Name.pl", "load"),
    ],
)
def test_modules(source: str, target: str, firing: str) -> None:
    found = seen(source)
    assert found.get(target) == firing, found


@pytest.mark.parametrize(
    "source",
    [
        "use parent -norequire, 'Shop::A';",
        "if ($^O eq 'MSWin32') { require Shop::A }",
        "require Shop::A if $] < 5.008;",
        "=pod\n\nuse Shop::A;\n\n=cut\n",
        "__END__\nuse Shop::A;\n",
        "# use Shop::A;\nprint 'use Shop::A;';",
        "use 5.010; require 5.006; use No::Such::Module;",
        "print $Config{archname};",
        "Encode::decode('UTF-8', $x);",
    ],
)
def test_what_asks_for_nothing_of_the_shop(source: str) -> None:
    assert not [path for path in seen(source) if path.startswith(VENDOR) or "Encode/" in path or "heavy" in path]


def test_a_module_below_a_link_of_inc_is_named_by_the_link() -> None:
    builder = ImageBuilder().config(env=["PATH=/usr/bin"]).file("/srv/app.pl", "use JSON::PP;\n")
    compiled = "\0/usr/share/perl/5.36\0/usr/share/perl/5.36.0\0/usr/lib64/perl5\0"
    builder.file("/usr/bin/perl", b"\x7fELF" + compiled.encode(), mode=0o755)
    builder.symlink("/usr/share/perl/5.36", "5.36.0").file("/usr/share/perl/5.36.0/JSON/PP.pm", "1;\n")
    builder.symlink("/usr/lib64", "lib").file("/usr/lib/perl5/DBI.pm", "1;\n")
    context = context_of(builder)
    perl, lookup = find_interpreter(context, Lookup(context)), Lookup(context)
    assert "/usr/share/perl/5.36.0" not in perl.inc
    assert perl.file("JSON/PP.pm", lookup) == "/usr/share/perl/5.36/JSON/PP.pm"
    assert perl.file("DBI.pm", lookup) == "/usr/lib64/perl5/DBI.pm"


def test_paths_that_a_program_adds() -> None:
    files = {"/srv/lib/My/A.pm": "", "/srv/more/My/B.pm": "", "/opt/My/C.pm": ""}
    source = 'use FindBin; use lib "$FindBin::Bin/lib"; push @INC, "more"; use My::A; use My::B; use My::C;'
    edges, _ = read_program(source, files, env=["PERL5LIB=/opt"])
    assert set(files) <= set(edges)
    edges, _ = read_program("use My::C;", files, cmd=["perl", "-I", "/opt", "app.pl"])
    assert set(edges) == {"/opt/My/C.pm"}


def test_compiled_parts() -> None:
    source = "package Foo::Bar;\nrequire XSLoader;\nXSLoader::load();\n1;\n"
    assert seen(source, path=f"{ARCH}/Foo/Bar.pm")[f"{ARCH}/auto/Foo/Bar/Bar.so"] == "load"
    source = "package Foo;\nXSLoader::load(__PACKAGE__, $VERSION);\n"
    assert f"{ARCH}/auto/Foo/Foo.so" in seen(source, path=f"{ARCH}/Foo.pm")
    assert f"{ARCH}/auto/Foo/Foo.so" in seen("package Foo;\nbootstrap Foo $VERSION;\n", path=f"{ARCH}/Foo.pm")


def test_functions_that_are_loaded_when_they_are_called() -> None:
    files = {f"{CORE}/auto/My/X/{name}": "" for name in ("autosplit.ix", "one.al", "two.al")}
    found = seen("package My::X;\nuse AutoLoader 'AUTOLOAD';\n", files, path=f"{CORE}/My/X.pm")
    assert found[f"{CORE}/auto/My/X/autosplit.ix"] == "guarded"
    assert found[f"{CORE}/auto/My/X/one.al"] == "deferred"


def test_files_that_are_run_and_files_that_are_read() -> None:
    files = {f"/srv/{name}": "" for name in ("conf.pl", "old.pl", "data/a.txt", "data/b.json", "t/page.tmpl", "k.ini")}
    source = """
    use File::Spec; use File::Basename;
    my $settings = do './conf.pl';
    require "$Bin/old.pl";
    open(my $fh, '<', File::Spec->catfile(dirname(__FILE__), 'data', 'a.txt')) or die;
    my $json = read_file("$FindBin::Bin/data/b.json");
    my $t = HTML::Template->new(filename => 't/page.tmpl');
    print "there" if -e 'k.ini';
    open(LOG, ">>$Bin/data/$name.log");
    """
    edges, _ = read_program(source, files)
    assert set(files) <= set(edges)
    assert edges["/srv/conf.pl"].kind == edges["/srv/old.pl"].kind == "sources"
    assert edges["/srv/data"].target.kind is NodeKind.DIRECTORY


def test_folders_of_a_framework() -> None:
    files = {"/srv/templates/a.html.ep": "", "/srv/public/a.css": ""}
    found = seen("use Mojolicious::Lite;", files)
    assert (found["/srv/templates"], found["/srv/public"]) == ("kept_with", "kept_with")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("system('date');", {"/bin/date"}),
        ("system('date > x');", {"/bin/sh", "date > x"}),
        ("system 'date', '+%Y';", {"/bin/date"}),
        ("my @c = ('convert', 'a'); exec(@c);", {"/usr/bin/convert"}),
        ("print `date $x`;", {"/bin/sh", 'date "$UNKNOWN"'}),
        ("my $d = qx{date};", {"/bin/date"}),
        ("my @c; @c = ('convert', 'a') if $x; @c = ('date'); exec(@c);", {"/usr/bin/convert", "/bin/date"}),
        ("for my $c (qw(convert date)) { system($c); }", {"/usr/bin/convert", "/bin/date"}),
        ("for my $c (qw(convert date)) { system($c, 'x'); }", {"/usr/bin/convert", "/bin/date"}),
        ("open(my $p, '-|', 'convert', 'a');", {"/usr/bin/convert"}),
        ("open(P, 'date|');", {"/bin/date"}),
        ("open P, '| date; convert';", {"/bin/sh", " date; convert"}),
        ("open3($in, $out, $err, 'convert', 'x');", {"/usr/bin/convert"}),
        ("run ['convert', 'x'], $in, $out;", {"/usr/bin/convert"}),
        ("system('sh', '-c', 'date; convert');", {"/bin/sh", "date; convert"}),
        ("system(<<'END');\ndate; convert\nEND\n", {"/bin/sh", "date; convert\n"}),
    ],
)
def test_commands(source: str, wanted: set[str]) -> None:
    assert {text.lstrip("\n") for text in seen(source)} == wanted


def test_a_program_behind_another_one() -> None:
    found = seen("system('env', '-i', 'convert', 'x'); system($^X, '-w', 'x.pl');", {"/srv/x.pl": "1"})
    assert {"/usr/bin/env", "/usr/bin/convert", "/srv/x.pl"} <= set(found)


def test_a_program_in_a_string_is_one_of_its_own() -> None:
    edges, _ = read_program('eval "use Shop::A; 1" or die;')
    (edge,) = edges.values()
    assert (edge.target.kind, edge.target.language, edge.firing) == (NodeKind.SCRIPT, "perl", "guarded")
    context = installed({})
    data = edge.target.text.encode()
    subject = Subject(node=edge.target, path=ImagePath("/srv/app.pl"), file=None, tree=context.original, data=data)
    assert PerlReader().accepts(subject)
    found = [item for item in PerlReader().read(subject, context) if isinstance(item, Edge)]
    assert [item.target.path for item in found] == [f"{VENDOR}/Shop/A.pm"]


def test_certificate_authorities_for_a_client_of_tls() -> None:
    found = seen("use HTTP::Tiny; sub get { HTTP::Tiny->new->get('https://example.org') }")
    assert {"/usr/lib/ssl/certs", f"{VENDOR}/IO/Socket/SSL.pm"} <= set(found)
    assert "/usr/lib/ssl/certs" not in seen("use HTTP::Tiny; HTTP::Tiny->new->get('http://example.org')")


def test_tables_of_unicode_for_a_perl_that_reads_them() -> None:
    heavy = "'greek' => 'Sc/Grek',\n'script=greek' => 'Sc/Grek',\n"
    files = {f"{CORE}/utf8_heavy.pl": "", f"{CORE}/unicore/Heavy.pl": heavy, f"{CORE}/unicore/lib/Sc/Grek.pl": ""}
    assert set(files) <= set(seen("$x =~ /\\p{Script=Greek}/;", files))
    assert not [path for path in seen("$x =~ /\\p{Greek}/;") if "unicore" in path]


def test_computed_names_are_gaps_and_broken_programs_are_read() -> None:
    assert read_program("require $ARGV[0];")[1] == ["computed-name"]
    assert read_program("sub { { { (")[1] == []
    for source in ("sub { { { (\nuse Text::Wrap;\n", "use Text::Wrap;\n" + "my $x = 1;\n" * 40_000):
        assert read_program(source)[1] == []
        assert f"{CORE}/Text/Wrap.pm" in seen(source)


def test_lines_of_the_code_stay_where_they_were() -> None:
    assert code_of(b"a;\n=head1 X\n\ntext\n=cut\nb;\n__END__\nc;\n") == b"a;\n\n\n\n\nb;"
    assert code_of(b"a;\n=pod\nno end\n").rstrip() == b"a;"


def test_accepts_by_name_and_first_line() -> None:
    context = installed({})

    def accepts(path: str, data: bytes) -> bool:
        subject = Subject(node=Node(path=path), path=ImagePath(path), file=None, tree=context.original, data=data)
        return PerlReader().accepts(subject)

    assert accepts("/usr/bin/x", b"#!/usr/bin/perl -w\n")
    assert accepts("/usr/bin/x", b"#!/usr/bin/env perl\n")
    assert accepts("/lib/X.pm", b"package X;")
    assert not accepts("/usr/bin/x", b"#!/bin/sh\nperl x\n")
    assert not accepts("/usr/bin/x.pl", b"\x7fELF")
    assert not accepts("/usr/bin/x.pl", b"#!/usr/bin/swipl\n")
