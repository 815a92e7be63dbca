"""The minifier's report and the paths that it was told to keep: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.errors import UsageError
from xraydiff.limits import DEFAULT
from xraydiff.minifier.creport import read_creport
from xraydiff.minifier.includes import read_includes
from xraydiff.minifier.run import UNKNOWN_RUN

REPORT = {
    "document": "doc.report.container",
    "version": "ov/container/1.1",
    "monitors": {
        "fan": {
            "process_files": {
                "1": {
                    "/bin/app": {"event_count": 2, "first_eid": 1, "reads": 1, "execs": 1},
                    "/var/log/app.log": {"event_count": 1, "writes": 1},
                }
            }
        },
        "pt": {
            "enabled": True,
            "fs_activity": {
                "/etc/app.conf": {"ops_all": 2, "ops_checkfile": 1, "syscalls": {"4": 1}, "pids": {"1": {}}},
                "/usr/lib/libused.so": {"ops_all": 2, "ops_checkfile": 1},
                "/etc/opened": {"ops_all": 1, "ops_checkfile": 0},
            },
        },
    },
    "image": {
        "files": [
            {"file_type": "file", "file_path": "/usr/lib/libused.so", "flags": {"R": True}},
            {"file_type": "file", "file_path": "/var/run/state", "flags": {"W": True}},
            {"file_type": "file", "file_path": "/srv/both", "flags": {"R": True, "W": True}},
            {"file_type": "symlink", "file_path": "/usr/lib/libused.so.1", "link_ref": "libused.so"},
            {"file_type": "dir", "file_path": "/usr/lib"},
        ]
    },
}


def write(folder: Path, content: object, name: str = "creport.json") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def test_what_the_run_used_and_what_it_looked_for(tmp_path: Path) -> None:
    run = read_creport(write(tmp_path, REPORT))
    assert run.used == {"/bin/app", "/usr/lib/libused.so", "/usr/lib/libused.so.1", "/srv/both"}
    assert run.looked_for == {"/etc/app.conf"}
    assert run.asked == ()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"image": None, "monitors": None},
        {"image": {"files": None}, "monitors": {"fan": {"process_files": {"1": None}}, "pt": {"fs_activity": {}}}},
        {"target_reference": "app:1", "minified_by": 3.5},
        {"image": {"files": [{"file_path": "relative"}, {"file_path": "/nul\0"}, {}]}},
    ],
)
def test_a_report_that_says_nothing_is_no_error(tmp_path: Path, content: object) -> None:
    assert read_creport(write(tmp_path, content)) == UNKNOWN_RUN


BAD = [
    (b"", "creport.json: Expecting value in line 1, column 1"),
    (b"\xff\xfe{}", "creport.json: not UTF-8 at byte 0"),
    (b"[1]", "creport.json: the document must be an object"),
    (b'{"image": 1}', "creport.json: image must be an object"),
    (b'{"image": {"files": {}}}', "creport.json: image.files must be a list"),
    (b'{"image": {"files": [[]]}}', "creport.json: image.files[0] must be an object"),
    (b'{"image": {"files": [{"file_path": 7}]}}', "creport.json: image.files[0].file_path must be a text"),
    (b'{"image": {"files": [{"flags": {"R": 1}}]}}', "creport.json: image.files[0].flags.R must be true or false"),
    (b'{"monitors": []}', "creport.json: monitors must be an object"),
    (b'{"monitors": {"pt": {"fs_activity": 1}}}', "creport.json: monitors.pt.fs_activity must be an object"),
    (
        b'{"monitors": {"pt": {"fs_activity": {"/a\\u0007": {"ops_checkfile": "1"}}}}}',
        r"creport.json: monitors.pt.fs_activity./a\x07.ops_checkfile must be a number",
    ),
    (
        b'{"monitors": {"fan": {"process_files": {"1": {"/a": {"reads": true}}}}}}',
        "creport.json: monitors.fan.process_files.1./a.reads must be a number",
    ),
    (b'{"a": 1, "a": 2}', "creport.json: the key a stands twice in one object"),
    (b'{"a": NaN}', "creport.json: NaN is no JSON"),
    (b'{"a": ' + b"9" * 5_000 + b"}", "creport.json: a number of 5000 characters"),
    (b'{"a":' * 1_000, "creport.json nests deeper than"),
    (b"[" * 1_000_000, "creport.json nests deeper than"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_a_bad_report_is_one_line_that_names_file_and_field(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_creport(write(tmp_path, content))
    assert raised.value.message.startswith(message)
    assert "\n" not in str(raised.value)


def test_lone_surrogates_name_nothing(tmp_path: Path) -> None:
    content = b'{"image": {"files": [{"file_path": "/\\ud800x"}, {"file_path": "/\\udcff"}]}}'
    assert read_creport(write(tmp_path, content)).used == {"/\ud800x", "/\udcff"}
    message = "image.files[0].file_type must be a text"
    with pytest.raises(UsageError, match=r"\\ud800|must be a text") as raised:
        read_creport(write(tmp_path, b'{"image": {"files": [{"file_type": 1, "file_path": "\\ud800"}]}}'))
    assert message in raised.value.message
    raised.value.message.encode("utf-8")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    small = replace(DEFAULT, creport=10, include_file=10, include_lines=1)
    for read in (read_creport, read_includes):
        with pytest.raises(UsageError, match="absent: No such file or directory"):
            read(tmp_path / "absent")
        with pytest.raises(UsageError, match=r".*Is a directory"):
            read(tmp_path)
        with pytest.raises(UsageError, match=r"creport\.json: larger than 10 bytes"):
            read(write(tmp_path, b" " * 11), limits=small)
    with pytest.raises(UsageError, match="list: more than 1 paths"):
        read_includes(write(tmp_path, b"/a\n/b\n", "list"), limits=small)
    with pytest.raises(UsageError, match="list: line 2: no path holds a NUL byte"):
        read_includes(write(tmp_path, b"/a\n\x7fELF\0\n", "list"))


def test_a_large_report_takes_time_as_it_has_bytes(tmp_path: Path) -> None:
    files = [{"file_type": "file", "file_path": f"/usr/share/x/{number}"} for number in range(100_000)]
    file = write(tmp_path, {"image": {"files": files}})
    start = time.process_time()
    assert len(read_creport(file).used) == 100_000
    assert time.process_time() - start < 10 * SLOW


def test_lines_of_paths_to_keep_as_the_minifier_reads_them(tmp_path: Path) -> None:
    lines = b"/a\n\n  /b/ \t\r\n/c:0755\n/d:0640#1000#1000\n# note\n/e:f\n/\n/proc/1\n/a\n/\xff\nrelative\n/sysfs\n"
    run = read_includes(write(tmp_path, lines, "list"))
    assert [(one.line, one.path, one.problem) for one in run.asked] == [
        (1, "/a", ""),
        (3, "/b", ""),
        (4, "/c", ""),
        (5, "/d", ""),
        (6, "# note", "not an absolute path"),
        (7, "/e:f", "a path with a colon needs a mode behind it"),
        (8, "/", "the minifier ignores this directory"),
        (9, "/proc/1", "the minifier ignores this directory"),
        (11, "/\udcff", ""),
        (12, "relative", "not an absolute path"),
        (13, "/sysfs", ""),
    ]
    assert read_includes(write(tmp_path, b"", "list")) == UNKNOWN_RUN


def test_a_line_longer_than_any_path(tmp_path: Path) -> None:
    (one,) = read_includes(write(tmp_path, b"/a" * 400_000, "list")).asked
    assert (len(one.path), one.problem) == (103, "longer than any path")


def test_both_files_together(tmp_path: Path) -> None:
    run = read_includes(write(tmp_path, b"/a\n", "list"), read_creport(write(tmp_path, REPORT)))
    assert "/bin/app" in run.used
    assert [one.path for one in run.asked] == ["/a"]
