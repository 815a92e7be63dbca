"""The reader of Perl against a real perl: what `%INC` and DynaLoader gained is what the reader foresaw."""

from __future__ import annotations

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
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.perl.interpreter import find_interpreter
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

PERL = shutil.which("perl")
MODULES = (
    *("strict", "warnings", "utf8", "feature", "constant", "overload", "parent", "base", "fields", "lib", "vars"),
    *("integer", "bigint", "bignum", "bytes", "charnames", "encoding::warnings", "locale", "open", "sigtrap"),
    *(
        "threads",
        "threads::shared",
        "version",
        "autodie",
        "autouse",
        "experimental",
        "fields",
        "filetest",
        "if",
        "less",
    ),
    *("AnyDBM_File", "App::Prove", "Archive::Tar", "Attribute::Handlers", "AutoLoader", "B", "B::Deparse", "Benchmark"),
    *("CPAN", "CPAN::Meta", "Carp", "Class::Struct", "Compress::Zlib", "Config", "Cwd", "DB_File", "Data::Dumper"),
    *("Digest::MD5", "Digest::SHA", "Dumpvalue", "Encode", "Encode::JP", "Encode::Guess", "English", "Env", "Errno"),
    *("Exporter", "ExtUtils::MakeMaker", "Fcntl", "File::Basename", "File::Compare", "File::Copy", "File::Find"),
    *("File::Glob", "File::Path", "File::Spec", "File::Temp", "File::stat", "FileCache", "FindBin", "GDBM_File"),
    *("Getopt::Long", "Getopt::Std", "HTTP::Tiny", "Hash::Util", "I18N::LangTags", "IO", "IO::Compress::Gzip"),
    *("IO::Socket::INET", "IO::Socket::IP", "IO::Select", "IO::Zlib", "IPC::Cmd", "IPC::Open3", "IPC::SysV"),
    *("JSON::PP", "List::Util", "Locale::Maketext", "MIME::Base64", "MIME::QuotedPrint", "Math::BigFloat"),
    *("Math::BigInt", "Math::Complex", "Math::Trig", "Memoize", "Module::CoreList", "Module::Load", "Module::Metadata"),
    *("NDBM_File", "Net::FTP", "Net::SMTP", "Net::hostent", "O", "Opcode", "POSIX", "Params::Check", "Perl::OSType"),
    *("PerlIO::encoding", "PerlIO::scalar", "PerlIO::via::QuotedPrint", "Pod::Checker", "Pod::Man", "Pod::Simple"),
    *("Pod::Text", "Pod::Usage", "SDBM_File", "Safe", "Scalar::Util", "Search::Dict", "SelfLoader", "Socket"),
    *("Storable", "Symbol", "Sys::Hostname", "Sys::Syslog", "TAP::Harness", "Term::ANSIColor", "Term::ReadLine"),
    *("Test::More", "Test::Simple", "Text::Abbrev", "Text::Balanced", "Text::ParseWords", "Text::Tabs", "Text::Wrap"),
    *("Thread::Queue", "Tie::File", "Tie::RefHash", "Time::HiRes", "Time::Local", "Time::Piece", "Time::gmtime"),
    *("UNIVERSAL", "Unicode::Collate", "Unicode::Normalize", "Unicode::UCD", "User::pwent", "XSLoader"),
)
PROGRAM = r"""#!/usr/bin/perl
use strict;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Shop::Greeter;
use parent -norequire, 'Exporter';
my %settings = %{ do "$Bin/settings.pl" };
foreach my $plugin (qw(One Two)) {
    eval "require Shop::Plugin::$plugin; 1" or die $@;
}
for my $file (glob "$Bin/parts/*.pl") { require $file }
sub report {
    require Shop::Report;
    Shop::Report->new;
    require "$Bin/old/style.pl";
    open my $out, '>:encoding(UTF-16)', '/dev/null' or die;
    binmode STDERR, ':utf8';
    require Encode; Encode::encode('euc-jp', 'x'); Encode::encode('cp1252', 'x');
    local $Data::Dumper::Indent = 1;
}
eval { require JSON::PP; 1 } or warn;
report() unless $ENV{NO_REPORT};
STDOUT->autoflush(1);
print join("\n", map { $INC{$_} } sort keys %INC), "\n";
print join("\n", @DynaLoader::dl_shared_objects), "\n";
"""
FILES = {
    "app.pl": PROGRAM,
    "settings.pl": "{ a => 1 }\n",
    "lib/Shop/Greeter.pm": "package Shop::Greeter;\nuse base 'Shop::Polite';\nuse List::Util qw(first);\n1;\n",
    "lib/Shop/Polite.pm": "package Shop::Polite;\nour @ISA = ();\nuse Storable ();\n1;\n",
    "lib/Shop/Plugin/One.pm": "package Shop::Plugin::One;\nuse Time::Local;\n1;\n",
    "lib/Shop/Plugin/Two.pm": "package Shop::Plugin::Two;\n1;\n",
    "lib/Shop/Report.pm": "package Shop::Report;\nuse Data::Dumper;\nuse Digest::MD5;\nsub new { bless {} }\n1;\n",
    "old/style.pl": "use Text::Wrap;\n1;\n",
    "parts/a.pl": "use Text::Abbrev;\n1;\n",
}
LISTED = 'print join("\\n", (grep { defined } values %INC), @DynaLoader::dl_shared_objects), "\\n"'
LOADING = frozenset({EdgeKind.IMPORTS, EdgeKind.SOURCES, EdgeKind.LOADS, EdgeKind.CONTAINS})


