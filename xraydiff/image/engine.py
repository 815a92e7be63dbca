"""Images of a Docker Engine, as its API exports them (`GET /images/NAME/get`); nothing is started or left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NoReturn

from xraydiff.errors import ImageError, UsageError
from xraydiff.facts import Platform
from xraydiff.image.engine_address import EngineAddress, find_engine
from xraydiff.image.json_text import Fields, shown
from xraydiff.image.names import is_name, with_tag
from xraydiff.image.platforms import matches
from xraydiff.layers.content import Content
from xraydiff.limits import MIB, Limits

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.tls import TLSConfig
    from requests import Response

__all__ = ["export_error", "refuse_export", "saved_image"]

_PLATFORM_API = (1, 48)
"""The first API version whose export takes a platform."""
_TAIL = 4096
"""Where an engine that fails in the middle of an export leaves its error."""
_ANSWER_SECONDS = 60
"""For everything but an export; docker's own default."""
_ERROR_MARK = b'{"errorDetail"'


@contextmanager
def saved_image(name: str, *, platform: Platform | None, limits: Limits) -> Iterator[Iterator[bytes]]:
    """The docker-archive that `docker save NAME` would write, as chunks, while the connection is open.

    The engine is the one of the environment (`DOCKER_HOST`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`), else that of the
    context in force (`find_engine`). Raises `UsageError` for a text that is no image name, before anything is sent, and
    for a context that cannot be understood; `ImageError` of code `engine-error` where no engine answers or it refuses,
    with its own words, `no-such-image` and `no-such-platform`.
    """
    if not is_name(name):
        raise UsageError(f"not an image name: '{shown(name)}'", hint="docker:NAME[:TAG], as docker images shows it")
    client = _connect(limits)
    try:
        about = _inspect(client, name)
        parameters = _platform_parameters(client, about, platform)
        wanted = with_tag(name)
        # By its tag the archive says its name; by its id it is this image and no other.
        export = wanted if wanted in (about.texts("RepoTags") or ()) else about.text("Id") or wanted
        # An export that is refused on the way is not read to its end.
        with closing(_export(client, export, parameters, limits)) as chunks:
            yield chunks
    finally:
        client.close()


def export_error(content: Content) -> str:
    """What an engine wrote behind an export that it broke off; empty where it ended well."""
    length = min(_TAIL, content.size)
    tail = content.read_at(content.size - length, length)
    start = tail.rfind(_ERROR_MARK)
    return _message(tail[start:]) if start >= 0 else ""


def refuse_export(reason: str) -> ImageError:
    """The error for an export that is no image."""
    return ImageError(f"the engine's export is no whole image: {reason}", code="engine-error")


def _connect(limits: Limits) -> DockerClient:
    from docker import DockerClient
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    address = find_engine(limits=limits)
    seconds = min(_ANSWER_SECONDS, limits.engine_seconds)
    try:
        if address is None:
            return DockerClient(timeout=seconds, **kwargs_from_env())
        return DockerClient(base_url=address.host, tls=_tls(address), timeout=seconds)
    except (DockerException, OSError, ValueError) as error:
        message = f"no Docker Engine answers: {_one_line(error)}"
        what = f"docker's context {shown(address.context)}" if address else "DOCKER_HOST"
        hint = f"is it running, may you use it, is {what} right?"
        raise ImageError(message, code="engine-error", hint=hint) from error


def _tls(address: EngineAddress) -> TLSConfig | bool:
    """The certificates of a context. Raises `TLSParameterError` where one of them cannot be used."""
    from docker.tls import TLSConfig

    if not address.tls:
        return False
    pair = (address.certificate, address.key) if address.certificate and address.key else None
    return TLSConfig(client_cert=pair, ca_cert=address.ca or None, verify=address.verify)


def _inspect(client: DockerClient, name: str) -> Fields:
    from docker.errors import APIError, DockerException, ImageNotFound

    try:
        answer: object = client.api.inspect_image(name)  # type: ignore[no-untyped-call]  # the stubs leave it out
    except ImageNotFound as error:
        raise ImageError("the engine has no image of this name", code="no-such-image") from error
    except APIError as error:
        _refused(str(error.explanation or error))
    except (DockerException, OSError) as error:
        _refused(_one_line(error))
    return Fields(answer, what="the engine's answer")


def _platform_parameters(client: DockerClient, about: Fields, platform: Platform | None) -> dict[str, str]:
    """What to add to the request for an image of a platform. Raises `ImageError` where this engine cannot give it."""
    if platform is None:
        return {}
    api_version = client.api.api_version
    if tuple(int(part) for part in api_version.split(".") if part.isdigit()) >= _PLATFORM_API:
        parts = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        return {"platform": json.dumps({key: value for key, value in parts.items() if value})}
    its = Platform(os=about.text("Os"), architecture=about.text("Architecture"), variant=about.text("Variant"))
    if not matches(platform, its):
        message = f"the engine holds it for {shown(str(its))}, not {platform}, and its API {api_version} knows one only"
        raise ImageError(message, code="no-such-platform")
    return {}


def _export(
    client: DockerClient, name: str, parameters: dict[str, str], limits: Limits
) -> Generator[bytes, None, None]:
    """The export in chunks. The client's own call has no platform, no bound for an error's text and no timeout."""
    from urllib3.exceptions import HTTPError

    api = client.api
    url = f"{api.base_url}/v{api.api_version}/images/{name}/get"
    try:
        with api.get(url, params=parameters, stream=True, timeout=limits.engine_seconds) as response:
            if not response.ok:
                _refused(_message(next(response.iter_content(limits.engine_message), b"")))
            yield from _flowing(response, limits)
    except (OSError, HTTPError) as error:
        # Every error of requests is an OSError.
        raise ImageError(f"the engine broke off the export: {_one_line(error)}", code="engine-error") from error


def _flowing(response: Response, limits: Limits) -> Iterator[bytes]:
    """What comes, as long as it does not drip: an engine may take its time before the first byte, and as much again.

    Raises `ImageError` where it stays behind the rate of a registry.
    """
    waited = received = 0.0
    started = time.monotonic()
    while chunk := response.raw.read1(MIB, decode_content=False):
        waited += time.monotonic() - started if received else 0
        received += len(chunk)
        if received < limits.registry_rate * (waited - limits.engine_seconds):
            message = f"the engine is too slow: {received:.0f} bytes in {waited:.0f} s"
            raise ImageError(message, code="engine-error", hint="limit engine_seconds")
        yield chunk
        started = time.monotonic()


def _message(body: bytes) -> str:
    """The text of an engine's error: JSON with `message`, with `error`, or anything else as it stands."""
    text = body.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(answer, dict):
        for key in ("message", "error"):
            if isinstance(answer.get(key), str):
                return str(answer[key])
    return text


def _refused(message: str) -> NoReturn:
    raise ImageError(f"the engine refuses: {shown(message.strip()) or 'it does not say why'}", code="engine-error")


def _one_line(error: BaseException) -> str:
    return shown(" ".join(str(error).split()) or type(error).__name__)
