"""What may be asked of a registry and how much it may answer: bounded in bytes and time, and careful with credentials.

OCI distribution-spec; token authentication as in distribution's token specification. Credentials go to the registry
itself and to token services of its own site; redirects and realms never see them elsewhere (ADR 3).
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from xraydiff.errors import ImageClosedError, ImageError, LimitExceeded
from xraydiff.image.credentials import HUB, Credentials, find_credentials
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.image.registry_addresses import Gate, address_of, is_local_name
from xraydiff.limits import KIB, Limits
from xraydiff.version import VERSION

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

    from xraydiff.image.registry_transport import Deadline, Watch

__all__ = ["RegistryClient"]

_HUB_HOST = "registry-1.docker.io"
"""Where the registry answers whose images are named docker.io."""
_REDIRECTS = 5
"""A blob takes one, to the store behind the registry."""
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_CERTIFICATES = Path("/etc/docker/certs.d")
_CHUNK = 256 * KIB
_CHALLENGE = re.compile(r"(basic|bearer)(?: +([^ ].*))?", re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r'([a-zA-Z_]{1,32})="([^"\\]{0,2000})"(?: *, *|$)')
_CHALLENGE_LENGTH = 8 * KIB


class RegistryClient:
    """Reads manifests and blobs of one repository. Not for several threads at once; `fetch` and `stream` take a lock.

    Every error is an `ImageError`: `registry-error` with the registry's own words, `timeout`, `no-such-image`,
    `missing-blob`, or `LimitExceeded`.
    """

    def __init__(self, host: str, repository: str, *, limits: Limits) -> None:
        """Nothing is sent before the first question."""
        self._limits = limits
        self._host = host
        self._repository = repository
        self._address = _HUB_HOST if host == HUB else host
        self._gate = Gate(urlsplit(f"//{self._address}").hostname or "")
        self._connection: tuple[Session, Watch] | None = None
        self._closed = False
        self._scheme = ""
        self._authorization = ""
        self._withheld = ""
        self._seconds = float(limits.registry_documents)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close connections; safe to call twice."""
        self._closed = True
        if self._connection is not None:
            self._connection[0].close()

    def fetch(self, kind: str, name: str, *, accept: str, most: int) -> tuple[bytes, str, str]:
        """A whole document: its bytes, media type, and the digest that the registry claims (empty where none).

        `kind` is `manifests` or `blobs`. Raises `LimitExceeded` where it has more than `most` bytes.
        """
        with self._lock, self._document(), self._answer(kind, name, accept=accept) as response:
            data = _read_all(response, most, what=f"what the registry sends for {shown(name)}")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            return data, media_type, response.headers.get("Docker-Content-Digest", "").strip()

    def has_blob(self, digest: str) -> bool:
        """Whether the registry holds a blob."""
        try:
            with self._lock, self._document(), self._answer("blobs", digest, accept="*/*", method="HEAD"):
                return True
        except ImageError as error:
            if error.code == "missing-blob":
                return False
            raise

    def stream(self, digest: str, size: int) -> Iterator[bytes]:
        """A blob in chunks, at most one byte more than `size`.

        In every `limits.registry_window` seconds `limits.registry_rate` bytes for each of them must come, whatever came
        before; the time that the caller takes for a chunk counts nothing.
        """
        limits = self._limits
        seconds = min(limits.registry_window, limits.registry_seconds)
        reason = f"less than {limits.registry_rate} bytes a second for {seconds} s"
        with (
            self._lock,
            self._within(limits.registry_seconds) as deadline,
            self._answer("blobs", digest, accept="*/*") as response,
        ):
            left = size + 1
            while left > 0:
                deadline.renew(seconds, reason)
                chunk = response.raw.read(min(seconds * limits.registry_rate, left), decode_content=False)
                deadline.pause()
                if not chunk:
                    break
                left -= len(chunk)
                yield chunk

    @contextmanager
    def _document(self) -> Iterator[None]:
        """A time for one more document, which all of them together have, too."""
        started = time.monotonic()
        seconds = min(self._limits.registry_seconds, self._seconds)
        if seconds <= 0:
            raise _late(f"its manifests took more than {self._limits.registry_documents} s")
        try:
            with self._within(seconds):
                yield
        finally:
            self._seconds -= time.monotonic() - started

    # --- one question -------------------------------------------------------------------------------------------------

    @contextmanager
    def _answer(self, kind: str, name: str, *, accept: str, method: str = "GET") -> Iterator[Response]:
        """A successful answer, to be read inside `_within`. Redirects and challenges are dealt with."""
        path = f"/v2/{self._repository}/{kind}/{name}"
        response = self._ask(method, path, accept)
        if response.status_code == 401:
            challenge = _challenge(response)
            response.close()
            self._authorization = self._authorize(challenge)
            response = self._ask(method, path, accept)
        with response:
            if not response.ok:
                raise self._refused(response, kind, name)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                message = "the registry encodes its answer, which nobody asked for"
                raise ImageError(message, code="registry-error")
            yield response

    def _ask(self, method: str, path: str, accept: str) -> Response:
        url = f"{self._origin()}{path}"
        return self._follow(method, url, {"Accept": accept}, self._authorization)

    def _follow(self, method: str, url: str, headers: dict[str, str], authorization: str) -> Response:
        """Send, and follow redirects; credentials go only where they were meant to go."""
        meant = _origin_of(urlsplit(url))
        for _ in range(_REDIRECTS + 1):
            here = urlsplit(url)
            mine = {"Authorization": authorization} if authorization and _origin_of(here) == meant else {}
            response = self._send(method, url, headers | mine)
            if response.status_code not in _REDIRECT:
                return response
            location = response.headers.get("Location", "")
            response.close()
            url = urljoin(url, location)
            self._check_target(urlsplit(url), here, "a redirect")
        raise ImageError(f"the registry redirects more than {_REDIRECTS} times", code="registry-error")

    def _send(self, method: str, url: str, headers: dict[str, str], data: str | None = None) -> Response:
        session, _ = self._opened()
        fixed = {"Accept-Encoding": "identity", "User-Agent": f"xraydiff/{VERSION}"}
        return session.request(
            method,
            url,
            headers=fixed | headers,
            data=data,
            stream=True,
            allow_redirects=False,
            timeout=self._limits.registry_seconds,
            auth=_no_netrc,
        )

    def _check_target(self, to: SplitResult, here: SplitResult, what: str) -> None:
        """Refuse to be led from TLS to plain text, or from elsewhere into the machine or its network."""
        message = ""
        if to.scheme not in ("http", "https") or not to.hostname or to.username is not None:
            message = f"{what} to something that is no address of the web"
        elif to.scheme == "http" and here.scheme == "https":
            message = f"{what} from https to http"
        if message:
            raise ImageError(f"the registry sends {message}", code="registry-error")
        self._gate.check_written(to.hostname or "", what)

    @contextmanager
    def _within(self, seconds: float) -> Iterator[Deadline]:
        """A time in which everything inside must be done: at its end the connection is cut, however slowly it drips."""
        import requests
        import urllib3

        with self._opened()[1].deadline(seconds) as deadline:
            try:
                yield deadline
            except ImageError as error:
                if deadline.passed:
                    # Half an answer looks like a wrong one.
                    raise _late(deadline.reason) from error
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if deadline.passed or isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
                    raise _late(deadline.reason) from error
                message = f"no answer from the registry {shown(self._host)}: {_one_line(error)}"
                raise ImageError(message, code="registry-error", hint=_hint(error)) from error
            if deadline.passed:
                raise _late(deadline.reason)

    def _opened(self) -> tuple[Session, Watch]:
        if self._closed:
            raise ImageClosedError("the image is closed")
        if self._connection is None:
            from xraydiff.image.registry_transport import open_session

            self._connection = open_session(sorted((_CERTIFICATES / self._host).glob("*.crt")), self._gate)
        return self._connection

    def _origin(self) -> str:
        """`https://HOST`, or `http://` where a registry of this very machine does not speak TLS, as for docker."""
        import requests

        if not self._scheme:
            self._scheme = "https"
            if _is_loopback(urlsplit(f"//{self._address}").hostname or ""):
                try:
                    self._send("GET", f"https://{self._address}/v2/", {}).close()
                except requests.ConnectionError as error:
                    if _is_untrusted(error):
                        raise
                    self._scheme = "http"
        return f"{self._scheme}://{self._address}"

    # --- who is asking ------------------------------------------------------------------------------------------------

    def _authorize(self, challenge: tuple[str, dict[str, str]] | None) -> str:
        """The value of an `Authorization` header that answers a challenge (RFC 9110, 11.6.1)."""
        if challenge is None:
            raise ImageError("the registry asks for credentials in a way that is not known", code="registry-error")
        scheme, parameters = challenge
        credentials = find_credentials(self._host, limits=self._limits)
        if scheme == "basic":
            if credentials is None or not credentials.user:
                message = f"the registry asks for a user and password, and none are stored for {shown(self._host)}"
                raise ImageError(message, code="registry-error", hint=f"docker login {shown(self._host)}")
            return credentials.basic
        return f"Bearer {self._token(parameters, credentials)}"

    def _token(self, parameters: dict[str, str], credentials: Credentials | None) -> str:
        realm = parameters.get("realm", "")
        target, own = urlsplit(realm), urlsplit(self._origin())
        self._check_target(target, own, "for a token")
        if credentials is not None and not _same_site(target, own):
            self._withheld = f"; the credentials were not sent to {shown(target.hostname or '')}, which is another site"
            credentials = None
        query = {"service": parameters.get("service", ""), "scope": f"repository:{self._repository}:pull"}
        if credentials is not None and credentials.identity_token:
            form = query | {"grant_type": "refresh_token", "client_id": "xraydiff"}
            form["refresh_token"] = credentials.identity_token
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            response = self._send("POST", realm, kind, urlencode(form))
        else:
            authorization = credentials.basic if credentials is not None else ""
            separator = "&" if target.query else "?"
            response = self._follow("GET", f"{realm}{separator}{urlencode(query)}", {}, authorization)
        with response:
            if not response.ok:
                raise self._refused(response, "token", "")
            data = _read_all(response, self._limits.registry_token, what="the token")
        answer = Fields(parse_json(data, what="the answer of the token service", limits=self._limits), what="the token")
        token = answer.text("token") or answer.text("access_token")
        if not token or not token.isprintable() or not token.isascii():
            raise ImageError("the token service gives no token", code="registry-error")
        return token

    def _refused(self, response: Response, kind: str, name: str) -> ImageError:
        """The error for an answer that is none, with the registry's own words, of which so many are read."""
        status = response.status_code
        words = "" if response.request.method == "HEAD" else _words(_read_some(response, self._limits.registry_message))
        if status == 404 and kind == "manifests":
            return ImageError(f"the registry has no image {shown(name)}{_said(words)}", code="no-such-image")
        if status == 404 and kind == "blobs":
            return ImageError(f"the registry does not hold {shown(name)}", code="missing-blob")
        what = "the token service" if kind == "token" else "the registry"
        return ImageError(f"{what} answers {status}{_said(words)}{self._withheld}", code="registry-error")


