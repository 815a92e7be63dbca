"""What a stored report, and JSON of others, may cost in memory: reports of every shape that is small on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image_archives import ONE, TWO, docker_archive, opened
from xraydiff.errors import ImageError, LimitExceeded, ReportError
from xraydiff.image.json_text import parse_json
from xraydiff.limits import MIB, Limits
from xraydiff.pipeline import compare
from xraydiff.report.codec import dump_report, load_report
from xraydiff.report.document import ReportedChange

SIZE = 4 * MIB


@pytest.fixture(scope="module")
def stored() -> str:
    """A report as the command writes it."""
    with opened(docker_archive((ONE,))) as one, opened(docker_archive((TWO,))) as two, compare(one, two) as comparison:
        return dump_report(comparison.report)


def repeated(item: str) -> str:
    return ",".join([item] * (SIZE // (len(item) + 1)))


def numbered(item: str) -> str:
    """Each another one, so that none is there already."""
    count = SIZE // (len(item) + 6)
    return ",".join(item.replace("N", f"{number:06x}") for number in range(count))


CHANGE = json.dumps(
    {field: [] if field == "aspects" else 0 for field in ReportedChange.__dataclass_fields__}, separators=(",", ":")
)
SHAPES: dict[str, Callable[[], str]] = {
    "empty lists": lambda: "[" + repeated("[]") + "]",
    "empty objects": lambda: "[" + repeated("{}") + "]",
    "lists of lists": lambda: "[" + repeated("[[[[]]]]") + "]",
    "small objects": lambda: "[" + repeated('{"a":1}') + "]",
    "one key again and again": lambda: "{" + repeated('"a":0') + "}",
    "keys of their own": lambda: "[" + numbered('{"N":0}') + "]",
    "many keys": lambda: "{" + numbered('"N":0') + "}",
    "short strings": lambda: "[" + numbered('"N"') + "]",
    "numbers": lambda: "[" + ",".join(map(str, range(1_000, 600_000))) + "]",
    "fractions": lambda: "[" + repeated("0.5") + "]",
    "one long string that is wide": lambda: '["' + "a" * SIZE + '\\ud83d\\ude00"]',
    "wrong changes": lambda: "[" + repeated(CHANGE) + "]",
    "lists in an object": lambda: '[{"a":[' + repeated("[]") + "]}]",
}
LOAD = """
import resource, sys
from pathlib import Path
from xraydiff.cli import _worked as run
run(["report", sys.argv[1]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if len(sys.argv) > 3:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[3]),) * 2)
code = run(["report", sys.argv[2]])
print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def loaded(tmp_path: Path, small: str, large: str, *more: str) -> tuple[int, int, str]:
    """Exit code, the memory that a report took above a small one, and what was said."""
    for name, text in (("small.json", small), ("large.json", large)):
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in ("small.json", "large.json")]
    done = subprocess.run([sys.executable, "-c", LOAD, *paths, *more], capture_output=True, text=True, check=True)
    code, memory = done.stdout.splitlines()[-1].split()
    return int(code), int(memory), done.stderr


@pytest.mark.parametrize("field", ["problems", "findings", "rules"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_costs_six_bytes_a_byte(field: str, shape: str, stored: str, tmp_path: Path) -> None:
    data = json.loads(stored)
    data[field] = "HERE"
    large = json.dumps(data).replace('"HERE"', SHAPES[shape]())
    code, memory, said = loaded(tmp_path, stored, large)
    assert code == 2
    assert memory < 6 * len(large) + 3 * MIB
    assert said.count("\n") == 1


def test_no_memory_is_one_line(stored: str, tmp_path: Path) -> None:
    """Where the machine has less than a good report needs."""
    data = json.loads(stored)
    data["changes"]["removed"] = [
        {**data["changes"]["removed"][0], "path": f"/usr/lib/{number}"} for number in range(100_000)
    ]
    code, _, said = loaded(tmp_path, stored, json.dumps(data), str(20 * MIB))
    assert code in (2, 3)
    assert said.count("\n") == 1
    assert "memory" in said
    assert "Traceback" not in said


def test_a_report_of_a_large_image_is_read_as_before(stored: str, tmp_path: Path) -> None:
    data = json.loads(stored)
    change = data["changes"]["removed"][0]
    data["changes"]["removed"] = [{**change, "path": f"/usr/lib/python3/{n:05}.py", "size": n} for n in range(20_000)]
    large = json.dumps(data)
    assert len(load_report(large).removed) == 20_000
    seventh = load_report(large.encode()).removed[7]
    assert seventh == replace(load_report(stored).removed[0], path="/usr/lib/python3/00007.py", size=7)
    code, memory, _ = loaded(tmp_path, stored, large)
    assert code == 0
    assert memory < 12 * len(large)  # what it prints is larger than what it holds


@pytest.mark.parametrize("form", ["\U0001f600", "\u4e2d", "\xe9", "a"])
def test_what_other_tools_write_of_a_report(form: str, stored: str) -> None:
    """Jq writes characters as they are."""
    data = json.loads(stored)
    change = data["changes"]["removed"][0]
    data["changes"]["removed"] = [{**change, "path": f"/usr/lib/python3/dist-packages/{n:06}"} for n in range(10_000)]
    data["changes"]["removed"][-1]["path"] = f"/{form}"
    as_it_is = json.dumps(data, ensure_ascii=False)
    found = load_report(as_it_is.encode())
    assert found == load_report(json.dumps(data)) == load_report(as_it_is)
    assert found.removed[-1].path == f"/{form}"


@pytest.mark.parametrize("wrong", [b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\xff"])
def test_bytes_that_are_no_utf_8(wrong: bytes, stored: str) -> None:
    text = stored.encode()
    place = text.index(b"/etc/hostname")
    emoji = "\U0001f600".encode()
    broken = text[:place] + emoji + wrong + text[place:]
    with pytest.raises(ReportError, match=f"not UTF-8 at byte {place + 4}"):
        load_report(broken)


def test_a_wrong_change_is_named(stored: str) -> None:
    data = json.loads(stored)
    data["changes"]["added"][0]["size"] = "large"
    with pytest.raises(ReportError, match=r"^changes\.added\[0\]\.size: must be a whole number$"):
        load_report(json.dumps(data))
    data = json.loads(stored)
    data["findings"].append(data["changes"]["added"][0])
    with pytest.raises(ReportError, match=r"^findings\[\d+\]: must be an object$"):
        load_report(json.dumps(data))


@pytest.mark.parametrize("shape", SHAPES)
def test_json_of_others(shape: str) -> None:
    """A table of contents or a creport of the size of their bounds; manifests are smaller than what is free."""
    data = SHAPES[shape]().encode()
    limits = Limits(manifest=64 * MIB, json_free=MIB, json_expansion=6)
    if shape == "wrong changes":
        assert parse_json(data, what="it", limits=limits)
        return
    with pytest.raises(LimitExceeded, match="limit json_expansion"):
        parse_json(data, what="it", limits=limits)


def test_json_is_as_deep_as_before() -> None:
    limits = Limits(json_depth=5)
    assert parse_json(b'[[[[["[[[[[[[["]]]]]', what="it", limits=limits)
    with pytest.raises(ImageError, match="nests deeper than 5 levels"):
        parse_json(b"[[[[[[]]]]]]", what="it", limits=limits)
