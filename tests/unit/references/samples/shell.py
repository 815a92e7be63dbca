"""Samples of shell scripts."""

SAMPLES = (
    ("", b'#!/bin/sh -e\nif [ -f /etc/x ]; then . /etc/x || exit 1; fi\nexec "$@"\n'),
    ("", b"#!/usr/bin/env bash\nf() { local a=(1 2); ! cat <<END | sh & \n$(date) caf\xe9 \xff\nEND\n}\nf\n"),
    ("", b'echo \'never closed\nnext "$X"\n(cd /tmp\n'),
    ("", b"#!/bin/sh\n" + b"(" * 5000),
    ("", b"\xef\xbb\xbfcat x\n\0archive"),
    ("", b"\0\1"),
    ("", b""),
)
