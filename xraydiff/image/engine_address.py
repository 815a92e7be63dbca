"""Where the Docker Engine is: DOCKER_HOST, else the context of DOCKER_CONTEXT or of docker's config.json.

docker/cli, "docker context": a context lies in `contexts/meta/SHA-256 OF ITS NAME/meta.json` beside config.json, its
certificates in `contexts/tls/SHA-256/docker`. The `docker` package reads these too, since its version 7.2; but it asks
the default engine where a context is not there, and looks in the working directory where there is no config.json.
"""

from __future__ import annotations

import hashlib
import os  # noqa: TID251  the environment says where the engine is
from dataclasses import dataclass
from pathlib import Path

from xraydiff.errors import ImageError, UsageError
from xraydiff.image.docker_config import CONFIG, config_folder, read_config
from xraydiff.image.json_text import shown
from xraydiff.limits import Limits

__all__ = ["EngineAddress", "find_engine"]

_DEFAULT = "default"
_ENDPOINT = "docker"
_SCHEMES = ("unix://", "tcp://", "http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """How to reach the engine of a context."""

    context: str
    host: str
    ca: str = ""
    certificate: str = ""
    key: str = ""
    """Paths of PEM files, empty where there are none."""
    tls: bool = False
    verify: bool = True


def find_engine(*, limits: Limits) -> EngineAddress | None:
    """The engine of the context in force; None where DOCKER_HOST or docker's default address holds.

    As docker does it: DOCKER_HOST wins over DOCKER_CONTEXT, that over `currentContext`, and `default` is no context.
    Raises `UsageError` where the context is not there or cannot be understood, rather than ask another engine.
    """
    if os.environ.get("DOCKER_HOST"):
        return None
    folder = config_folder()
    if folder is None:
        return None
    try:
        name = os.environ.get("DOCKER_CONTEXT") or _current(folder / "config.json", limits)
        return None if name in ("", _DEFAULT) else _context(folder / "contexts", name, limits)
    except ImageError as error:
        # What is wrong is the user's configuration and no image.
        raise UsageError(error.message) from error


def _current(path: Path, limits: Limits) -> str:
    fields = read_config(path, what=CONFIG, limits=limits)
    return "" if fields is None else fields.text("currentContext")


def _context(contexts: Path, name: str, limits: Limits) -> EngineAddress:
    identity = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    what = f"docker's context {shown(name)}"
    about = read_config(contexts / "meta" / identity / "meta.json", what=what, limits=limits)
    if about is None:
        raise UsageError(f"{what} is not there", hint="docker context ls")
    endpoints = about.nested("Endpoints")
    endpoint = endpoints.nested(_ENDPOINT) if endpoints is not None else None
    host = endpoint.text("Host") if endpoint is not None else ""
    if endpoint is None or not host:
        raise UsageError(f"{what} names no Docker Engine")
    if not host.startswith(_SCHEMES):
        hint = "docker save NAME | xraydiff ... -"
        raise UsageError(f"{what}: its engine is at {shown(host)}, which is not spoken here", hint=hint)
    unsafe = endpoint.flag("SkipTLSVerify")
    files = {kind: contexts / "tls" / identity / _ENDPOINT / f"{kind}.pem" for kind in ("ca", "cert", "key")}
    found = {kind: str(path) if path.is_file() else "" for kind, path in files.items()}
    return EngineAddress(
        context=name,
        host=host,
        ca=found["ca"],
        certificate=found["cert"],
        key=found["key"],
        tls=not host.startswith("unix://") and (unsafe or any(found.values())),
        verify=not unsafe,
    )
