"""One cause for what is missed together."""

from __future__ import annotations

from xraydiff.facts import Certainty, When
from xraydiff.pipeline import compare
from xraydiff.reach.causes import Cause, Need, causes
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"


def found(original: ImageBuilder, slim: ImageBuilder) -> list[Cause]:
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.reach is not None
        return list(causes(comparison.reach))


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
