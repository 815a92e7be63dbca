"""A pair's folder: what it holds, and the forms of its files.

context/          Dockerfile and sources of the original
prepare.sh        makes what the context lacks and no repository should hold (compiled programs); optional
checks.toml       the functional checks, written before anything is slimmed; those marked `short` are the traced run
slim.jsonl        listing of the slimmed image: a line of JSON for each path
slim.config.json  the `config` part of its image config
checks.json       what was measured: whether each check holds on the original and on the slimmed image
start.json        what was measured: how each of them starts
needed.txt        PATH<TAB>start|use|operate: what slimming removed and the checks need, each line proven
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAG = "xraydiff-pairs"
WHEN = ("start", "use", "operate")
KINDS = ("http", "exec", "client", "file", "logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to a running container, and the right answer."""

    name: str
    kind: str
    """One of `KINDS`: a request, a command in the container, one in a container of the original, a file, the logs."""
    target: str
    """The path of the request or of the file; nothing for logs."""
    argv: tuple[str, ...] = ()
    """The command; `{address}` stands for the container's address."""
    contains: str = ""
    status: int = 0
    """The status of the answer, or the command's exit code."""
    port: int = 80
    host: str = ""
    scheme: str = "http"
    body: str = ""
    """What is posted; without it the request is a GET."""
    patience: float = 0.0
    """For so many seconds it is asked again until the answer is right."""
    short: bool = False
    operate: bool = False
    """An operator asks so, not a user."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An original and its slimmed twin, as files that a repository can hold."""

    name: str
    folder: Path

    @property
    def context(self) -> Path:
        return self.folder / "context"

    @property
    def original(self) -> str:
        """The tag of the original in the engine."""
        return f"{TAG}/{self.name}:1"

    @property
    def slim(self) -> str:
        """The tag of the slimmed image in the engine."""
        return f"{TAG}/{self.name}.slim:1"

    @cached_property
    def settings(self) -> Mapping[str, object]:
        return tomllib.loads((self.folder / "checks.toml").read_text())

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The checks in the order in which they are asked."""
        found = self.settings.get("check")
        if not isinstance(found, list):
            raise TypeError(f"{self.name}: checks.toml has no [[check]]")
        return tuple(_check(row) for row in found)

    @property
    def ready(self) -> Check:
        """The check that is asked until it is answered, before all others."""
        name = self.settings.get("ready", self.checks[0].name)
        return next(check for check in self.checks if check.name == name)

    @property
    def patience(self) -> float:
        """How many seconds a container is given until it answers."""
        seconds = self.settings.get("patience", 10)
        if not isinstance(seconds, int | float):
            raise TypeError(f"{self.name}: patience is no number")
        return float(seconds)

    @property
    def keep(self) -> list[str]:
        """What the minifier was told to keep, or keeps by its own knowledge, beside what the trace shows."""
        found = self.settings.get("keep", [])
        if not isinstance(found, list):
            raise TypeError(f"{self.name}: keep is no list")
        return [str(path) for path in found]

    @property
    def needed(self) -> dict[str, str]:
        """Path -> when it is needed."""
        rows = [row.partition("\t") for row in (self.folder / "needed.txt").read_text().splitlines() if row]
        return {path: when for path, _, when in rows}

    @property
    def listing(self) -> list[dict[str, object]]:
        return [json.loads(row) for row in (self.folder / "slim.jsonl").read_text().splitlines()]

    @property
    def verdicts(self) -> dict[str, dict[str, bool]]:
        """Check -> whether it holds, by `original` and `slim`."""
        found: dict[str, dict[str, bool]] = json.loads((self.folder / "checks.json").read_text())
        return found

    @property
    def broken(self) -> list[str]:
        """The checks that hold on the original and not on the slimmed image."""
        return [name for name, held in self.verdicts.items() if held["original"] and not held["slim"]]

    def write(self, name: str, value: object) -> None:
        """Write a measured file: JSON, a line for each entry."""
        text = json.dumps(value, indent=1, sort_keys=True)
        (self.folder / name).write_text(text + "\n")


def pairs(names: list[str]) -> list[Pair]:
    """The named pairs, or all of them. Raises `LookupError` for one that is not there."""
    known = sorted(path.parent.name for path in ROOT.glob("*/checks.toml"))
    for name in names:
        if name not in known:
            raise LookupError(f"no pair {name}; there are {', '.join(known)}")
    return [Pair(name=name, folder=ROOT / name) for name in names or known]


def _check(row: Mapping[str, object]) -> Check:
    """A check from its table: the key that names the kind holds the target, or the command."""
    (kind,) = [kind for kind in KINDS if kind in row]
    given = row[kind]
    known = {field.name for field in fields(Check)}
    rest = {key: value for key, value in row.items() if key != kind}
    if unknown := sorted(rest.keys() - known):
        raise ValueError(f"{row.get('name')}: unknown keys {unknown}")
    argv = tuple(str(word) for word in given) if isinstance(given, list) else ()
    rest.setdefault("status", 200 if kind == "http" else 0)
    return Check(**{"kind": kind, "target": "" if argv else str(given), "argv": argv, **rest})  # type: ignore[arg-type]
