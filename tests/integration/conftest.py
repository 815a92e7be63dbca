"""A Docker Engine for the session: the one that answers, or one that the session starts and stops."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

SOCKET = Path("/var/run/docker.sock")
PATIENCE = 60.0


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[docker.DockerClient]:
    """A client of a real engine; where none can be had the tests skip, or fail where one was promised."""
    client, reason = _client()
    started = None
    if client is None:
        started, reason = _start(tmp_path_factory.mktemp("dockerd") / "log")
        client, reason = _client() if started is not None else (None, reason)
    if client is None:
        if os.environ.get("XRAYDIFF_REQUIRE_ENGINE") == "1":
            pytest.fail(f"no Docker Engine: {reason}")
        pytest.skip(f"no Docker Engine: {reason}")
    yield client
    client.close()
    if started is not None:
        started.terminate()
        started.wait(PATIENCE)


def _client() -> tuple[docker.DockerClient | None, str]:
    # A client that cannot connect leaks its socket, and pytest takes that for an error of the test that runs then.
    if "DOCKER_HOST" not in os.environ and not _listens():
        return None, "nothing listens at its socket"
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        return None, str(error)
    return client, ""


def _listens() -> bool:
    """A dockerd that starts makes its socket before it listens, and one that was killed leaves it behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(SOCKET)) == 0


def _start(log: Path) -> tuple[subprocess.Popen[bytes] | None, str]:
    """Start dockerd where root may; privileged operations are not needed."""
    if shutil.which("dockerd") is None:
        return None, "dockerd is not installed (Debian: docker.io, iptables)"
    if os.geteuid() != 0:
        return None, "starting dockerd needs root"
    with log.open("wb") as out:
        process = subprocess.Popen(["dockerd"], stdout=out, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        client, _ = _client()
        if client is not None:
            client.close()
            return process, ""
        time.sleep(0.2)
    process.kill()
    process.wait()
    return None, "dockerd did not come up: " + log.read_text(errors="replace")[-300:]
