from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.policy_reports import RULES, policy_text
from xraydiff.errors import PolicyError
from xraydiff.facts import Severity
from xraydiff.limits import Limits
from xraydiff.policy import Waiver, builtin_policy_text, load_policy, parse_policy
from xraydiff.report.schema import validate_policy


def test_the_built_in_policy_is_its_own_text() -> None:
    assert replace(parse_policy(builtin_policy_text(), known_rules=RULES), name="") == load_policy()
    assert validate_policy(yaml.safe_load(builtin_policy_text())) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "p.yaml: is empty"),
        ("# nothing\n", "p.yaml: is empty"),
        ("- 1\n", "p.yaml: line 1: must be an object"),
        ("version: 1\n", "p.yaml: line 1: block: is missing"),
        ("version: 1\nblock: []\n", "p.yaml: line 2: block: must not be empty"),
        ("version: 2\nblock: []\n", "p.yaml: line 2: block: must not be empty"),
        ("version: 3\nblock: []\n", "p.yaml: line 1: version: must be 1 or 2"),
        ("block: []\n", "p.yaml: line 1: version: is missing"),
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
    monkeypatch.setattr("xraydiff.policy.load.validate_policy", lambda _: None)
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
    page = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    assert len(parse_policy(example).block) == 3


# --- version 2


def test_a_policy_of_version_2() -> None:
    policy = parse_policy(
        "unknown: allow\nrepair: forbid\n"
        + policy_text(
            "  - {fingerprint: 00000000000000aa, paths: ['/a\\x01', '/b/**'], reason: r}\n"
            "  - {fingerprint: 00000000000000aa, paths: [/c], reason: r}\n"
            "  - {rule: ELF, paths: [/d, /e], reason: r, expires: 2030-01-31}\n"
            "  - {rule: ELF, path: /d, reason: r}\n"
            "  - {unread: no-reader, path: config, reason: r}\n"
            "  - {unread: any, paths: [/f, config], reason: r}\n",
            version=2,
        )
    )
    assert (policy.allow_unknown, policy.allow_repair) == (True, False)
    assert policy.waivers == (
        Waiver(reason="r", fingerprint="00000000000000aa", paths=("/a\x01", "/b/**")),
        Waiver(reason="r", fingerprint="00000000000000aa", paths=("/c",)),
        Waiver(reason="r", rule="ELF", paths=("/d", "/e"), expires=date(2030, 1, 31)),
        Waiver(reason="r", rule="ELF", path="/d"),
        Waiver(reason="r", unread="no-reader", path="config"),
        Waiver(reason="r", unread="any", paths=("/f", "config")),
    )


def test_what_a_policy_does_not_say_is_the_safe_answer() -> None:
    for version in (1, 2):
        policy = parse_policy(policy_text(version=version))
        assert (policy.allow_unknown, policy.allow_repair, policy.waivers) == (False, True, ())


WRONG_WAIVERS = [
    ("{fingerprint: 00000000000000aa, paths: [], reason: r}", ".paths: must not be empty"),
    ("{fingerprint: 00000000000000aa, paths: /a, reason: r}", ".paths: must be a list"),
    ("{fingerprint: 00000000000000aa, paths: [3], reason: r}", ".paths[0]: must be text"),
    ("{fingerprint: 00000000000000aa, paths: [/a, b], reason: r}", ".paths[1]: must have the form"),
    ("{fingerprint: 00000000000000aa, paths: [/a, /b/../c], reason: r}", ".paths[1]: must not hold .."),
    ("{fingerprint: 00000000000000aa, paths: ['/a\\q'], reason: r}", ".paths[0]: must be escaped"),
    ("{fingerprint: 00000000000000aa, paths: [config], reason: r}", ".paths[0]: must begin with a slash"),
    ("{fingerprint: 00000000000000aa, path: /a, reason: r}", ": What is accepted, named by"),
    ("{fingerprint: 00000000000000aa, unread: any, paths: [/a], reason: r}", ": What is accepted, named by"),
    ("{fingerprint: 00000000000000aa, rule: ELF, paths: [/a], reason: r}", ": What is accepted, named by"),
    ("{rule: ELF, reason: r}", ": What is accepted, named by"),
    ("{rule: ELF, path: /a, paths: [/b], reason: r}", ": What is accepted, named by"),
    ("{rule: ELF, path: config, reason: r}", ".path: must begin with a slash"),
    ("{rule: ELF, unread: any, path: /a, reason: r}", ": What is accepted, named by"),
    ("{paths: [/a], reason: r}", ": What is accepted, named by"),
    ("{unread: any, reason: r}", ": What is accepted, named by"),
    ("{unread: '', path: /a, reason: r}", ".unread: must have the form"),
    ("{unread: Too Large, path: /a, reason: r}", ".unread: must have the form"),
    ("{unread: [any], path: /a, reason: r}", ".unread: must be text"),
    ("{unread: any, path: conf, reason: r}", ".path: must have the form"),
    ("{unread: any, path: /a}", ".reason: is missing"),
    ("{unread: any, path: /a, reason: ' '}", ".reason: must have the form"),
    ("{unread: any, path: /a, reason: r, expires: 2026-13-01}", ".expires: must be a day"),
    ("{unred: any, path: /a, reason: r}", ".unred: unknown key; did you mean unread?"),
]


