from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.policy_reports import TODAY, finding, gap, policy_text, report
from xraydiff.facts import Certainty, Finding, Outlook, Problem, Severity, Verdict, When
from xraydiff.pipeline import compare
from xraydiff.policy import evaluate, load_policy, parse_policy
from xraydiff.testing import ImageBuilder, elf


def judged(one: Finding, text: str | None = None, today: date = TODAY) -> Verdict:
    return evaluate(report(one), load_policy() if text is None else parse_policy(text), today=today)


# --- the built-in policy


@pytest.mark.parametrize(
    ("severity", "certainty", "blocked"),
    [
        (Severity.CRITICAL, Certainty.PROVEN, True),
        (Severity.HIGH, Certainty.LIKELY, True),
        (Severity.HIGH, Certainty.POSSIBLE, False),
        (Severity.CRITICAL, Certainty.POSSIBLE, False),
        (Severity.MEDIUM, Certainty.PROVEN, False),
        (Severity.INFO, Certainty.NONE, False),
    ],
)
def test_high_and_likely_is_blocked(severity: Severity, certainty: Certainty, blocked: bool) -> None:
    verdict = judged(finding(severity=severity, certainty=certainty))
    assert verdict.passed is not blocked
    assert verdict.decisions[0].blocked is blocked
    assert verdict.decisions[0].reason


@pytest.mark.parametrize(
    ("rule", "asker", "blocked"),
    [
        ("TLS001", "/app/plugin.so", True),
        ("TLS001", "script in /app/run.sh", True),
        ("TLS001", "/usr/lib/x86_64-linux-gnu/libssl.so.3", False),
        ("TLS001", "/app/venv/wheel.libs/libssl-3e69114b.so.1.1", False),
        ("TLS001", "/usr/lib/libssl3.so", True),
        ("CRT001", "/usr/lib/libcrypto.so.3", False),
        ("CRT001", "/usr/lib/libcrypto.so.3/fetch", True),
        ("CRT001", "/lib/ld-musl-x86_64.so.1", False),
        ("CRT001", "/lib/libc.so.6", False),
        ("CRT001", "/usr/bin/curl", True),
        ("CRT001", "", True),
        ("ELF001", "/app/plugin.so", False),
    ],
)
def test_possible_is_enough_for_certificates_and_tls_unless_they_ask_themselves(
    rule: str, asker: str, blocked: bool
) -> None:
    assert judged(finding(rule, Severity.HIGH, Certainty.POSSIBLE, asker=asker)).passed is not blocked
    assert judged(finding(rule, Severity.MEDIUM, Certainty.POSSIBLE, asker=asker)).passed
    assert judged(finding(rule, Severity.HIGH, Certainty.POSSIBLE, asker=asker, when=None)).passed


def test_not_read_whole_never_passes() -> None:
    verdict = evaluate(report(complete=False), load_policy(), today=TODAY)
    assert not verdict.passed
    assert not verdict.complete
    assert verdict.notes == ("an image was not read whole, so nothing can pass",)
    assert evaluate(report(), load_policy(), today=TODAY).passed


def test_a_rule_that_did_not_run_cannot_pass() -> None:
    old = report(rules=("CRT001", "ELF001"))
    verdict = evaluate(old, load_policy(), today=TODAY)
    assert not verdict.passed
    assert verdict.notes == ("block[1].rules: TLS did not run for this report, so it cannot pass",)
    assert evaluate(report(rules=(), identical=True), load_policy(), today=TODAY).passed


# --- entries


def test_an_entry_selects_by_all_its_keys() -> None:
    text = policy_text(block="  - {severity: low, certainty: possible, rules: [SHL, ELF002], when: [start]}\n")
    for rule, severity, certainty, when, blocked in (
        ("SHL001", Severity.LOW, Certainty.POSSIBLE, When.START, True),
        ("ELF002", Severity.HIGH, Certainty.PROVEN, When.START, True),
        ("ELF001", Severity.HIGH, Certainty.PROVEN, When.START, False),
        ("SHL001", Severity.INFO, Certainty.POSSIBLE, When.START, False),
        ("SHL001", Severity.LOW, Certainty.NONE, When.START, False),
        ("SHL001", Severity.LOW, Certainty.POSSIBLE, When.USE, False),
        ("SHL001", Severity.LOW, Certainty.POSSIBLE, None, False),
    ):
        decision = judged(finding(rule, severity, certainty, when=when), text).decisions[0]
        assert decision.blocked is blocked
        told = "block[0]: severity low or more, certainty possible or more, SHL or ELF002"
        assert decision.reason == (told if blocked else "no entry of the policy selects it")


# --- waivers and baseline


