"""A real registry on loopback, filled by skopeo: it gives what the archive holds, plain, with TLS, by password."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xraydiff.errors import ImageError
from xraydiff.image.sources import open_image
from xraydiff.pipeline import compare
from xraydiff.testing import Format, ImageBuilder
from xraydiff.tree import squash
from xraydiff.tree.listing import listing

PROGRAM = shutil.which("docker-registry") or shutil.which("registry")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        PROGRAM is None or shutil.which("skopeo") is None, reason="needs docker-registry and skopeo (Debian packages)"
    ),
]
PASSWORD_LINE = "user:$2b$04$TBNbXJD/GBQahqk1Dr0M5ORPDfDIxlzpGR8xKKSgmUW3CVii0WlYe"  # noqa: S105
"""htpasswd's line for user:secret."""
PATIENCE = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def registry(folder: Path, http: str = "", auth: str = "") -> Iterator[str]:
    """`HOST:PORT` of a registry that keeps its blobs below a folder."""
    assert PROGRAM is not None
    host = f"127.0.0.1:{free_port()}"
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/blobs}}\n"
        f"http:\n  addr: {host}\n{http}{auth}"
    )
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(config)], stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(host):
            assert process.poll() is None, (folder / "registry.log").read_text()
            assert time.monotonic() < deadline, (folder / "registry.log").read_text()
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(host: str) -> bool:
    name, _, port = host.partition(":")
    try:
        socket.create_connection((name, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def push(archive: Path, target: str, *options: str) -> None:
    command = ["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", *options]
    result = subprocess.run(
        [*command, f"docker-archive:{archive}", f"docker://{target}"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def images(folder: Path) -> tuple[Path, Path]:
    original = ImageBuilder(name="app:1").config(cmd=["/a"]).file("/a", "x" * 5000).file("/etc/b", "b")
    original.layer().whiteout("/etc/b").symlink("/c", "a")
    slim = ImageBuilder(name="app:slim").config(cmd=["/a"]).file("/a", "x" * 5000)
    return original.write(folder / "original.tar"), slim.write(folder / "slim.tar")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def files(reference: str, platform: str | None = None) -> list[str]:
    with open_image(reference, platform=platform) as image:
        return list(listing(squash(image), digests=True))


def login(folder: Path, host: str) -> None:
    (folder / "docker").mkdir()
    auth = b64encode(b"user:secret").decode()
    (folder / "docker" / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@pytest.mark.parametrize("form", ["v2s2", "oci"])
def test_by_tag_and_by_digest(tmp_path: Path, form: str) -> None:
    original, _ = images(tmp_path)
    with registry(tmp_path) as host:
        digest_file = tmp_path / "digest"
        push(original, f"{host}/team/app:1", "--format", form, "--digestfile", str(digest_file))
        digest = digest_file.read_text().strip()
        for name in (f"registry:{host}/team/app:1", f"registry:{host}/team/app@{digest}"):
            assert files(name) == files(str(original))
            with open_image(name) as image:
                assert image.reference == name
                assert not image.problems
        with pytest.raises(ImageError, match="no image 9: manifest unknown"):
            open_image(f"registry:{host}/team/app:9")
        with pytest.raises(ImageError) as caught:
            open_image(f"registry:{host}/team/app@sha256:{'0' * 64}")
        assert caught.value.code == "no-such-image"


def test_a_report_is_that_of_the_archives(tmp_path: Path) -> None:
    original, slim = images(tmp_path)
    with registry(tmp_path) as host:
        push(original, f"{host}/app:1")
        push(slim, f"{host}/app:slim")
        with (
            compare(f"registry:{host}/app:1", f"registry:{host}/app:slim") as pulled,
            compare(original, slim) as stored,
        ):
            assert pulled.report.findings == stored.report.findings
            assert pulled.report.removed == stored.report.removed
            assert pulled.report.original.digest == stored.report.original.digest
        with compare(f"registry:{host}/app:1", f"registry:{host}/app:1") as same:
            assert same.report.summary.identical


def test_by_platform(tmp_path: Path) -> None:
    """An index of two platforms, pushed as one."""
    builders = {arch: ImageBuilder(architecture=arch).file("/arch", arch) for arch in ("amd64", "arm64")}
    kind: Format = "oci-layout"
    index, top = tmp_path / "index", []
    for arch, builder in builders.items():
        layout = builder.write(tmp_path / arch, format=kind)
        shutil.copytree(layout, index, dirs_exist_ok=True)
        (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
        top.append({**entry, "platform": {"os": "linux", "architecture": arch}, "annotations": {}})
    (index / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [nested(index, top)]}))
    with registry(tmp_path) as host:
        copy = ["skopeo", "copy", "--insecure-policy", "--all", "--dest-tls-verify=false"]
        subprocess.run([*copy, f"oci:{index}:1", f"docker://{host}/app:1"], check=True, capture_output=True)
        assert any(line.startswith("/arch") for line in files(f"registry:{host}/app:1", "linux/arm64"))
        with open_image(f"registry:{host}/app:1", platform="linux/amd64") as image:
            assert image.config.platform.architecture == "amd64"
        with pytest.raises(ImageError, match="--platform linux/amd64, linux/arm64") as caught:
            open_image(f"registry:{host}/app:1")
        assert caught.value.code == "ambiguous-image"
        with pytest.raises(ImageError, match="no image for linux/s390x"):
            open_image(f"registry:{host}/app:1", platform="linux/s390x")


def nested(folder: Path, manifests: list[dict[str, object]]) -> dict[str, object]:
    """Store an index as a blob of a layout, and describe it."""
    media_type = "application/vnd.oci.image.index.v1+json"
    data = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}).encode()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    name = digest.finalize().hex()
    (folder / "blobs" / "sha256" / name).write_bytes(data)
    annotations = {"org.opencontainers.image.ref.name": "1"}
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data), "annotations": annotations}