@pytest.mark.parametrize(("waiver", "told"), WRONG_WAIVERS)
def test_a_wrong_waiver_of_version_2_names_line_and_field(
    waiver: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = policy_text(f"  - {{rule: ELF, path: /z, reason: r}}\n  - {waiver}\n", version=2)
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p.yaml", known_rules=RULES)
    assert str(caught.value).startswith(f"p.yaml: line 6: waivers[1]{told}")
    # What the schema refuses the types refuse too, at the same line.
    monkeypatch.setattr("xraydiff.policy.load.validate_policy", lambda _: None)
    with pytest.raises(PolicyError, match=r"^p\.yaml: line 6: waivers\[1\]"):
        parse_policy(text, name="p.yaml", known_rules=RULES)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("unknown: ignore", "line 4: unknown: must be one of block, allow"),
        ("unknown: true", "line 4: unknown: must be one of block, allow"),
        ("unknown:", "line 4: unknown: must be one of block, allow"),
        ("unknown: [allow]", "line 4: unknown: must be one of block, allow"),
        ("repair: block", "line 4: repair: must be one of allow, forbid"),
        ("repair: no", "line 4: repair: must be one of allow, forbid"),
        ("unkown: allow", "line 4: unkown: unknown key; did you mean unknown?"),
    ],
)
def test_a_wrong_key_of_version_2(line: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = policy_text(version=2) + line + "\n"
    for _ in range(2):
        with pytest.raises(PolicyError) as caught:
            parse_policy(text, name="p.yaml")
        assert str(caught.value) == f"p.yaml: {told}"
        monkeypatch.setattr("xraydiff.policy.load.validate_policy", lambda _: None)


@pytest.mark.parametrize(
    "more", ["unknown: allow\n", "repair: allow\n", "waivers: [{unread: any, path: /a, reason: r}]\n"]
)
def test_version_1_has_none_of_the_new_keys(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"line 4: .*unknown key"):
            parse_policy(policy_text() + more)
        monkeypatch.setattr("xraydiff.policy.load.validate_policy", lambda _: None)


def test_waivers_of_the_same_paths_are_twins_in_any_order() -> None:
    twin = "  - {unread: any, paths: [/a, /b], reason: r}\n  - {unread: any, paths: [/b, /a], reason: s}\n"
    with pytest.raises(PolicyError, match=r"line 6: waivers\[1\]: waives the same as waivers\[0\]"):
        parse_policy(policy_text(twin, version=2))
    other = twin.replace("unread: any, paths: [/b", "unread: too-large, paths: [/b")
    assert len(parse_policy(policy_text(other, version=2)).waivers) == 2


def test_globs_are_counted_and_paths_are_not() -> None:
    exact = "".join(f"      - '/app/{number}/[[]id].js'\n" for number in range(50))
    waivers = f"  - rule: ELF\n    reason: r\n    paths:\n{exact}"
    globs = "  - {rule: SHL, paths: [/a/*, /b/**, '/c/[ab]'], reason: r}\n"
    text = policy_text(waivers + globs, version=2)
    assert len(parse_policy(text, limits=Limits(policy_globs=3)).waivers) == 2
    with pytest.raises(PolicyError, match=r"line 58: waivers\[1\]: more than 2 globs"):
        parse_policy(text, limits=Limits(policy_globs=2))
