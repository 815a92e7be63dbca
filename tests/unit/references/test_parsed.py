"""Parsing is a pure function of the bytes: the same anywhere, and what it gives can be written down and read back.

`tests/unit/references/samples/NAME.py` has `SAMPLES` for the reader in `xraydiff/references/readers/NAME`: pairs of a
form and bytes.
"""

import base64
import importlib
import json
import subprocess
import sys
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraydiff import plugins
from xraydiff.limits import DEFAULT
from xraydiff.references import ParsedReader
from xraydiff.references.kit.stored import StoredError, dump, load

Samples = tuple[tuple[str, bytes], ...]

READERS: dict[str, ParsedReader[Any]] = {
    reader.name: reader for reader in plugins.load().readers if isinstance(reader, ParsedReader)
}


def _samples(reader: ParsedReader[Any]) -> Samples:
    module = type(reader).__module__.removeprefix("xraydiff.references.readers.").partition(".")[0]
    samples: Samples = importlib.import_module(f"tests.unit.references.samples.{module}").SAMPLES
    return samples


CASES = [(name, form, data) for name, reader in READERS.items() for form, data in _samples(reader)]

PIECES = (b"", b"[]", b"null", b"{}", b"1e9", b'"x"', b"-1", b"true", b"]", b",", b"NaN", b"[[", b'"')

IN_ANOTHER_PROCESS = """
import base64, importlib, json, sys
from xraydiff.limits import DEFAULT
from xraydiff.references.kit.stored import dump
for module, name, form, data in json.load(sys.stdin):
    reader = getattr(importlib.import_module(module), name)()
    print(dump(reader.parse(base64.b64decode(data), form, DEFAULT)).decode())
assert "xraydiff.pipeline" not in sys.modules
"""


def _type_of(reader: ParsedReader[Any]) -> type:
    type_: type = get_type_hints(type(reader).parse)["return"]
    return type_


def test_every_reader_works_in_two_steps() -> None:
    assert [reader.name for reader in plugins.load().readers if not isinstance(reader, ParsedReader)] == []


@pytest.mark.parametrize("case", CASES, ids=[f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)])
def test_what_is_parsed_can_be_written_and_read_back(case: tuple[str, str, bytes]) -> None:
    name, form, data = case
    reader = READERS[name]
    parsed = reader.parse(data, form, DEFAULT)
    assert parsed == reader.parse(data, form, DEFAULT)
    assert load(_type_of(reader), dump(parsed), DEFAULT) == parsed


def test_another_process_without_an_image_parses_the_same() -> None:
    asked = [
        (type(READERS[name]).__module__, type(READERS[name]).__name__, form, base64.b64encode(data).decode())
        for name, form, data in CASES
    ]
    ran = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", IN_ANOTHER_PROCESS],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    here = [dump(READERS[name].parse(data, form, DEFAULT)).decode() for name, form, data in CASES]
    assert ran.stdout.splitlines() == here


SMALL = [(name, form, data) for name, form, data in CASES if len(data) < 5_000]
"""Each is written once for every example of the next test."""


@settings(deadline=None)
@given(
    st.integers(0, len(SMALL) - 1), st.floats(0, 1), st.integers(0, 20), st.sampled_from(PIECES) | st.binary(max_size=4)
)
def test_damaged_data_is_refused_in_one_way(case: int, place: float, length: int, piece: bytes) -> None:
    """Whatever a stored text says: it is read as that type, or refused by the one error."""
    name, form, data = SMALL[case]
    reader = READERS[name]
    stored = dump(reader.parse(data, form, DEFAULT))
    start = int(place * len(stored))
    try:
        read: object = load(_type_of(reader), stored[:start] + piece + stored[start + length :], DEFAULT)
    except StoredError:
        return
    assert load(_type_of(reader), dump(read), DEFAULT) == read
