"""Names and first bytes that tell files of Python and what starts its programs."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.facts import NodeKind
from xraydiff.references import Subject

__all__ = ["CLAIMS", "COMMANDS", "MODULE", "MODULE_VARIABLES", "PROGRAMS", "SERVERS", "form", "is_extension"]

COMMANDS: Final = "commands"
MODULE: Final = "module"
"""Forms of a text that its first bytes do not decide."""

SERVERS: Final = frozenset(
    "gunicorn uvicorn hypercorn daphne waitress-serve granian gunicorn3 uwsgi mod_wsgi-express bjoern celery flask"
    " fastapi django-admin dramatiq rq huey arq taskiq streamlit chainlit litestar quart aiohttp faust".split()
)
CLAIMS: Final = SERVERS | {"python", "pypy"}
"""Programs whose arguments name modules."""
PROGRAMS: Final = tuple(sorted(name.encode() for name in (*SERVERS, "python", "pypy")))
"""Words of which one stands in every text that starts a Python program."""
MODULE_VARIABLES: Final = frozenset(
    {
        "FLASK_APP",
        "DJANGO_SETTINGS_MODULE",
        "CELERY_APP",
        "APP_MODULE",
        "MODULE_NAME",
        "FASTAPI_APP",
        "CELERY_CONFIG_MODULE",
    }
)
"""Variables of the environment whose value is a module, an object in one, or a file."""
_LISTS: Final = re.compile(
    r"(?:/Procfile|/supervisord?\.conf|/supervisor/(?:conf\.d/)?[^/]+\.(?:conf|ini)|/uwsgi[^/]*\.ini)\Z"
)
_PLACES: Final = ("/lib-dynload/", "/site-packages/", "/dist-packages/")
_IMPORT: Final = (b"PyImport_Import", b"_PyImport_GetModuleAttr", b"PyCapsule_Import")


def is_extension(subject: Subject) -> bool:
    """Whether a shared object is an extension module that imports modules itself."""
    path = subject.path
    return (
        path.endswith(".so")
        and (any(place in path for place in _PLACES) or ".cpython-" in path or ".abi3" in path)
        and any(word in subject.data for word in _IMPORT)
    )


def form(subject: Subject) -> str:
    """Whether a text is a module or a list of commands, as far as its name and language tell."""
    node = subject.node
    if node.kind is NodeKind.SCRIPT or node.language or subject.path.endswith(".py"):
        return MODULE
    return COMMANDS if _LISTS.search(subject.path) else ""
