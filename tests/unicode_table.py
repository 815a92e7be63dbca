"""Writes the table of `xraydiff/characters.py` from the Unicode Character Database.

    python tests/unicode_table.py FOLDER > xraydiff/characters.py

FOLDER holds `DerivedCoreProperties.txt` and `extracted/DerivedGeneralCategory.txt` of one version, as Unicode publishes
them below `Public/VERSION/ucd/`. The table is frozen in the repository, because Python's own differs by its version.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)")
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"))
_UNASSIGNED = frozenset(("Cn",))
_MARKS = frozenset(("Mn", "Mc", "Me"))
_BLANK = {
    0x2800,  # BRAILLE PATTERN BLANK
    0xFFFC,  # OBJECT REPLACEMENT CHARACTER
    0x13441,  # EGYPTIAN HIEROGLYPH FULL BLANK
    0x13442,  # EGYPTIAN HIEROGLYPH HALF BLANK
    0x16FE4,  # KHITAN SMALL SCRIPT FILLER
    0x1D159,  # MUSICAL SYMBOL NULL NOTEHEAD
}
_WIDTH = 118
_MODULE = '''\
"""What of Unicode nobody sees, and what needs a letter before it; a table written by tests/unicode_table.py.

Frozen here, because `unicodedata` differs by the version of Python and the same image must give the same bytes. Ranges
are in hex, first and last. What later versions of Unicode assign counts as unassigned until the table is written anew:
it is escaped, and reads back.
"""

UNICODE = "{version}"
"""The version of Unicode that the table was made from."""

UNSEEN = """
{unseen}
"""
"""Control and format characters, separators but U+0020, surrogates, private use (no two fonts agree on it),
Default_Ignorable_Code_Point (fillers, variation selectors, tags), and six that are drawn as nothing."""

UNASSIGNED = """
{unassigned}
"""
"""What the version does not assign, and noncharacters: drawn as the same box, as nothing, or not allowed in XML."""

MARKS = """
{marks}
"""
"""Combining marks (Mn, Mc, Me) that are not unseen: they are drawn onto what stands before them."""
'''


def table(folder: Path) -> str:
    """The text of the module."""
    category = folder / "extracted" / "DerivedGeneralCategory.txt"
    version = re.match(r"# DerivedGeneralCategory-([0-9.]+)\.txt", category.read_text(encoding="utf-8"))
    if version is None:
        msg = f"{category} names no version"
        raise SystemExit(msg)
    unassigned = _points(category, _UNASSIGNED)
    ignorable = _points(folder / "DerivedCoreProperties.txt", {"Default_Ignorable_Code_Point"})
    unseen = (_points(category, _UNSEEN) | ignorable | _BLANK) - unassigned - {0x20}
    tables = {"unseen": unseen, "unassigned": unassigned, "marks": _points(category, _MARKS) - unseen}
    return _MODULE.format(version=version[1], **{name: _ranges(points) for name, points in tables.items()})


def _points(file: Path, values: Iterable[str]) -> set[int]:
    found: set[int] = set()
    for line in file.read_text(encoding="utf-8").splitlines():
        match = _LINE.match(line)
        if match and match[3] in values:
            found.update(range(int(match[1], 16), int(match[2] or match[1], 16) + 1))
    return found


def _ranges(points: set[int]) -> str:
    ranges = []
    for first in sorted(point for point in points if point - 1 not in points):
        last = first
        while last + 1 in points:
            last += 1
        ranges.append(f"{first:x}" if first == last else f"{first:x}-{last:x}")
    lines = [""]
    for one in ranges:
        if len(lines[-1]) + len(one) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {one}" if lines[-1] else one
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1])))
