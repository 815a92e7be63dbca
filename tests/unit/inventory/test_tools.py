"""Tools by name, version and place."""

from __future__ import annotations

import time

import pytest

from tests.patience import SLOW
from xraydiff.facts import ImageConfig, Tool, ToolClass
from xraydiff.inventory.tools import read_tools, tool_class
from xraydiff.knowledge import OURS, Tools
from xraydiff.testing import ImageBuilder

CONFIG = ImageConfig()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sh", ToolClass.SHELL),
        ("zsh5", ToolClass.SHELL),
        ("apt-get", ToolClass.PACKAGE_MANAGER),
        ("pip3.11", ToolClass.PACKAGE_MANAGER),
        ("python3-pip", ToolClass.PACKAGE_MANAGER),
        ("gcc-12", ToolClass.COMPILER),
        ("g++-12", ToolClass.COMPILER),
        ("x86_64-linux-gnu-gcc-ar-12", ToolClass.COMPILER),
        ("aarch64-alpine-linux-musl-g++", ToolClass.COMPILER),
        ("clang++-14", ToolClass.COMPILER),
        ("gdb", ToolClass.DEBUGGER),
        ("curl", ToolClass.NETWORK),
        ("nc.openbsd", ToolClass.NETWORK),
        ("newuidmap", ToolClass.PRIVILEGE),
        ("ls", None),
        ("python3", None),
        ("", None),
        ("12", None),
        ("sh" * 100, None),
    ],
)
def test_class_of_a_name(name: str, expected: ToolClass | None) -> None:
    assert tool_class(name) is expected


def test_no_name_stands_in_two_classes() -> None:
    words = [word for row in OURS.rows(Tools) for word in row.names]
    assert len(words) == len(set(words)) > 500


def test_programs_are_found_by_real_path_once() -> None:
    tree = (
        ImageBuilder()
        .symlink("/bin", "usr/bin")
        .file("/usr/bin/bash", mode=0o755)
        .symlink("/usr/bin/sh", "bash")
        .file("/usr/bin/curl", mode=0o755)
        .file("/usr/bin/gdb", mode=0o644)
        .symlink("/usr/bin/wget", "gone")
        .directory("/usr/bin/ssh")
        .file("/opt/elsewhere/strace", mode=0o755)
        .tree()
    )
    assert read_tools(tree, CONFIG) == (
        Tool(tool=ToolClass.NETWORK, path="/usr/bin/curl"),
        Tool(tool=ToolClass.SHELL, path="/usr/bin/bash"),
        Tool(tool=ToolClass.SHELL, path="/usr/bin/sh", target="/usr/bin/bash"),
    )


def test_path_of_the_config_counts() -> None:
    tree = ImageBuilder().file("/opt/tools/strace", mode=0o755).tree()
    assert [tool.path for tool in read_tools(tree, ImageConfig(env=("PATH=/opt/tools:/bin",)))] == ["/opt/tools/strace"]


def test_applets_name_their_program_whether_links_or_hard_links() -> None:
    tree = (
        ImageBuilder()
        .file("/bin/busybox", mode=0o755)
        .symlink("/bin/sh", "/bin/busybox")
        .hardlink("/bin/wget", "/bin/busybox")
        .tree()
    )
    assert {tool.path: tool.target for tool in read_tools(tree, CONFIG)} == {
        "/bin/busybox": "",
        "/bin/sh": "/bin/busybox",
        "/bin/wget": "/bin/busybox",
    }


def test_login_shells_count_whatever_their_name() -> None:
    tree = ImageBuilder().file("/opt/odd/oddshell", mode=0o755).symlink("/opt/link", "odd").tree()
    found = read_tools(tree, CONFIG, shells=("/opt/link/oddshell", "/opt/none"))
    assert found == (Tool(tool=ToolClass.SHELL, path="/opt/odd/oddshell"),)


def test_many_names_of_one_file_do_not_cost_their_square() -> None:
    image = ImageBuilder().file("/bin/gcc-0", mode=0o755)
    for number in range(1, 5_000):
        image.hardlink(f"/bin/gcc-{number}", "/bin/gcc-0")
    tree = image.tree()
    started = time.process_time()
    assert len(read_tools(tree, CONFIG)) == 5_000
    assert time.process_time() - started < 1 * SLOW
