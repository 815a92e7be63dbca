"""One cause for what is missed together."""

from __future__ import annotations

from xraydiff.case import Cause, Need
from xraydiff.facts import Certainty, Closure, When
from xraydiff.pipeline import compare
from xraydiff.rules.causes import causes
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"


def found(original: ImageBuilder, slim: ImageBuilder) -> list[Cause]:
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.reach is not None
        return list(causes(comparison.reach, original.tree()))


def base(script: str) -> ImageBuilder:
    builder = ImageBuilder().config(entrypoint=["/entry.sh"], env=["PATH=/bin"]).file("/entry.sh", script, mode=0o755)
    builder.file("/bin/sh", elf(interpreter=LOADER, executable=True), mode=0o755)
    return builder.file(LOADER, elf(soname="ld.so"), mode=0o755)


def with_commands(builder: ImageBuilder, *names: str) -> ImageBuilder:
    for name in names:
        program = elf(needed=[f"lib{name}.so"], interpreter=LOADER, executable=True)
        builder.file(f"/bin/{name}", program, mode=0o755).file(f"/lib/lib{name}.so", elf(soname=f"lib{name}.so"))
    return builder


def test_the_commands_of_one_script_are_one_cause_with_their_libraries() -> None:
    script = "#!/bin/sh\none\ntwo\n"
    (cause,) = found(with_commands(base(script), "one", "two"), base(script))
    assert cause.need is Need.COMMAND
    assert [missing.cause for missing in cause.direct] == ["/bin/one", "/bin/two"]
    assert cause.restore == ("/bin/one", "/bin/two", "/lib/libone.so", "/lib/libtwo.so")
    assert cause.when is When.START


def test_a_cause_says_what_only_follows_from_each_of_its_targets() -> None:
    script = "#!/bin/sh\none\ntwo\n"
    original, slim = with_commands(base(script), "one", "two"), base(script)
    original.file("/bin/two", elf(needed=["libtwo.so", "libone.so"], interpreter=LOADER, executable=True), mode=0o755)
    original.file("/lib/libtwo.so", elf(soname="libtwo.so", needed=["libdeep.so"]))
    original.file("/lib/libdeep.so", elf(soname="libdeep.so"))
    (cause,) = found(original, slim)
    one, two = cause.closures
    assert (one.path, two.path) == ("/bin/one", "/bin/two")
    assert sorted((*one.needs, *two.needs)) == ["/lib/libdeep.so", "/lib/libone.so", "/lib/libtwo.so"]
    assert {"/lib/libdeep.so", "/lib/libtwo.so"} <= set(two.needs)


def test_what_something_kept_asks_for_too_follows_from_nothing() -> None:
    """Its best chain leads through the command, which is sure; a kept script names it as well, which is only likely."""
    script = '#!/bin/sh\none\nif [ -n "$X" ]; then cat /app/table; fi\n'

    def image(*, whole: bool, link: bool) -> ImageBuilder:
        named = "/app/alias" if link else "/app/table"
        builder = base(script.replace("/app/table", named)).file("/bin/cat", elf(), mode=0o755)
        if link:
            builder.symlink("/app/alias", "table")
        if whole:
            builder.file("/bin/one", "#!/bin/sh\n. /app/table\n", mode=0o755).file("/app/table", "x=1\n")
        return builder

    for link in (False, True):
        (cause,) = found(image(whole=True, link=link), image(whole=False, link=link))
        assert [missing.path for missing in cause.direct] == ["/bin/one"]
        assert cause.restore == ("/app/table", "/bin/one")
        assert cause.closures == ()


def test_certain_and_less_certain_needs_are_two_causes() -> None:
    script = '#!/bin/sh\none\nif [ -n "$X" ]; then two; fi\n'
    both = found(with_commands(base(script), "one", "two"), base(script))
    assert [cause.certainty for cause in both] == [Certainty.PROVEN, Certainty.LIKELY]
    assert [cause.when for cause in both] == [When.START, When.START]


def test_a_link_and_its_target_are_one_cause() -> None:
    script = "#!/bin/sh\none\n"
    original = base(script).file("/opt/one-1.0", elf(interpreter=LOADER, executable=True), mode=0o755)
    original.symlink("/bin/one", "../opt/one-1.0")
    (cause,) = found(original, base(script))
    assert cause.restore == ("/bin/one", "/opt/one-1.0")
    assert cause.closures == (Closure(path="/opt/one-1.0", needs=("/bin/one",)),)


def test_what_is_only_possible_behind_a_sure_cause_is_not_in_its_restore_set() -> None:
    script = "#!/bin/sh\none\n"

    def image(*, whole: bool) -> ImageBuilder:
        builder = base(script).file("/var/lib/dpkg/status", "Package: p\nStatus: install ok installed\nVersion: 1\n\n")
        builder.file("/var/lib/dpkg/info/p.list", "/.\n/bin/one\n/usr/share/p/data\n")
        if whole:
            builder.file("/bin/one", elf(interpreter=LOADER, executable=True, data=["/usr/share/p/data"]), mode=0o755)
            builder.file("/usr/share/p/data", "x")
        return builder

    (cause,) = found(image(whole=True), image(whole=False))
    assert cause.restore == ("/bin/one",)