def authority(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate authority of our own, and a certificate and key for 127.0.0.1 that it signed."""
    now = datetime.now(tz=UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "registry")]
    paths = []
    for index, (key, name) in enumerate(zip(keys, names, strict=True)):
        builder = (
            x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=not index, path_length=None), critical=True)
        )
        if index:
            alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(alternative, critical=False)
        path = folder / f"{index}.crt"
        path.write_bytes(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        paths.append(path)
    secret = folder / "registry.key"
    secret.write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths[0], paths[1], secret


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_tls_and_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    original, _ = images(tmp_path)
    trusted, certificate, key = authority(tmp_path)
    (tmp_path / "htpasswd").write_text(f"{PASSWORD_LINE}\n")
    tls = f"  tls: {{certificate: {certificate}, key: {key}}}\n"
    auth = f"auth:\n  htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}\n"
    with registry(tmp_path, tls, auth) as host:
        push(original, f"{host}/app:1", "--dest-creds", "user:secret")
        name = f"registry:{host}/app:1"
        with pytest.raises(ImageError, match=r"self.signed certificate|unable to get local issuer") as caught:
            open_image(name)
        assert caught.value.hint is not None
        monkeypatch.setenv(variable, str(trusted))
        with pytest.raises(ImageError, match=r"none are stored for 127\.0\.0\.1"):
            open_image(name)
        login(tmp_path, host)
        assert files(name) == files(str(original))
        (tmp_path / "docker" / "config.json").write_text(
            json.dumps({"auths": {host: {"auth": b64encode(b"user:wrong").decode()}}})
        )
        with pytest.raises(ImageError, match="the registry answers 401"):
            open_image(name)


def test_gone_in_the_middle(tmp_path: Path) -> None:
    original, _ = images(tmp_path)
    with registry(tmp_path) as host:
        push(original, f"{host}/app:1")
        image = open_image(f"registry:{host}/app:1")
    with image, pytest.raises(ImageError, match="no answer from the registry") as caught:
        list(image.layers[0].operations())
    assert caught.value.layer == 0
