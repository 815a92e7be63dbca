from __future__ import annotations

from dataclasses import replace

import pytest

from xraydiff.errors import UsageError
from xraydiff.facts import (
    Certainty,
    Decision,
    ElfDetails,
    ElfNote,
    ElfVersions,
    FileKind,
    Finding,
    GapDecision,
    Hardening,
    Outlook,
    Problem,
    Scope,
    Severity,
    Verdict,
    When,
)
from xraydiff.graphs.build import Explanation
from xraydiff.report.document import Inspection, Report, ReportedConfigChange
from xraydiff.report.text import (
    Line,
    Style,
    outlook_reason,
    render_inspection,
    render_lines,
    render_text,
    render_verdict,
    render_why,
    size,
    verdict_lines,
    worst_first,
)


def with_outlook(report: Report, outlook: Outlook, *findings: Finding) -> Report:
    return replace(report, findings=findings, summary=replace(report.summary, outlook=outlook))


def test_a_newcomer_sees_it_all(report: Report) -> None:
    text = render_text(report)
    for part in (
        "original  app.tar  515.2 MB, 9,000 files, 13 layers, linux/amd64",
        "slim      app.slim.tar  167.0 MB, 800 files, 1 layer, linux/amd64",
        "saved     348.2 MB (67 %), layers 13 -> 1",
        "Outlook: RISKY: 1 finding of severity high or more, likely or proven",
        "2 findings: 1 high, 1 low",
        "  HIGH     SHL001 likely, in use: /app/report.sh runs date, which is gone",
        "because: config of original -> /app/report.sh (line 3: executes date) -> /usr/bin/date",
        "put back: /usr/bin/date, /lib/a.so, /lib/b.so and 1 more",
        "fingerprint: 00000000000000aa",
        "  LOW      STA001 proven: a log of the build run is baked in",
        r'  healthcheck: ["CMD","a\\\\b"] -> (absent)',
        "Removed: 8,300 paths, 348.2 MB",
        "  library              2      900 B",
        "  documentation       10        5 B",
        "  also 5 added, 2 changed, 1 moved",
        "  duplicate-entry: slim: layer 0: /a: byte 512: twice",
        "Next: xraydiff suggest app.tar app.slim.tar   (1 path to put back, 100 B)",
    ):
        assert part in text
    assert text.index("SHL001") < text.index("STA001")
    assert len(text.splitlines()) < 40


def test_at_most_so_many_findings(report: Report) -> None:
    many = tuple(replace(report.findings[0], fingerprint=f"{n:016x}") for n in range(25))
    text = render_text(replace(report, findings=many))
    assert text.count("SHL001") == 20
    assert "  and 5 more\n" in text
    assert render_text(replace(report, findings=many), limit=3).count("SHL001") == 3


def test_worst_first(report: Report) -> None:
    one = report.findings[0]
    ordered = [
        replace(one, severity=Severity.CRITICAL, certainty=Certainty.POSSIBLE),
        replace(one, certainty=Certainty.PROVEN, when=When.START),
        replace(one, certainty=Certainty.PROVEN, when=When.OPERATE),
        replace(one, certainty=Certainty.PROVEN, when=None),
        replace(one, rule="AAA001"),
        one,
    ]
    assert worst_first(reversed(ordered)) == ordered


def test_identical(report: Report) -> None:
    same = replace(report, findings=(), summary=replace(report.summary, identical=True))
    assert "identical: nothing to compare\n" in render_text(same)
    assert "Removed" not in render_text(same)


def test_nothing_at_all(report: Report) -> None:
    summary = replace(
        report.summary, removed=0, added=0, changed=0, moved=0, removed_by_class=(), outlook=Outlook.CLEAN
    )
    empty = replace(report, findings=(), suggestions=(), config_changes=(), problems=(), summary=summary)
    text = render_text(empty)
    assert "No findings\n" in text
    assert "Nothing removed\n" in text
    assert "Next: xraydiff gate app.tar app.slim.tar\n" in text
    assert "Outlook: CLEAN: configs, programs and scripts were read whole (" in text
    assert ", and none asks for what is gone\n" in text


def test_clean_is_not_said_without_a_word_of_what_is_possible(report: Report) -> None:
    possible = replace(report.findings[0], certainty=Certainty.POSSIBLE, when=When.USE)
    said = outlook_reason(with_outlook(report, Outlook.CLEAN, possible))
    assert said.endswith(", and nothing likely is missing; 1 finding of certainty possible")


