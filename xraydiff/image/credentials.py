"""Who may read from a registry: what docker's config.json and its credential helpers say, and nothing else.

docker/cli, config file: `auths`, `credHelpers`, `credsStore`; docker-credential-helpers: `docker-credential-NAME get`
takes a server's name on standard input and answers in JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import subprocess  # noqa: TID251  runs a helper that the user's own configuration names, never one that an image names
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xraydiff.errors import ImageError, UsageError
from xraydiff.image.docker_config import CONFIG, config_folder, read_config
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.limits import Limits

__all__ = ["Credentials", "find_credentials"]

HUB = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
"""Under which docker keeps the credentials of its own registry."""
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN_USER = "<token>"  # noqa: S105  the word by which helpers say that the secret is an identity token


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and password, or an identity token that a token service takes instead of them."""

    user: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        """Without the secret: a traceback must not hold it."""
        return f"Credentials(user={self.user!r})"

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def find_credentials(host: str, *, limits: Limits) -> Credentials | None:
    """What is stored for a registry (`HOST[:PORT]`), None where nothing is.

    Raises `UsageError` for a config.json that cannot be understood, `ImageError` of code `registry-credentials` where a
    helper fails, so that nobody wonders why a registry refuses.
    """
    folder = config_folder()
    if folder is None:
        return None
    try:
        fields = read_config(folder / "config.json", what=CONFIG, limits=limits)
        if fields is None:
            return None
        helper = fields.mapping("credHelpers").get(host) or fields.text("credsStore")
        if helper:
            return _from_helper(helper, _HUB_KEY if host == HUB else host, limits)
        return _from_auths(fields.nested("auths"), host)
    except ImageError as error:
        if error.code == "registry-credentials":
            raise
        raise UsageError(error.message) from error


def _from_auths(auths: Fields | None, host: str) -> Credentials | None:
    for key in _keys(host):
        entry = auths.nested(key) if auths is not None else None
        if entry is None:
            continue
        token, user, password = entry.text("identitytoken"), entry.text("username"), entry.text("password")
        if encoded := entry.text("auth"):
            user, password = _decoded(encoded)
        if token or user:
            return Credentials(user=user, password=password, identity_token=token)
    return None


def _keys(host: str) -> Iterator[str]:
    """The spellings of a registry under which docker has stored credentials over the years."""
    if host == HUB:
        yield _HUB_KEY
        yield "index.docker.io"
    yield host
    for scheme in ("https", "http"):
        for tail in ("", "/", "/v1/", "/v2/", "/v1", "/v2"):
            yield f"{scheme}://{host}{tail}"


def _decoded(encoded: str) -> tuple[str, str]:
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = user = password = ""
    if not colon:
        raise UsageError(f"{CONFIG}: an auth that is no base64 of user:password")
    return user, password.rstrip("\0")


def _from_helper(name: str, server: str, limits: Limits) -> Credentials | None:
    """Ask `docker-credential-NAME`, as docker does."""
    if not _HELPER_NAME.fullmatch(name):
        raise UsageError(f"{CONFIG} names a credential helper {shown(name)}")
    program = shutil.which(f"docker-credential-{name}")
    if program is None:
        raise _failed(f"docker-credential-{name} is named in {CONFIG} and not installed")
    status, output = _ask(program, server, limits)
    if status:
        text = output.decode("utf-8", "replace").strip()
        if "credentials not found" in text:
            return None
        raise _failed(f"docker-credential-{name} fails: {shown(text) or f'exit code {status}'}")
    answer = Fields(parse_json(output, what=f"the answer of docker-credential-{name}", limits=limits), what=name)
    user, secret = answer.text("Username"), answer.text("Secret")
    if user == _TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(user=user, password=secret) if user else None


def _ask(program: str, server: str, limits: Limits) -> tuple[int, bytes]:
    """A helper's exit status and at most so much of its output; killed where it takes too long or talks too much."""
    try:
        process = subprocess.Popen(  # noqa: S603  an absolute path and a fixed word
            [program, "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise _failed(f"{Path(program).name} cannot be run: {error.strerror}") from error
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(limits.registry_helper_seconds, stop)
    timer.start()
    try:
        with process:
            output = _exchange(process, f"{server}\n".encode(), limits.registry_token + 1)
            if len(output) > limits.registry_token:
                process.kill()
    finally:
        timer.cancel()
    if late.is_set():
        raise _failed(f"{Path(program).name} did not answer within {limits.registry_helper_seconds} s")
    if len(output) > limits.registry_token:
        raise _failed(f"{Path(program).name} answers with more than {limits.registry_token} bytes")
    return process.returncode, output


def _exchange(process: subprocess.Popen[bytes], question: bytes, most: int) -> bytes:
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(question)
        process.stdin.close()
    except BrokenPipeError:
        # It ended without listening; its exit status says why.
        pass
    return process.stdout.read(most)


def _failed(message: str) -> ImageError:
    return ImageError(message, code="registry-credentials")