def test_a_waiver_by_fingerprint() -> None:
    verdict = judged(finding(), policy_text("  - {fingerprint: 00000000000000aa, reason: switched off}\n"))
    assert verdict.passed
    assert verdict.decisions[0].waived
    assert verdict.decisions[0].reason == "waivers[0]: switched off"
    assert verdict.notes == ()


def test_a_waiver_holds_until_its_last_day() -> None:
    text = policy_text("  - {fingerprint: 00000000000000aa, reason: r, expires: 2026-06-01}\n")
    assert judged(finding(), text, date(2026, 6, 1)).decisions[0].reason == "waivers[0]: r (until 2026-06-01)"
    late = judged(finding(), text, date(2026, 6, 2))
    assert not late.passed
    assert late.notes == ("waivers[0] expired on 2026-06-01",)


def test_an_unused_waiver_is_noted() -> None:
    text = policy_text(
        "  - {fingerprint: 00000000000000bb, reason: a}\n  - {fingerprint: 00000000000000aa, reason: b}\n"
    )
    assert judged(finding(), text).notes == ("waivers[0] waives nothing that would be blocked",)
    mild = judged(finding(severity=Severity.LOW), text)
    assert len(mild.notes) == 2
    assert not mild.decisions[0].waived


@pytest.mark.parametrize(
    ("rule", "path", "waived"),
    [
        ("ELF001", "/usr/lib/libx.so.1", True),
        ("ELF", "/usr/lib/libx.so.*", True),
        ("ELF", "/usr/**", True),
        ("ELF", "/usr/*", False),
        ("ELF", "/usr/lib/libx.so", False),
        ("ELF", "/usr/lib", False),
        ("SHL", "/usr/**", False),
        ("ELF002", "/usr/**", False),
    ],
)
def test_a_waiver_by_rule_and_path(rule: str, path: str, waived: bool) -> None:
    text = policy_text(f"  - {{rule: {rule}, path: '{path}', reason: r}}\n")
    assert judged(finding(), text).passed is waived


def test_a_subject_that_is_no_path_needs_all_its_paths() -> None:
    text = policy_text("  - {rule: ELF, path: /opt/**, reason: r}\n")
    assert judged(finding(subject="libx.so.1", restore=("/opt/a", "/opt/b/c")), text).passed
    assert not judged(finding(subject="libx.so.1", restore=("/opt/a", "/usr/b")), text).passed
    assert not judged(finding(subject="libx.so.1"), text).passed


def test_odd_names_are_copied_from_the_report() -> None:
    text = policy_text("  - {rule: ELF, path: '/caf\\xe9\\\\', reason: r}\n")
    assert judged(finding(subject="/caf\udce9\\"), text).passed


def test_a_baseline_accepts_what_has_not_become_worse() -> None:
    old = report(finding(severity=Severity.HIGH, certainty=Certainty.LIKELY))
    policy = load_policy()
    same = evaluate(old, policy, today=TODAY, baseline=old)
    assert same.passed
    assert same.decisions[0].reason == "in the baseline"
    for worse in (finding(severity=Severity.CRITICAL), finding(certainty=Certainty.PROVEN)):
        verdict = evaluate(report(worse), policy, today=TODAY, baseline=old)
        assert not verdict.passed
        assert verdict.decisions[0].reason.endswith("worse than in the baseline")
    other = replace(finding(), fingerprint="00000000000000ff")
    assert not evaluate(report(other), policy, today=TODAY, baseline=old).passed


# --- gaps


GAPS = (gap("/app/main.js"), gap("/app/job.lua", "no-reader", reader="lua", image="original"), gap("", "malformed"))


def of_gaps(waivers: str = "", *gaps: Problem, more: str = "", version: int = 2) -> Verdict:
    text = policy_text(waivers, version=version) + more
    return evaluate(report(gaps=gaps or GAPS), parse_policy(text), today=TODAY)


@pytest.mark.parametrize("outlook", Outlook)
def test_a_gap_blocks_whatever_the_outlook_says(outlook: Outlook) -> None:
    """A lost HEALTHCHECK makes the outlook risky and is not blocked itself; it must not hide the gap beside it."""
    lost = finding("CFG001", Severity.MEDIUM, Certainty.PROVEN, subject="healthcheck", subject_kind="config")
    judged_on = report(lost, outlook=outlook, gaps=GAPS)
    for policy in (load_policy(), parse_policy(policy_text())):
        verdict = evaluate(judged_on, policy, today=TODAY)
        assert not verdict.passed
        assert [gap.blocked for gap in verdict.gaps] == [True] * 3
        told = verdict.gaps[1]
        assert (told.image, told.path, told.reader, told.code) == ("original", "/app/job.lua", "lua", "no-reader")
        assert told.message == "the lua reader stopped"
        assert told.hint == "waive it by its path if it is data"
        assert told.reason == "unknown: block"


