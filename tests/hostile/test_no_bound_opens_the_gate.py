"""No bound of `Limits`, however small, turns a pair that is blocked into one that passes in silence.

For each language and each bound in turn: the gate blocks the finding, or the gap, or the image was not read whole, or
it cannot be read at all. A lost HEALTHCHECK, which alone makes an image RISKY and passes, must not hide a gap either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date

import pytest

from tests.java_files import HOME, class_file, jar, runtime
from xraydiff.errors import ImageError
from xraydiff.facts import Verdict
from xraydiff.limits import Limits
from xraydiff.pipeline import compare
from xraydiff.policy import evaluate, load_policy
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld-linux-x86-64.so.2"
PROGRAM = elf(interpreter=LOADER, executable=True)
TODAY = date(2026, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """What stays, what goes, and the command: the gate blocks it within the bounds that hold."""

    files: Mapping[str, str | bytes]
    gone: Mapping[str, str | bytes]
    entrypoint: tuple[str, ...]
    java: bool = False


PYTHON: Mapping[str, str | bytes] = {"/usr/bin/python3.11": PROGRAM, "/usr/lib/python3.11/os.py": "x = 1\n"}
CONVERT: Mapping[str, str | bytes] = {"/usr/bin/convert": PROGRAM}
WORDS = ("/data/model.bin", "/data/more.bin")

BLOCKED: Mapping[str, Blocked] = {
    "shell": Blocked(
        files={"/bin/sh": PROGRAM, "/app/run": "#!/bin/sh\nf() { (:); }\nif true; then f; fi\nconvert x y\n"},
        gone=CONVERT,
        entrypoint=("/app/run",),
    ),
    "shell in the config": Blocked(
        files={"/bin/sh": PROGRAM}, gone=CONVERT, entrypoint=("/bin/sh", "-c", "cd /tmp && convert x y")
    ),
    "python": Blocked(
        files={**PYTHON, "/app/main.py": "import os, shop\n\n\ndef f():\n    os.system('convert x')\n"},
        gone={"/app/shop.py": "x = 1\n", **CONVERT},
        entrypoint=("/usr/bin/python3.11", "/app/main.py"),
    ),
    "node": Blocked(
        files={
            "/usr/bin/node": PROGRAM,
            "/app/main.js": "const { execSync } = require('child_process');\n"
            "require('./shop');\nfunction f() { execSync('convert x'); }\n",
        },
        gone={"/app/shop.js": "1;\n", **CONVERT},
        entrypoint=("/usr/bin/node", "/app/main.js"),
    ),
    "php": Blocked(
        files={"/usr/bin/php": PROGRAM, "/app/main.php": "<?php\nrequire __DIR__ . '/shop.php';\nexec('convert x');\n"},
        gone={"/app/shop.php": "<?php\n", **CONVERT},
        entrypoint=("/usr/bin/php", "/app/main.php"),
    ),
    "ruby": Blocked(
        files={
            "/usr/bin/ruby": PROGRAM,
            "/app/main.rb": "require_relative 'shop'\ndef f\n  system('convert x')\nend\n",
        },
        gone={"/app/shop.rb": "1\n", **CONVERT},
        entrypoint=("/usr/bin/ruby", "/app/main.rb"),
    ),
    "perl": Blocked(
        files={
            "/usr/bin/perl": PROGRAM,
            "/app/main.pl": "use lib '/app/lib';\nuse Shop;\nsub f { system('convert x'); }\n",
        },
        gone={"/app/lib/Shop.pm": "1;\n", **CONVERT},
        entrypoint=("/usr/bin/perl", "/app/main.pl"),
    ),
    "awk": Blocked(
        files={"/bin/sh": PROGRAM, "/usr/bin/awk": PROGRAM, "/app/run": '#!/usr/bin/awk -f\n{ system("convert x") }\n'},
        gone=CONVERT,
        entrypoint=("/app/run",),
    ),
    "java": Blocked(
        files={
            "/app/app.jar": jar(
                {"shop/Main.class": class_file("shop/Main", strings=["/data/model.bin"])},
                manifest="Main-Class: shop.Main\r\nClass-Path: lib/a.jar\r\n",
            )
        },
        gone={"/app/lib/a.jar": jar({}), "/data/model.bin": "x"},
        entrypoint=(f"{HOME}/bin/java", "-jar", "/app/app.jar"),
        java=True,
    ),
    "erlang": Blocked(
        files={"/usr/bin/escript": PROGRAM, "/app/tool": "#!/usr/bin/env escript\nmain(_) -> shop:x().\n"},
        gone={"/app/lib/shop-1.0/ebin/shop.beam": b"FOR1"},
        entrypoint=("/app/tool",),
    ),
    "elf": Blocked(
        files={"/app/main": elf(needed=["libshop.so.1"], interpreter=LOADER, executable=True)},
        gone={"/usr/lib/libshop.so.1": elf(soname="libshop.so.1")},
        entrypoint=("/app/main",),
    ),
    "elf that loads by name": Blocked(
        files={"/app/main": elf(interpreter=LOADER, executable=True, imports=["dlopen"], data=["/app/plugin.so"])},
        gone={"/app/plugin.so": elf(soname="plugin.so")},
        entrypoint=("/app/main",),
    ),
    "a script's interpreter": Blocked(
        files={"/app/main": "#!/usr/bin/frob\n"}, gone={"/usr/bin/frob": PROGRAM}, entrypoint=("/app/main",)
    ),
    "a config": Blocked(
        files={"/app/main": PROGRAM, "/app/main.conf": "data /data/model.bin\nroot /data\nmore.bin\n"},
        gone=dict.fromkeys(WORDS, "x"),
        entrypoint=("/app/main", "/app/main.conf"),
    ),
}


def image_of(pair: Blocked, *, slim: bool, health: bool) -> ImageBuilder:
    builder = runtime(ImageBuilder()) if pair.java else ImageBuilder()
    check = ["CMD", "/bin/check"] if health and not slim else None
    builder.config(entrypoint=list(pair.entrypoint), env=["PATH=/usr/bin:/bin"], healthcheck=check)
    builder.file(LOADER, elf(soname="ld-linux-x86-64.so.2"), mode=0o755).file("/bin/check", PROGRAM, mode=0o755)
    for path, data in {**pair.files, **({} if slim else pair.gone)}.items():
        builder.file(path, data, mode=0o755)
    return builder


def judged(pair: Blocked, limits: Limits, *, health: bool) -> Verdict | str:
    """The built-in policy's verdict, or the code of the error that ends the run."""
    original, slim = (image_of(pair, slim=slim, health=health) for slim in (False, True))
    try:
        with compare(original.image(), slim.image(), limits=limits) as comparison:
            return evaluate(comparison.report, load_policy(), today=TODAY)
    except ImageError as error:
        return error.code


