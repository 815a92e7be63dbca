from __future__ import annotations

from dataclasses import replace

import pytest

from xraydiff.facts import Decision, GapDecision, Verdict
from xraydiff.report.document import Report
from xraydiff.report.markdown import code, prose, render_gate_markdown, render_markdown


def test_it_is_short_and_says_the_main_things(report: Report) -> None:
    assert render_markdown(report) == (
        "## xraydiff: risky\n"
        "\n"
        "`app.tar` -> `app.slim.tar`: 515.2 MB -> 167.0 MB, 9,000 -> 800 files, 13 -> 1 layers\n"
        "\n"
        "**risky**: 1 finding of severity high or more, likely or proven\n"
        "\n"
        "### 2 findings\n"
        "\n"
        "| severity | certainty | when | rule | what | put back |\n"
        "|---|---|---|---|---|---|\n"
        "| high | likely | use | `SHL001` | `/app/report.sh` runs date, which is gone"
        "<br>`config of original -> /app/report.sh (line 3: executes date) -> /usr/bin/date` "
        "| `/usr/bin/date`, `/lib/a.so`, `/lib/b.so` and 1 more |\n"
        "| low | proven |  | `STA001` | a log of the build run is baked in |  |\n"
        "\n"
        "<details><summary>Removed: 8,300 paths, 348.2 MB</summary>\n"
        "\n"
        "| class | paths | bytes |\n"
        "|---|---:|---:|\n"
        "| `library` | 2 | 900 B |\n"
        "| `documentation` | 10 | 5 B |\n"
        "\n"
        "</details>\n"
        "\n"
        "`xraydiff suggest` lists what to put back: 1 path, 100 B.\n"
    )


def test_identical_and_incomplete(report: Report) -> None:
    same = replace(report, findings=(), summary=replace(report.summary, identical=True))
    assert render_markdown(same) == "## xraydiff: identical\n\n`app.tar` -> `app.slim.tar`: nothing to compare\n"
    assert "**Not read whole**" in render_markdown(replace(report, complete=False))
    nothing = replace(report, findings=(), suggestions=(), summary=replace(report.summary, removed_by_class=()))
    assert "No findings." in render_markdown(nothing)


def test_a_verdict(report: Report) -> None:
    gap = GapDecision(
        image="slim",
        path="",
        reader="shell",
        code="too-deep",
        message="the shell reader stopped",
        hint="waive it by its path",
        blocked=True,
        reason="unknown: block",
    )
    blocked = Decision(fingerprint="00000000000000aa", blocked=True, reason="block[0]", uncovered=("/lib/c.so",))
    waived = Decision(fingerprint="00000000000000bb", blocked=False, reason="waivers[0]: known", waived=True)
    verdict = Verdict(passed=False, complete=True, decisions=(waived, blocked), gaps=(gap,), notes=("waivers[1] ends",))
    assert render_gate_markdown(report, verdict) == (
        "## xraydiff gate: blocked\n"
        "\n"
        "`app.tar` -> `app.slim.tar`: **blocked**: BLOCKED: 1 finding and 1 gap blocked, 1 waived\n"
        "\n"
        "| decision | rule | what | not accepted | why |\n"
        "|---|---|---|---|---|\n"
        "| blocked | `SHL001` | `/app/report.sh` runs date, which is gone"
        "<br>`config of original -> /app/report.sh (line 3: executes date) -> /usr/bin/date` "
        "| `/lib/c.so` | `block[0]` |\n"
        "| waived | `STA001` | a log of the build run is baked in |  | `waivers[0]:` known |\n"
        "\n"
        "| decision | not read whole | reader | reason | what to do | why |\n"
        "|---|---|---|---|---|---|\n"
        "| blocked | `slim: config` | `shell` | `too-deep` the shell reader stopped | waive it by its path "
        "| unknown: block |\n"
        "\n"
        "- `waivers[1]` ends\n"
        "\n"
        "<details><summary>To accept what is blocked, say why in a policy of version 2:</summary>\n"
        "\n"
        "```yaml\n"
        "waivers:\n"
        "  - fingerprint: 00000000000000aa\n"
        "    paths:\n"
        "      - /lib/c.so\n"
        "    reason: SAY WHY\n"
        "  - unread: too-deep\n"
        "    paths:\n"
        "      - config\n"
        "    reason: SAY WHY\n"
        "```\n"
        "\n"
        "</details>\n"
    )
    many = replace(verdict, gaps=(gap,) * 300)
    assert "\nand 250 more\n" in render_gate_markdown(report, many)
    passed = render_gate_markdown(report, Verdict(passed=True, complete=True))
    assert passed.endswith("**passed**: PASSED: 0 findings blocked, 0 waived\n")
    same = replace(report, summary=replace(report.summary, identical=True))
    assert (
        render_gate_markdown(same, Verdict(passed=True, complete=True)) == f"{passed}\nidentical: nothing to compare\n"
    )


def test_at_most_so_many_findings(report: Report) -> None:
    many = tuple(replace(report.findings[0], fingerprint=f"{n:016x}") for n in range(1000))
    text = render_markdown(replace(report, findings=many))
    assert "and 990 more" in text
    assert len(text) < 20_000


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("plain words, 3 of them; and (these).", "plain words, 3 of them; and (these)."),
        ("ask @octocat about #1", "ask `@octocat` about `#1`"),
        ("see https://evil.example/x", "see `https://evil.example/x`"),
        ("a [link](http://x) <b>bold</b> &amp;", "a `[link](http://x)` `<b>bold</b>` `&amp`;"),
        ("tick ` and `` bar | end", r"tick `\x60` and `\x60\x60` bar `\x7c` end"),
        ("*a* _b_ ~~c~~ $d$ :e: !1 GH-1 deadbeefcafe", "`*a*` `_b_` `~~c~~` `$d$` `:e:` `!1` `GH-1` `deadbeefcafe`"),
        ("line\nnext\r::error::x", r"`line\x0anext\x0d::error::x`"),
        ("two  spaces", r"two `\x20spaces`"),
        ("/a\u00adb gone", r"`/a\xc2\xadb` gone"),
        ("é \u0301x", r"`é` `\xcc\x81x`"),
        ("/a/b, /c. ... , .", "`/a/b`, `/c`. `..`. `,` `.`"),
    ],
)
def test_prose_keeps_only_plain_words(raw: str, written: str) -> None:
    assert prose(raw) == written


def test_code_cannot_be_left() -> None:
    assert code("a`b|c\nd\\") == r"`a\x60b\x7cc\x0ad\\`"
    assert code("") == "(empty)"
    assert code(" ") == r"`\x20`"
