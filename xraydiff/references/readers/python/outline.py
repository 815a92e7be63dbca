"""The outline of what lies behind so many words of a module: its imports, and calls that are references."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.limits import Limits
from xraydiff.references.kit.outline import Form, Outline, uncommented
from xraydiff.references.readers.python.syntax import parse

__all__ = ["outline"]

_FORM: Final = Form(
    asks=re.compile(
        rb"^[ \t]*(?:import|from)(?=[ \t])"
        rb"|(?<![\w.])(?:[\w.]{0,60}\.)?(?:system|popen|getoutput|getstatusoutput|run|call|check_call|check_output|Popen"
        rb"|spawn\w*|exec[lv]p?e?|create_subprocess_\w+|which|import_module|__import__|run_path|run_module|CDLL|LoadLibrary"
        rb"|open|Path|join|read_text|read_bytes|exec_module|render|get_template|resource_\w+|files)(?=\()"
        rb"|(?<![\w.])__file__",
        re.MULTILINE,
    ),
    aside=(b"def _(): ", b""),
    lines_end=True,
    names=re.compile(rb"(?<![\w.\"'])[A-Za-z_]\w{1,60}(?![\w(\"'.])"),
)
_TOKENS: Final = 4_096
_LEVELS: Final = 100


def outline(data: bytes, start: int, limits: Limits) -> tuple[bytes | None, str]:
    """The program of everything at or behind an offset, None where it is too long, and why statements are missing."""

    def sound(text: bytes) -> bool:
        script = parse(text, levels=_LEVELS, tokens=_TOKENS)
        return not (script.broken or script.too_deep) and script.too_long < 0

    found = Outline(uncommented(data), _FORM, limits, sound)
    found.gather(_starts_line, lambda at: at >= start)
    found.bind()
    return found.program(), found.lost


def _starts_line(data: bytes, at: int) -> bool:
    return at == 0 or (data[at - 1 : at] == b"\n" and data[at : at + 1] not in (b" ", b"\t"))
