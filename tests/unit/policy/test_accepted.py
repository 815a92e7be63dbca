"""What was accepted stays what was accepted: a table of situations, yesterday's report against today's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.policy_reports import TODAY, finding, policy_text, removed, report
from xraydiff.facts import Certainty, Closure, Decision, Finding, Package, Severity, Verdict, When
from xraydiff.policy import evaluate, load_policy, parse_policy
from xraydiff.report.codec import dump_report, load_report
from xraydiff.report.document import Report

AAA, BBB, CCC, LIB = "/app/aaa.py", "/app/bbb.py", "/app/ccc.py", "/usr/lib/libdeep.so.1"
NEEDS = (Closure(path=AAA, needs=(LIB,)),)
MARK = "00000000000000aa"


def modules(*paths: str, closures: tuple[Closure, ...] = (), **fields: object) -> Finding:
    """A finding about what /app/main.py imports in vain, named after the first of it."""
    made = finding(subject=paths[0], asker="/app/main.py", restore=paths, closures=closures)
    return replace(made, **fields)  # type: ignore[arg-type]


def against(today: Report, yesterday: Report) -> Verdict:
    """The built-in policy's verdict, by a baseline that was stored and read again."""
    return evaluate(today, load_policy(), today=TODAY, baseline=load_report(dump_report(yesterday)))


def waived(today: Finding, waivers: str, version: int = 2) -> Decision:
    stored = load_report(dump_report(report(today)))
    return evaluate(stored, parse_policy(policy_text(waivers, version=version)), today=TODAY).decisions[0]


# --- a baseline


@dataclass(frozen=True, kw_only=True)
class Row:
    situation: str
    yesterday: Finding
    today: Finding
    uncovered: Sequence[str] | None = None
    """None where it passes; empty where it blocks without missing a new path."""


