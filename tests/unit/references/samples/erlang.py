"""Erlang: a compiled module, resource and boot files, an escript, a shell script, and each of them cut."""

import struct


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">L", len(body)) + body + bytes(-len(body) % 4)


_ATOMS = struct.pack(">l", 3) + b"".join(bytes((len(one),)) + one for one in (b"shop", b"os", b"cmd"))
_CHUNKS = (
    _chunk(b"AtU8", _ATOMS)
    + _chunk(b"ImpT", struct.pack(">4L", 1, 2, 3, 1))
    + _chunk(b"LitT", struct.pack(">3L", 0, 1, 7) + b"\x83k\0\3ls\xff")
)
_BEAM = b"FOR1" + struct.pack(">L", len(_CHUNKS) + 4) + b"BEAM" + _CHUNKS
_APP = b"""{application, shop, [{mod, {shop_app, []}}, {modules, [shop, 'Elixir.Shop']}, % all
 {applications, [kernel, stdlib]}]}."""

SAMPLES = (
    (".beam", _BEAM),
    (".beam", _BEAM[:-9]),
    (".beam", b"\x1f\x8bnothing"),
    (".app", _APP),
    (".rel", b'{release, {"shop", "1"}, {erts, "13.0"}, [{kernel, "8.5"}, {stdlib, "4.0"}]}.'),
    ("", b"\x83h\2d\0\6scriptd\0\4shop"),
    ("", b"\x83h\2d"),
    ("", b"#!/usr/bin/env escript\nmain(_) -> io:format(1), lists:map(2).\n"),
    ("", b"#!/usr/bin/escript\nPK\3\4"),
    ("", b"#!/bin/sh\n# erl -s no\nexec erl -s shop \\\n -boot $ROOT/start -pa ebin\n"),
)