def test_a_lost_health_check_does_not_hide_a_program_that_nobody_reads() -> None:
    """The same of two images: the outlook is risky, the one finding is not blocked, and the gate stays closed."""

    def image(*, whole: bool) -> ImageBuilder:
        builder = ImageBuilder().config(cmd=["/app/run"], healthcheck=["CMD", "/app/run"] if whole else None)
        builder.file("/usr/bin/tclsh", elf(), mode=0o755)
        builder.file("/app/run", "#!/usr/bin/tclsh\nsource [lindex $argv 0].tcl\n", mode=0o755)
        return builder.file("/app/more.tcl", "set x 1\n") if whole else builder

    with compare(image(whole=True).image(), image(whole=False).image()) as comparison:
        shown = comparison.report
    assert shown.summary.outlook is Outlook.RISKY
    verdict = evaluate(shown, load_policy(), today=TODAY)
    assert not verdict.passed
    assert not any(decision.blocked for decision in verdict.decisions)
    assert ("/app/run", "no-reader") in {(one.path, one.code) for one in verdict.gaps if one.blocked}
    places = ", ".join(one.path for one in verdict.gaps)
    waived = parse_policy(policy_text(f"  - {{unread: no-reader, paths: [{places}], reason: r}}\n", version=2))
    assert evaluate(shown, waived, today=TODAY).passed


def test_a_baseline_accepts_no_gap() -> None:
    same = report(gaps=GAPS)
    assert not evaluate(same, load_policy(), today=TODAY, baseline=same).passed


def test_unknown_may_be_allowed() -> None:
    verdict = of_gaps(more="unknown: allow\n")
    assert verdict.passed
    assert {gap.reason for gap in verdict.gaps} == {"unknown: allow"}
    incomplete = report(gaps=GAPS, complete=False)
    assert not evaluate(incomplete, parse_policy(policy_text(version=2) + "unknown: allow\n"), today=TODAY).passed


@pytest.mark.parametrize(
    ("waiver", "waived"),
    [
        ("unread: too-large, path: /app/main.js", [True, False, False]),
        ("unread: too-large, path: /app/*", [True, False, False]),
        ("unread: any, path: /app/*", [True, True, False]),
        ("unread: any, path: /**", [True, True, False]),
        ("unread: any, path: config", [False, False, True]),
        ("unread: malformed, path: config", [False, False, True]),
        ("unread: too-large, path: config", [False, False, False]),
        ("unread: malformed, path: /config", [False, False, False]),
        ("unread: no-reader, path: /app/main.js", [False, False, False]),
        ("unread: any, paths: [/app/main.js, /app/job.lua, config]", [True, True, True]),
        ("rule: ELF, path: /app/**", [False, False, False]),
    ],
)
def test_a_waiver_accepts_the_gaps_that_it_names(waiver: str, waived: list[bool]) -> None:
    verdict = of_gaps(f"  - {{{waiver}, reason: r}}\n")
    assert [gap.waived for gap in verdict.gaps] == waived
    assert [gap.blocked for gap in verdict.gaps] == [not one for one in waived]
    assert verdict.passed is all(waived)
    assert (verdict.notes == ()) is any(waived)


def test_a_waiver_of_gaps_ends_too() -> None:
    verdict = of_gaps("  - {unread: any, paths: [/**, config], reason: r, expires: 2026-05-31}\n")
    assert not verdict.passed
    assert verdict.notes == ("waivers[0] expired on 2026-05-31",)


def test_a_canonical_path_decides_for_gaps_too() -> None:
    waiver = "  - {unread: any, path: /app/**, reason: r}\n"
    assert not of_gaps(waiver, gap("/app/../etc/init.lua")).passed
    assert of_gaps(waiver, gap("/etc/../app/init.lua")).passed


def test_an_outlook_that_nothing_explains_does_not_pass() -> None:
    old = report(outlook=Outlook.UNKNOWN)
    verdict = evaluate(old, load_policy(), today=TODAY)
    assert not verdict.passed
    assert verdict.notes[0].startswith("the outlook is unknown and the report does not say why")
    assert evaluate(old, parse_policy(policy_text(version=2) + "unknown: allow\n"), today=TODAY).passed
    waived = parse_policy(policy_text("  - {unread: any, path: /a, reason: r}\n", version=2))
    assert evaluate(report(outlook=Outlook.UNKNOWN, gaps=(gap("/a"),)), waived, today=TODAY).passed
