"""What of a Perl program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import unclosed
from xraydiff.references.kit.outline import Form

__all__ = ["FORM", "code_of", "refusal"]

_QUOTE: Final = re.compile(rb"(?<![\w$@%&])(?:q[qwrx]?|m|s|tr|y)[ \t\n]*([(\[{<])")
FORM: Final = Form(
    asks=re.compile(
        rb"(?<![\w$@%&>:/-])(?:IPC::\w+::|XSLoader::|File::Spec(?:->|::\w+::))?"
        rb"(?:use|no|require|do(?=[ \t]{1,9}[\"'$])|system|exec|qx|readpipe"
        rb"|open|opendir|open[23]|run|harness|start|capturex?|systemx|load|bootstrap|catfile|catdir|rel2abs|stat|lstat"
        rb"|readlink|read_file|slurp|read_text|read_lines|LoadFile|retrieve|parse_file|load_file|copy|move|chdir|tie"
        rb"|find_executable|can_run|which)(?=[ \t\n(\"'{])"
        rb"|(?<![\w$@%&])-[efdrxs](?=[ \t(]{1,3}[\"'/$])|(?<![\w@%&])(?:\$FindBin::\w+|__FILE__)|(?=`)",
        re.MULTILINE,
    ),
    aside=(b"sub { ", b" }"),
    here_documents=True,
    names=re.compile(rb"[$@]\w{1,60}"),
)
_SECOND: Final = re.compile(rb"[)\]}>][ \t\n]*([(\[{<])")
"""Where the second half of `s{...}{...}` begins; in other code such brackets have their partners."""
_HERE: Final = re.compile(rb"<<~?(?:[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)')|\\?([A-Za-z_]\w*))")
_HASHED: Final = re.compile(rb"(?<![\w$@%&])(?:q[qwrx]?|m|s|tr|y)#")
_END: Final = re.compile(rb"__(?:END|DATA)__[ \t\r]*\Z")
_POD: Final = re.compile(rb"=[a-zA-Z]")
_POD_END: Final = re.compile(rb"=cut\b")


def code_of(data: bytes) -> bytes:
    """The program without its documentation (perlpod) and what follows `__END__`, its lines where they were.

    In a here-document both are text.
    """
    lines = data.split(b"\n")
    last = {line.strip(): number for number, line in enumerate(lines)}
    kept: list[bytes] = []
    waiting: list[bytes] = []
    inside = False
    for number, line in enumerate(lines):
        if inside:
            kept.append(b"")
            inside = _POD_END.match(line) is None
        elif waiting:
            kept.append(line)
            if line.strip() == waiting[0]:
                del waiting[0]
        elif _END.match(line):
            break
        elif _POD.match(line):
            kept.append(b"")
            inside = _POD_END.match(line) is None
        else:
            kept.append(line)
            waiting = [word for word in _documents(line) if last.get(word, -1) > number]
    return b"\n".join(kept)


def _documents(line: bytes) -> list[bytes]:
    """The words that end the here-documents which a line begins, in their order."""
    if b"<<" not in line or line.lstrip().startswith(b"#"):
        return []
    return [next((one for one in match.groups() if one is not None), b"").strip() for match in _HERE.finditer(line)]


def refusal(data: bytes, limits: Limits) -> str:
    """Why a program cannot be given to the parser, or an empty string where it can."""
    if len(data) > limits.syntax:
        return f"{len(data)} bytes"
    if sum(len(line) ** 2 for line in data.split(b"\n")) > limits.syntax_line_squares:
        return f"lines too long for its {len(data)} bytes"
    if _open_document(data):
        return "a here-document that does not end"
    endless = _endless(data)
    return f"{endless} quotes that do not end" if endless * len(data) > limits.syntax_rescans else ""


def _open_document(data: bytes) -> bool:
    """Whether a here-document has no end: the grammar's scanner looks for it at the end of the text for ever."""
    lines = data.split(b"\n")
    last = {line.strip(): number for number, line in enumerate(lines)}
    return any(last.get(word, -1) <= number for number, line in enumerate(lines) for word in _documents(line))


def _endless(data: bytes) -> int:
    """Quotes in brackets (`qw(`) whose bracket nothing closes; each in `#` counts, for its end is hard to tell."""
    quotes = chain(_QUOTE.finditer(data), _SECOND.finditer(data))
    return unclosed(data, quotes) + sum(1 for _ in _HASHED.finditer(data)) // 2
