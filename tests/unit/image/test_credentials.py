from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import SLOW
from xraydiff.errors import ImageError, UsageError
from xraydiff.image.credentials import Credentials, find_credentials
from xraydiff.limits import DEFAULT, Limits

HOST = "registry.example:5000"
PAIR = base64.b64encode(b"user:pa:ss").decode()
Config = Callable[[object], None]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def store(value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        (tmp_path / "config.json").write_text(text)

    return store


@pytest.fixture
def helper(tmp_path: Path) -> Callable[[str], None]:
    def store(script: str) -> None:
        path = tmp_path / "docker-credential-test"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return store


def found(limits: Limits = DEFAULT, host: str = HOST) -> Credentials | None:
    return find_credentials(host, limits=limits)


def test_nothing_is_stored(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found() is None
    config({})
    assert found() is None
    config({"auths": {"other.example": {"auth": PAIR}, HOST: {}}})
    assert found() is None
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", "/nonexistent")
    assert found() is None


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"http://{HOST}/v2/"])
@pytest.mark.parametrize("entry", [{"auth": PAIR}, {"username": "user", "password": "pa:ss"}])
def test_auths(config: Config, key: str, entry: dict[str, str]) -> None:
    config({"auths": {key: entry}})
    assert found() == Credentials(user="user", password="pa:ss")  # noqa: S106


def test_the_hub_has_a_name_of_its_own(config: Config) -> None:
    config({"auths": {"https://index.docker.io/v1/": {"auth": PAIR}}})
    assert found(host="docker.io") is not None
    assert found() is None


def test_an_identity_token(config: Config) -> None:
    config({"auths": {HOST: {"auth": PAIR, "identitytoken": "t"}}})
    one = found()
    assert one is not None
    assert one.identity_token == "t"  # noqa: S105


def test_no_secret_in_a_traceback() -> None:
    assert "secret" not in repr(Credentials(user="u", password="secret", identity_token="secret"))  # noqa: S106


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "null", '{"auths": []}', '{"auths": {"registry.example:5000": {"auth": "%%"}}}', " " * (2 << 20)],
)
def test_a_config_that_is_none(config: Config, text: str) -> None:
    config(text)
    with pytest.raises(UsageError, match=r"docker's config\.json"):
        found()


@pytest.mark.parametrize("stored", [{"credsStore": "test"}, {"credHelpers": {HOST: "test"}, "credsStore": "other"}])
def test_a_helper_is_asked(config: Config, helper: Callable[[str], None], stored: dict[str, object]) -> None:
    config({**stored, "auths": {HOST: {"auth": PAIR}}})
    helper('read server; printf \'{"ServerURL":"%s","Username":"%s","Secret":"s"}\' "$server" "$1-$server"')
    assert found() == Credentials(user=f"get-{HOST}", password="s")  # noqa: S106


def test_a_helper_with_an_identity_token(config: Config, helper: Callable[[str], None]) -> None:
    config({"credsStore": "test"})
    helper("""printf '{"Username":"<token>","Secret":"t"}'""")
    assert found() == Credentials(identity_token="t")  # noqa: S106


def test_a_helper_that_knows_nothing(config: Config, helper: Callable[[str], None]) -> None:
    config({"credsStore": "test"})
    helper("echo credentials not found in native keychain; exit 1")
    assert found() is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'locked\033[2J'; exit 3", r"fails: locked\\x1b"),
        ("exit 3", "exit code 3"),
        ("sleep 30", "did not answer within 1 s"),
        ("yes", "more than 1000 bytes"),
    ],
)
def test_a_helper_that_fails(config: Config, helper: Callable[[str], None], script: str, words: str) -> None:
    config({"credsStore": "test"})
    helper(f"exec {script}" if " " not in script or script.startswith("sleep") else script)
    started = time.monotonic()
    with pytest.raises(ImageError, match=words) as caught:
        found(Limits(registry_helper_seconds=1, registry_token=1000))
    assert caught.value.code == "registry-credentials"
    assert time.monotonic() - started < 5 * SLOW


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x", "a b", "a\nb", "x" * 100])
def test_names_of_helpers_that_are_none(config: Config, name: str) -> None:
    config({"credsStore": name})
    with pytest.raises(UsageError, match="names a credential helper"):
        found()


def test_a_helper_that_is_not_installed(config: Config) -> None:
    config({"credsStore": "absent-one"})
    with pytest.raises(ImageError, match="docker-credential-absent-one is named in"):
        found()


def test_a_helper_that_answers_nonsense(config: Config, helper: Callable[[str], None]) -> None:
    config({"credsStore": "test"})
    helper("echo nonsense")
    with pytest.raises(UsageError, match="docker-credential-test"):
        found()
