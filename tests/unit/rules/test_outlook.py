"""The outlook over whole pairs: broken where the start is sure to fail, and in no other case."""

from __future__ import annotations

import pytest

from xraydiff.facts import Outlook, When
from xraydiff.pipeline import compare
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
PROGRAM = elf(interpreter=LOADER, executable=True)


def image(*programs: str, script: str = "", cmd: tuple[str, ...] = ("serve",)) -> ImageBuilder:
    """An image that starts a script of its own with these arguments, over these programs in /bin."""
    builder = ImageBuilder().config(entrypoint=["/entry"], cmd=list(cmd), env=["PATH=/bin"])
    builder.file(LOADER, elf(soname="ld.so"), mode=0o755).file("/entry", script, mode=0o755)
    for name in ("sh", "serve", *programs):
        builder.file(f"/bin/{name}", PROGRAM, mode=0o755)
    return builder


def outlook(original: ImageBuilder, slim: ImageBuilder) -> Outlook:
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.report.complete
        return comparison.report.summary.outlook


SCRIPTS = [
    ('#!/bin/sh\nset -e\nmkdir /x\nexec "$@"\n', Outlook.BROKEN),
    ('#!/bin/sh\nmkdir /x\nexec "$@"\n', Outlook.RISKY),
    ('#!/bin/sh\nset -e\nmkdir /x || true\nexec "$@"\n', Outlook.RISKY),
    ('#!/bin/sh\nmkdir /x || exit 1\nexec "$@"\n', Outlook.BROKEN),
    ("#!/bin/sh\nexec mkdir\n", Outlook.BROKEN),
    ('#!/bin/sh\nset -e\nif [ "$1" = serve ]; then mkdir /x; fi\nexec "$@"\n', Outlook.BROKEN),
    ('#!/bin/sh\nset -e\nif [ "$1" = migrate ]; then mkdir /x; fi\nexec "$@"\n', Outlook.RISKY),
    ('#!/bin/sh\nset -e\ncase "$1" in serve) mkdir /x;; esac\nexec "$@"\n', Outlook.BROKEN),
    ('#!/bin/sh\nset -e\nif [ -n "$DEBUG" ]; then mkdir /x; fi\nexec "$@"\n', Outlook.RISKY),
    ('#!/bin/sh\nset -e\n[ -d /var/lib/x ] || mkdir /var/lib/x\nexec "$@"\n', Outlook.BROKEN),
    ('#!/bin/sh\nset -e\n[ -d /bin ] || mkdir /bin\nexec "$@"\n', Outlook.RISKY),
    ('#!/bin/sh\nset -e\nexec "$@"\nmkdir /x\n', Outlook.RISKY),
]


@pytest.mark.parametrize(("script", "expected"), SCRIPTS)
def test_a_command_of_the_start_script_is_gone(script: str, expected: Outlook) -> None:
    original = image("mkdir", script=script).directory("/var/lib/x", uid=7)
    assert outlook(original, image(script=script)) is expected


def test_a_command_that_its_script_runs_by_another_script() -> None:
    script = "#!/bin/sh\nset -e\n/inner\nexec serve\n"
    inner = "#!/bin/sh\n{}mkdir /x\necho done\n"
    for errexit, expected in (("set -e\n", Outlook.BROKEN), ("", Outlook.RISKY)):
        pair = [
            image(*names, script=script).file("/inner", inner.format(errexit), mode=0o755) for names in (("mkdir",), ())
        ]
        assert outlook(*pair) is expected


def test_a_directory_without_files_of_a_database() -> None:
    def cluster(*, whole: bool, cmd: tuple[str, ...]) -> ImageBuilder:
        builder = image(script='#!/bin/sh\nexec "$@"\n', cmd=cmd)
        builder.file("/data/PG_VERSION", "15\n", uid=70).file("/data/global/pg_control", "x", uid=70)
        return builder.directory("/data/pg_notify", uid=70, mode=0o700) if whole else builder

    named = ("serve", "-D", "/data")
    assert outlook(cluster(whole=True, cmd=named), cluster(whole=False, cmd=named)) is Outlook.BROKEN
    # A directory that the start command does not name may be another server's, or a backup.
    assert outlook(cluster(whole=True, cmd=("serve",)), cluster(whole=False, cmd=("serve",))) is Outlook.RISKY
    with compare(cluster(whole=True, cmd=named).image(), cluster(whole=False, cmd=named).image()) as comparison:
        (found,) = [finding for finding in comparison.report.findings if finding.rule == "IMG002"]
        assert found.when is When.START
        assert found.restore == ("/data/pg_notify",)


def test_clean_only_where_nothing_is_likely_to_be_missed() -> None:
    def checked(*, health: bool) -> ImageBuilder:
        builder = image("idle", script='#!/bin/sh\nexec "$@"\n') if health else image(script='#!/bin/sh\nexec "$@"\n')
        return builder.config(healthcheck=["CMD", "/bin/serve"]) if health else builder

    script = '#!/bin/sh\nexec "$@"\n'
    assert outlook(image("idle", script=script), image(script=script)) is Outlook.CLEAN
    assert outlook(checked(health=True), checked(health=False)) is Outlook.RISKY


@pytest.mark.parametrize(
    ("script", "when"),
    [
        ("#!/bin/sh\nset -e\nmkdir /x\nexec serve\n", When.START),
        ('#!/bin/sh\nif [ "$1" = setup ]; then mkdir /x; fi\nexec serve\n', When.START),
        ("#!/bin/sh\ntrap 'mkdir /x' TERM\nserve\n", When.OPERATE),
    ],
)
def test_when_a_command_would_be_missed(script: str, when: When) -> None:
    with compare(image("mkdir", script=script).image(), image(script=script).image()) as comparison:
        (found,) = [finding for finding in comparison.report.findings if finding.rule in ("SCR001", "IMG002")]
    assert found.when is when
