from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from xraydiff.errors import PolicyError
from xraydiff.facts import Certainty, EdgeKind, Evidence, Finding, Firing, Inventory, Outlook, Severity, Verdict, When
from xraydiff.limits import Limits
from xraydiff.policy import builtin_policy_text, evaluate, load_policy, parse_policy
from xraydiff.report.document import ImageSummary, Report, Summary
from xraydiff.report.schema import validate_policy

TODAY = date(2026, 6, 1)
IMAGE = ImageSummary(reference="a.tar", digest="", platform="", layers=1, files=1, bytes=1)
RULES = ("CRT001", "ELF001", "SHL001", "TLS001")


def report(
    *findings: Finding, complete: bool = True, rules: tuple[str, ...] = RULES, identical: bool = False
) -> Report:
    summary = Summary(
        kept=0,
        removed=0,
        added=0,
        changed=0,
        moved=0,
        removed_bytes=0,
        added_bytes=0,
        layers="1 -> 1",
        findings=tuple((s.word, 0) for s in sorted(Severity, reverse=True)),
        removed_by_class=(),
        removed_by_package=(),
        outlook=Outlook.CLEAN,
        identical=identical,
    )
    return Report(
        tool="xraydiff",
        complete=complete,
        problems=(),
        coverage=(),
        rules=rules,
        original=IMAGE,
        slim=IMAGE,
        summary=summary,
        removed=(),
        added=(),
        changed=(),
        config_changes=(),
        original_inventory=Inventory(),
        slim_inventory=Inventory(),
        findings=findings,
        suggestions=(),
    )


def finding(
    rule: str = "ELF001",
    severity: Severity = Severity.HIGH,
    certainty: Certainty = Certainty.LIKELY,
    *,
    subject: str = "/usr/lib/libx.so.1",
    when: When | None = When.USE,
    asker: str = "",
    restore: tuple[str, ...] = (),
) -> Finding:
    step = Evidence(
        source=asker, target=subject, kind=EdgeKind.NEEDS, firing=Firing.NAMED, certainty=Certainty.POSSIBLE
    )
    return Finding(
        rule=rule,
        severity=severity,
        certainty=certainty,
        when=when,
        subject=subject,
        message="gone",
        evidence=(step,) if asker else (),
        restore=restore,
        fingerprint="00000000000000aa",
    )


def policy_text(waivers: str = "", block: str = "  - {severity: high, certainty: likely}\n") -> str:
    return f"version: 1\nblock:\n{block}" + (f"waivers:\n{waivers}" if waivers else "")


def judged(one: Finding, text: str | None = None, today: date = TODAY) -> Verdict:
    return evaluate(report(one), load_policy() if text is None else parse_policy(text), today=today)


# --- the built-in policy


def test_the_built_in_policy_is_its_own_text() -> None:
    assert replace(parse_policy(builtin_policy_text(), known_rules=RULES), name="") == load_policy()
    assert validate_policy(yaml.safe_load(builtin_policy_text())) is None


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


