"""Words of Perl and its libraries that say what a call is for, and the kinds of steps that a program takes."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = [
    "ENCODES",
    "HANDLE_METHODS",
    "LEAVES",
    "LOADERS",
    "NEEDS_SHELL",
    "OPENS",
    "PATH_CALLS",
    "PATH_KEYS",
    "PREFIXED",
    "READING_METHODS",
    "READS",
    "Kind",
]


class Kind(StrEnum):
    """What a step of a program does."""

    USE = "use"
    REQUIRE = "require"
    """A module by its bare name."""
    REQUIRE_FILE = "require file"
    REQUIRE_CLASS = "require class"
    """`$class->require`."""
    DO = "do"
    EVALUATE = "evaluate"
    """`eval STRING`."""
    MODULE = "module"
    """A module that something else than the program loads."""
    COMPILED = "compiled"
    """A module that perl loads when it compiles the program, even for a subroutine."""
    OBJECT = "object"
    """The shared object of a module."""
    LOADER = "loader"
    """A function, or method, that loads the module whose name it is given."""
    DRIVER = "driver"
    """The name of a data source, where a text is one."""
    INC = "inc"
    PACKAGE = "package"
    ASSIGNMENT = "assignment"
    LOOP = "loop"
    """A variable takes every text of a list until `CLOSE`."""
    OLDER = "older"
    """What follows until `CLOSE` is for a perl older than this version."""
    CLOSE = "close"
    NAMES = "names"
    """Files that are read."""
    PATHS = "paths"
    """Texts that are paths where they are absolute."""
    OPEN = "open"
    COMMAND_LINE = "command line"
    COMMAND = "command"
    """A program and its arguments, or a command line."""
    CONFIG = "config"
    """`$Config{KEY}`."""
    LAYERS = "layers"
    ENCODING = "encoding"
    PROPERTY = "property"
    CHARACTER_NAMES = "character names"
    TLS = "tls"
    """An address that begins with `https`."""
    END = "end"


READS: Final = frozenset(
    """
    opendir stat lstat readlink read_file slurp read_text read_lines LoadFile DumpFile retrieve parse_file
    load_file parsefile read_binary edit_file copy move chdir tie
    """.split()
)
READING_METHODS: Final = frozenset(
    """
    slurp slurp_utf8 slurp_raw lines lines_utf8 openr opena openw children iterator parse_file load_file
    LoadFile read read_file parsefile absolute exists is_file
    """.split()
)
PATH_KEYS: Final = frozenset(
    """
    filename path INCLUDE_PATH root file template config directory dir include_path SSL_ca_file SSL_ca_path
    SSL_cert_file SSL_key_file
    """.split()
)
"""Keywords of constructors that take a path."""
PATH_CALLS: Final = frozenset(("catfile", "catdir", "rel2abs"))
HANDLE_METHODS: Final = frozenset(
    """
    autoflush binmode getline getlines opened blocking printflush $! Errno %! Errno $+ Tie::Hash::NamedCapture
    $- Tie::Hash::NamedCapture  Variables whose module perl loads when it compiles them (gv.c, S_gv_magicalize).
    lvalue method const prototype \b(?:use|require|no)\\s+([A-Za-z_][\\w:]*::)?\0([\\w:]*) ^[
    \t]*(?:use|require|no)[ \t]+([A-Za-z_][\\w:]{0,200})[ \t]*[;(\\s] \\s*\\(?\\s*\\$\\^O\\s*(?:eq\\s*['\
    """.split()
)
"""Methods of file handles, which belong to IO::File."""
LOADERS: Final = frozenset(
    """
    load_class use_module require_module try_load_class load_first_existing_class load autoload
    use_package_optimistically load_optional_class is_class_loaded extends with compose_roles load_module
    runtime_require check_install can_load use_ok require_ok ensure_class_loaded
    """.split()
)
"""Functions and methods of Module::Runtime, Class::Load, Module::Load, Moose and their kin."""
PREFIXED: Final = {
    "enable": ("Plack::Middleware",),
    "plugin": ("Mojolicious::Plugin", "Dancer2::Plugin"),
    "load_components": ("DBIx::Class",),
    "load_plugins": ("",),
    "engine": ("Dancer2::Template",),
}
"""Functions that take the end of a module's name; a `+` before it says that it is whole."""
ENCODES: Final = frozenset(
    """
    encode decode find_encoding from_to resolve_alias encodings perlio_ok
    """.split()
)
OPENS: Final = {"open2": 2, "open3": 3, "run": 0, "harness": 0, "start": 0, "capture": 0, "capturex": 0, "systemx": 0}
"""Functions of IPC::Open2, Open3, Run and System::Simple, with the handles before the command."""
NEEDS_SHELL: Final = re.compile(r"[$&*(){}\[\]'\";\\|?<>~`\n]|\A\s*(?:\w+=|exec\s|\.\s)")
"""doio.c, Perl_do_exec3: without one of these a command line is split at blanks and no shell is started."""
LEAVES: Final = frozenset(
    """
    comment pod bareword number string_content escape_sequence function method package autoquoted_bareword
    heredoc_end heredoc_token regexp_content data_section eof_marker filehandle quoted_word_list prototype
    attrlist attribute version
    """.split()
)
