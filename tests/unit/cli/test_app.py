"""Every command on the demo pair: what it prints, where, and its exit code; the options' names in the environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from xraydiff.cli import Exit, run
from xraydiff.cli.app import app
from xraydiff.report.codec import load_inspection, load_report
from xraydiff.testing import ImageBuilder, elf

DEMO = Path(__file__).resolve().parents[3] / "fixtures" / "demo"
PAIR = [str(DEMO / "original.tar.gz"), str(DEMO / "slim.tar.gz")]

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORMAT", "OUTPUT", "QUIET", "FAIL_ON", "POLICY"):
        monkeypatch.delenv(f"XRAYDIFF_{name}", raising=False)


@pytest.fixture
def stored(tmp_path: Path) -> str:
    path = tmp_path / "report.json"
    assert run(["compare", *PAIR, "--format", "json", "-o", str(path)]) == Exit.OK
    return str(path)


def output(capture: Capture) -> tuple[str, str]:
    out, err = capture.readouterr()
    return out.decode(), err.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "begins"),
    [
        (["compare", *PAIR], 0, "original  original.tar.gz"),
        (["compare", *PAIR, "--format", "markdown"], 0, "#"),
        (["compare", *PAIR, "--fail-on", "critical"], 1, "original  original.tar.gz"),
        (["inspect", PAIR[0]], 0, "image  original.tar.gz"),
        (["inspect", PAIR[0], "--format", "dot"], 0, "digraph"),
        (["inspect", PAIR[0], "--format", "graphml"], 0, "<graphml"),
        (["files", PAIR[0]], 0, "path\ttype\tmode\tsize\t"),
        (["files", PAIR[0], "--digests"], 0, "path\ttype\tmode\tsize\tsha256_or_target\n"),
        (["suggest", *PAIR], 0, "/etc/ssl/certs/ca-certificates.crt\n"),
        (["suggest", *PAIR, "--format", "mint"], 0, "--include-path /etc/ssl/certs/ca-certificates.crt\n"),
        (["why", *PAIR, "/usr/lib/libssl.so.3"], 0, "path /usr/lib/libssl.so.3: removed; proven"),
        (["gate", *PAIR], 1, "Gate: BLOCKED"),
        (["policy", "show"], 0, "# The policy"),
        (["rules"], 0, "APP001  "),
        (["demo"], 0, "original  original.tar.gz"),
        (["--version"], 0, "xraydiff "),
        (["--help"], 0, "Usage: xraydiff"),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else None,
)
def test_each_command(arguments: list[str], code: int, begins: str, capsysbinary: Capture) -> None:
    assert run(arguments) == code
    out, err = output(capsysbinary)
    assert out.startswith(begins)
    assert err == ""


def test_json_is_read_back(capsysbinary: Capture) -> None:
    assert run(["compare", *PAIR, "--format", "json"]) == 0
    assert load_report(output(capsysbinary)[0]).complete
    assert run(["inspect", PAIR[0], "--format", "json"]) == 0
    assert load_inspection(output(capsysbinary)[0]).complete


def test_a_stored_report_stands_for_both_images(stored: str, capsysbinary: Capture) -> None:
    assert run(["compare", *PAIR]) == 0
    fresh, _ = output(capsysbinary)
    assert run(["report", stored]) == 0
    assert output(capsysbinary)[0] == fresh
    assert run(["gate", stored]) == run(["gate", *PAIR]) == 1
    verdicts, _ = output(capsysbinary)
    assert verdicts[: len(verdicts) // 2] == verdicts[len(verdicts) // 2 :]


def test_a_baseline_accepts_what_was_there(stored: str, capsysbinary: Capture) -> None:
    assert run(["gate", *PAIR, "--baseline", stored]) == 0
    assert output(capsysbinary)[0].startswith("Gate: PASSED")


def test_a_waiver_for_everything_passes(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nblock:\n  - {severity: critical, certainty: proven, rules: [ELF]}\n")
    assert run(["gate", *PAIR, "--policy", str(policy)]) == 0


def test_what_the_gate_prints_is_a_policy_that_passes(tmp_path: Path, capsysbinary: Capture) -> None:
    """Pasted in place of the built-in policy's `waivers: []`, from the text as from the Markdown."""
    assert run(["policy", "show"]) == 0
    head, _ = output(capsysbinary)
    for shown, end in (("text", None), ("markdown", "```\n\n</details>")):
        assert run(["gate", *PAIR, "--format", shown]) == Exit.BLOCKED
        told, _ = output(capsysbinary)
        begin = told.index("\nwaivers:\n") + 1
        waivers = told[begin : told.index(end) if end else None]
        policy = tmp_path / f"{shown}.yaml"
        policy.write_text(head.replace("waivers: []\n", waivers))
        assert run(["gate", *PAIR, "--policy", str(policy)]) == Exit.OK
        assert output(capsysbinary)[0].startswith("Gate: PASSED: 0 findings blocked, 6 waived\n")


