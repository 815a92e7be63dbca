"""The Docker Engine, by its own command: images, containers that are thrown away, and the base image."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE = "debian:bookworm"
STARTUP = 10.0
"""After so many seconds a container that is to stay up is up."""


def docker(*words: str, data: bytes | None = None, check: bool = True, timeout: float = 1800) -> str:
    """What a docker command prints. Raises `RuntimeError` with its own words where it fails."""
    done = subprocess.run(["docker", *words], input=data, capture_output=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(words[:3])}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout.decode(errors="replace").strip()


def has(image: str) -> bool:
    """Whether the engine holds an image."""
    return bool(docker("images", "-q", image))


def ensure_base() -> None:
    """Debian's minimal system as `debian:bookworm` in the engine."""
    if has(BASE):
        return
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root], check=True, stdout=subprocess.DEVNULL)
        for package in Path(root, "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(["docker", "import", "-c", 'CMD ["bash"]', "-", BASE], stdin=tar.stdout, check=True)


def image_config(image: str) -> dict[str, object]:
    """The `config` part of an image's config: command, environment, user, ports."""
    found: dict[str, object] = json.loads(docker("image", "inspect", "-f", "{{json .Config}}", image))
    return {key: found[key] for key in KEPT_CONFIG if found.get(key)}


KEPT_CONFIG = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "User", "WorkingDir", "Labels", "StopSignal")
"""What a minifier keeps of a config: health checks and volumes are lost."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was created."""

    id: str

    def start(self) -> bool:
        """Whether the engine could start it."""
        done = subprocess.run(["docker", "start", self.id], capture_output=True, check=False)
        return done.returncode == 0

    def put(self, tar: bytes) -> None:
        """Unpack a tar at its root, with the owners and modes of the tar."""
        docker("cp", "-", f"{self.id}:/", data=tar)

    @property
    def running(self) -> bool:
        return docker("inspect", "-f", "{{.State.Running}}", self.id) == "true"

    @property
    def exit_code(self) -> int:
        return int(docker("inspect", "-f", "{{.State.ExitCode}}", self.id))

    @property
    def address(self) -> str:
        return docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", self.id)

    @property
    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, check=False)
        return (done.stdout + done.stderr).decode(errors="replace")


@contextmanager
def container(image: str, *command: str, options: Sequence[str] = ()) -> Iterator[Container]:
    """A container of an image, not yet started; it is removed at the end."""
    created = Container(docker("create", *options, image, *command))
    try:
        yield created
    finally:
        docker("rm", "-f", "-v", created.id, check=False)


def start_of(image: str) -> dict[str, object]:
    """How an image starts: could the engine start it, is it up after a while, and with which code did it end."""
    with container(image) as one:
        started = one.start()
        deadline = time.monotonic() + STARTUP
        while started and one.running and time.monotonic() < deadline:
            time.sleep(0.5)
        running = started and one.running
        return {"started": started, "up": running, "exit_code": None if running else one.exit_code}
