"""Programs that all ask for the same file, in ever other surroundings: what a program does is kept, its text is not.

A `Language` says how a program asks for its part, and what can stand around that without a change of what runs:
comments, statements that do nothing, blocks that are entered, literals, what follows the end. `disguised` draws some.
`python -m tests.fuzz.disguises LANGUAGE FILE` prints the program that the fuzzer made of the bytes of a file.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LANGUAGES", "Language", "disguised"]

NOISE: tuple[bytes, ...] = (
    *(
        b'"',
        b"'",
        b"`",
        b"'''",
        b'"""',
        b"<<EOF",
        b"<<~'X'",
        b"=begin",
        b"=cut",
        b"$(",
        b"${",
        b"((((((",
        b"}}}}}}",
        b"[[",
        b"/*x",
    ),
    *(
        b"/",
        b"s{",
        b"q(",
        b"%w[",
        b"\\",
        b"#",
        b"//",
        b"__END__",
        b"exit",
        b"if",
        b"case",
        b"\t \t",
        b"\xe9\xff",
        b"\xc3\xa9",
        b"a" * 5_000,
    ),
)
"""What a comment may hold, and literals where it is quoted."""
LATIN = b"\xe9\xff"


def within(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    """A block around a body."""
    return lambda body: before + body + after


def function(form: bytes) -> Callable[[bytes], bytes]:
    """A function of a name of its own, and its call."""
    return lambda body: form % (len(body), body, len(body))


def indented(before: bytes, after: bytes = b"") -> Callable[[bytes], bytes]:
    """A block of Python."""
    return lambda body: before + b"".join(b" " + line for line in body.splitlines(keepends=True)) + after


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a program asks for its part, and what may stand around that."""

    interpreter: str
    suffix: str
    ask: bytes
    part: str
    """Name of the file that it asks for, beside the program."""
    says: bytes
    """Contents of that file for the language's own interpreter: it prints `here`."""
    comment: bytes = b"#"
    heads: tuple[bytes, ...] = (b"",)
    """First lines."""
    idle: tuple[bytes, ...]
    """Statements that do nothing."""
    blocks: tuple[Callable[[bytes], bytes], ...]
    quoted: tuple[tuple[bytes, bytes, bytes], ...]
    """Literals: before, after, and bytes that must not stand in between."""
    ends: tuple[bytes, ...] = (b"",)
    """What may follow the program."""
    deepest: int = 40
    """Blocks within each other that the interpreter takes."""
    text: bool = False
    """Whether it refuses bytes that are not UTF-8."""


def disguised(language: Language, seed: bytes) -> bytes:
    """A program that asks for the part, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    body, depth = language.ask, 0
    for _ in range(chance.randint(1, 5)):
        match chance.randrange(6):
            case 0:
                body = comments(language, chance) + body
            case 1:
                body = body + comments(language, chance)
            case 2:
                body = chance.choice(language.idle) * chance.choice((1, 3, 40, 3_000)) + body
            case 3:
                body = literal(language, chance) + body
            case 4:
                body = b"\n" * chance.choice((1, 100, 100_000)) + body
            case _:
                block = chance.choice(language.blocks)
                turns = chance.choice((1, 1, 2, 8, language.deepest))
                for _ in range(min(turns, language.deepest - depth)):
                    body = block(body)
                    depth += 1
    return chance.choice(language.heads) + body + chance.choice(language.ends)


def noise(language: Language, chance: random.Random) -> bytes:
    words = [chance.choice(NOISE) for _ in range(chance.randint(1, 6))] * chance.choice((1, 1, 30))
    out = b" ".join(words)
    return out.replace(LATIN, b"") if language.text else out


def comments(language: Language, chance: random.Random) -> bytes:
    return b"".join(
        b"%s %s .\n" % (language.comment, noise(language, chance)) * chance.choice((1, 1, 200))
        for _ in range(chance.randint(1, 3))
    )


def literal(language: Language, chance: random.Random) -> bytes:
    before, after, without = chance.choice(language.quoted)
    words = noise(language, chance)
    for one in without:
        words = words.replace(bytes((one,)), b"")
    return before + (words + b" ") * chance.choice((1, 1, 20)) + after


SHELL = Language(
    interpreter="bash",
    suffix=".sh",
    ask=b'"$(dirname "$0")"/part\n',
    part="part",
    says=b"#!/bin/sh\necho here\n",
    heads=(b"", b"#!/bin/bash\n", b"#!/usr/bin/env bash\n", b"#! /bin/bash -e\n", b"set -e\n", b"#\n\n"),
    idle=(
        b":\n",
        b"x=1;\n",
        b"x=$((1<<2))\n",
        b"f() { :; }\n",
        b"true && :\n",
        b"x=${x:-a}\n",
        b"x=${x#*/}\n",
        b"x=\\\n1\n",
        b"case a in (b) : ;; a) : ;; esac\n",
        b": <<'E'\n$( ` \"\nE\n",
        b": <<E\na `:` b\nE\n",
        b"x=`:`\n",
        b"x=$(:)\n",
        b": <<-E\n\ta 'b\n\tE\n",
        b": <<A <<'B'\n'\nA\n$(\nB\n",
        b"x=$'a\\'b'\n",
        b"x=(a 'b' \"c\")\n",
        b"[[ a =~ ^(a|b)$ ]]\n",
        b"x=${x//\\'/}\n",
        b"((x=1<<3))\n",
        b': "${x:-"a b"}"\n',
        b'x="$(: \')\' "$(:)")"\n',
        b": $#\n",
        b": a#b\n",
    ),
    blocks=(
        *(
            within(b"if true; then\n", b"fi\n"),
            within(b"{\n", b"}\n"),
            within(b"(\n", b")\n"),
            function(b"f%d() {\n%b}\nf%d\n"),
        ),
        *(
            within(b"for i in 1; do\n", b"done\n"),
            within(b"case a in a)\n", b";; esac\n"),
            within(b"if false; then :; else\n", b"fi\n"),
        ),
        *(
            within(b"while :; do\n", b"break; done\n"),
            within(b"true && {\n", b"} || :\n"),
            within(b"x=$(\n", b")\necho $x\n"),
        ),
        *(
            function(b"function g%d {\n%b}\ng%d\n"),
            within(b"! {\n", b"} || :\n"),
            within(b"until false; do\n", b"break\ndone\n"),
        ),
        *(within(b"{\n", b"} | cat\n"), within(b"{\n", b"} &\nwait\n"), within(b'echo "$(\n', b')"\n')),
    ),
    quoted=(
        (b"x='", b"'\n", b"'"),
        (b": <<'EEE'\n", b"\nEEE\n", b""),
        (b'x="', b'"\n', b'"`$\\'),
        (b": '", b"'\n", b"'"),
    ),
    ends=(b"", b"exit 0\n((((\n", b"exit\n\x00\x01\xff'\"`$(", b"# end", b"\n\n\n"),
)
PYTHON = Language(
    interpreter="python3",
    suffix=".py",
    ask=b"import part\n",
    part="part.py",
    says=b"print('here')\n",
    heads=(
        b"",
        b"#!/usr/bin/env python3\n",
        b"# -*- coding: utf-8 -*-\n",
        b'"""Docs."""\n',
        b"\xef\xbb\xbf",
        b"from __future__ import annotations\n",
    ),
    idle=(
        b"pass\n",
        b"x = 1;\n",
        b"x = (1,\n 2)\n",
        b"x = [\n]\n",
        b"x = 'a' \\\n 'b'\n",
        b"def f(): pass\n",
        b"x = f'{1!r:>{5}}'\n",
        b"class A: pass\n",
        b"x = lambda: 0\n",
        b"if 0: pass\n",
        b"@property\ndef f(self):\n    return 1\n",
        b"x: int = 1\n",
        b"x = {'a': [1, (2,)]}\n",
        b"x = 1 if 1 else 2\n",
        b"x = rb'\\''\n",
        b"x = 0x1f + 1e+5 + .5j\n",
        b"match = case = type = 1\n",
        b"x = '''\n    a'''\n",
        b"\x0c\n",
        b"x = f\"{'a'}{{\"\n",
        b"x = [i for i in (1,) if i]\n",
    ),
    blocks=(
        *(
            indented(b"if 1:\n"),
            indented(b"def f():\n", b"f()\n"),
            indented(b"try:\n", b"finally:\n pass\n"),
            indented(b"for i in (1,):\n"),
        ),
        *(
            indented(b"while True:\n", b" break\n"),
            indented(b"class A:\n"),
            indented(b"if 0:\n pass\nelse:\n"),
            indented(b"with open('/dev/null'):\n"),
        ),
        *(
            indented(b"try:\n", b"except ValueError:\n pass\n"),
            indented(b"if __name__ == '__main__':\n"),
            indented(b"try:\n 1/0\nexcept Exception:\n"),
        ),
        *(indented(b"if (a := 1):\n"), indented(b"async def f():\n", b"import asyncio; asyncio.run(f())\n")),
    ),
    quoted=(
        (b"x = '", b"'\n", b"'\\"),
        (b"x = r'''", b".'''\n", b"'\\"),
        (b'"""', b'."""\n', b'"\\'),
        (b"x = b'", b"'\n", b"'\\\xe9\xff\xc3\xa9"),
    ),
    ends=(b"", b"# end", b"\n\n\n"),
    deepest=12,
    text=True,
)
NODE = Language(
    interpreter="node",
    suffix=".js",
    ask=b'require("./part.js");\n',
    part="part.js",
    says=b"console.log('here');\n",
    comment=b"//",
    heads=(b"", b"#!/usr/bin/env node\n", b"'use strict';\n", b"\xef\xbb\xbf", b"/* * / */\n"),
    idle=(
        b";\n",
        b"{ let x = /[/'\"]/g; }\n",
        b"{ let x = `a${`b${1}`}`; }\n",
        b"void 0;\n",
        b"/* ' */\n",
        b"(() => {})();\n",
        b"1 / 2 / 3;\n",
        b"{ const {a, ...b} = {a: 1}; }\n",
        b"label: for (;;) break label;\n",
        b"(class { #a = 1; static { } });\n",
        b"{ let x = a => ({}); }\n",
        b"if (0) {} else {}\n",
        b"{ let a = 1, x = a++ / 2; }\n",
        b"<!-- a 'b\n",
        b"{ let x = 1_000n ?? 2; }\n",
        b"{ let x = {}?.a?.[0]; }\n",
        b"{ let x = '\\\n'; }\n",
        b"{ let x = /\\/(?<a>'){2}/u.test(''); }\n",
        b"do ; while (0)\n",
        b"{ let x = {if: 1, async *a() { yield 1 }}; }\n",
    ),
    blocks=(
        *(
            within(b"if (true) {\n", b"}\n"),
            within(b"{\n", b"}\n"),
            within(b"(function () {\n", b"})();\n"),
            within(b"(() => {\n", b"})();\n"),
        ),
        *(
            within(b"try {\n", b"} finally {}\n"),
            within(b"for (const i of [1]) {\n", b"}\n"),
            within(b"switch (1) { case 1:\n", b"}\n"),
        ),
        *(
            within(b"void function () {\n", b"}();\n"),
            within(b"do {\n", b"} while (0);\n"),
            within(b"{ class A { static {\n", b"} } }\n"),
        ),
        *(
            within(b"[1].forEach(() => {\n", b"});\n"),
            within(b"setTimeout(() => {\n", b"}, 0);\n"),
            within(b"(async () => {\n", b"})();\n"),
        ),
    ),
    quoted=(
        (b"void '", b"';\n", b"'\\"),
        (b"void `", b"`;\n", b"`$\\"),
        (b"/* ", b" */\n", b"*/"),
        (b'void "', b'";\n', b'"\\'),
    ),
    ends=(b"", b"// end", b"\n\n\n", b"/* end */"),
)
RUBY = Language(
    interpreter="ruby",
    suffix=".rb",
    ask=b'require_relative "part"\n',
    part="part.rb",
    says=b"puts 'here'\n",
    heads=(
        b"",
        b"#!/usr/bin/env ruby\n",
        b"# frozen_string_literal: true\n",
        b"# encoding: utf-8\n",
        b"\xef\xbb\xbf# a\n",
    ),
    idle=(
        b"nil\n",
        b"x = %w[a ( b]\n",
        b"x = %q(a (b) ')\n",
        b"x = <<~X\n  'a \"\nX\n",
        b"x = <<-'X'.strip\n  #{ '\n  X\n",
        b"x = ?'\n",
        b"=begin\n' \" <<X\n=end\n",
        b"x = /['\"#]/\n",
        b'x = "a#{"b#{1}"}"\n',
        b'x = :"a b"\n',
        b"x = 1 if false\n",
        b"x = 4 / 2 / 1\n",
        b"x = [<<A, <<B]\n'\nA\n\"\nB\n",
        b"x = {a: 1, 'b' => 2}\n",
        b"x = -> { 1 }\n",
        b"x = `true`\n",
        b"x = %r{a/'}x\n",
        b"def f = 1\n",
        b"x = 1 rescue 2\n",
        b"x = $'\n",
        b"x = $;\n",
        b"x = 5 % 3\n",
        b"x = begin; 1; end\n",
        b"case 1 when 2 then 3 end\n",
        b"x = y = 1 ? 2 : 3\n",
    ),
    blocks=(
        *(
            within(b"if true\n", b"end\n"),
            within(b"begin\n", b"end\n"),
            within(b"def f\n", b"end\nf\n"),
            within(b"1.times do\n", b"end\n"),
        ),
        *(
            within(b"unless false\n", b"end\n"),
            within(b"[1].each { |i|\n", b"}\n"),
            within(b"case 1 when 1\n", b"end\n"),
            within(b"lambda do\n", b"end.call\n"),
        ),
        *(
            within(b"begin\n", b"ensure\nnil\nend\n"),
            within(b"while true do\n", b"break\nend\n"),
            within(b"Class.new do\n", b"end\n"),
            within(b"BEGIN {}\n", b""),
        ),
        *(within(b"->() {\n", b"}.()\n"), within(b"for i in [1] do\n", b"end\n"), within(b"(\n", b")\n")),
    ),
    quoted=(
        (b"x = '", b"'\n", b"'\\"),
        (b"x = <<'EEE'\n", b"\nEEE\n", b""),
        (b"x = %q\x01", b"\x01\n", b"\\"),
        (b'x = "', b'"\n', b'"\\#'),
    ),
    ends=(b"", b"__END__\n(((\xff'\"", b"# end", b"\n\n\n"),
    text=True,
)
PERL = Language(
    interpreter="perl",
    suffix=".pl",
    ask=b'use FindBin; require "$FindBin::Bin/part.pl";\n',
    part="part.pl",
    says=b'print "here\\n"; 1;\n',
    heads=(b"", b"#!/usr/bin/perl -w\n", b"use strict;\n", b"use utf8;\n", b"package main;\n", b"no warnings;\n"),
    idle=(
        b";\n",
        b"{ my $x = q(a (b) '); }\n",
        b"{ my $x = 'a' =~ m{['\"#]}; }\n",
        b"{ my $x = <<'X'; }\n' \" #{\nX\n",
        b"\n=pod\n\n' \" <<X q(\n\n=cut\n\n",
        b"{ my $x = 4 / 2; my $y = 1 / 1; }\n",
        b"{ my %h = (s => 1, y => 2, q => 3, tr => 4); }\n",
        b"{ my $x = $#{[1]}; }\n",
        b"{ my @x = qw/a ' b/; }\n",
        b"{ (my $x = 'a') =~ s{'}{\"}g; }\n",
        b"{ (my $x = 'a') =~ tr/'/\"/; }\n",
        b'{ my $x = "@{[ 1 ]}"; }\n',
        b"sub f0 { 1 }\n",
        b"{ my $x = `true`; }\n",
        b"{ my %h; $h{s} = 1; $h{y} = $h{'q'}; }\n",
        b"{ my $x = $'; my $y = $\"; }\n",
        b"{ my $x = time / 2; # /\n}\n",
        b'{ my $x = [<<A, <<"B"]; }\n\'\nA\n`\nB\n',
        b"{ my $x = $$ ; my @y = (1) x 3; }\n",
        b"{ my $x = __FILE__; }\n",
        b"{ my $x = sub { $_[0] }; }\n",
        b"{ my $x = 1 ? 's' : 'y'; }\n",
        b"{ my $x = <<~X; }\n  ' a\n  X\n",
    ),
    blocks=(
        *(
            within(b"if (1) {\n", b"}\n"),
            within(b"{\n", b"}\n"),
            within(b"sub f { my $x = 1;\n", b"}\nf();\n"),
            within(b"for my $i (1) {\n", b"}\n"),
        ),
        *(
            within(b"unless (0) {\n", b"}\n"),
            within(b"do {\n", b"};\n"),
            within(b"BEGIN {\n", b"}\n"),
            within(b"while (1) {\n", b"last; }\n"),
        ),
        *(
            within(b"eval {\n", b"1 } or die $@;\n"),
            within(b"sub {\n", b"}->();\n"),
            within(b"if (0) {} else {\n", b"}\n"),
            within(b"foreach (1) {\n", b"}\n"),
        ),
    ),
    quoted=(
        (b"{ my $x = '", b"'; }\n", b"'\\"),
        (b"{ my $x = <<'EEE'; }\n", b"\nEEE\n", b""),
        (b"{ my $x = q\x01", b"\x01; }\n", b"\x01\\"),
        (b"\n=pod\n\n. ", b"\n\n=cut\n\n", b""),
    ),
    ends=(b"", b"__END__\n(((\xff'\"\n", b"__DATA__\n<<'X' q(\n", b"# end", b"\n\n\n", b"\n=pod\n\n'\n"),
    text=True,
)
PHP = Language(
    interpreter="php",
    suffix=".php",
    ask=b"require __DIR__ . '/part.php';\n",
    part="part.php",
    says=b'<?php echo "here\\n";\n',
    comment=b"//",
    heads=(
        b"<?php\n",
        b"text ' \" <?= 1 ?> #\n<?php\n",
        b"#!/usr/bin/env php\n<?php\n",
        b"<?php declare(strict_types=1);\n",
        b"<?PHP\n",
    ),
    idle=(
        b";\n",
        b"$x = 'a\\'b';\n",
        b"$x = <<<'X'\n' \" {$\nX;\n",
        b"$x = <<<X\n  ' a {$_SERVER['argc']}\n  X;\n",
        b"/* ' \" */\n",
        b"# ' ?\n",
        b"$x = \"{$_SERVER['argc']}\";\n",
        b"?>a ' \"<b>\n<?php\n",
        b"$x = fn() => 1;\n",
        b"$x = [1, 'a' => [2]];\n",
        b"$x = `true`;\n",
        b"if (0): else: endif;\n",
        b"$x = 1 ? 2 : 3;\n",
        b"$x = new class { };\n",
        b"$x = match(1) { 1 => 2 };\n",
        b"$x = $x ?? null;\n",
        b"#[A]\nfn() => 1;\n",
        b'$x = "a\\"{$_SERVER[\'argc\']}";\n',
        b"?><?php\n",
        b"// ' ?>a'<?php\n",
    ),
    blocks=(
        *(
            within(b"if (true) {\n", b"}\n"),
            within(b"{\n", b"}\n"),
            within(b"(function () {\n", b"})();\n"),
            within(b"foreach ([1] as $i) {\n", b"}\n"),
        ),
        *(
            within(b"try {\n", b"} finally {}\n"),
            within(b"if (1):\n", b"endif;\n"),
            within(b"while (1) {\n", b"break; }\n"),
            within(b"switch (1) { case 1:\n", b"}\n"),
        ),
        *(
            within(b"do {\n", b"} while (0);\n"),
            within(b"if (0) {} else {\n", b"}\n"),
            within(b"array_map(function ($x) {\n", b"}, [1]);\n"),
        ),
    ),
    quoted=(
        (b"$x = '", b"';\n", b"'\\"),
        (b"$x = <<<'EEE'\n", b"\nEEE;\n", b""),
        (b"/* ", b" */\n", b"*/"),
        (b'$x = "', b'";\n', b'"\\${'),
    ),
    ends=(b"", b"__halt_compiler();(((\xff'\"", b"// end", b"?>\ntext ' <b>", b"?>"),
)
LANGUAGES = {"shell": SHELL, "python": PYTHON, "node": NODE, "ruby": RUBY, "perl": PERL, "php": PHP}

if __name__ == "__main__":
    sys.stdout.buffer.write(disguised(LANGUAGES[sys.argv[1]], Path(sys.argv[2]).read_bytes()))
