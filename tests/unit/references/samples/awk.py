"""Awk: commands, files, includes, patterns that look like divisions, and a string that does not end."""

SAMPLES = (
    ("", b'#!/usr/bin/awk -f\n@include "lib.awk"\n/a\\/b/ { system("ls " $1); "date" | getline now; print | cmd }\n'),
    ("", b'BEGIN { while ((getline line < "/etc/hosts") > 0) n = n / 2; print "x" |& "nc \\"a\\"" }'),
    ("", b'BEGIN { system(x) ; system("unfinished'),
    ("", bytes(range(256))),
)
