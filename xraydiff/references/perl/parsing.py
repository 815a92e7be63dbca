"""What of a Perl program may be given to its parser: some texts cost that the square of their length in time."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from xraydiff.limits import Limits
from xraydiff.outline import Form
from xraydiff.syntax import unclosed

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
_END: Final = re.compile(rb"^__(?:END|DATA)__[ \t\r]*$", re.MULTILINE)
_POD: Final = re.compile(rb"^=(?:(cut\b)|[a-zA-Z])[^\n]*$", re.MULTILINE)


def code_of(data: bytes) -> bytes:
    """The program without its documentation (perlpod) and what follows `__END__`, its lines where they were."""
    end = _END.search(data)
    data = data[: end.start()] if end else data
    parts: list[bytes] = []
    at, inside = 0, False
    for match in _POD.finditer(data):
        if not inside and match[1] is None:
            parts.append(data[at : match.start()])
            at, inside = match.start(), True
        elif inside and match[1] is not None:
            parts.append(b"\n" * data.count(b"\n", at, match.end()))
            at, inside = match.end(), False
    parts.append(b"" if inside else data[at:])
    return b"".join(parts)


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
    for number, line in enumerate(lines):
        for match in () if line.lstrip().startswith(b"#") else _HERE.finditer(line):
            word = next((one for one in match.groups() if one is not None), b"")
            if last.get(word.strip(), -1) <= number:
                return True
    return False


def _endless(data: bytes) -> int:
    """Quotes in brackets (`qw(`) whose bracket nothing closes; each in `#` counts, for its end is hard to tell."""
    quotes = chain(_QUOTE.finditer(data), _SECOND.finditer(data))
    return unclosed(data, quotes) + sum(1 for _ in _HASHED.finditer(data)) // 2