def test_certainty_and_budget_choose(capsysbinary: Capture) -> None:
    listed = {}
    for certainty in ("proven", "likely", "possible"):
        assert run(["suggest", *PAIR, "--certainty", certainty]) == 0
        listed[certainty] = set(output(capsysbinary)[0].splitlines())
    assert listed["proven"] < listed["likely"] <= listed["possible"]
    assert run(["suggest", *PAIR, "--budget", "2500"]) == 0
    out, err = output(capsysbinary)
    assert set(out.splitlines()) < listed["likely"]
    assert "left out by the budget" in err


def test_a_path_that_the_minifier_cannot_name_is_said_on_stderr(tmp_path: Path, capsysbinary: Capture) -> None:
    def image(name: str, *, whole: bool) -> str:
        builder = ImageBuilder().config(cmd=["/run"]).file("/run", "#!/bin/sh\n. '/etc/app/a:b'\n", mode=0o755)
        builder.file("/bin/sh", elf(executable=True), mode=0o755).file("/etc/app/other")
        if whole:
            builder.file("/etc/app/a:b", "x=1\n")
        return str(builder.write(tmp_path / name))

    assert run(["suggest", image("o.tar", whole=True), image("s.tar", whole=False), "--format", "mint"]) == 0
    out, err = output(capsysbinary)
    assert out == ""
    assert err == "/etc/app/a:b: the minifier cannot name this path; include its directory /etc/app\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_the_same_image_twice(quiet: bool, capsysbinary: Capture) -> None:
    assert run(["compare", PAIR[0], PAIR[0], "--format", "json", *["-q"][: int(quiet)]]) == 0
    out, err = output(capsysbinary)
    assert err == ("" if quiet else "identical: nothing to compare\n")
    document = json.loads(out)
    assert document["findings"] == []
    assert document["summary"]["identical"] is True
    assert document["summary"]["outlook"] == "clean"


def test_the_gate_says_that_it_is_the_same_image(tmp_path: Path, capsysbinary: Capture) -> None:
    stored = str(tmp_path / "same.json")
    assert run(["compare", PAIR[1], PAIR[1], "--format", "json", "-o", stored, "-q"]) == Exit.OK
    output(capsysbinary)
    for arguments in ([PAIR[1], PAIR[1]], [PAIR[1], PAIR[1], "-q"], [stored]):
        assert run(["gate", *arguments]) == Exit.OK
        out, err = output(capsysbinary)
        assert out == "Gate: PASSED: 0 findings blocked, 0 waived\n  identical: nothing to compare\n"
        assert err == ("identical: nothing to compare\n" if len(arguments) == 2 else "")
    assert run(["gate", *PAIR]) == Exit.BLOCKED
    assert "identical" not in "".join(output(capsysbinary))


def options() -> Iterator[tuple[str, str, object]]:
    """Command, option and its variable, for every option of every command."""
    rows = [("xraydiff", typer.main.get_command(app))]
    while rows:
        path, command = rows.pop()
        rows += [(f"{path} {name}", child) for name, child in getattr(command, "commands", {}).items()]
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name not in ("help", "_version_asked"):
                name = next(opt for opt in parameter.opts if opt.startswith("--")).lstrip("-")
                variable = parameter.envvar
                yield path, name, variable[0] if isinstance(variable, list) else variable


def test_every_option_has_a_variable() -> None:
    seen = list(options())
    assert {name for _, name, _ in seen} >= {"format", "output", "fail-on", "policy", "baseline", "certainty", "budget"}
    # A job that has XRAYDIFF_FORMAT=json for its reports must still be able to gate, which knows no such format; and a
    # verdict must not take the place of the report that it judges.
    own = {("xraydiff gate", name): f"XRAYDIFF_GATE_{name.upper()}" for name in ("format", "output")}
    for command, name, variable in seen:
        assert variable == own.get((command, name), f"XRAYDIFF_{name.upper().replace('-', '_')}"), command


def test_the_gate_has_no_way_to_accept_what_was_not_read() -> None:
    having = {command for command, name, _ in options() if name == "allow-incomplete"}
    assert having == {f"xraydiff {name}" for name in ("compare", "inspect", "files", "suggest", "why", "report")}


def test_variables_are_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsysbinary: Capture) -> None:
    target = tmp_path / "out.json"
    monkeypatch.setenv("XRAYDIFF_FORMAT", "json")
    monkeypatch.setenv("XRAYDIFF_OUTPUT", str(target))
    monkeypatch.setenv("XRAYDIFF_FAIL_ON", "high")
    assert run(["compare", *PAIR]) == Exit.BLOCKED
    assert output(capsysbinary) == ("", "")
    assert load_report(target.read_text()).findings
    monkeypatch.setenv("XRAYDIFF_FORMAT", "xml")
    assert run(["compare", *PAIR]) == Exit.USAGE