# --- reading


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "p.yaml: is empty"),
        ("# nothing\n", "p.yaml: is empty"),
        ("- 1\n", "p.yaml: line 1: must be an object"),
        ("version: 1\n", "p.yaml: line 1: block: is missing"),
        ("version: 1\nblock: []\n", "p.yaml: line 2: block: must not be empty"),
        ("version: 2\nblock: []\n", "p.yaml: line 1: version: must be 1"),
        ("version: true\nblock: []\n", "p.yaml: line 1: version: must be 1"),
        ("version: '1'\nblock: []\n", "p.yaml: line 1: version: must be 1"),
        ("version: 1\nblok: []\n", "p.yaml: line 2: blok: unknown key; did you mean block?"),
        (
            policy_text("  - {fingerprint: 00000000000000aa, reason: r}\n  - {reason: r}\n"),
            "p.yaml: line 6: waivers[1]: An accepted finding, named by fingerprint, or by rule and path.",
        ),
        (policy_text("  - {fingerprint: abc, reason: r}\n"), "p.yaml: line 5: waivers[0].fingerprint: must have the"),
        (policy_text("  - {fingerprint: 00000000000000aa}\n"), "p.yaml: line 5: waivers[0].reason: is missing"),
        (policy_text("  - {fingerprint: 00000000000000aa, reason: ' '}\n"), "p.yaml: line 5: waivers[0].reason: must"),
        (policy_text("  - {fingerprint: 00000000000000aa, reason: }\n"), "p.yaml: line 5: waivers[0].reason: must be"),
        (
            policy_text("  - fingerprint: 00000000000000aa\n    reason: r\n    expires: 2026-02-30\n"),
            "p.yaml: line 7: waivers[0].expires: must be a day as 2030-12-31",
        ),
        (
            policy_text("  - fingerprint: 00000000000000aa\n    reason: r\n    expires: tomorrow\n"),
            "p.yaml: line 7: waivers[0].expires: must have the form",
        ),
        (policy_text("  - {rule: ELF, path: usr, reason: r}\n"), "p.yaml: line 5: waivers[0].path: must have the form"),
        (
            policy_text("  - {rule: ELF, path: /a/../b, reason: r}\n"),
            "p.yaml: line 5: waivers[0].path: must not hold ..",
        ),
        (
            policy_text("  - {rule: ELF, path: '/a\\b', reason: r}\n"),
            "p.yaml: line 5: waivers[0].path: must be escaped",
        ),
        (policy_text("  - {rule: XYZ, path: /a, reason: r}\n"), "p.yaml: line 5: waivers[0].rule: unknown rule XYZ"),
        (
            policy_text("  - {rule: ELF, path: /a, reason: r}\n  - {rule: ELF, path: /a, reason: s}\n"),
            "p.yaml: line 6: waivers[1]: waives the same as waivers[0]",
        ),
        (
            policy_text(block="  - severity: high\n    certainty: likely\n    serverity: low\n"),
            "p.yaml: line 5: block[0].serverity: unknown key; did you mean severity?",
        ),
        (
            policy_text(block="  - {severity: dire, certainty: likely}\n"),
            "p.yaml: line 3: block[0].severity: must be one",
        ),
        (policy_text(block="  - {severity: high}\n"), "p.yaml: line 3: block[0].certainty: is missing"),
        (
            policy_text(block="  - {severity: high, certainty: likely, rules: []}\n"),
            "p.yaml: line 3: block[0].rules: must not be empty",
        ),
        (
            policy_text(block="  - {severity: high, certainty: likely, rules: [elf]}\n"),
            "p.yaml: line 3: block[0].rules[0]: must have the form",
        ),
        (
            policy_text(block="  - severity: high\n    certainty: likely\n    rules:\n      - ELF\n      - ELF009\n"),
            "p.yaml: line 7: block[0].rules[1]: unknown rule ELF009; did you mean ELF001?",
        ),
        (
            policy_text(block="  - {severity: high, certainty: likely, unless_asked_by: [a/b]}\n"),
            "p.yaml: line 3: block[0].unless_asked_by[0]: must be a glob of one component",
        ),
        ("version: 1\nversion: 1\n", "p.yaml: line 2: version: is given twice, first on line 1"),
        ("version: 1\nblock: [*a]\n", "p.yaml: line 2: aliases are not used in a policy"),
        ("version: !!int 1\n", "p.yaml: line 1: tags are not used in a policy"),
        ("version: !!python/object/apply:os.system [x]\n", "p.yaml: line 1: tags are not used in a policy"),
        ("version: 1\n---\nversion: 1\n", "p.yaml: line 2: a second document begins here"),
        ("? [a]\n: 1\n", "p.yaml: line 1: a key must be text"),
        ("version: [\n", "p.yaml: line 2: not YAML: expected the node content"),
        ("version: 1\n\tblock: 2\n", "p.yaml: line 2: not YAML:"),
        ('version: "\\UFFFFFFFF"\n', "p.yaml: not YAML: a character that cannot stand in a text"),
        ("version: \x00\n", "p.yaml: not YAML: a character that cannot stand in a text"),
        ("[" * 100, "p.yaml: line 1: nested deeper than 64 levels"),
    ],
)
def test_a_wrong_policy_names_line_and_field(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p.yaml", known_rules=RULES)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_what_typed_code_says_when_no_schema_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    # The built-in policy is read without the schema, so the types alone must refuse all that the schema refuses.
    monkeypatch.setattr("xraydiff.policy.validate_policy", lambda _: None)
    entry = "  - {severity: high, certainty: likely%s}\n"
    for text in (
        "a\n",
        "version: 1\n",
        "version: 2\nblock: []\n",
        "version: true\nblock: [{severity: high, certainty: likely}]\n",
        "version: 1\nblock: []\n",
        "version: 1\nblock: 3\n",
        policy_text(block="  - 3\n"),
        policy_text(block="  - {severity: 3, certainty: likely}\n"),
        policy_text(block="  - {severity: high, certainty: sure}\n"),
        policy_text(block=entry % ", rule: [ELF]"),
        policy_text(block=entry % ", rules: []"),
        policy_text(block=entry % ", rules: [3]"),
        policy_text(block=entry % ", rules: [elf]"),
        policy_text(block=entry % ", when: [later]"),
        policy_text("  - {fingerprint: 00000000000000aa}\n"),
        policy_text("  - {fingerprint: 00000000000000AA, reason: r}\n"),
        policy_text("  - {fingerprint: 00000000000000aa, rule: ELF, path: /a, reason: r}\n"),
        policy_text("  - {fingerprint: 00000000000000aa, rule: ELF, reason: r}\n"),
        policy_text("  - {rule: ELF, reason: r}\n"),
        policy_text("  - {path: /a, reason: r}\n"),
        policy_text("  - {reason: r}\n"),
        policy_text("  - {fingerprint: 00000000000000aa, reason: '  '}\n"),
        policy_text("  - {fingerprint: 00000000000000aa, reason: 3}\n"),
        policy_text("  - {fingerprint: 00000000000000aa, reason: r, expires: never}\n"),
        policy_text("  - {rule: ELF, path: a, reason: r}\n"),
    ):
        with pytest.raises(PolicyError):
            parse_policy(text)


def test_numbers_and_words_of_yaml_stay_what_people_mean() -> None:
    text = policy_text(
        "  - {fingerprint: 1234567890123456, reason: no}\n  - {fingerprint: 0123456701234567, reason: on}\n"
    )
    waivers = parse_policy(text).waivers
    assert [(w.fingerprint, w.reason) for w in waivers] == [("1234567890123456", "no"), ("0123456701234567", "on")]


def test_json_is_a_policy_too(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_bytes(b'{\n\t"version": 1,\n\t"block": [{"severity": "low", "certainty": "none"}]\n}\n')
    policy = load_policy(file)
    assert policy.name == "p.json"
    assert policy.block[0].severity is Severity.LOW


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^absent\.yaml: No such file"):
        load_policy(tmp_path / "absent.yaml")
    with pytest.raises(PolicyError, match="Is a directory"):
        load_policy(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 101)
    with pytest.raises(PolicyError, match="larger than 100 bytes"):
        load_policy(large, limits=Limits(policy=100))
    large.write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="not UTF-8 at byte 0"):
        load_policy(large)


def test_known_rules_are_optional() -> None:
    text = policy_text(block="  - {severity: high, certainty: likely, rules: [ZZZ]}\n")
    assert parse_policy(text).block[0].rules == ("ZZZ",)


def test_the_example_of_the_documentation_is_a_policy() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    assert len(parse_policy(example).block) == 3
