"""What the engine provides, and its neighbours by name, in every room that asks."""

from __future__ import annotations

import pytest

from xraydiff.conventions import engine_provides
from xraydiff.pipeline import compare, suggest
from xraydiff.testing import ImageBuilder, elf

PROVIDED = (
    "/dev",
    "/dev/null",
    "/proc/self/exe",
    "/sys/fs",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/.dockerenv",
)
NEIGHBOURS = (
    "/system/x.conf",
    "/devel/x.conf",
    "/procfiles/x.conf",
    "/etc/hosts.allow",
    "/etc/hostname.conf",
    "/.dockerenv.d/x",
)

PROGRAM = elf(executable=True)
SOURCES = {
    "shell": ("/bin/sh", "/app/run.sh", "#!/bin/sh\ncat {path}\n"),
    "python": ("/usr/bin/python3.11", "/app/run.py", "open('{path}')\n"),
    "node": ("/usr/bin/node", "/app/run.js", "require('fs').readFileSync('{path}');\n"),
    "php": ("/usr/bin/php", "/app/run.php", "<?php\nreadfile('{path}');\n"),
    "ruby": ("/usr/bin/ruby", "/app/run.rb", "File.read('{path}')\n"),
    "perl": ("/usr/bin/perl", "/app/run.pl", "open(my $f, '<', '{path}');\n"),
    "a config": ("/app/main", "/app/main.conf", "read {path}\n"),
}


@pytest.mark.parametrize("path", PROVIDED)
def test_the_engine_provides(path: str) -> None:
    assert engine_provides(path)


@pytest.mark.parametrize("path", [*NEIGHBOURS, "/devices", "/process", "/"])
def test_names_that_only_begin_alike_are_the_image_s(path: str) -> None:
    assert not engine_provides(path)


def wanted(language: str, path: str) -> set[str]:
    """What a program that names a path wants back where the path is gone."""
    interpreter, file, text = SOURCES[language]
    builders = []
    for gone in (False, True):
        builder = ImageBuilder().config(entrypoint=[interpreter, file])
        builder.file(interpreter, PROGRAM, mode=0o755).file("/bin/cat", PROGRAM, mode=0o755)
        builder.file("/usr/lib/python3.11/os.py", "x = 1\n").file(file, text.format(path=path))
        builders.append(builder if gone else builder.file(path, "x"))
    with compare(builders[0].image(), builders[1].image()) as comparison:
        return {item.path for item in suggest(comparison.report).items}


@pytest.mark.parametrize("path", ["/system/x.conf", "/devel/x.conf", "/procfiles/x.conf", "/etc/hosts.allow"])
@pytest.mark.parametrize("language", sorted(SOURCES))
def test_a_neighbour_of_the_engine_s_is_missed(language: str, path: str) -> None:
    assert path in wanted(language, path)


@pytest.mark.parametrize("path", ["/dev/x.conf", "/proc/x.conf", "/sys/x.conf", "/etc/hosts"])
@pytest.mark.parametrize("language", sorted(SOURCES))
def test_the_engine_s_own_is_not(language: str, path: str) -> None:
    assert path not in wanted(language, path)
