"""Options of a comparison: one declaration, as a value and as keyword arguments."""

from __future__ import annotations

import typing
from dataclasses import fields
from pathlib import Path

from xraydiff.options import CompareFields, CompareOptions
from xraydiff.pipeline import compare
from xraydiff.testing import ImageBuilder


def test_keyword_arguments_are_the_fields() -> None:
    declared = typing.get_type_hints(CompareOptions)
    assert typing.get_type_hints(CompareFields) == {
        field.name: declared[field.name] for field in fields(CompareOptions)
    }


def test_keyword_arguments_count_instead_of_the_value() -> None:
    original, slim = ImageBuilder().file("/bin/sh", b"").file("/a", b""), ImageBuilder().file("/bin/sh", b"")
    options = CompareOptions(file_kinds=True, include_file="/no/such/file")
    with compare(original.image(), slim.image(), options=options, include_file=None) as comparison:
        assert not comparison.report.summary.identical


def test_files_that_are_read_besides_the_images() -> None:
    assert CompareOptions(knowledge="own.toml").files == ("own.toml",)
    several = CompareOptions(knowledge=["own.toml", Path("more.toml")], include_file="keep.txt")
    assert several.files == ("own.toml", Path("more.toml"), "keep.txt")
