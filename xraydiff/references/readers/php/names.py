"""Names and first bytes that tell files of PHP."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["PROGRAM", "SETTINGS", "SHEBANG", "SUFFIXES", "TAGS"]

PROGRAM = re.compile(r"/(?:php(?:-fpm|-cgi|-cli|dbg)?-?[0-9.]*|libphp[0-9.]*(?:-embed)?\.so|mod_php[0-9]*\.so)\Z")
"""A path of the interpreter, or of its library for servers."""
SETTINGS = re.compile(r"/php[^/]*\.ini\Z|/(?:conf\.d|mods-available|php\.d)/[^/]+\.ini\Z|/\.user\.ini\Z")
"""Paths of files that PHP reads at its start."""
SHEBANG = re.compile(rb"#![^\n]*\bphp")
SUFFIXES: Final = (".php", ".phtml", ".inc", ".php5", ".phar", ".module", ".tpl")
TAGS: Final = (b"<?php", b"<?=", b"<?")
