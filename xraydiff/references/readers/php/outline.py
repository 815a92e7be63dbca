"""The outline of a script that is too large, too deep or too broken for its parser: its references, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from xraydiff.limits import Limits
from xraydiff.references.kit.outline import Form, Lexed, Outline, Sound

__all__ = ["outline"]

_OPENING: Final = b"<?php "
_FORM: Final = Form(
    asks=re.compile(
        rb"(?<![\w$>:\\])(?:include|include_once|require|require_once)(?=[ \t\n(\"'$])"
        rb"|(?<![\w$>:\\-])\\?(?:shell_exec|exec|system|passthru|popen|proc_open|pcntl_exec|file_get_contents|readfile|fopen"
        rb"|file|parse_ini_file|simplexml_load_file|highlight_file|show_source|php_strip_whitespace|fpassthru"
        rb"|imagecreatefrom\w+|imagettftext|finfo_open|gzopen|readgzfile|yaml_parse_file|file_exists|is_file|is_dir"
        rb"|is_readable|scandir|opendir|glob|copy|chdir|define|view|date_default_timezone_set|timezone_open)"
        rb"(?=[ \t]{0,9}\()"
        rb"|->(?:render|renderView|display|fetch|make|view|load)(?=\([ \t]{0,9}[\"'])"
        rb"|(?<![\w$])__DIR__(?=[ \t\n]{0,40}\.)|(?<![\w$>:])dirname(?=\([ \t]{0,9}__FILE__)|(?=`)",
        re.IGNORECASE,
    ),
    aside=(b"$_=function(){", b";};"),
    opening=_OPENING,
    whole_lines=False,
    names=re.compile(rb"\$\w{1,60}"),
)
_NAMES: Final = re.compile(
    rb"(?<![\w$\\])(?:(namespace)[ \t\n]+([\w\\]{1,300})[ \t\n]*[;{]"
    rb"|(use)[ \t\n]+(?!function\b|const\b)([\w\\][\w\\ \t\n,{}]{0,4000}+);"
    rb"|(new|extends|implements|instanceof|catch[ \t\n]*\()[ \t\n]*(\\?[A-Za-z_][\w\\]{0,300})"
    rb"|(\\?[A-Za-z_][\w\\]{0,300})::)"
)
_SELF: Final = frozenset((b"self", b"static", b"parent", b"class"))
_MAX_CLASS_NAMES: Final = 20_000
"""Names of classes of one script."""


def outline(lexed: Lexed, limits: Limits, sound: Sound, wanted: Callable[[int], bool]) -> Outline:
    """The outline of a script; of the lines that are not `wanted` only the values of names."""
    found = Outline(data=lexed.code, form=_FORM, limits=limits, sound=sound, code=lexed.masked)
    for count, match in enumerate(_NAMES.finditer(lexed.masked)):
        if count > _MAX_CLASS_NAMES:
            found.lost = "more names of classes than the limit for one script"
            break
        _name(match, found, top=lexed.is_top(match.start()), wanted=wanted(match.start()))
    found.gather(lambda _data, at: lexed.is_top(at), wanted)
    found.bind()
    return found


def _name(match: re.Match[bytes], found: Outline, *, top: bool, wanted: bool) -> None:
    """A namespace, an alias, or a class that is needed where it stands."""
    at = match.start()
    if match[1]:
        found.add(at, b"namespace " + match[2] + b";", top=True)
    elif match[3]:
        # Within a class it names traits, which are needed where the class is.
        found.add_if_sound(at, b"use " + match[4] + b";", top=True)
        if not top and wanted:
            for name in re.findall(rb"\\?[A-Za-z_][\w\\]*", match[4].partition(b"{")[0]):
                found.add(at, name + b"::x();", top=True)
    else:
        name = match[6] or match[7]
        if wanted and name.lower() not in _SELF:
            loads = match[5] in (b"extends", b"implements")
            found.add(at, name + b"::x();", top=top or loads)
