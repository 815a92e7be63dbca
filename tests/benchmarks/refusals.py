"""How many real scripts the readers refuse, by reader and reason.

    python tests/benchmarks/refusals.py [--list] [--every N] [--reader NAME] DIRECTORY [DIRECTORY ...]

A directory is taken for the root of an image: the packages of a distribution, unpacked into one place, or `/`. Every
script in it is read as if the application ran it, or each Nth of a reader. `--list` names those that were refused. A
name that the program computes as it runs is no refusal. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xraydiff import plugins
from xraydiff.facts import ImageConfig, Node
from xraydiff.paths import ImagePath
from xraydiff.references import NOTED, Context, Gap, Reader, Subject
from xraydiff.references.kit.grammars import parser_allowance
from xraydiff.testing import ImageBuilder

READERS = ("shell", "python", "node", "php", "ruby", "perl")
PLACES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin")
LARGEST = 64 << 20
PROGRAMS = ("sh", "python3", "node", "ruby", "perl", "php")


@dataclass
class Tally:
    met: int = 0
    scripts: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


def files_of(root: Path) -> Iterator[Path]:
    """Regular files, sorted, links not followed."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in ("proc", "sys", "dev"))
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
                yield path


def subjects(root: Path, context: Context) -> Iterator[tuple[str, Subject]]:
    """Every file as the walk would show it to a reader, with its path on this machine."""
    for path in files_of(root):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if data and not data.startswith(b"\x7fELF"):
            name = ImagePath("/" + str(path.relative_to(root)))
            yield str(path), Subject(node=Node(path=name), path=name, file=None, tree=context.original, data=data)


def measure(root: Path, readers: Sequence[Reader], tallies: dict[str, Tally], chosen: argparse.Namespace) -> None:
    builder = ImageBuilder()
    for name in PROGRAMS:
        builder.file(f"/usr/bin/{name}", b"\x7fELF", mode=0o755)
    tree = builder.tree()
    places = tuple(ImagePath(one) for one in PLACES)
    context = Context(original=tree, config=ImageConfig(), env={}, path=places, cwd=ImagePath("/"))
    for path, subject in subjects(root, context):
        for reader in readers:
            if not reader.accepts(subject):
                continue
            tally = tallies[reader.name]
            tally.met += 1
            if (tally.met - 1) % chosen.every:
                continue
            context.once(parser_allowance).left = context.limits.syntax_total
            start = time.process_time()
            gaps = [item for item in reader.read(subject, context) if isinstance(item, Gap)]
            spent = time.process_time() - start
            _count(tally, path, gaps, spent, listed=chosen.list)


def _count(tally: Tally, path: str, gaps: Sequence[Gap], spent: float, *, listed: bool) -> None:
    tally.scripts += 1
    tally.seconds += spent
    tally.slowest = max(tally.slowest, spent)
    refusals = {gap.reason: gap for gap in gaps if gap.reason not in NOTED}
    tally.reasons.update(list(refusals))
    tally.refused += bool(refusals)
    if listed:
        for gap in refusals.values():
            print(f"{gap.reason}\t{path}\t{gap.detail}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--reader", action="append", choices=READERS)
    parser.add_argument("roots", nargs="+", type=Path)
    chosen = parser.parse_args(arguments)
    found = {reader.name: reader for reader in plugins.load().readers}
    tallies = {name: Tally() for name in chosen.reader or READERS}
    for root in chosen.roots:
        measure(root, [found[name] for name in tallies], tallies, chosen)
    print("| reader | scripts | refused | % | seconds | slowest | reasons |")
    print("|---|---:|---:|---:|---:|---:|---|")
    total = Tally()
    for name, one in tallies.items():
        total.scripts += one.scripts
        total.refused += one.refused
        total.seconds += one.seconds
        total.slowest = max(total.slowest, one.slowest)
        _row(name, one)
    _row("all", total)


def _row(name: str, tally: Tally) -> None:
    share = 100 * tally.refused / tally.scripts if tally.scripts else 0.0
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.reasons.items()))
    print(
        f"| {name} | {tally.scripts} | {tally.refused} | {share:.2f} "
        f"| {tally.seconds:.0f} | {tally.slowest:.1f} | {reasons} |"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
