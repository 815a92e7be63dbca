"""RELIABILITY.md D8, rows 154-161, as far as they concern reports and policies."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import SLOW
from tests.printed import fault
from xraydiff.errors import PolicyError
from xraydiff.facts import (
    Certainty,
    EdgeKind,
    Evidence,
    Finding,
    Firing,
    Inventory,
    Outlook,
    Problem,
    Scope,
    Severity,
    When,
)
from xraydiff.policy import Policy, evaluate, load_policy, parse_policy
from xraydiff.report.codec import dump_report
from xraydiff.report.document import ImageSummary, RemovedBy, Report, ReportedConfigChange, Summary
from xraydiff.report.markdown import render_gate_markdown, render_markdown
from xraydiff.report.text import render_text, render_verdict

TODAY = date(2026, 6, 1)
ENTRY = "version: 1\nblock: [{severity: high, certainty: likely}]\n"
HOSTILE = (
    "a\n::error file=x::pwned",
    "::set-env name=PATH::x",
    "##[error]x",
    "##vso[task.complete]x",
    "\x1b[2J\x1b]0;x\x07",
    "caf\udce9",
    "\u202efdp.exe",
    "\u2028::error::x",
    "a|b`c``d```e",
    "<script>alert(1)</script>",
    "](http://evil.example) ![x](y)",
    "@everyone #1 !1 https://evil.example www.evil.example",
    "</details>\n\n# pwned",
    "| x | y |\n|---|---|",
    "\\",
    "`",
    "",
    "lib\u00adx",
    "\u3164",
    "x\ufe0f\U000e0041\ufff9\u180e",
    "\ufffe\uffff",
    "\u0338\u0301x",
    "\u00a0 \u2003",
    "##teamcity[x]",
    "section_start:1:x\r\x1b[0K",
    "/merge\n/close",
)


def report(name: str, *findings: Finding, complete: bool = True, problems: tuple[Problem, ...] = ()) -> Report:
    image = ImageSummary(reference=name, digest=name, platform=name, layers=1, files=1, bytes=1)
    summary = Summary(
        kept=1,
        removed=1,
        added=0,
        changed=0,
        moved=0,
        removed_bytes=1,
        added_bytes=0,
        layers=name,
        findings=tuple((s.word, 1) for s in sorted(Severity, reverse=True)),
        removed_by_class=(RemovedBy(name=name, count=1, bytes=1),),
        removed_by_package=(),
        outlook=Outlook.BROKEN,
    )
    return Report(
        tool="xraydiff",
        complete=complete,
        problems=problems,
        coverage=(),
        rules=("CRT001", "SHL001", "TLS001"),
        original=image,
        slim=image,
        summary=summary,
        removed=(),
        added=(),
        changed=(),
        config_changes=(ReportedConfigChange(field=name, before=name, after=name),),
        original_inventory=Inventory(),
        slim_inventory=Inventory(),
        findings=findings,
        suggestions=(),
    )


def finding(subject: str, message: str = "gone") -> Finding:
    step = Evidence(
        source=subject,
        target=subject,
        kind=EdgeKind.NAMES,
        firing=Firing.NAMED,
        certainty=Certainty.LIKELY,
        detail=subject + "x",
    )
    return Finding(
        rule="SHL001",
        severity=Severity.HIGH,
        certainty=Certainty.LIKELY,
        when=When.USE,
        subject=subject,
        message=message,
        evidence=(step,),
        restore=(subject,),
        fingerprint="00000000000000aa",
    )


def full(name: str) -> Report:
    problem = Problem(image="slim", path=name, code=name, message=name)
    gap = replace(problem, scope=Scope.ANALYSIS, fatal=False, reader=f"{name}r", hint=name)
    return report(name, finding(name, name), complete=False, problems=(problem, gap))


def blocked(name: str) -> Report:
    """A report whose finding and gaps are all blocked, with a name in every field that an image decides."""
    path = f"/{name}"
    unread = Problem(image="slim", path=path, code="too-large", message=name, scope=Scope.ANALYSIS, fatal=False)
    gaps = (replace(unread, reader=f"{name}x", hint=name), replace(unread, path="", reader=f"{name}y", hint=name))
    return report(name, finding(path, name), problems=gaps)


def test_gate_incomplete() -> None:
    """154, 155: an image with a problem of reading never passes, finding or not, waived or not."""
    everything_waived = parse_policy(
        "version: 1\nblock: [{severity: critical, certainty: proven}]\n"
        "waivers: [{rule: SHL, path: /**, reason: all of it}]\n"
    )
    for policy in (load_policy(), everything_waived):
        verdict = evaluate(report("a.tar", complete=False), policy, today=TODAY)
        assert not verdict.passed
        assert not verdict.complete


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("version: 1\nblock: [{severity: high, certainty: likely}]\nwaiver: []\n", "waiver: unknown key"),
        ("version: 1\nblock: [{severity: high, certanty: likely}]\n", r"block\[0\]\.certanty: unknown key"),
        ("version: 1\nblock: [{severity: hihg, certainty: likely}]\n", r"block\[0\]\.severity: must be one of"),
        (
            ENTRY + "waivers: [{rule: SHL, path: /x, reason: r, expire: 2030-01-01}]\n",
            r"waivers\[0\]\.expire: unknown key; did you mean expires",
        ),
    ],
)
def test_gate_policy_typo(text: str, key: str) -> None:
    """157: never ignored."""
    with pytest.raises(PolicyError, match=rf"^p\.yaml: line \d: {key}"):
        parse_policy(text, name="p.yaml")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/tmp/a", True),
        ("/tmp/a/b", True),
        ("/tmp/../etc/x", False),
        ("/tmp/a/../../etc/x", False),
        ("/tmp//../etc/x", False),
        ("/tmpx", False),
        ("/tmp", False),
        ("/etc/../tmp/a", True),
        ("/x/tmp/a", False),
    ],
)
def test_gate_allow_glob_escape(path: str, allowed: bool) -> None:
    """158: the canonical path decides."""
    text = ENTRY + "waivers: [{rule: SHL, path: /tmp/**, reason: r}]\n"
    for one in (finding(path), replace(finding("soname"), restore=(path,))):
        assert evaluate(report("a.tar", one), parse_policy(text), today=TODAY).passed is allowed


def test_gate_alias_bomb() -> None:
    """A policy of nested aliases would be gigabytes; it is refused at the first one."""
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    with pytest.raises(PolicyError, match="line 2: aliases are not used"):
        parse_policy(bomb)


@pytest.mark.parametrize("text", ["[" * 900_000, "{" * 900_000, "- " * 300_000, "? " * 300_000, '"' + "\\" * 900_000])
def test_gate_policy_bombs_end_soon(text: str) -> None:
    start = time.process_time()
    with pytest.raises(PolicyError):
        parse_policy(text)
    assert time.process_time() - start < 10 * SLOW


def test_expensive_globs_end_soon() -> None:
    glob = "/" + "/".join(["**", "*a*a*a*a*b"] * 40)
    text = ENTRY + f"waivers: [{{rule: SHL, path: '{glob}', reason: r}}]\n"
    start = time.process_time()
    assert not evaluate(report("a.tar", finding("/a" * 400 + "a" * 200)), parse_policy(text), today=TODAY).passed
    assert time.process_time() - start < 2 * SLOW


@pytest.mark.parametrize("name", HOSTILE)
def test_out_text_steers_nothing(name: str) -> None:
    """26, 160: no control character, no line that a CI system obeys."""
    loaded = full(name)
    verdict = evaluate(loaded, load_policy(), today=TODAY)
    for text in (render_text(loaded), render_verdict(loaded, verdict), render_markdown(loaded), dump_report(loaded)):
        assert fault(text) == ""
        assert not any(line.startswith("/") for line in text.split("\n"))  # a forge obeys `/merge` in a comment
        text.encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_out_verdict_steers_nothing(name: str) -> None:
    """26, 160: nor does what the gate says, and what it gives to paste is a policy again."""
    loaded = blocked(name)
    verdict = evaluate(loaded, load_policy(), today=TODAY)
    text, markdown = render_verdict(loaded, verdict), render_gate_markdown(loaded, verdict)
    for shown in (text, markdown):
        assert fault(shown) == ""
        assert not any(line.startswith("/") for line in shown.split("\n"))
    pasted = text[text.index("\nwaivers:") :]
    assert pasted == markdown[markdown.index("\nwaivers:") : markdown.index("```\n\n</details>")]
    policy = parse_policy("version: 2\nblock: [{severity: high, certainty: likely}]" + pasted)
    assert evaluate(loaded, policy, today=TODAY).passed
    assert evaluate(blocked("other"), policy, today=TODAY).passed is (name == "other")


def test_out_verdict_as_a_parser_sees_it() -> None:
    """160: hostile text only within code."""
    markdown_it = pytest.importorskip("markdown_it", reason="comes with rich")
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    known: set[tuple[str, ...]] = set()
    for name in ("tame", *HOSTILE):
        loaded = blocked(name)
        verdict = evaluate(loaded, load_policy(), today=TODAY)
        tokens = parser.parse(render_gate_markdown(loaded, verdict))
        known.add(tuple(token.type for token in tokens))
        for token in tokens:
            for child in token.children or ():
                if child.type == "html_inline":
                    assert child.content == "<br>"
                if child.type == "text":
                    assert not re.search("[@#<&]|http|www", child.content)
    assert len(known) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_out_markdown_injection(name: str) -> None:
    """160: a hostile name changes the text inside code spans, never the structure around them."""
    skeleton = re.compile(r"`[^`\n]*`")
    tame, wild = render_markdown(full("tame")), render_markdown(full(name))
    assert wild.count("\n") == tame.count("\n")
    assert wild.count("|") == tame.count("|")
    outside = skeleton.sub("", wild)
    assert "`" not in outside
    for sign in ("@", "#1", "http", "www", "<script", "![", "](", "&"):
        assert sign not in outside
    assert set(re.findall(r"<[^>]*>", outside)) <= {"<details>", "</details>", "<summary>", "</summary>", "<br>"}


def test_out_markdown_as_a_parser_sees_it() -> None:
    """160: a CommonMark parser finds the same blocks and spans, and hostile text only within code."""
    markdown_it = pytest.importorskip("markdown_it", reason="comes with rich")
    parser = markdown_it.MarkdownIt("commonmark").enable("table")

    def blocks(name: str) -> list[str]:
        return [token.type for token in parser.parse(render_markdown(full(name)))]

    for name in HOSTILE:
        assert blocks(name) == blocks("tame")
        for token in parser.parse(render_markdown(full(name))):
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "code_inline", "html_inline", "strong_open", "strong_close", "softbreak"}
            for child in token.children or ():
                if child.type == "html_inline":
                    assert child.content == "<br>"
                if child.type == "text":
                    assert not re.search("[@#<&]|http|www", child.content)


def test_out_deterministic() -> None:
    """161: other hash seeds give the same bytes."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from importlib.util import spec_from_file_location as f, module_from_spec as m;"
        "s = f('t', sys.argv[2]); t = m(s); s.loader.exec_module(t);"
        "r = t.full('/a\\udce9');"
        "sys.stdout.write(t.dump_report(r) + t.render_text(r) + t.render_markdown(r))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, str(_root()), __file__],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(outputs) == 1


def _root() -> str:
    return __file__.rpartition("/tests/")[0]


@given(st.text(max_size=60) | st.lists(st.sampled_from("[]{}:,-?*&!|>'\"%@`# \n\tab1~<"), max_size=40).map("".join))
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    try:
        assert isinstance(parse_policy(text), Policy)
    except PolicyError as error:
        if "\n" in str(error) or "\x1b" in str(error):
            raise AssertionError("an error is one clean line") from error


@given(st.binary(max_size=60))
def test_any_bytes_are_a_policy_or_a_policy_error(raw: bytes) -> None:
    try:
        assert isinstance(parse_policy(raw), Policy)
    except PolicyError as error:
        if not str(error).isprintable():
            raise AssertionError("an error is one clean line") from error
