"""Names and first bytes that tell files of PHP, and functions that refer to something by their arguments."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "COMMANDS",
    "MADE",
    "PROGRAM",
    "READS",
    "REFERRING",
    "RENDERS",
    "SETTINGS",
    "SHEBANG",
    "SUFFIXES",
    "TAGS",
    "TOUCHES",
    "ZONES",
    "is_map",
]

PROGRAM = re.compile(r"/(?:php(?:-fpm|-cgi|-cli|dbg)?-?[0-9.]*|libphp[0-9.]*(?:-embed)?\.so|mod_php[0-9]*\.so)\Z")
"""A path of the interpreter, or of its library for servers."""
SETTINGS = re.compile(r"/php[^/]*\.ini\Z|/(?:conf\.d|mods-available|php\.d)/[^/]+\.ini\Z|/\.user\.ini\Z")
"""Paths of files that PHP reads at its start."""
SHEBANG = re.compile(rb"#![^\n]*\bphp")
SUFFIXES: Final = (".php", ".phtml", ".inc", ".php5", ".phar", ".module", ".tpl")
TAGS: Final = (b"<?php", b"<?=", b"<?")

COMMANDS: Final = frozenset({"shell_exec", "exec", "system", "passthru", "popen", "proc_open"})
READS: Final = frozenset(
    {
        "file_get_contents", "readfile", "fopen", "file", "parse_ini_file", "simplexml_load_file", "highlight_file",
        "show_source", "php_strip_whitespace", "fpassthru", "imagecreatefrompng", "imagecreatefromjpeg",
        "imagecreatefromgif", "imagettftext", "finfo_open", "gzopen", "readgzfile", "yaml_parse_file",
    }
)  # fmt: skip
"""Functions whose first argument is a file that they need."""
TOUCHES: Final = frozenset(
    {
        "file_exists",
        "is_file",
        "is_dir",
        "is_readable",
        "scandir",
        "opendir",
        "glob",
        "filemtime",
        "filesize",
        "copy",
        "chdir",
    }
)
ZONES: Final = frozenset({"date_default_timezone_set", "timezone_open", "->settimezone", "new DateTimeZone"})
RENDERS: Final = frozenset(
    {"view", "->render", "->renderview", "->display", "->fetch", "::make", "->make", "->view", "->load"}
)

MADE: Final = frozenset(
    f"new {name}" for name in ("SplFileObject", "SQLite3", "FilesystemLoader", "Engine", "Twig_Loader_Filesystem")
)
"""Classes that are made of a file or folder."""
REFERRING: Final = frozenset({*COMMANDS, *READS, *TOUCHES, *ZONES, *RENDERS, *MADE, "pcntl_exec"})
"""Functions, methods and classes that refer to something by their arguments."""

_MAP = re.compile(r"/composer/(?:autoload_(?:classmap|psr4|namespaces|files|static)|installed)\.php\Z")


def is_map(path: str) -> bool:
    """Whether a file is one of the autoloader's own maps, which name every class and load none."""
    return _MAP.search(path) is not None
