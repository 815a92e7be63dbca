from __future__ import annotations

import pytest

from xraydiff.references.kit.shebang import is_shell_script, parse, programs


@pytest.mark.parametrize(
    ("data", "parsed"),
    [
        (b"#!/bin/sh\n", ("/bin/sh", "")),
        (b"#! \t/bin/sh -eu \t\nx", ("/bin/sh", "-eu")),
        (b"#!/bin/sh", ("/bin/sh", "")),
        (b"#!/usr/bin/env -S a b\tc\n", ("/usr/bin/env", "-S a b\tc")),
        (b"#!\n", None),
        (b"#!   \n", None),
        (b"plain", None),
        (b"#!/" + b"x" * 300 + b"\n", None),
        (b"#!/bin/sh " + b"x" * 300 + b"\n", ("/bin/sh", "x" * 245)),
        (b"#!/bin/sh" + b" " * 300 + b"x\n", ("/bin/sh", "")),
        (b"#!" + b" " * 300 + b"/bin/sh\n", None),
        (b"#!/" + b"x" * 252 + b"\n", ("/" + "x" * 252, "")),
        (b"#!/" + b"x" * 252 + b" a\n", ("/" + "x" * 252, "")),
        (b"#!/" + b"x" * 253 + b" a\n", None),
        (b"#!/bin/sh\0 -e\n", ("/bin/sh", "")),
        (b"#!\0/bin/sh\n", ("", "")),
        (b"#!/bin/sh -e\r\n", ("/bin/sh", "-e\r")),
        (b"#!/bin/\xff\n", ("/bin/\udcff", "")),
    ],
)
def test_the_line(data: bytes, parsed: tuple[str, str] | None) -> None:
    line = parse(data)
    assert (line and (line.interpreter, line.argument)) == parsed


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"#!/usr/bin/lua\n", ("lua",)),
        (b"#! /usr/bin/env -S A=b /opt/tclsh8.6 -x\n", ("env", "tclsh8.6")),
        (b"#!/bin/busybox ash", ("busybox", "ash")),
        (b"#!/bin/bash\r\n", ("bash",)),
        (b"#!\n", ()),
        (b"just text", ()),
    ],
)
def test_the_programs_that_it_names(data: bytes, names: tuple[str, ...]) -> None:
    assert programs(data) == names


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"#!/bin/sh\n", True),
        (b"#!/bin/bash\r\n", True),
        (b"#!/usr/bin/env -S A=b bash -e\n", True),
        (b"#!/bin/busybox ash\n", True),
        (b"#!/command/with-contenv bash\n", True),
        (b"#!/usr/bin/env python3 sh\n", False),
        (b"#!/usr/bin/lua bash\n", False),
        (b"#!/bin/fish\n", False),
        (b"#!\n", False),
        (b"echo bash\n", False),
    ],
)
def test_whether_a_shell_runs_it(data: bytes, said: bool) -> None:
    assert is_shell_script(data) is said