ROWS = (
    Row(situation="the same", yesterday=modules(AAA, BBB), today=modules(AAA, BBB)),
    Row(situation="less", yesterday=modules(AAA, BBB), today=modules(AAA)),
    Row(situation="more", yesterday=modules(AAA), today=modules(AAA, BBB, CCC), uncovered=(BBB, CCC)),
    Row(situation="another", yesterday=modules(AAA), today=modules(BBB), uncovered=(BBB,)),
    Row(
        situation="the first is back, so another names the finding",
        yesterday=modules(AAA, BBB, CCC),
        today=modules(BBB, CCC, fingerprint="00000000000000bb"),
    ),
    Row(
        situation="that, and one more",
        yesterday=modules(AAA, BBB),
        today=modules(BBB, CCC, fingerprint="00000000000000bb"),
        uncovered=(CCC,),
    ),
    Row(
        situation="the same path, asked for by another file",
        yesterday=modules(AAA, BBB),
        today=replace(
            finding(subject=BBB, asker="/app/other.py", restore=(BBB,)),
            fingerprint="00000000000000bb",
        ),
        uncovered=(BBB,),
    ),
    Row(
        situation="the same path under another rule",
        yesterday=modules(AAA, BBB),
        today=modules(BBB, rule="TLS001", fingerprint="00000000000000bb"),
        uncovered=(BBB,),
    ),
    Row(
        situation="what follows from an accepted path goes too",
        yesterday=modules(AAA),
        today=modules(AAA, LIB, closures=NEEDS),
        uncovered=(LIB,),
    ),
    Row(
        situation="a report of before there were closures",
        yesterday=modules(AAA, LIB),
        today=modules(AAA, LIB, closures=NEEDS),
    ),
    Row(
        situation="more severe",
        yesterday=modules(AAA),
        today=modules(AAA, severity=Severity.CRITICAL),
        uncovered=(AAA,),
    ),
    Row(
        situation="more certain",
        yesterday=modules(AAA),
        today=modules(AAA, certainty=Certainty.PROVEN),
        uncovered=(AAA,),
    ),
    Row(situation="noticed earlier", yesterday=modules(AAA), today=modules(AAA, when=When.START), uncovered=(AAA,)),
    Row(
        situation="noticed later, milder",
        yesterday=modules(AAA, severity=Severity.CRITICAL, certainty=Certainty.PROVEN),
        today=modules(AAA, when=When.OPERATE),
    ),
    Row(
        situation="another spelling of the same path",
        yesterday=modules(AAA),
        today=modules("/app/x/../aaa.py"),
    ),
    Row(
        situation="another path that begins with an accepted one",
        yesterday=modules(AAA),
        today=modules(AAA, "/app/aaa.py/../../etc/passwd"),
        uncovered=("/etc/passwd",),
    ),
    Row(
        situation="a config field with the same value",
        yesterday=finding("CFG002", subject="user", subject_kind="config", message="user: absent became app"),
        today=finding("CFG002", subject="user", subject_kind="config", message="user: absent became app"),
    ),
    Row(
        situation="a config field with another value",
        yesterday=finding("CFG002", subject="user", subject_kind="config", message="user: absent became app"),
        today=finding("CFG002", subject="user", subject_kind="config", message="user: absent became root"),
        uncovered=(),
    ),
    Row(
        situation="a capability more",
        yesterday=finding("PRV002", subject="/bin/ping", message="gained capability cap_net_raw+ep", when=None),
        today=finding("PRV002", subject="/bin/ping", message="gained capability cap_sys_admin+ep", when=None),
        uncovered=(),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.situation)
def test_a_baseline_covers_what_it_holds(row: Row) -> None:
    verdict = against(report(row.today), report(row.yesterday))
    decision = verdict.decisions[0]
    assert verdict.passed is (row.uncovered is None)
    assert decision.blocked is (row.uncovered is not None)
    assert decision.uncovered == tuple(row.uncovered or ())
    if row.uncovered is None:
        assert decision.reason == "in the baseline"


def test_a_finding_says_how_much_of_it_is_accepted() -> None:
    decision = against(report(modules(AAA, BBB, CCC)), report(modules(AAA))).decisions[0]
    assert decision.reason.endswith("; 1 of 3 missing paths are accepted, the others are not")
    worse = against(report(modules(AAA, when=When.START)), report(modules(AAA))).decisions[0]
    assert worse.reason.endswith("; worse than in the baseline")
    another = against(report(modules(BBB)), report(modules(AAA))).decisions[0]
    assert another.reason.endswith("; in the baseline it is about something else")


def rebuilt(name: str, version: str, *paths: str, package: str = "libx", mark: str = MARK) -> Report:
    return report(
        replace(finding(subject=paths[0], asker="/app/main.py", restore=paths), fingerprint=mark),
        packages=(Package(ecosystem="dpkg", name=name, version=version),),
        removed=tuple(removed(path, package) for path in paths),
    )


@pytest.mark.parametrize(
    ("yesterday", "today", "passed"),
    [
        (("1.2-1", "/lib/libx.so.1"), ("2.0-1", "/lib/libx.so.2"), True),
        (("1.2-1", "/lib/libx.so.1"), ("1.2-1", "/lib/libx.so.2"), False),
        (("1.2-1", "/lib/libx.so.1"), ("2.0-1", "/lib/liby.so.2"), False),
        (("1.2-1", "/lib/libx.so.1"), ("2.0-1", "/lib/libx.so.2", "/lib/libx.so.2.0"), False),
        (("1.2-1", "/lib/libx.so.1", "/lib/libx.so.1.2"), ("2.0-1", "/lib/libx.so.2", "/lib/libx.so.2.0"), True),
        (("3.11.2-6", "/usr/lib/python3.11/a.py"), ("3.12.1-1", "/usr/lib/python3.12/a.py"), True),
        (("1:3.11.2-6", "/usr/lib/python3.11/a.py"), ("1:3.12.1-1", "/usr/lib/python3.12/a.py"), True),
        (("1.2-1", "/usr/share/x/v1.dat"), ("1.3-1", "/usr/share/x/v2.dat"), False),
        (("1.2-1", "/usr/share/zone/GMT+1"), ("1.3-1", "/usr/share/zone/GMT+3"), False),
        (("2024a", "/usr/share/zone/GMT+1"), ("2024b", "/usr/share/zone/GMT+2"), False),
        (("1.2-1", "/app/node_modules/x/1.2/a"), ("1.3-1", "/app/node_modules/x/1.3/a"), False),
    ],
)
def test_an_updated_package_may_bear_its_new_version(
    yesterday: tuple[str, ...], today: tuple[str, ...], passed: bool
) -> None:
    assert against(rebuilt("libx", *today), rebuilt("libx", *yesterday)).passed is passed


def test_digits_in_a_packages_name_may_be_its_version_too() -> None:
    old = rebuilt("libssl1.1", "1.1.1w", "/lib/libssl.so.1.1", package="libssl1.1")
    new = rebuilt("libssl3", "3.0.11", "/lib/libssl.so.3", package="libssl3")
    assert against(new, old).passed
    own = replace(new, removed=tuple(removed(change.path) for change in new.removed))
    assert not against(own, old).passed


# --- waivers


@pytest.mark.parametrize(
    ("waiver", "uncovered"),
    [
        (f"fingerprint: {MARK}", (BBB,)),
        (f"fingerprint: {MARK}, paths: [{AAA}, {BBB}, {LIB}]", ()),
        (f"fingerprint: {MARK}, paths: [{AAA}, {BBB}]", (LIB,)),
        (f"fingerprint: {MARK}, paths: [/app/*, /usr/**]", ()),
        (f"fingerprint: {MARK}, paths: [/app/aaa.py]", (BBB, LIB)),
        ("fingerprint: 00000000000000bb", (AAA, BBB, LIB)),
        ("rule: ELF, path: /app/*", ()),
        ("rule: ELF001, path: /app/aaa*", (BBB,)),
        ("rule: ELF, path: /usr/**", (AAA, BBB)),
        (f"rule: ELF, paths: [{AAA}, {BBB}]", ()),
        ("rule: SHL, path: /**", (AAA, BBB, LIB)),
        ("unread: any, path: /**", (AAA, BBB, LIB)),
    ],
)
def test_a_waiver_covers_what_it_names(waiver: str, uncovered: tuple[str, ...]) -> None:
    """Of aaa, which alone needs a library in turn, and of bbb."""
    one = modules(AAA, BBB, LIB, closures=NEEDS)
    decision = waived(one, f"  - {{{waiver}, reason: r}}\n")
    assert decision.blocked is bool(uncovered)
    assert decision.waived is not bool(uncovered)
    assert decision.uncovered == uncovered


def test_waivers_and_a_baseline_accept_together() -> None:
    today = report(modules(AAA, BBB, CCC))
    two = f"  - {{rule: ELF, path: {AAA}, reason: a}}\n  - {{rule: ELF, path: {BBB}, reason: b}}\n"
    policy = parse_policy(policy_text(two, version=2))
    alone = evaluate(today, policy, today=TODAY)
    assert alone.decisions[0].uncovered == (CCC,)
    assert alone.notes == ()
    beside = evaluate(today, policy, today=TODAY, baseline=report(modules(CCC)))
    assert beside.passed
    assert beside.decisions[0].reason == "waivers[0]: a; waivers[1]: b; the rest is in the baseline"
    assert beside.decisions[0].waived


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("one", "blocked"),
    [
        (modules(AAA), False),
        (modules(AAA, LIB, closures=NEEDS), False),
        (modules(AAA, LIB), True),
        (modules(AAA, BBB), True),
        (finding(subject="app", subject_kind="user", restore=("/etc/passwd",)), False),
        (finding(subject="user", subject_kind="config"), False),
        (finding(subject="links", subject_kind="group"), False),
        (finding(subject="links", subject_kind="group", restore=("/a", "/b")), True),
        (finding(subject="tzdata", subject_kind="package", restore=("/a",)), True),
        (finding(subject="/asked/directory", restore=("/asked/directory/a",)), True),
    ],
)
def test_a_fingerprint_alone_covers_the_subject(one: Finding, blocked: bool, version: int) -> None:
    assert waived(one, f"  - {{fingerprint: {MARK}, reason: r}}\n", version).blocked is blocked


def test_names_that_look_like_globs() -> None:
    one = modules("/app/[id].js", "/app/i.js")
    exact = waived(one, "  - {rule: ELF, paths: ['/app/[[]id].js'], reason: r}\n")
    assert exact.uncovered == ("/app/i.js",)
    both = waived(one, "  - {rule: ELF, paths: ['/app/[id].js'], reason: r}\n")
    assert not both.blocked
    star = waived(modules("/app/*.js", "/app/i.js"), "  - {rule: ELF, paths: ['/app/[*].js'], reason: r}\n")
    assert star.uncovered == ("/app/i.js",)


def test_a_link_that_is_gone_brings_what_lies_behind_it() -> None:
    """The path that is asked for need not be among those to put back itself."""
    behind = (Closure(path="/lib/alias.so", needs=("/lib/real.so",)),)
    one = modules("/lib/real.so", closures=behind, subject="/lib/alias.so")
    assert not waived(one, "  - {rule: ELF, path: /lib/alias.so, reason: r}\n").blocked
    assert not waived(one, f"  - {{fingerprint: {MARK}, reason: r}}\n").blocked
    assert waived(one, "  - {rule: ELF, path: /lib/other.so, reason: r}\n").blocked
