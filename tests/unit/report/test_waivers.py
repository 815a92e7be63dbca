"""The waivers to paste: complete, bounded, and never wider than what is blocked."""

from __future__ import annotations

import pytest

from tests.policy_reports import TODAY, finding, gap, policy_text, removed, report
from xraydiff.facts import FileType
from xraydiff.policy import evaluate, load_policy, parse_policy
from xraydiff.report.document import Report
from xraydiff.report.waivers import waiver_lines

MANY = tuple(f"/opt/lib/plug/{number:03}.so" for number in range(150))
DIRECTORY = FileType.DIRECTORY.value


def lines_for(shown: Report) -> list[str]:
    return waiver_lines(shown, evaluate(shown, load_policy(), today=TODAY), shown.findings)


def listed(shown: Report) -> list[str]:
    return [line.removeprefix("      - ") for line in lines_for(shown) if line.startswith("      - ")]


def test_nothing_blocked_nothing_printed() -> None:
    assert lines_for(report()) == []
    assert lines_for(report(finding(restore=("/a",)), complete=False)) == []


def test_a_finding_that_misses_no_path() -> None:
    shown = report(finding("CFG002", subject="user", subject_kind="config"))
    assert lines_for(shown) == ["waivers:", "  - fingerprint: 00000000000000aa", "    reason: SAY WHY"]


def test_only_what_nothing_accepts_yet_is_listed() -> None:
    today = report(finding(subject="/app/a", asker="/app/main", restore=("/app/a", "/app/b", "/app/c")))
    yesterday = report(finding(subject="/app/a", asker="/app/main", restore=("/app/a",)))
    waived = "  - {fingerprint: 00000000000000aa, paths: [/app/b], reason: r}\n"
    policy = parse_policy(policy_text(waived, version=2))
    lines = waiver_lines(today, evaluate(today, policy, today=TODAY, baseline=yesterday), today.findings)
    assert [line for line in lines if line.startswith("      - ")] == ["      - /app/c"]
    added = parse_policy("\n".join([policy_text(waived, version=2).rstrip(), *lines[1:]]))
    assert evaluate(today, added, today=TODAY, baseline=yesterday).passed
    assert not evaluate(today, added, today=TODAY).passed


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/usr/lib/libstdc++.so.6", "/usr/lib/libstdc++.so.6"),
        ("/app/[id].js", '"/app/[[]id].js"'),
        ("/a: b #c", '"/a: b #c"'),
        ('/a"b', '"/a\\"b"'),
        ("/a\\b", '"/a\\\\\\\\b"'),
        ("/a\n- x", '"/a\\\\x0a- x"'),
        ("/a##[error]", '"/a\\\\x23\\\\x23[[]error]"'),
        ("/a`b", '"/a\\x60b"'),
        ("/caf\udce9", '"/caf\\\\xe9"'),
        ("/caf\u00e9", '"/caf\u00e9"'),
        ("/a\ufffe", '"/a\\\\xef\\\\xbf\\\\xbe"'),
    ],
)
def test_names_are_quoted_where_yaml_needs_it(path: str, written: str) -> None:
    shown = report(finding(subject=path, restore=(path,)))
    assert listed(shown) == [written]
    policy = parse_policy("\n".join([policy_text(version=2), *lines_for(shown)]))
    assert evaluate(shown, policy, today=TODAY).passed


def test_gaps_are_told_by_their_reason() -> None:
    gaps = (gap("/b"), gap("/a", "no-reader"), gap("/a"), gap("", "no-reader"), gap("/a", image="original"))
    assert lines_for(report(gaps=gaps)) == [
        "waivers:",
        "  - unread: no-reader",
        "    paths:",
        "      - /a",
        "      - config",
        "    reason: SAY WHY",
        "  - unread: too-large",
        "    paths:",
        "      - /a",
        "      - /b",
        "    reason: SAY WHY",
    ]


def test_a_directory_that_is_gone_whole_becomes_a_glob() -> None:
    gone = (removed("/opt/lib", kind=DIRECTORY), removed("/opt/lib/plug", kind=DIRECTORY), *map(removed, MANY))
    one = finding(subject=MANY[0], restore=("/etc/x", *MANY))
    assert listed(report(one, removed=gone)) == ["/etc/x", '"/opt/lib/**"']
    beside = (*gone, removed("/opt/lib/other"))
    assert listed(report(one, removed=beside)) == ["/etc/x", '"/opt/lib/plug/**"']
    itself = finding(subject=MANY[0], restore=("/opt/lib/plug", *MANY))
    assert listed(report(itself, removed=beside)) == ["/opt/lib/plug", '"/opt/lib/plug/**"']


def test_too_many_are_not_listed_at_all() -> None:
    """Neither where the directory holds something kept nor where something else in it is gone unasked."""
    one = finding(subject=MANY[0], restore=MANY)
    for gone in (
        tuple(map(removed, MANY)),
        (removed("/opt/lib/plug", kind=DIRECTORY), removed("/opt/lib/plug/more"), *map(removed, MANY)),
    ):
        lines = lines_for(report(one, gaps=(gap("/a"),), removed=gone))
        assert lines[1].startswith("  # fingerprint: 00000000000000aa: 150 paths, too many to list")
        policy = parse_policy("\n".join([policy_text(version=2), *lines]))
        assert [waiver.unread for waiver in policy.waivers] == ["too-large"]
    assert len(listed(report(finding(subject=MANY[0], restore=MANY[:100])))) == 100
