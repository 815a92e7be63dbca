"""The commands and their options; each is a few lines around a function of the library."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xraydiff.cli import Exit, signs
from xraydiff.cli.options import Comparing, Incomplete, Original, Output, Platform, Quiet, Rootfs, Slim, comparing
from xraydiff.cli.output import colour_wanted, note, progress, write
from xraydiff.errors import ReportError, UsageError
from xraydiff.escaping import escaped, one_line
from xraydiff.facts import Certainty, Problem, Scope, Severity
from xraydiff.image import Image
from xraydiff.limits import DEFAULT, MIB
from xraydiff.report.document import Report
from xraydiff.version import VERSION

if TYPE_CHECKING:
    from xraydiff.comparison import Comparison

app = typer.Typer(
    name="xraydiff",
    help="Compare a container image with its slimmed twin, without running either.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
policy_app = typer.Typer(help="The policy of the gate.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(policy_app, name="policy")


class SeverityName(StrEnum):
    """Words of `Severity` for options."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class CertaintyName(StrEnum):
    """Words of `Certainty` for options."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"


class ReportFormat(StrEnum):
    """How a report is shown."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class InspectFormat(StrEnum):
    """How an inspection is shown."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"
    GRAPHML = "graphml"


class SuggestFormat(StrEnum):
    """How suggestions are shown."""

    PATHS = "paths"
    MINT = "mint"


class GateFormat(StrEnum):
    """How a verdict is shown."""

    TEXT = "text"
    MARKDOWN = "markdown"


class FilesFormat(StrEnum):
    """How a listing is shown."""

    TSV = "tsv"


ImageArgument = Annotated[
    str, typer.Argument(metavar="IMAGE", help="An image: PATH, PATH#NAME:TAG, docker:NAME, or -.")
]

_DEMO_GUIDE = """
What you see: an edge router, slimmed after a run that only fetched its front page.
  An include flag kept edge-probe, which never ran: its libssl, its libcrypto and its CA bundle are missing.
  edge-report stayed, but its shell and /var/tmp did not.
  edge.conf names the login page and the metrics plug-in: that chain brings both back.
  libxml2, getcap, the home of edge: gone, and nothing asks for them. That is what slimming is for, hence INFO.
