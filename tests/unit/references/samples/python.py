"""Python: a module with every kind of branch, one that is broken, an inline program, commands, an extension module."""

_MODULE = b"""
import os.path as path, sys
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from . import types
elif sys.version_info >= (3, 8):
    import fractions
else:
    import old
try:
    import tomllib
except ImportError:
    tomllib = None
BASE = path.join(path.dirname(__file__), "data") or "a" "b"
NAMES = {"a": f"plugins.{sys.argv[0]!r}", **{}}
class Plugin(metaclass=type("M", (), {})):
    def load(self, name="json", *, codec: "idna" = None):
        with open(BASE + "/x.json", encoding="latin-1") as file:
            return [__import__(one) for one in NAMES.values() if one] if name else (lambda: file.read())()
Plugin().load()
"""
SAMPLES = (
    ("", _MODULE),
    ("", b""),
    ("", b"import a\nx = (1,\ndef f(: pass\n'''"),
    ("", b"'" + bytes(range(256))),
    ("module", b"import json.__main__"),
    ("module", b"x = " + b" or ".join(b"f('%d')" % n for n in range(300))),
    ("module", b"x = " + b"1 if a() else " * 200 + b"2"),
    ("commands", b"web: exec gunicorn -b :80 'app.wsgi:app' # web\nworker: python -m worker\n"),
    ("", b"#!/bin/sh\nexec uvicorn main:app --port 80\n"),
    ("", b"\x7fELF\0PyImport_ImportModule\0numpy.core.multiarray\0_private\0"),
)
