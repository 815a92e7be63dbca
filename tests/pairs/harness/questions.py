"""Checks are asked of a running container."""

from __future__ import annotations

import http.client
import io
import ssl
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from tests.pairs.harness.engine import Container, container
from tests.pairs.harness.pair import Check, Pair

TIMEOUT = 15.0
POLL = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status or exit code (-1 where nothing answered), and the text with its headers."""

    status: int
    text: str


def ask_image(pair: Pair, image: str, checks: Iterable[Check], layer: bytes = b"") -> dict[str, bool]:
    """Start an image, with a layer unpacked over it, and ask the checks: which hold."""
    with container(image) as one:
        if layer:
            one.put(layer)
        started = one.start() and wait(pair, one)
        return {check.name: started and holds(pair, one, check) for check in checks}


def wait(pair: Pair, one: Container, patience: float = 0.0) -> bool:
    """Wait until the pair's `ready` is answered, whatever the answer; False where the container ended before."""
    deadline = time.monotonic() + (patience or pair.patience)
    while time.monotonic() < deadline:
        if not one.running:
            return False
        if answered(pair.ready, ask(pair, one, pair.ready)):
            break
        time.sleep(POLL)
    return one.running


def answered(check: Check, answer: Answer) -> bool:
    """A server that says no is there; a client or a file that fails may find it later."""
    return answer.status >= 0 if check.kind == "http" else right(check, answer)


def holds(pair: Pair, one: Container, check: Check) -> bool:
    """Ask until the answer is right or patience ends."""
    deadline = time.monotonic() + check.patience
    while True:
        if right(check, ask(pair, one, check)):
            return True
        if time.monotonic() >= deadline or not one.running:
            return False
        time.sleep(POLL)


def right(check: Check, answer: Answer) -> bool:
    return answer.status == check.status and check.contains in answer.text


def ask(pair: Pair, one: Container, check: Check, prefix: tuple[str, ...] = ()) -> Answer:
    """Ask once. The prefix stands before a command in the container: a tracer."""
    if check.kind == "http":
        return _request(one.address, check)
    if check.kind == "exec":
        return _run(["docker", "exec", one.id, *prefix, *check.argv])
    if check.kind == "client":
        words = [word.replace("{address}", one.address) for word in check.argv]
        return _run(["docker", "run", "--rm", "--entrypoint", words[0], pair.original, *words[1:]])
    if check.kind == "file":
        return _file(one, check.target)
    return Answer(0, one.logs)


def _request(address: str, check: Check) -> Answer:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(  # noqa: S310  the scheme is the check's own
        f"{check.scheme}://{address}:{check.port}{check.target}",
        data=check.body.encode() or None,
        headers={"Host": check.host} if check.host else {},
    )
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, f"{answer.headers}\n{answer.read().decode(errors='replace')}")
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, f"{error.headers}\n{error.read().decode(errors='replace')}")
    except (OSError, http.client.HTTPException) as error:
        return Answer(-1, str(error))


def _run(command: list[str]) -> Answer:
    try:
        done = subprocess.run(command, capture_output=True, timeout=4 * TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return Answer(-1, "no answer")
    return Answer(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def _file(one: Container, path: str) -> Answer:
    """A file is copied out of the container, so that the container needs no tool for it."""
    done = subprocess.run(["docker", "cp", "-L", f"{one.id}:{path}", "-"], capture_output=True, check=False)
    if done.returncode:
        return Answer(-1, done.stderr.decode(errors="replace"))
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        members = [member for member in tar if member.isreg()]
        texts = [file.read().decode(errors="replace") for member in members if (file := tar.extractfile(member))]
    return Answer(0, "\n".join(texts))
