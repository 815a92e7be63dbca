"""Options that several commands take, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from xraydiff.facts import WalkDepth
from xraydiff.options import CompareOptions

__all__ = ["Comparing", "Incomplete", "Original", "Output", "Platform", "Quiet", "Rootfs", "Slim", "comparing"]

Original = Annotated[str, typer.Argument(metavar="ORIGINAL", help="The original image: a path, docker:NAME, or -.")]
Slim = Annotated[str, typer.Argument(metavar="SLIM", help="The slimmed image.")]
Platform = Annotated[
    str | None, typer.Option("--platform", envvar="XRAYDIFF_PLATFORM", help="os/architecture[/variant] to choose.")
]
Rootfs = Annotated[
    bool,
    typer.Option(
        "--rootfs", envvar="XRAYDIFF_ROOTFS", help="No images, but tars of docker export, or directory trees."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", envvar="XRAYDIFF_OUTPUT", help="Write to this file, whole or not at all."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="XRAYDIFF_QUIET", show_envvar=False, help="No progress bar, no notes.")
]
Incomplete = Annotated[
    bool,
    typer.Option(
        "--allow-incomplete", envvar="XRAYDIFF_ALLOW_INCOMPLETE", help="Exit 0 although an image was not read whole."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """What every command takes that compares two images."""

    platform: Platform = None
    rootfs: Rootfs = False
    knowledge: Annotated[
        list[Path] | None,
        typer.Option(
            "--knowledge",
            "--companions",
            metavar="<path>",
            envvar=["XRAYDIFF_KNOWLEDGE", "XRAYDIFF_COMPANIONS"],
            show_envvar=False,
            help="A file with rows of your own.",
        ),
    ] = None
    creport: Annotated[
        Path | None,
        typer.Option(
            "--creport", envvar="XRAYDIFF_CREPORT", show_envvar=False, help="The minifier's report of its run."
        ),
    ] = None
    include_file: Annotated[
        Path | None,
        typer.Option(
            "--include-file",
            envvar="XRAYDIFF_INCLUDE_FILE",
            show_envvar=False,
            help="Paths that the minifier was told to keep.",
        ),
    ] = None
    depth: Annotated[
        WalkDepth | None,
        typer.Option(
            "--depth",
            envvar="XRAYDIFF_DEPTH",
            show_envvar=False,
            help="What is followed to its end.",
        ),
    ] = None
    quiet: Quiet = False

    def options(self, *, file_kinds: bool = False) -> CompareOptions:
        """The same for the library."""
        return CompareOptions(
            platform=self.platform,
            file_kinds=file_kinds,
            knowledge=tuple(self.knowledge or ()),
            creport=self.creport,
            include_file=self.include_file,
            depth=self.depth or WalkDepth.LIKELY,
        )

    def evidence(self) -> tuple[str, ...]:
        """The options that name files besides the images, of those that were given."""
        given = {"--knowledge": self.knowledge, "--creport": self.creport, "--include-file": self.include_file}
        return tuple(option for option, value in given.items() if value)


def comparing(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of `Comparing` in place of its parameter `asked`; typer reads them from there."""
    signature, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    shared = get_type_hints(Comparing, include_extras=True)

    @wraps(command)
    def run(**given: Any) -> int:
        asked = Comparing(**{name: given.pop(name) for name in shared})
        return command(**given, asked=asked)

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(annotation=hints[name]) for name, one in signature.parameters.items() if name != "asked"]
    options = [
        inspect.Parameter(one.name, keyword, default=one.default, annotation=shared[one.name])
        for one in fields(Comparing)
    ]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # typing knows no such attribute of functions
        parameters=[*own, *options], return_annotation=int
    )
    run.__annotations__ = {one.name: one.annotation for one in (*own, *options)}
    return run