@pytest.mark.parametrize("language", sorted(BLOCKED))
def test_it_is_blocked_within_the_bounds_that_hold(language: str) -> None:
    verdict = judged(BLOCKED[language], Limits(), health=False)
    assert isinstance(verdict, Verdict)
    assert not verdict.passed


@pytest.mark.parametrize("language", sorted(BLOCKED))
def test_no_bound_lets_it_pass(language: str) -> None:
    opened = []
    for name in (bound.name for bound in fields(Limits)):
        for value, health in ((1, False), (8, True), (40, False)):
            verdict = judged(BLOCKED[language], Limits(**{name: value}), health=health)
            if isinstance(verdict, Verdict) and verdict.passed:
                opened.append((name, value))
    assert opened == []


OPENED, CLOSED = b"(" * 3_000, b")" * 3_000
GIVEN_UP: Mapping[str, tuple[str, str | bytes, str]] = {
    "shell, nesting": ("shell", b"#!/bin/sh\n" + b"( " * 3_000 + b"convert x" + b" )" * 3_000 + b"\n", "too-deep"),
    "shell, a syntax that no shell takes": ("shell", b"#!/bin/sh\nif then (\nconvert x\n", ""),
    "shell, UTF-16": ("shell", "#!/bin/sh\nconvert x\n".encode("utf-16"), "no-reader"),
    "python, nesting": ("python", b"x = " + OPENED + b"1" + CLOSED + b"\nimport shop\n", ""),
    "python, an error": ("python", b"import shop\n)(\n", ""),
    "python, UTF-16": ("python", "import shop\n".encode("utf-16"), "not-text"),
    "node, nesting": ("node", OPENED + b"require('./shop')" + CLOSED, ""),
    "node, an error": ("node", b"require('./shop'); }}}(", ""),
    "node, UTF-16": ("node", "require('./shop')".encode("utf-16"), "not-text"),
    "php, nesting": ("php", b"<?php $x = " + OPENED + b"1" + CLOSED + b";\nrequire __DIR__ . '/shop.php';\n", ""),
    "php, an error": ("php", b"<?php require __DIR__ . '/shop.php'; }}}(", ""),
    "php, UTF-16": ("php", "<?php require __DIR__ . '/shop.php';".encode("utf-16"), "not-text"),
    "ruby, nesting": ("ruby", OPENED + b"1" + CLOSED + b"\nrequire_relative 'shop'\n", ""),
    "ruby, an error": ("ruby", b"require_relative 'shop'\n}}}(", ""),
    "ruby, UTF-16": ("ruby", "require_relative 'shop'\n".encode("utf-16"), "not-text"),
    "perl, nesting": ("perl", b"use lib '/app/lib';\nuse Shop;\n$x = " + OPENED + b"1" + CLOSED + b";\n", ""),
    "perl, an error": ("perl", b"use lib '/app/lib';\nuse Shop;\n}}}(", ""),
    "perl, UTF-16": ("perl", "use lib '/app/lib';\nuse Shop;\n".encode("utf-16"), "not-text"),
}
"""A program that makes its reader give up, and the reason of the gap; empty where all is found all the same."""


@pytest.mark.parametrize("health", [False, True])
@pytest.mark.parametrize("name", sorted(GIVEN_UP))
def test_what_makes_a_reader_give_up_closes_the_gate(name: str, *, health: bool) -> None:
    language, program, reason = GIVEN_UP[name]
    pair = BLOCKED[language]
    main = next(path for path in pair.files if path.startswith("/app/"))
    verdict = judged(replace(pair, files={**pair.files, main: program}), Limits(), health=health)
    assert isinstance(verdict, Verdict)
    assert not verdict.passed
    if reason:
        assert reason in {gap.code for gap in verdict.gaps}