# --- answers ----------------------------------------------------------------------------------------------------------


def _read_all(response: Response, most: int, *, what: str) -> bytes:
    """A body of at most so many bytes. Raises `LimitExceeded` for a longer one, as soon as that is known."""
    data = _read_some(response, most + 1)
    if len(data) > most:
        raise LimitExceeded(f"{what} has more than {most} bytes")
    return data


def _read_some(response: Response, most: int) -> bytes:
    data = bytearray()
    while len(data) < most and (chunk := response.raw.read(min(_CHUNK, most - len(data)), decode_content=False)):
        data += chunk
    return bytes(data)


def _words(body: bytes) -> str:
    """The text of a registry's error (distribution-spec, "Error Codes"), or the body as it stands."""
    text = body.decode("utf-8", "replace").strip()
    with suppress(ValueError, RecursionError):
        answer = json.loads(text)
        errors = answer.get("errors") if isinstance(answer, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        if isinstance(first, dict):
            message = first.get("message") or first.get("code")
            return message if isinstance(message, str) else ""
    return text


def _said(words: str) -> str:
    return f": {shown(' '.join(words.split()))}" if words else ""


def _challenge(response: Response) -> tuple[str, dict[str, str]] | None:
    """The scheme and parameters of `WWW-Authenticate`, None where it is none that is known."""
    match = _CHALLENGE.fullmatch(response.headers.get("WWW-Authenticate", "")[:_CHALLENGE_LENGTH].strip())
    if match is None:
        return None
    return match[1].lower(), {key.lower(): value for key, value in _PARAMETER.findall(match[2] or "")}


# --- addresses --------------------------------------------------------------------------------------------------------


def _origin_of(url: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454)."""
    try:
        port = url.port
    except ValueError:
        port = -1
    return url.scheme, (url.hostname or "").lower(), port or {"https": 443, "http": 80}.get(url.scheme, -1)


def _same_site(one: SplitResult, other: SplitResult) -> bool:
    """Whether two addresses belong together: the same origin, or names of one registered domain, both with TLS."""
    if _origin_of(one) == _origin_of(other):
        return True
    if one.scheme != "https" or other.scheme != "https":
        return False
    domains = [_domain((url.hostname or "").lower()) for url in (one, other)]
    return bool(domains[0]) and domains[0] == domains[1]


def _domain(host: str) -> str:
    """The registered domain of a name: two labels, three below `co.uk` and the like; empty for an address."""
    labels = host.rstrip(".").split(".")
    if address_of(host) is not None or len(labels) < 2:
        return ""
    short_country = len(labels[-1]) == 2 and len(labels[-2]) <= 3
    take = 3 if short_country and len(labels) > 2 else 2
    return ".".join(labels[-take:])


def _is_loopback(host: str) -> bool:
    address = address_of(host)
    return is_local_name(host) or (address is not None and address.is_loopback)


# --- errors -----------------------------------------------------------------------------------------------------------


def _no_netrc(request: PreparedRequest) -> PreparedRequest:
    """An authentication that adds nothing, so that none is taken from ~/.netrc."""
    return request


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it, however the libraries wrapped them."""
    seen: set[int] = set()
    stack = [error]
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        behind = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        stack.extend(each for each in behind if isinstance(each, BaseException))


def _is_untrusted(error: BaseException) -> bool:
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _causes(error))


def _hint(error: BaseException) -> str | None:
    if not _is_untrusted(error):
        return None
    return "SSL_CERT_FILE, or docker's certs.d, names the authority that signed its certificate"


def _one_line(error: BaseException) -> str:
    """What went wrong at the bottom: the libraries repeat addresses and objects around it."""
    for each in reversed(list(_causes(error))):
        if isinstance(each, ssl.SSLCertVerificationError):
            return shown(each.verify_message)
        if isinstance(each, OSError) and each.strerror:
            return shown(each.strerror)
    return shown(" ".join(str(error).split()) or type(error).__name__)


def _late(message: str) -> ImageError:
    return ImageError(f"the registry is too slow: {message}", code="timeout", hint="limit registry_seconds")
