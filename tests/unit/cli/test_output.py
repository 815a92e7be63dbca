"""Files that appear whole or not at all, links and pipes as targets, and what a note may hold."""

from __future__ import annotations

import io
import os
import re
import threading
from pathlib import Path

import pytest

from xraydiff.cli.output import colour_wanted, note, progress, write
from xraydiff.errors import UsageError


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250)
    mask = os.umask(0o027)
    try:
        write("caf\u00e9\n", target)
    finally:
        os.umask(mask)
    assert target.read_bytes() == "caf\u00e9\n".encode()
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "latest", tmp_path / "far" / "report"
    target.write_text("old")
    link.symlink_to("far/report")
    write("new", link)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write("text", pipe)
    reader.join(10)
    assert read == ["text"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", [".", "missing/file", "n" * 300])
def test_what_cannot_be_written_leaves_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        write("x", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["same", "link", "hard link"])
def test_an_input_is_never_overwritten(how: str, tmp_path: Path) -> None:
    source, target = tmp_path / "image.tar", tmp_path / "out"
    source.write_text("precious")
    if how == "link":
        target.symlink_to(source)
    elif how == "hard link":
        target.hardlink_to(source)
    else:
        target = source
    with pytest.raises(UsageError, match="is an input"):
        write("x", target, inputs=[str(source)])
    assert source.read_text() == "precious"


def test_a_note_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    note("a\n::error::b\r\x1b[2J\u202e ##[group]x caf\u00e9")
    err = capsys.readouterr().err
    assert err == "a\\x0a::error::b\\x0d\\x1b[2J\\xe2\\x80\\xae \\x23\\x23[group]x caf\u00e9\n"
    note("::error::\u00ad\u3164 section_start:1:x")
    assert capsys.readouterr().err == r"\x3a:error::\xc2\xad\xe3\x85\xa4 section\x5fstart:1:x" + "\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_bar_shows_names_as_every_output(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(quiet=False) as bar:
        assert bar is not None
        bar("##vso[x]\u202e\u00ad\x1b]0;x\x07", 1, 2)
    shown = terminal.getvalue()
    assert "reading" in shown
    assert not re.search("##|\u202e|\u00ad|\x1b]|\x07", shown)


@pytest.mark.parametrize(
    ("terminal", "variables", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colour(terminal: bool, variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", Stream())
    assert colour_wanted() is wanted
