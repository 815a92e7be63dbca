"""Which engine docker would talk to: the environment, contexts and their certificates, and files that make no sense."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from xraydiff.errors import UsageError
from xraydiff.image.engine_address import EngineAddress, find_engine
from xraydiff.limits import DEFAULT, Limits

LOCAL = {"Endpoints": {"docker": {"Host": "unix:///run/user/1000/podman/podman.sock", "SkipTLSVerify": False}}}
REMOTE = {"Endpoints": {"docker": {"Host": "tcp://build.example:2376"}}}


class Home:
    """A folder of docker's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def config(self, text: object) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "config.json").write_text(text if isinstance(text, str) else json.dumps(text))

    def context(self, name: str, meta: object, **certificates: str) -> Path:
        identity = hashlib.sha256(name.encode()).hexdigest()
        place = self.folder / "contexts" / "meta" / identity
        place.mkdir(parents=True)
        (place / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
        tls = self.folder / "contexts" / "tls" / identity / "docker"
        for kind, text in certificates.items():
            tls.mkdir(parents=True, exist_ok=True)
            (tls / f"{kind}.pem").write_text(text)
        return tls


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / ".docker")


def found() -> EngineAddress | None:
    return find_engine(limits=DEFAULT)


def refusal(limits: Limits = DEFAULT) -> str:
    with pytest.raises(UsageError) as caught:
        find_engine(limits=limits)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_configuration_docker_decides(home: Home) -> None:
    assert found() is None


def test_the_current_context(home: Home) -> None:
    home.config({"currentContext": "podman", "auths": {}})
    home.context("podman", LOCAL)
    assert found() == EngineAddress(context="podman", host="unix:///run/user/1000/podman/podman.sock")


@pytest.mark.parametrize("name", ["", "default"])
def test_default_is_no_context(name: str, home: Home) -> None:
    home.config({"currentContext": name})
    home.context("default", LOCAL)
    assert found() is None


def test_the_environment_wins_over_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config({"currentContext": "podman"})
    home.context("podman", LOCAL)
    home.context("remote", REMOTE)
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    address = found()
    assert address is not None
    assert (address.context, address.host, address.tls) == ("remote", "tcp://build.example:2376", False)
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert found() is None
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert found() is None


def test_contexts_need_no_config_file_and_never_come_from_the_working_directory(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "podman")
    Home(tmp_path).context("podman", REMOTE)
    assert "context podman is not there" in refusal()
    home.context("podman", LOCAL)
    address = found()
    assert address is not None
    assert address.host.startswith("unix://")


def test_a_folder_of_its_own(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Home(tmp_path / "other")
    other.config({"currentContext": "remote"})
    other.context("remote", REMOTE)
    assert found() is None
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "other"))
    assert found() is not None


def test_certificates(home: Home) -> None:
    home.config({"currentContext": "remote"})
    tls = home.context("remote", REMOTE, ca="ca", cert="cert", key="key")
    address = found()
    assert address is not None
    assert (address.tls, address.verify) == (True, True)
    assert (address.ca, address.certificate, address.key) == tuple(
        str(tls / name) for name in ("ca.pem", "cert.pem", "key.pem")
    )


def test_an_engine_that_nobody_verifies_is_still_spoken_to_by_tls(home: Home) -> None:
    home.config({"currentContext": "remote"})
    home.context("remote", {"Endpoints": {"docker": {"Host": "tcp://build.example:2376", "SkipTLSVerify": True}}})
    address = found()
    assert address is not None
    assert (address.tls, address.verify, address.ca) == (True, False, "")


def test_a_local_socket_has_no_tls(home: Home) -> None:
    home.config({"currentContext": "l"})
    home.context("l", {"Endpoints": {"docker": {"Host": "unix:///x.sock", "SkipTLSVerify": True}}})
    address = found()
    assert address is not None
    assert not address.tls


def test_ssh_is_refused_with_another_way(home: Home) -> None:
    home.config({"currentContext": "far"})
    home.context("far", {"Endpoints": {"docker": {"Host": "ssh://me@far"}}})
    assert refusal() == (
        "docker's context far: its engine is at ssh://me@far, which is not spoken here"
        " (docker save NAME | xraydiff ... -)"
    )


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ("", "Expecting value"),
        ("[]", "a list, not an object"),
        ({}, "names no Docker Engine"),
        ({"Endpoints": {}}, "names no Docker Engine"),
        ({"Endpoints": {"docker": {}}}, "names no Docker Engine"),
        ({"Endpoints": {"docker": {"Host": 5}}}, "Endpoints.docker.Host is a number"),
        ({"Endpoints": {"docker": {"Host": "tcp://h", "SkipTLSVerify": "no"}}}, "SkipTLSVerify is a string"),
        ('{"Endpoints":' * 100, "nests deeper"),
    ],
)
def test_a_context_that_makes_no_sense(meta: object, words: str, home: Home) -> None:
    home.config({"currentContext": "odd"})
    home.context("odd", meta)
    assert words in refusal()


@pytest.mark.parametrize("config", ["", "null", '{"currentContext": 7}', "{" + " " * 2_000_000])
def test_a_config_file_that_makes_no_sense_chooses_no_engine(config: str, home: Home) -> None:
    home.config(config)
    assert "docker's config.json" in refusal()


def test_a_name_is_no_path(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "../../\x1b[31m")
    assert refusal().startswith("docker's context ../../\\x1b[31m is not there")