def perl(*words: str, cwd: Path | None = None) -> list[str]:
    assert PERL is not None
    done = subprocess.run([PERL, *words], capture_output=True, text=True, timeout=60, check=True, cwd=cwd)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def application() -> Iterator[Path]:
    """A program below a path that exists on the host and in the tree alike; each worker has one of its own."""
    place = "/srv" if os.access("/srv", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="xraydiff-perl-", dir=place))
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, application: Path) -> Tree:
    """The host's perl and the program as a tree of their own."""
    if PERL is None:
        pytest.skip("no perl on this machine")
    root = tmp_path_factory.mktemp("perl")
    roots = {str(Path(name).resolve()) for name in perl("-e", 'print join("\\n", @INC)')}
    links = [Path(name) for name in perl("-e", 'print join("\\n", @INC)') if Path(name).is_symlink()]
    for name in sorted(roots | {str(application)}):
        if Path(name).is_dir():
            shutil.copytree(name, root / name.lstrip("/"), symlinks=True, dirs_exist_ok=True)
    for link in links:
        (root / str(link).lstrip("/")).symlink_to(link.readlink())
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(PERL, root / "usr/bin/perl")
    return tree_of_directory(root)


def context_of(tree: Tree, cwd: str) -> Context:
    config = ImageConfig(workdir=cwd)
    return Context(original=tree, config=config, env={}, path=(ImagePath("/usr/bin"),), cwd=ImagePath(cwd))


def foreseen(context: Context, starts: Sequence[Node], firings: frozenset[Firing]) -> set[str]:
    """Everything that the reader reaches over edges of these firings."""
    reader, tree = PerlReader(), context.original
    todo, seen, found = list(starts), set(starts), set[str]()
    while todo:
        node = todo.pop()
        real = tree.resolve(node.path).path
        file = tree.files[real] if real is not None else None
        inline = node.kind is NodeKind.SCRIPT
        data = node.text.encode() if inline else tree.content(real) if real is not None else b""
        subject = Subject(node=node, path=real or ROOT, file=None if inline else file, tree=tree, data=data)
        if not reader.accepts(subject):
            continue
        for edge in reader.read(subject, context):
            if not isinstance(edge, Edge) or edge.firing not in firings or edge.kind not in LOADING:
                continue
            following = edge.target
            if following.kind is not NodeKind.SCRIPT:
                target = tree.resolve(edge.target.path)
                if target.path is None or target.file is None or target.file.type is not FileType.FILE:
                    continue
                found.add(target.path)
                following = Node(path=target.path, language=edge.target.language)
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return found


def really(tree: Tree, names: Sequence[str]) -> set[str]:
    paths = (tree.resolve(image_path(name)).path for name in names if name.startswith("/"))
    return {path for path in paths if path is not None}


def test_the_search_path_is_that_of_the_real_perl(tree: Tree) -> None:
    context = context_of(tree, "/srv")
    real = [name for name in perl("-e", 'print join("\\n", @INC)') if tree.resolve(name).path is not None]
    assert list(find_interpreter(context, Lookup(context)).inc) == real


def test_modules_of_the_library(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    context = context_of(tree, "/srv")
    wanted = held = surplus = 0
    rows: list[str] = []
    for module in MODULES:
        try:
            loaded = really(tree, perl("-e", f"require {module}; {LISTED}"))
        except subprocess.CalledProcessError:
            continue
        start = Node(kind=NodeKind.SCRIPT, path="/srv/app", language="perl", text=f"require {module};")
        found = foreseen(context, [start], frozenset({Firing.LOAD, Firing.GUARDED}))
        missed, more = loaded - found, found - loaded
        wanted, held, surplus = wanted + len(loaded), held + len(loaded & found), surplus + len(more)
        if missed or len(more) > 10:
            rows.append(f"{module:24} {len(loaded):4} {len(missed):4} {len(more):4} {' '.join(sorted(missed)[:3])}")
    with capsys.disabled():
        print(f"\n{'module':24} load miss more\n" + "\n".join(rows))
        print(f"contained {held / wanted:.3f} of {wanted}, surplus {surplus}")
    assert held / wanted >= 0.95
    assert surplus <= wanted


def test_a_program_with_every_branch(tree: Tree, application: Path) -> None:
    loaded = really(tree, perl("app.pl", cwd=application))
    start = Node(path=f"{application}/app.pl", language="perl")
    found = foreseen(context_of(tree, str(application)), [start], frozenset(Firing))
    assert loaded - found == set()
    own = {path for path in found if path.startswith(str(application))}
    assert own == {f"{application}/{name}" for name in FILES if name != "app.pl"}
