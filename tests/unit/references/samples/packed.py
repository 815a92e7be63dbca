"""Samples of packed programs."""

SAMPLES = (
    ("", b"#!/usr/bin/python3\nPK\x03\x04a.pyPKPK\x05\x06" + bytes(18)),
    ("", b"\x1bLua"),
    ("", b"text"),
)