Ask why: xraydiff why ORIGINAL SLIM PATH. Let CI ask: xraydiff gate ORIGINAL SLIM.
"""


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"xraydiff {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version_asked: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda asked: _version(asked=asked), help="Show it.")
    ] = False,
) -> None:
    """Compare a container image with its slimmed twin, without running either."""


@app.command()
@comparing
def compare(
    original: Original,
    slim: Slim,
    *,
    asked: Comparing,
    output_format: Annotated[ReportFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = ReportFormat.TEXT,
    output: Output = None,
    fail_on: Annotated[
        SeverityName | None,
        typer.Option(
            "--fail-on", envvar="XRAYDIFF_FAIL_ON", help="Exit 1 on this severity at certainty likely or more."
        ),
    ] = None,
    file_kinds: Annotated[
        bool,
        typer.Option(
            "--file-kinds", envvar="XRAYDIFF_FILE_KINDS", help="What file(1) calls the files that findings name."
        ),
    ] = False,
    allow_incomplete: Incomplete = False,
) -> int:
    """Say what slimming took and changed, and what will be missed."""
    report, inputs = _compared(original, slim, asked, file_kinds=file_kinds)
    write(_rendered(report, output_format, output), output, inputs=inputs)
    code = Exit.OK if report.complete else _incomplete(report, allowed=allow_incomplete)
    blocked = fail_on is not None and _reaches(report, Severity[fail_on.name])
    return Exit.BLOCKED if blocked and code is Exit.OK else code


@app.command()
def inspect(
    image: ImageArgument,
    output_format: Annotated[InspectFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = InspectFormat.TEXT,
    output: Output = None,
    elf: Annotated[
        list[str] | None,
        typer.Option(
            "--elf",
            metavar="PATH",
            envvar="XRAYDIFF_ELF",
            help="A closer look at an ELF file: versions, notes, hardening.",
        ),
    ] = None,
    platform: Platform = None,
    rootfs: Rootfs = False,
    allow_incomplete: Incomplete = False,
    quiet: Quiet = False,
) -> int:
    """Say what an image holds: packages, certificates, tools, users."""
    from xraydiff import pipeline
    from xraydiff.image.sources import open_image
    from xraydiff.report.codec import dump_inspection
    from xraydiff.report.text import render_inspection

    drawn = output_format in (InspectFormat.DOT, InspectFormat.GRAPHML)
    if drawn and elf:
        raise UsageError("--elf has no place in a graph", hint="--format text or json")
    with progress(quiet=quiet) as bar, open_image(image, platform=platform, progress=bar, rootfs=rootfs) as opened:
        if drawn:
            write(_graph_text(opened, output_format), output, inputs=opened.paths)
            return Exit.OK
        seen = pipeline.inspect(opened, progress=bar, elf=elf or ())
        in_text = output_format is InspectFormat.TEXT
        text = render_inspection(seen, only_elf=bool(elf)) if in_text else dump_inspection(seen)
        write(text, output, inputs=opened.paths)
    if not seen.complete:
        _list_problems(seen.problems)
        return Exit.OK if allow_incomplete else Exit.NOT_READ
    return Exit.OK


@app.command()
def files(
    image: ImageArgument,
    output_format: Annotated[FilesFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = FilesFormat.TSV,
    digests: Annotated[
        bool, typer.Option("--digests", envvar="XRAYDIFF_DIGESTS", help="SHA-256 of every file.")
    ] = False,
    output: Output = None,
    platform: Platform = None,
    rootfs: Rootfs = False,
    allow_incomplete: Incomplete = False,
    quiet: Quiet = False,
) -> int:
    """List the files of an image: path, type, mode, size, target."""
    from xraydiff.image.sources import open_image
    from xraydiff.report.assemble import whole
    from xraydiff.tree.listing import listing
    from xraydiff.tree.squash import squash

    del output_format  # there is one format so far
    with progress(quiet=quiet) as bar, open_image(image, platform=platform, progress=bar, rootfs=rootfs) as opened:
        tree = squash(opened)
        write("".join(f"{line}\n" for line in listing(tree, digests=digests)), output, inputs=opened.paths)
        problems = (*opened.problems, *tree.problems)
    if whole(problems):
        return Exit.OK
    _list_problems(problems)
    return Exit.OK if allow_incomplete else Exit.NOT_READ


@app.command()
@comparing
def suggest(
    original: Original,
    slim: Slim,
    *,
    asked: Comparing,
    output_format: Annotated[SuggestFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = SuggestFormat.PATHS,
    certainty: Annotated[
        CertaintyName, typer.Option("--certainty", envvar="XRAYDIFF_CERTAINTY")
    ] = CertaintyName.LIKELY,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            envvar="XRAYDIFF_BUDGET",
            metavar="SIZE",
            help="At most so much: bytes, 5MB, or 5% of what is gone.",
        ),
    ] = None,
    output: Output = None,
    allow_incomplete: Incomplete = False,
) -> int:
    """Print the smallest set of paths to put back."""
    from xraydiff.pipeline import suggest as choose

    report, inputs = _compared(original, slim, asked)
    chosen = choose(report, certainty=Certainty[certainty.name], budget=budget)
    lines, notes = (chosen.paths(), ()) if output_format is SuggestFormat.PATHS else (chosen.flags(), chosen.notes())
    write("".join(f"{line}\n" for line in lines), output, inputs=inputs)
    for line in (*notes, *([chosen.lacking] if chosen.lacking and not asked.quiet else [])):
        note(line)
    if chosen.left_out and not asked.quiet:
        note(f"{len(chosen.left_out)} paths as certain are left out by the budget")
    return Exit.OK if report.complete else _incomplete(report, allowed=allow_incomplete)


@app.command()
@comparing
def why(
    original: Original,
    slim: Slim,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path of the original.")],
    *,
    asked: Comparing,
    output: Output = None,
    allow_incomplete: Incomplete = False,
) -> int:
    """Say who asks for a path, with every chain of evidence."""
    from xraydiff.report.text import render_why

    with _comparison(original, slim, asked) as (comparison, inputs):
        text, shown = render_why(comparison.explain(path)), comparison.report
    write(text, output, inputs=inputs)
    return Exit.OK if shown.complete else _incomplete(shown, allowed=allow_incomplete)


@app.command()
def report(
    stored: Annotated[Path, typer.Argument(metavar="REPORT", help="A report that compare wrote with --format json.")],
    output_format: Annotated[ReportFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = ReportFormat.TEXT,
    output: Output = None,
    allow_incomplete: Incomplete = False,
) -> int:
    """Show a stored report again, as text or for a merge request."""
    loaded = _stored(stored)
    write(_rendered(loaded, output_format, output), output, inputs=[str(stored)])
    return Exit.OK if loaded.complete else _incomplete(loaded, allowed=allow_incomplete)


@app.command()
@comparing
def gate(
    first: Annotated[str, typer.Argument(metavar="ORIGINAL|REPORT", help="The original image, or a stored report.")],
    slim: Annotated[str | None, typer.Argument(metavar="SLIM", help="The slimmed image.")] = None,
    *,
    asked: Comparing,
    policy: Annotated[Path | None, typer.Option("--policy", envvar="XRAYDIFF_POLICY", help="A policy file.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", envvar="XRAYDIFF_BASELINE", help="A report whose findings are accepted."),
    ] = None,
    # A job that has XRAYDIFF_FORMAT=json and XRAYDIFF_OUTPUT for its reports must still be able to gate.
    output_format: Annotated[GateFormat, typer.Option("--format", envvar="XRAYDIFF_GATE_FORMAT")] = GateFormat.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", envvar="XRAYDIFF_GATE_OUTPUT", help="Write to this file, whole or not at all."),
    ] = None,
) -> int:
    """Say whether the merge may pass: exit 0, 1 when blocked."""
    from xraydiff.pipeline import load_policy
    from xraydiff.policy import evaluate
    from xraydiff.report.markdown import render_gate_markdown
    from xraydiff.report.text import render_verdict

    chosen = load_policy(policy)
    accepted = _stored(baseline) if baseline is not None else None
    if slim is None and asked.evidence():
        option = asked.evidence()[0]
        raise UsageError(f"a stored report is judged as it is: give {option} to the comparison that makes it")
    judged, inputs = (_stored(Path(first)), (first,)) if slim is None else _compared(first, slim, asked)
    if asked.depth is not None and judged.depth < asked.depth:
        raise UsageError(f"this report was made at depth {judged.depth}: give --depth to the comparison that makes it")
    verdict = evaluate(judged, chosen, today=dt.datetime.now(tz=dt.UTC).date(), baseline=accepted)
    render = render_verdict if output_format is GateFormat.TEXT else render_gate_markdown
    write(render(judged, verdict), output, inputs=[*inputs, *map(str, filter(None, (policy, baseline)))])
    if not judged.complete:
        return _incomplete(judged, allowed=False)
    return Exit.OK if verdict.passed else Exit.BLOCKED


@policy_app.command("show")
def policy_show() -> int:
    """Print the built-in policy, as a file to start from."""
    from xraydiff.policy import builtin_policy_text

    write(builtin_policy_text(), None)
    return Exit.OK


@app.command()
def rules() -> int:
    """List the rules: id, usual severity, what it says."""
    from xraydiff.plugins import load

    lines = (f"{rule.id}  {rule.severity.word:8}  {rule.summary}" for rule in load().rules)
    write("".join(f"{one_line(line)}\n" for line in sorted(lines)), None)
    return Exit.OK


@app.command()
def demo(
    output_format: Annotated[ReportFormat, typer.Option("--format", envvar="XRAYDIFF_FORMAT")] = ReportFormat.TEXT,
    output: Output = None,
) -> int:
    """Compare a small bundled image with its slimmed twin."""
    from xraydiff.report.resources import resource_path

    with (
        resource_path("fixtures", "demo", "original.tar.gz") as before,
        resource_path("fixtures", "demo", "slim.tar.gz") as after,
    ):
        shown, inputs = _compared(str(before), str(after), Comparing(quiet=True))
    guide = _DEMO_GUIDE if output_format is ReportFormat.TEXT else ""
    write(_rendered(shown, output_format, output) + guide, output, inputs=inputs)
    return Exit.OK


@contextmanager
def _comparison(
    original: str, slim: str, asked: Comparing, *, file_kinds: bool = False
) -> Iterator[tuple[Comparison, tuple[str, ...]]]:
    """The live result, and the host paths that were read."""
    from xraydiff import pipeline
    from xraydiff.image.sources import open_image

    if original == "-" and slim == "-":
        raise UsageError("only one image can come from standard input")
    options = asked.options(file_kinds=file_kinds)
    with (
        progress(quiet=asked.quiet) as bar,
        open_image(original, platform=asked.platform, progress=bar, rootfs=asked.rootfs) as before,
        open_image(slim, platform=asked.platform, progress=bar, rootfs=asked.rootfs) as after,
        pipeline.compare(before, after, options=options, progress=bar, watch=signs.reading) as comparison,
    ):
        yield comparison, (*before.paths, *after.paths, *map(str, options.files))


def _compared(
    original: str, slim: str, asked: Comparing, *, file_kinds: bool = False
) -> tuple[Report, tuple[str, ...]]:
    """The report, and the host paths that were read."""
    with _comparison(original, slim, asked, file_kinds=file_kinds) as (comparison, inputs):
        shown = comparison.report
    if shown.summary.identical and not asked.quiet:
        note("identical: nothing to compare")
    return shown, inputs


def _rendered(shown: Report, output_format: ReportFormat, output: Path | None) -> str:
    from xraydiff.report.codec import dump_report
    from xraydiff.report.markdown import render_markdown
    from xraydiff.report.text import render_lines

    match output_format:
        case ReportFormat.JSON:
            return dump_report(shown)
        case ReportFormat.MARKDOWN:
            return render_markdown(shown)
        case ReportFormat.TEXT:
            colour = output is None and colour_wanted()
            return "".join(f"{line.painted() if colour else line.text}\n" for line in render_lines(shown))


def _stored(path: Path) -> Report:
    from xraydiff.report.codec import load_report

    signs.reading(escaped(path.name))
    try:
        # The text is the loader's alone, which drops it when it is read.
        return load_report(_bounded(path, DEFAULT.report))
    except OSError as error:
        raise UsageError(f"{escaped(path.name)}: {error.strerror}") from error
    except ReportError as error:
        raise ReportError(f"{escaped(path.name)} is no report: {error}") from error


def _bounded(path: Path, most: int) -> bytes:
    """At most one byte more than `most`, in pieces: asked for at once, the bound itself would be allocated."""
    data = bytearray()
    with path.open("rb") as stream:
        while len(data) <= most and (chunk := stream.read(min(MIB, most + 1 - len(data)))):
            data += chunk
    return bytes(data)


def _reaches(shown: Report, severity: Severity) -> bool:
    return any(f.severity >= severity and f.certainty >= Certainty.LIKELY for f in shown.findings)


def _incomplete(shown: Report, *, allowed: bool) -> Exit:
    _list_problems(shown.problems)
    return Exit.OK if allowed else Exit.NOT_READ


def _list_problems(problems: Iterable[Problem]) -> None:
    """What is missing of an image that was not read whole, one line each."""
    for problem in sorted(set(problems)):
        if problem.fatal and problem.scope is Scope.READING:
            layer = f"layer {problem.layer}" if problem.layer >= 0 else ""
            place = ": ".join(part for part in (problem.image, layer, escaped(problem.path)) if part)
            note(f"xraydiff: not read whole: {place}: {problem.message}")


def _graph_text(opened: Image, output_format: InspectFormat) -> str:
    from xraydiff import pipeline
    from xraydiff.graphs.build import as_dot, as_graphml

    drawn = pipeline.graph(opened)
    return as_dot(drawn) if output_format is InspectFormat.DOT else as_graphml(drawn)
