"""Where code is in JavaScript and PHP, and where texts and comments are."""

from __future__ import annotations

import pytest

from xraydiff.references.readers.node.lexer import lex
from xraydiff.references.readers.php.lexer import lex as lex_php

JAVASCRIPT = [
    ("a//b\nc", "a \nc", "a \nc"),
    ("a/*b\nc*/d", "a \nd", "a \nd"),
    ("'//'+\"/*\"", "'//'+\"/*\"", "'  '+\"  \""),
    ("'\\'//'", "'\\'//'", "'    '"),
    ("a/b//c", "a/b ", "a/b "),
    ("a=/[/']/+'x'//c", "a=/[/']/+'x' ", "a=/    /+' ' "),
    ("return/'/+b", "return/'/+b", "return/ /+b"),
    ("a.return/b/c", "a.return/b/c", "a.return/b/c"),
    ("if(a)/'/.test(b)", "if(a)/'/.test(b)", "if(a)/ /.test(b)"),
    ("f(a)/2//'", "f(a)/2 ", "f(a)/2 "),
    ("}/'/.test(a)", "}/'/.test(a)", "}/ /.test(a)"),
    ("`a//${b/*c*/+`d${'}'}`}//`+1//e", "`a//${b +`d${'}'}`}//`+1 ", "`   ${b +` ${' '}`}  `+1 "),
    ("`\\`//`//b", "`\\`//` ", "`    ` "),
    ("#!/usr/bin/node '\na", "\na", "\na"),
]
PHP = [
    ("it's <?php a//b\n;c", "it's <?php a \n;c", "           a \n;c"),
    ("<?php a#b?>c'd<?= 'e'", "<?php a ?>c'd<?= 'e'", "      a ;        ' '"),
    ("<?php #[A('b')]\nc", "<?php #[A('b')]\nc", "      #[A(' ')]\nc"),
    ("<?php <<<'X'\na//b\n  X; /*c*/d", "<?php <<<'X'\na//b\n  X;  d", "            \n    \n   ;  d"),
    ('<?php "\\"//" . `ls`', '<?php "\\"//" . `ls`', '      "    " . `  `'),
]


@pytest.mark.parametrize(("text", "code", "masked"), JAVASCRIPT)
def test_javascript(text: str, code: str, masked: str) -> None:
    found = lex(text.encode())
    assert (found.code.decode(), found.masked.decode(), found.sure) == (code, masked, True)


@pytest.mark.parametrize("text", ["'a", '"a\nb"', "`a", "`${a", "/*a", "'a\\"])
def test_javascript_without_an_end(text: str) -> None:
    found = lex(text.encode())
    assert len(found.code) == len(found.masked)
    assert found.sure is (text == "`${a")


def test_the_top_of_javascript() -> None:
    assert lex(b"a;{b;(c)}d;[e]").tops == (2, 9, 11, 14)
    assert lex(b"}a{").tops == (2,)


@pytest.mark.parametrize(("text", "code", "masked"), PHP)
def test_php(text: str, code: str, masked: str) -> None:
    found = lex_php(text.encode())
    assert (found.code.decode(), found.masked.decode(), found.sure) == (code, masked, True)


@pytest.mark.parametrize("text", ["<?php 'a", "<?php <<<A\nb", "<?php /*a"])
def test_php_without_an_end(text: str) -> None:
    assert not lex_php(text.encode()).sure


def test_the_top_of_php() -> None:
    assert lex_php(b"<?php a{b{c}}d").tops == (7, 13)