def test_why_the_outlook(report: Report) -> None:
    start = replace(report.findings[0], when=When.START, message="the start breaks", severity=Severity.CRITICAL)
    other = replace(report.findings[0], message="worse", severity=Severity.CRITICAL, certainty=Certainty.PROVEN)
    assert outlook_reason(with_outlook(report, Outlook.BROKEN, other, start)) == "the start breaks"
    assert outlook_reason(with_outlook(report, Outlook.BROKEN)) == "the start command does not resolve"
    assert outlook_reason(with_outlook(report, Outlook.UNKNOWN)) == "not everything could be looked at"
    silent = Problem(
        path="/app/a", code="no-reader", message="no reader", scope=Scope.ANALYSIS, fatal=False, reader="Go"
    )
    unknown = with_outlook(report, Outlook.UNKNOWN)
    assert outlook_reason(replace(unknown, problems=(silent,))) == "/app/a: no reader"
    config = replace(silent, path="")
    two = outlook_reason(replace(unknown, problems=(config, silent)))
    assert two == "the image config: no reader, and 1 more file not read whole"
    cut = replace(with_outlook(report, Outlook.UNKNOWN), complete=False)
    assert outlook_reason(cut) == "an image was not read whole"


def test_not_read_whole_is_said_twice(report: Report) -> None:
    many = tuple(Problem(code="tar-truncated", message=f"cut {n}") for n in range(7))
    text = render_text(replace(report, complete=False, problems=many))
    assert "NOT READ WHOLE: what follows is only part of the truth, a gate fails\n" in text
    assert "Not read whole: 7 problems\n" in text
    assert "  and 2 more\n" in text


def test_a_long_chain_loses_its_middle(report: Report) -> None:
    step = report.findings[0].evidence[0]
    chain = tuple(replace(step, source=f"/s{n}", target=f"/s{n + 1}") for n in range(9))
    text = render_text(replace(report, findings=(replace(report.findings[0], evidence=chain),)))
    assert "because: /s0 -> /s1 -> ... 4 more ... -> /s6 -> /s7 -> /s8 -> /s9\n" in text


def test_long_values_are_cut(report: Report) -> None:
    long = ReportedConfigChange(field="env.X", before='"' + "x" * 500 + '"', after=None)
    text = render_text(replace(report, config_changes=(long,) * 20))
    assert "xxx... -> (absent)" in text
    assert "x" * 61 not in text
    assert "  and 8 more\n" in text


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"), (10**18, "1,000.0 PB")],
)
def test_sizes(number: int, told: str) -> None:
    assert size(number) == told


def test_colour_is_only_in_painted() -> None:
    assert Line(style=Style.HIGH, text="x").painted() == "\x1b[31mx\x1b[0m"
    assert Line(style=Style.PLAIN, text="x").painted() == "x"
    assert Line(style=Style.HIGH).painted() == ""


def test_findings_carry_the_style_of_their_severity(report: Report) -> None:
    [line] = [line for line in render_lines(report) if "SHL001" in line.text]
    assert line.style is Style.HIGH


def test_inspection(inspection: Inspection) -> None:
    text = render_inspection(inspection)
    for part in (
        "image  app.tar  515.2 MB, 9,000 files, 13 layers, linux/amd64\n",
        "NOT READ WHOLE",
        '  cmd: ["sh"]\n',
        "  python 3.11.2 /usr/bin/python3.11\n",
        "  dpkg: 1 package\n",
        "  shell: /bin/sh\n",
        "  /etc/ssl/certs/ca-certificates.crt (bundle, 140)\n",
        "  /etc/ssl/private/k.pem (RSA PRIVATE KEY)\n",
        "  /usr/bin/su (setuid 4755)\n",
        "  1 header directory\n",
        "  1 group\n",
        "fonts\n  /usr/share/fonts\n",
        "tar-truncated: cut short\n",
    ):
        assert part in text


DETAILS = ElfDetails(
    path="/bin/a",
    target="/usr/bin/a",
    kind="ELF 64-bit LSB shared object",
    type="ET_DYN",
    machine="EM_X86_64",
    build_id="ab12",
    notes=(ElfNote(owner="GNU", type="NT_GNU_BUILD_ID", description="ab12"),),
    version_needs=(ElfVersions(name="libc.so.6", versions=("GLIBC_2.34", "GLIBC_2.2.5")),),
    version_definitions=(ElfVersions(name="A_1"),),
    hardening=Hardening(pie=True, relro="full", nx=True, canary=False, fortify=("__memcpy_chk",)),
)


def test_elf_details_alone(inspection: Inspection) -> None:
    text = render_inspection(replace(inspection, elf=(DETAILS,)), only_elf=True)
    assert text == (
        "image  app.tar  515.2 MB, 9,000 files, 13 layers, linux/amd64\n"
        "NOT READ WHOLE: what follows is only part of the truth\n"
        "\n"
        "ELF /bin/a -> /usr/bin/a\n"
        "  ELF 64-bit LSB shared object\n"
        "  ET_DYN EM_X86_64, build id ab12\n"
        "  hardening: PIE yes, RELRO full, NX yes, canary no, FORTIFY 1 function\n"
        "  needs libc.so.6: GLIBC_2.2.5, GLIBC_2.34\n"
        "  defines A_1\n"
        "  note GNU NT_GNU_BUILD_ID: ab12\n"
        "\n"
        "Not read whole: 1 problem\n"
        "  tar-truncated: cut short\n"
    )


