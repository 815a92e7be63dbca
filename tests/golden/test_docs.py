"""What README and the guide show is what the command prints; the examples of the API page run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import xraydiff

ROOT = Path(__file__).resolve().parents[2]
SHOWN = re.compile(r"<!-- output: (?P<command>[^\n]+) -->\n```text\n(?P<text>.*?)```", re.DOTALL)


def printed(command: str) -> str:
    words = shlex.split(command)
    assert words[0] == "xraydiff"
    ran = subprocess.run([sys.executable, "-P", "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", ["README.md", "docs/guide.md"])
def test_shown_output_is_real(name: str) -> None:
    page = ROOT / name
    text = page.read_text()
    assert SHOWN.search(text)
    fresh = SHOWN.sub(lambda m: f"<!-- output: {m['command']} -->\n```text\n{printed(m['command'])}```", text)
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(fresh)
    assert fresh == text


def test_the_examples_of_the_api_page_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "fixtures" / "demo")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for block in blocks:
            exec(compile(block, "docs/api.md", "exec"), names)  # noqa: S102  our own page
    lines = shown.getvalue().splitlines()
    assert lines[0] == "risky /usr/bin/edge-probe /usr/lib/libssl.so.3"
    assert "['/usr/local/bin/edge-report']" in lines
    assert "True" in lines


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    from xraydiff.plugins import OUR_RULES

    pages = {page.stem for page in (ROOT / "docs" / "rules").glob("*.md")} - {"index"}
    assert pages == {rule.id for rule in OUR_RULES}


def test_the_index_lists_every_rule() -> None:
    from xraydiff.plugins import OUR_RULES

    rows = [
        f"| [{r.id}]({r.id}.md) | {r.name} | {r.severity.word} | {r.summary} |"
        for r in sorted(OUR_RULES, key=lambda r: r.id)
    ]
    index = ROOT / "docs" / "rules" / "index.md"
    text = "\n".join(["# Rules", "", "| rule | name | severity | what it says |", "|---|---|---|---|", *rows, ""])
    if os.environ.get("UPDATE_GOLDEN"):
        index.write_text(text)
    assert index.read_text() == text


def test_the_six_lines_of_the_readme_are_a_gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for kind, name in (("original", "app.tar"), ("slim", "app.slim.tar")):
        (tmp_path / name).write_bytes((ROOT / "fixtures" / "demo" / f"{kind}.tar.gz").read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  our own page
    check = names["test_slimmed_image_may_ship"]
    assert callable(check)
    with pytest.raises(AssertionError):
        check()


def test_the_policy_of_the_policy_page_is_read(tmp_path: Path) -> None:
    from xraydiff.pipeline import load_policy

    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policy.md").read_text(), re.DOTALL)
    (tmp_path / "policy.yaml").write_text(text)
    policy = load_policy(tmp_path / "policy.yaml")
    assert (len(policy.block), len(policy.waivers)) == (3, 3)


def test_the_order_of_rooms_is_the_one_that_ci_checks() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text().split("rooms on one line do not know each other:")[1]
    shown = re.findall(r"`([a-z_, ]+)`", text.split("\n\n")[1])
    contract = re.search(r"\nlayers = \[\n(.*?)\n\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    assert contract is not None
    layers = [set(line.split(" | ")) for line in re.findall(r'"([^"]+)"', contract[1])][::-1]
    assert len(shown) == len(layers)
    for line, rooms in zip(shown, layers, strict=True):
        assert set(line.split(", ")) <= rooms


def test_the_links_of_the_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            packaged = target.partition("xraydiff/")[2]
            # The package may be installed elsewhere than beside its documentation.
            place = Path(xraydiff.__file__).parent / packaged if packaged else page.parent / target
            assert place.exists(), f"{page.name}: {target}"
        for target in re.findall(r"`((?:docs|schemas|fixtures|tests)/[\w./-]+)`", page.read_text()):
            assert (ROOT / target).exists(), f"{page.name}: {target}"