@pytest.mark.parametrize("command", [[], *([command] for command in ("compare", "gate", "suggest", "why", "policy"))])
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_is_short(
    command: list[str], columns: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run([*command, "--help"]) == 0
    out, err = output(capsysbinary)
    assert err == ""
    lines = out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage")]


@pytest.fixture
def incomplete(tmp_path: Path) -> list[str]:
    """A pair whose slim image is not read whole."""
    base = ImageBuilder().config(cmd=["/run"]).file("/run", elf(executable=True), mode=0o755)
    before = base.layer().file("/x/y").write(tmp_path / "o.tar")
    odd = ImageBuilder().config(cmd=["/run"]).file("/run", elf(executable=True), mode=0o755)
    return [str(before), str(odd.file("/x/../../escape", "x").write(tmp_path / "s.tar"))]


@pytest.mark.parametrize("command", ["compare", "suggest", "why"])
def test_what_was_not_read_whole_is_3_unless_allowed(
    command: str, incomplete: list[str], capsysbinary: Capture
) -> None:
    arguments = [command, *incomplete, *(["/x"] if command == "why" else [])]
    assert run(arguments) == Exit.NOT_READ
    refused, err = output(capsysbinary)
    assert err.startswith("xraydiff: not read whole: slim: layer 0: ")
    assert run([*arguments, "--allow-incomplete"]) == Exit.OK
    assert output(capsysbinary)[0] == refused


def test_a_stored_report_of_it_too(incomplete: list[str], tmp_path: Path, capsysbinary: Capture) -> None:
    path = str(tmp_path / "r.json")
    assert run(["compare", *incomplete, "--format", "json", "-o", path]) == Exit.NOT_READ
    assert json.loads(Path(path).read_text())["complete"] is False
    output(capsysbinary)
    assert run(["report", path]) == Exit.NOT_READ
    assert "not read whole" in output(capsysbinary)[1]
    assert run(["report", path, "--allow-incomplete"]) == Exit.OK
    assert run(["gate", path]) == Exit.NOT_READ


def test_allowing_it_does_not_switch_fail_on_off(incomplete: list[str]) -> None:
    arguments = ["compare", *incomplete, "--fail-on", "info"]
    assert run(arguments) == Exit.NOT_READ
    assert run([*arguments, "--allow-incomplete"]) == Exit.BLOCKED


COMPANIONS = """
[[companion]]
when = ["edge-report"]
then = ["/usr/share/edge/*", "/usr/sbin/getcap"]
reason = "the report asks for capabilities"
source = "https://example.org/edge"
serves = ["edge", "edge-debug"]
"""


def test_companions_of_the_user(tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.toml"
    own.write_text(COMPANIONS)
    suggest = ["suggest", *PAIR, "--certainty", "possible"]
    assert run([*suggest, "--companions", str(own)]) == Exit.OK
    with_rows = set(output(capsysbinary)[0].splitlines())
    assert run(suggest) == Exit.OK
    more = with_rows - set(output(capsysbinary)[0].splitlines())
    assert more == {"/usr/sbin/getcap", "/usr/lib/libcap.so.2"}, "the row's target, and what it needs in turn"
    other = tmp_path / "other.toml"
    other.write_text(COMPANIONS.replace("edge-report", "no-such-program"))
    assert run([*suggest, "--knowledge", str(other), "--knowledge", str(own)]) == Exit.OK
    assert set(output(capsysbinary)[0].splitlines()) == with_rows, "the option under its new name, twice"
    monkeypatch.setenv("XRAYDIFF_COMPANIONS", str(own))
    assert run(["why", *PAIR, "/usr/sbin/getcap"]) == Exit.OK
    assert "the report asks for capabilities" in output(capsysbinary)[0]
    assert run(["compare", *PAIR, "-o", str(own)]) == Exit.USAGE
    assert own.read_text() == COMPANIONS
    own.write_text(COMPANIONS.replace("then", "than"))
    for command in (["compare", *PAIR], suggest, ["why", *PAIR, "/x"], ["gate", *PAIR]):
        output(capsysbinary)
        assert run(command) == Exit.USAGE
        assert output(capsysbinary)[1].startswith("xraydiff: own.toml: line 4: companion[0].than: unknown key")


@pytest.mark.parametrize("command", [["compare"], ["suggest"], ["why", "/usr/sbin/getcap"], ["gate"]])
def test_every_comparison_takes_the_same_options(command: list[str], tmp_path: Path, capsysbinary: Capture) -> None:
    keep, own, answer = tmp_path / "keep.txt", tmp_path / "own.toml", tmp_path / "answer.txt"
    keep.write_text("/usr/sbin/getcap\n")
    own.write_text(COMPANIONS)
    options = ["--platform", "linux/amd64", "--knowledge", str(own), "--include-file", str(keep), "-q", "-o"]
    assert run([command[0], *PAIR, *command[1:], *options, str(answer)]) in (Exit.OK, Exit.BLOCKED)
    assert "getcap" in answer.read_text()
    assert output(capsysbinary) == ("", "")
    for given in (keep, own):
        assert run([command[0], *PAIR, *command[1:], *options, str(given)]) == Exit.USAGE, "an input is kept"
    assert keep.read_text() == "/usr/sbin/getcap\n"
    assert run([command[0], *PAIR, *command[1:], "--rootfs"]) == Exit.USAGE, "an image is no root file system"


def test_what_the_minifier_says(tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, creport = tmp_path / "keep.txt", tmp_path / "creport.json"
    keep.write_text("/usr/sbin/getcap\n")
    creport.write_text("{}")
    suggest = ["suggest", *PAIR]
    assert run(suggest) == Exit.OK
    without = set(output(capsysbinary)[0].splitlines())
    assert run([*suggest, "--include-file", str(keep), "--creport", str(creport)]) == Exit.OK
    assert set(output(capsysbinary)[0].splitlines()) - without == {"/usr/sbin/getcap", "/usr/lib/libcap.so.2"}
    creport.write_text('{"image": {"files": [{"file_path": "/usr/sbin/getcap"}]}}')
    monkeypatch.setenv("XRAYDIFF_CREPORT", str(creport))
    assert run(suggest) == Exit.OK
    assert set(output(capsysbinary)[0].splitlines()) - without == {"/usr/sbin/getcap", "/usr/lib/libcap.so.2"}
    assert run(["compare", *PAIR, "--include-file", str(keep), "-o", str(keep)]) == Exit.USAGE
    assert keep.read_text() == "/usr/sbin/getcap\n"
    creport.write_text('{"image": []}')
    keep.write_bytes(b"/a\n\0")
    for command in (["compare", *PAIR], suggest, ["gate", *PAIR]):
        output(capsysbinary)
        assert run(command) == Exit.USAGE
        assert output(capsysbinary)[1] == "xraydiff: creport.json: image must be an object\n"
        assert run([*command, "--creport", str(tmp_path / "no\x07ne")]) == Exit.USAGE
        assert output(capsysbinary)[1] == "xraydiff: no\\x07ne: No such file or directory\n"
    monkeypatch.delenv("XRAYDIFF_CREPORT")
    assert run(["compare", *PAIR, "--include-file", str(keep)]) == Exit.USAGE
    assert output(capsysbinary)[1].startswith("xraydiff: keep.txt: line 2: no path holds a NUL byte")


@pytest.mark.parametrize("option", ["--creport", "--include-file"])
def test_a_stored_report_takes_nothing_of_the_minifier(
    stored: str, tmp_path: Path, capsysbinary: Capture, option: str
) -> None:
    assert run(["gate", stored, option, str(tmp_path / "x")]) == Exit.USAGE
    assert f"give {option} to the comparison" in output(capsysbinary)[1]


def test_how_deep_a_comparison_goes(tmp_path: Path, capsysbinary: Capture) -> None:
    report = tmp_path / "report.json"
    suggest = ["suggest", *PAIR, "--certainty", "possible"]
    for depth, lacks in (((), True), (("--depth", "likely"), True), (("--depth", "possible"), False)):
        assert run([*suggest, *depth]) == Exit.OK
        assert ("--depth possible" in output(capsysbinary)[1]) is lacks
        assert run(["suggest", *PAIR, *depth]) == Exit.OK
        assert output(capsysbinary)[1] == ""
        assert run(["compare", *PAIR, *depth, "--format", "json", "-o", str(report)]) == Exit.OK
        assert str(load_report(report.read_text()).depth) == ("likely" if lacks else "possible")
        code = Exit.USAGE if lacks else Exit.BLOCKED
        assert run(["gate", str(report), "--depth", "possible"]) == code
        assert ("made at depth likely" in output(capsysbinary)[1]) is lacks
    assert run([*suggest, "--quiet"]) == Exit.OK
    assert output(capsysbinary)[1] == ""
    assert run([*suggest, "--depth", "proven"]) == Exit.USAGE


def test_a_stored_report_takes_no_companions(stored: str, tmp_path: Path, capsysbinary: Capture) -> None:
    (tmp_path / "own.toml").write_text(COMPANIONS)
    assert run(["gate", stored, "--companions", str(tmp_path / "own.toml")]) == Exit.USAGE
    assert "a stored report is judged as it is" in output(capsysbinary)[1]