def test_file_kinds(report: Report) -> None:
    assert "File kinds" not in render_text(report)
    asked = replace(report, file_kinds=(FileKind(path="/a\x1b", kind="ASCII text"),))
    assert "\nFile kinds\n  /a\\x1b: ASCII text\n" in render_text(asked)


def test_verdict(report: Report) -> None:
    blocked = Decision(fingerprint="00000000000000aa", blocked=True, reason="block[0]: severity high or more")
    waived = Decision(fingerprint="00000000000000bb", blocked=False, reason="waivers[0]: known", waived=True)
    verdict = Verdict(passed=False, complete=True, decisions=(waived, blocked), notes=("waivers[1] expired",))
    assert render_verdict(report, verdict) == (
        "Gate: BLOCKED: 1 finding blocked, 1 waived\n"
        "  blocked 00000000000000aa SHL001 /app/report.sh runs date, which is gone\n"
        "    block[0]: severity high or more\n"
        "  waived 00000000000000bb STA001 a log of the build run is baked in\n"
        "    waivers[0]: known\n"
        "  note: waivers[1] expired\n"
        "\n"
        "To accept what is blocked, say why in a policy of version 2:\n"
        "waivers:\n"
        "  - fingerprint: 00000000000000aa\n"
        "    paths:\n"
        "      - /lib/a.so\n"
        "      - /lib/b.so\n"
        "      - /lib/c.so\n"
        "      - /usr/bin/date\n"
        "    reason: SAY WHY\n"
    )
    assert verdict_lines(report, verdict)[1].style is Style.HIGH
    assert render_verdict(report, Verdict(passed=False, complete=False)).startswith("Gate: BLOCKED, NOT READ WHOLE: 0")
    assert render_verdict(report, Verdict(passed=True, complete=True)) == "Gate: PASSED: 0 findings blocked, 0 waived\n"


GAP = GapDecision(
    image="slim",
    path="/app/main.js",
    reader="javascript",
    code="too-large",
    message="the reader stopped at a bound",
    hint="waive it by its path if it is data",
    blocked=True,
    reason="unknown: block",
)


def test_a_verdict_on_gaps(report: Report) -> None:
    waived = replace(GAP, path="", blocked=False, waived=True, reason="waivers[0]: looked at")
    part = Decision(fingerprint="00000000000000aa", blocked=True, reason="block[0]", uncovered=("/lib/c.so",))
    verdict = Verdict(passed=False, complete=True, decisions=(part,), gaps=(waived, GAP))
    assert render_verdict(report, verdict) == (
        "Gate: BLOCKED: 1 finding and 1 gap blocked, 1 waived\n"
        "  blocked 00000000000000aa SHL001 /app/report.sh runs date, which is gone\n"
        "    block[0]\n"
        "    not accepted: /lib/c.so\n"
        "  blocked slim: /app/main.js not read whole by javascript: too-large: the reader stopped at a bound\n"
        "    unknown: block\n"
        "    to do: waive it by its path if it is data\n"
        "  waived slim: config not read whole by javascript: too-large: the reader stopped at a bound\n"
        "    waivers[0]: looked at\n"
        "\n"
        "To accept what is blocked, say why in a policy of version 2:\n"
        "waivers:\n"
        "  - fingerprint: 00000000000000aa\n"
        "    paths:\n"
        "      - /lib/c.so\n"
        "    reason: SAY WHY\n"
        "  - unread: too-large\n"
        "    paths:\n"
        "      - /app/main.js\n"
        "    reason: SAY WHY\n"
    )
    assert "waivers:" not in render_verdict(report, replace(verdict, complete=False))


def test_why(report: Report) -> None:
    steps = report.findings[0].evidence
    told = Explanation(
        path="/usr/bin/date",
        status="removed",
        certainty=Certainty.LIKELY,
        chains=(steps,) * 3,
        holders=("/app/report.sh",),
    )
    way = "config of original -> /app/report.sh (line 3: executes date) -> /usr/bin/date"
    assert render_why(told, limit=2) == (
        "path /usr/bin/date: removed; likely, 3 chains\n"
        f"  likely: {way}\n"
        f"  likely: {way}\n"
        "  and 1 more\n"
        "  every chain passes through: /app/report.sh\n"
    )
    nobody = Explanation(path="/x\n", status="absent", certainty=Certainty.NONE, chains=())
    assert render_why(nobody) == "path /x\\x0a: not in the original; nothing is known to ask for it\n"


def test_the_graph_of_a_report(report: Report) -> None:
    graph = report.graph("00000000000000aa")
    assert sorted(graph.edges(keys=True)) == [
        ("/app/report.sh", "/usr/bin/date", "executes"),
        ("config of original", "/app/report.sh", "executes"),
    ]
    assert set(report.graph()) == set(graph)
    with pytest.raises(UsageError, match="no finding has the fingerprint"):
        report.graph("0")
