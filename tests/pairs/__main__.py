"""The pairs, built with a Docker Engine and held against what xraydiff says of them.

    python -m tests.pairs COMMAND [--work DIR] [NAME ...]

build    the originals from their contexts, the slimmed images from their listings; archives NAME.tar and NAME.slim.tar
slim     build, and trace the short run anew: writes slim.jsonl and slim.config.json
check    ask every check of both images and see how they start: writes checks.json and start.json
prove    what the broken checks need, each line by leaving it out: writes needed.txt
measure  compare each pair, give back what is suggested, ask again; one row a pair, `--details` names what was missed
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.pairs.harness.building import build_original, build_slim, record_slim
from tests.pairs.harness.engine import start_of
from tests.pairs.harness.measure import measure
from tests.pairs.harness.pair import Pair, pairs
from tests.pairs.harness.proof import prove
from tests.pairs.harness.questions import ask_image
from tests.pairs.harness.tree import tree_of
from xraydiff.facts import Certainty


def build(pair: Pair, options: argparse.Namespace) -> None:
    build_slim(pair, build_original(pair, options.work), options.work)


def slim(pair: Pair, options: argparse.Namespace) -> None:
    tree = build_original(pair, options.work)
    record_slim(pair, tree, options.work)
    build_slim(pair, tree, options.work)


def check(pair: Pair, _: argparse.Namespace) -> None:
    original, slimmed = (ask_image(pair, image, pair.checks) for image in (pair.original, pair.slim))
    verdicts = {name: {"original": original[name], "slim": slimmed[name]} for name in original}
    pair.write("checks.json", verdicts)
    pair.write("start.json", {"original": start_of(pair.original), "slim": start_of(pair.slim)})
    for name, verdict in verdicts.items():
        print(f"{pair.name}: {name}: {verdict}")


def prove_lines(pair: Pair, options: argparse.Namespace) -> None:
    needed = prove(pair, tree_of(pair.original, options.work), options.work, lambda text: print(f"{pair.name}: {text}"))
    print(f"{pair.name}: {len(needed)} lines are needed")


def measure_row(pair: Pair, options: argparse.Namespace) -> None:
    found = measure(pair, tree_of(pair.original, options.work), options.work, Certainty[options.certainty.upper()])
    print(found.row())
    details = {"missed": found.missed, "no needed path": found.idle, "unneeded": found.unneeded}
    for title, lines in details.items() if options.details else ():
        for line in lines:
            print(f"  {title}: {line}")


COMMANDS = {"build": build, "slim": slim, "check": check, "prove": prove_lines, "measure": measure_row}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--work", type=Path, default=Path("build/pairs"))
    parser.add_argument("--certainty", default="likely", choices=["proven", "likely", "possible"])
    parser.add_argument("--details", action="store_true")
    options = parser.parse_intermixed_args(arguments)
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    for pair in pairs(options.names):
        COMMANDS[options.command](pair, options)
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
