from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.image_archives import as_json
from xraydiff.errors import ImageError, LimitExceeded, UnsupportedImage
from xraydiff.facts import Healthcheck, History, ImageConfig, Platform
from xraydiff.image.config import canonical, parse_config
from xraydiff.image.sources import open_image
from xraydiff.limits import Limits

DIGEST = "sha256:" + "0" * 64


def parsed(**fields: object) -> ImageConfig:
    return parse_config(as_json(fields), limits=Limits())


def test_every_field_of_docker_and_oci() -> None:
    config = parsed(
        architecture="arm",
        os="linux",
        variant="v7",
        config={
            "User": "app:app",
            "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
            "Env": ["PATH=/bin", "EMPTY=", "BARE"],
            "Entrypoint": ["/app", "--x"],
            "Cmd": [],
            "Volumes": {"/data": {}, "/a": {}},
            "WorkingDir": "/srv",
            "Labels": {"b": "2", "a": "1"},
            "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5, "Timeout": 4, "StartPeriod": 3, "Retries": 2},
            "Shell": ["/bin/bash", "-c"],
            "OnBuild": ["RUN true"],
        },
        rootfs={"type": "layers", "diff_ids": [DIGEST]},
        history=[{"created_by": "RUN x", "comment": "c", "empty_layer": True}, {}],
    )
    assert config == ImageConfig(  # noqa: S604  a field of the config
        platform=Platform(os="linux", architecture="arm", variant="v7"),
        user="app:app",
        exposed_ports=("53/udp", "80/tcp"),
        env=("PATH=/bin", "EMPTY=", "BARE"),
        entrypoint=("/app", "--x"),
        cmd=(),
        volumes=("/a", "/data"),
        workdir="/srv",
        labels=(("a", "1"), ("b", "2")),
        stop_signal="SIGTERM",
        healthcheck=Healthcheck(test=("CMD", "true"), interval=5, timeout=4, start_period=3, retries=2),
        shell=("/bin/bash", "-c"),
        onbuild=("RUN true",),
        diff_ids=(DIGEST,),
        history=(History(created_by="RUN x", comment="c", empty_layer=True), History()),
    )


def test_null_is_absent_and_empty_is_not() -> None:
    config = parsed(config={"Entrypoint": None, "Cmd": [], "Env": None, "Labels": None, "Healthcheck": None})
    assert config.entrypoint is None
    assert config.cmd == ()
    assert config == parsed(config={"Cmd": []})
    assert parsed() == parsed(config=None, rootfs=None, history=None) == ImageConfig()


def test_field_names_match_as_engines_match_them() -> None:
    assert parsed(config={"entrypoint": ["/evil"]}).entrypoint == ("/evil",)
    with pytest.raises(ImageError, match=r"config\.entrypoint is spelled in two ways"):
        parsed(config={"Entrypoint": ["/good"], "entrypoint": ["/evil"]})


def test_commands_as_docker_reads_them() -> None:
    assert parsed(config={"Entrypoint": "/app", "Cmd": ""}).entrypoint == ("/app",)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"os": 1}, "os is a number, not a string"),
        ({"config": []}, "config is a list, not an object"),
        ({"config": {"User": 0}}, "config.User is a number, not a string"),
        ({"config": {"Env": {"A": "b"}}}, "config.Env is an object, not a list of strings"),
        ({"config": {"Env": ["A=b", 1]}}, "config.Env[1] is a number, not a string"),
        ({"config": {"Env": "A=b"}}, "config.Env is a string, not a list of strings"),
        ({"config": {"Labels": {"a": 1}}}, "config.Labels.a is a number, not a string"),
        ({"config": {"Labels": ["a"]}}, "config.Labels is a list, not an object of strings"),
        ({"config": {"ExposedPorts": [80]}}, "config.ExposedPorts is a list, not an object"),
        ({"config": {"Healthcheck": {"Interval": 1.5}}}, "config.Healthcheck.Interval is a number, not an integer"),
        ({"config": {"Healthcheck": {"Retries": True}}}, "config.Healthcheck.Retries is a boolean, not an integer"),
        ({"config": {"Healthcheck": {"Retries": 2**64}}}, "config.Healthcheck.Retries does not fit into 64 bits"),
        ({"config": {"Healthcheck": "none"}}, "config.Healthcheck is a string, not an object"),
        ({"rootfs": {"diff_ids": ["x"]}}, "rootfs.diff_ids[0] is no digest: x"),
        ({"rootfs": {"diff_ids": {}}}, "rootfs.diff_ids is an object, not a list of strings"),
        ({"history": [{}, 5]}, "history[1] is a number, not an object"),
        ({"history": [{"empty_layer": "no"}]}, "history[0].empty_layer is a string, not a boolean"),
        ({"config": {"Labels": {"\n\x1b[31m": 1}}}, r"config.Labels.\x0a\x1b[31m is a number, not a string"),
    ],
)
def test_wrong_types_name_the_field(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ImageError) as caught:
        parsed(**fields)
    assert caught.value.code == "bad-json"
    assert str(caught.value) == f"the image config: {named}"


def test_bounds() -> None:
    with pytest.raises(LimitExceeded):
        parse_config(as_json({"rootfs": {"diff_ids": [DIGEST] * 3}}), limits=Limits(layers=2))
    with pytest.raises(LimitExceeded):
        parse_config(as_json({"history": [{}] * 3}), limits=Limits(history=2))
    with pytest.raises(UnsupportedImage):
        parsed(rootfs={"type": "layers+base"})


def test_canonical_names_every_setting() -> None:
    config = parsed(
        os="linux",
        architecture="amd64",
        config={
            "User": "app",
            "Env": ["B=2", "A=1=x", "BARE", "D=1", "D=2"],
            "Cmd": [],
            "Shell": ["/bin/sh"],
            "Labels": {"é": "\ud800"},
            "ExposedPorts": {"80/tcp": {}},
            "Healthcheck": {"Test": ["NONE"], "Retries": 3},
        },
    )
    assert canonical(config) == (
        ("architecture", '"amd64"'),
        ("cmd", "[]"),
        ("env.A", '"1=x"'),
        ("env.B", '"2"'),
        ("env.BARE", "null"),
        ("env.D", '["1","2"]'),
        ("exposed_ports", '["80/tcp"]'),
        ("healthcheck", '{"retries":3,"test":["NONE"]}'),
        ("labels.é", '"\\ud800"'),
        ("os", '"linux"'),
        ("shell", '["/bin/sh"]'),
        ("user", '"app"'),
    )
    assert canonical(ImageConfig()) == ()


def test_canonical_tells_every_field_apart() -> None:
    """No setting can change without a line of `canonical` that changes."""
    settings: dict[str, object] = {
        "User": "u",
        "ExposedPorts": {"1/tcp": {}},
        "Env": ["A=b"],
        "Entrypoint": ["e"],
        "Cmd": ["c"],
        "Volumes": {"/v": {}},
        "WorkingDir": "/w",
        "Labels": {"l": "m"},
        "StopSignal": "9",
        "Healthcheck": {"Test": ["CMD", "x"]},
        "Shell": ["s"],
        "OnBuild": ["RUN y"],
    }
    whole = dict(canonical(parsed(config=settings)))
    assert len(whole) == len(settings)
    for name in settings:
        less = dict(canonical(parsed(config={key: value for key, value in settings.items() if key != name})))
        assert len(whole.items() - less.items()) == 1
    assert all(json.loads(value) is not None for value in whole.values())


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("wagoodman+dive/.data/test-docker-image.tar", "sha256:75ae28b8ebf8"),
        ("aboutcode-org+container-inspector/tests/data/cli/she-image_from_scratch-1.0.tar", "sha256:6d190579c3d7"),
    ],
)
def test_real_configs(corpus: Path, name: str, digest: str) -> None:
    with open_image(corpus / name) as image:
        assert image.digest.startswith(digest)
        assert canonical(image.config)
