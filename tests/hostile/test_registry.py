"""What a registry may answer to mislead, to stall or to get credentials: rows 112 to 118, against one on loopback."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.image_archives import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    ONE,
    Layout,
    as_json,
    config_of,
    one_image,
    read,
    tar_of,
)
from tests.patience import SLOW
from tests.registry_server import REPOSITORY, Answer, Repository, Server, serving
from xraydiff.errors import ImageError, IntegrityError, LimitExceeded, UsageError
from xraydiff.image import Image
from xraydiff.image.registry_client import RegistryClient
from xraydiff.image.sources import open_image
from xraydiff.limits import DEFAULT, KIB, MIB, Limits

QUICK = Limits(registry_seconds=1, registry_documents=3)
SECRET = base64.b64encode(b"user:secret").decode()
GZIP = f"{LAYER}+gzip"


@pytest.fixture(autouse=True)
def _no_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def login(tmp_path: Path) -> Callable[[Server], None]:
    def store(server: Server) -> None:
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": SECRET}}}))

    return store


def layer_of(repository: Repository) -> str:
    manifest = json.loads(repository.layout.blobs[repository.top])
    return str(manifest["layers"][0]["digest"])


def opened(server: Server, limits: Limits = DEFAULT, **options: str) -> Image:
    return open_image(server.name, limits=limits, **options)  # type: ignore[arg-type]  # only a platform


def refused(server: Server, limits: Limits = DEFAULT) -> ImageError:
    """The error of opening an image and reading its layers; it comes within five seconds."""
    started = time.monotonic()
    with pytest.raises(ImageError) as caught, opened(server, limits) as image:
        read(image)
    assert time.monotonic() - started < 5 * SLOW
    assert str(caught.value).startswith("layer 0" if caught.value.layer == 0 else server.name)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_well_behaved_registry() -> None:
    repository = Repository()
    with serving(repository) as server, opened(server) as image:
        assert not any(asked.path.endswith(layer_of(repository)) for asked in server.asked)
        assert len(read(image)) == 1
        assert image.reference == server.name
        assert not image.problems


def test_only_the_layers_that_are_asked_for() -> None:
    layers = (ONE, ONE + bytes(512), ONE + bytes(1024))
    repository = Repository(one_image(layers=layers))
    with serving(repository) as server, opened(server) as image:
        list(image.layers[1].operations())
        blobs = [asked.path.rpartition("/")[2] for asked in server.asked if "/blobs/" in asked.path]
        assert blobs == [
            str(json.loads(repository.layout.blobs[repository.top])["config"]["digest"]),
            image.layers[1].digest,
        ]


def test_112_reg_manifest_endless() -> None:
    repository = Repository(changed={"manifests/1": lambda answer: answer.endless(b" " * MIB)})
    with serving(repository) as server:
        assert isinstance(refused(server), LimitExceeded)
        assert server.sent < 64 * MIB


def test_112_reg_layer_endless() -> None:
    repository = Repository()
    repository.changed[layer_of(repository)] = lambda answer: answer.endless(bytes(MIB))
    with serving(repository) as server:
        assert refused(server).code == "size-mismatch"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"


@pytest.mark.parametrize(
    ("where", "drip"),
    [
        ("manifest", HEAD + b"X: " + b"y" * 60000),
        ("manifest", b"H" * 60000),
        ("layer", HEAD + b"\r\n" + b"{" * 60000),
        ("token", HEAD + b"\r\n" + b"{" * 60000),
    ],
    ids=["headers", "status", "layer", "token"],
)
def test_113_reg_slow_loris(where: str, drip: bytes) -> None:
    def slow(answer: Answer) -> None:
        answer.drip(drip, every=0.05)

    repository = Repository()
    if where == "token":
        repository.changed = {"manifests/1": challenge('Bearer realm="http://{host}/token",service="s"'), "pull": slow}
    else:
        repository.changed = {"manifests/1" if where == "manifest" else layer_of(repository): slow}
    with serving(repository) as server:
        assert refused(server, QUICK).code == "timeout"


@pytest.mark.parametrize("quick", [0, 400 * KIB, 2 * MIB])
def test_113_a_layer_that_drips_behind_a_quick_start(quick: int) -> None:
    """The rate is that of every window: what came before buys no time, and neither does a size of gigabytes."""
    repository = Repository(one_image(layers=(tar_of(("a", bytes(3 * MIB))),)))
    layer = layer_of(repository)

    def slow(answer: Answer) -> None:
        data = repository.layout.blobs[layer]
        answer.give(data[:quick], Content_Length=str(len(data)))
        answer.drip(data[quick:], every=0.01)

    repository.changed[layer] = slow
    with serving(repository) as server:
        error = refused(server, Limits(registry_window=1))
    assert error.code == "timeout"
    assert "16384 bytes a second" in str(error)


def test_113_a_layer_that_takes_its_time() -> None:
    """Slow, and never slower than the rate; and a reader that rests between two chunks loses nothing by it."""
    repository = Repository(one_image(layers=(tar_of(("a", bytes(30 * KIB))),)))
    layer = layer_of(repository)

    def slow(answer: Answer) -> None:
        data = repository.layout.blobs[layer]
        answer.give(data[:0], Content_Length=str(len(data)))
        for start in range(0, len(data), 8 * KIB):
            time.sleep(0.15)
            answer.wfile.write(data[start : start + 8 * KIB])

    repository.changed[layer] = slow
    with serving(repository) as server, opened(server, Limits(registry_window=1, registry_seconds=2)) as image:
        assert len(read(image)) == 1
        client = RegistryClient(server.host, REPOSITORY, limits=Limits(registry_window=1, registry_seconds=2))
        done = 0
        for chunk in client.stream(layer, len(repository.layout.blobs[layer])):
            done += len(chunk)
            time.sleep(0.7)
        client.close()
        assert done == len(repository.layout.blobs[layer])


def test_113_questions_for_foreign_layers_count_as_documents() -> None:
    """Hundreds of layers that lie elsewhere are asked for one by one."""
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    layout = Layout()
    layers = [layout.put(ONE + bytes(512 * number), kind) for number in range(20)]
    config = layout.put(config_of([ONE + bytes(512 * number) for number in range(20)]), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    layout.manifests = [layout.put(as_json(manifest), MANIFEST)]

    def slow(answer: Answer) -> None:
        time.sleep(0.3)
        answer.give(b"", 404)

    changed: dict[str, Callable[[Answer], None]] = {str(layer["digest"]): slow for layer in layers}
    with serving(Repository(layout, changed)) as server:
        assert refused(server, Limits(registry_documents=1)).code == "timeout"


def test_113_reg_silence() -> None:
    with serving(Repository(changed={"manifests/1": _wait})) as server:
        assert refused(server, QUICK).code == "timeout"


def _wait(answer: Answer) -> None:
    answer.server.stopping.wait(10)


def test_113_a_thousand_manifests_that_take_their_time() -> None:
    """Each within its second, and all together not."""
    layout = Layout()
    children = [layout.image((ONE + bytes(512 * index),)) for index in range(30)]
    layout.manifests = [layout.index(children)]

    def slow(answer: Answer) -> None:
        time.sleep(0.3)
        digest = answer.path.rpartition("/")[2]
        data = layout.blobs[str(layout.manifests[0]["digest"]) if digest == "1" else digest]
        answer.give(data, Content_Type=INDEX if digest == "1" else MANIFEST)

    changed: dict[str, Callable[[Answer], None]] = {"manifests/1": slow}
    changed |= {str(child["digest"]): slow for child in children}
    with serving(Repository(layout, changed)) as server:
        assert refused(server, QUICK).code == "timeout"


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_114_reg_error_body_1gb(status: int) -> None:
    def flood(answer: Answer) -> None:
        answer.endless(b"\x1b[2Jno" * 20000, status)

    with serving(Repository(changed={"manifests/1": flood})) as server:
        error = refused(server)
        assert error.code == "registry-error"
        assert "\x1b" not in str(error)
        assert len(str(error)) < 2000
        assert server.sent < 64 * MIB


def test_114_the_registrys_own_words() -> None:
    words = as_json({"errors": [{"code": "DENIED", "message": "quota\nexceeded"}]})
    with serving(Repository(changed={"manifests/1": lambda answer: answer.give(words, 403)})) as server:
        assert str(refused(server)).endswith("the registry answers 403: quota exceeded")


def test_115_reg_digest_header_lies() -> None:
    repository = Repository()
    data = repository.layout.blobs[repository.top]

    def lie(answer: Answer) -> None:
        answer.give(data, Content_Type=MANIFEST, Docker_Content_Digest=f"sha256:{'0' * 64}")

    repository.changed["manifests/1"] = lie
    with serving(repository) as server:
        assert refused(server).code == "digest-mismatch"


def test_115_another_manifest_for_a_digest() -> None:
    repository = Repository()
    wanted = f"sha256:{'1' * 64}"
    data = repository.layout.blobs[repository.top]
    repository.changed[wanted] = lambda answer: answer.give(data, Content_Type=MANIFEST, Docker_Content_Digest=wanted)
    with serving(repository) as server, pytest.raises(IntegrityError, match="should be"):
        open_image(f"registry:{server.host}/{REPOSITORY}@{wanted}")


@pytest.mark.parametrize("kind", [MANIFEST, INDEX])
def test_116_reg_content_type_lies(kind: str) -> None:
    layout = Layout()
    child = layout.image()
    index = layout.index([child])
    body = layout.blobs[str((index if kind == MANIFEST else child)["digest"])]
    own = json.loads(body)
    del own["mediaType"]
    lie = as_json(own)
    layout.manifests = [index]
    changed: dict[str, Callable[[Answer], None]] = {"manifests/1": lambda answer: answer.give(lie, Content_Type=kind)}
    with serving(Repository(layout, changed)) as server:
        assert refused(server).code == "ambiguous-manifest"


# --- 117: credentials -------------------------------------------------------------------------------------------------


def challenge(text: str) -> Callable[[Answer], None]:
    """Answers 401 until a request comes with credentials, and 403 then."""

    def answer(it: Answer) -> None:
        host = it.server.host
        it.give(b"", 403 if "Authorization" in it.headers else 401, WWW_Authenticate=text.replace("{host}", host))

    return answer


def test_117_basic_credentials_go_to_the_registry(login: Callable[[Server], None]) -> None:
    repository = Repository()
    with serving(repository) as server:
        login(server)
        real = dict(repository.changed)

        def guarded(answer: Answer) -> None:
            if answer.headers.get("Authorization") != f"Basic {SECRET}":
                answer.give(b"", 401, WWW_Authenticate='Basic realm="here"')
                return
            repository.changed = real
            repository(answer)
            repository.changed = {"": guarded}

        repository.changed = {"": guarded}
        with opened(server) as image:
            assert len(read(image)) == 1


def test_117_a_token_of_the_registry_itself(login: Callable[[Server], None]) -> None:
    repository = Repository()

    def guarded(answer: Answer) -> None:
        if answer.path.startswith("/token"):
            answer.give(as_json({"token": "t0k"}))
        elif answer.headers.get("Authorization") != "Bearer t0k":
            realm = f'Bearer realm="http://{answer.server.host}/token",service="s",scope="repository:{REPOSITORY}:*"'
            answer.give(b"", 401, WWW_Authenticate=realm)
        else:
            repository.changed = {}
            repository(answer)
            repository.changed = {"": guarded}

    repository.changed = {"": guarded}
    with serving(repository) as server:
        login(server)
        with opened(server) as image:
            assert len(read(image)) == 1
        token = next(asked for asked in server.asked if asked.path.startswith("/token"))
        assert token.headers["Authorization"] == f"Basic {SECRET}"
        assert "scope=repository%3Ateam%2Fapp%3Apull" in token.path


def test_117_reg_realm_ssrf(login: Callable[[Server], None]) -> None:
    """A realm at another port of the same machine is another service: it may give a token, and gets no password."""
    with serving(lambda answer: answer.give(as_json({"token": "x"}))) as other:
        realm = f'Bearer realm="http://{other.host}/token",service="s"'
        with serving(Repository(changed={"": challenge(realm)})) as server:
            login(server)
            error = refused(server)
        assert error.code == "registry-error"
        assert "credentials were not sent to 127.0.0.1" in str(error)
        assert other.asked
        assert not other.sent_authorization()
        assert not any(b"secret" in asked.body for asked in other.asked)


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://user:pw@127.0.0.1/",
        "//",
        "http://[",
        "http://",
        "x" * 3000,
    ],
)
def test_117_realms_that_are_none(realm: str, login: Callable[[Server], None]) -> None:
    with serving(Repository(changed={"": challenge(f'Bearer realm="{realm}",service="s"')})) as server:
        login(server)
        assert refused(server).code == "registry-error"
        assert not server.sent_authorization()


@pytest.mark.parametrize(
    "text", ["", "Negotiate", "Bearer", 'Bearer realm="', "Basic, Bearer", "\x7f", 'Bearer a="b' * 9]
)
def test_117_challenges_that_are_none(text: str) -> None:
    with serving(Repository(changed={"": challenge(text)})) as server:
        assert refused(server).code == "registry-error"


@pytest.mark.parametrize(
    "token", [b"{}", b"[]", b"null", b"{", b'{"token": 1}', b'{"token": "a\\nb: c"}', b'{"token":"\\u00e9"}']
)
def test_117_tokens_that_are_none(token: bytes) -> None:
    repository = Repository(changed={"pull": lambda answer: answer.give(token)})
    repository.changed["manifests/1"] = challenge('Bearer realm="http://{host}/token",service="s"')
    with serving(repository) as server:
        assert refused(server).code in {"registry-error", "bad-json"}
        assert not server.sent_authorization()


def test_117_reg_token_endless() -> None:
    repository = Repository(changed={"pull": lambda answer: answer.endless(b" " * MIB)})
    repository.changed["manifests/1"] = challenge('Bearer realm="http://{host}/token",service="s"')
    with serving(repository) as server:
        assert isinstance(refused(server), LimitExceeded)


def test_117_reg_redirect_cross_host(login: Callable[[Server], None]) -> None:
    """Blobs may lie in a store elsewhere: it is followed there, and the store sees no credentials."""
    repository = Repository()
    layer = layer_of(repository)
    with serving(lambda answer: answer.give(repository.layout.blobs[layer])) as store:
        with serving(repository) as server:
            login(server)

            def guarded(answer: Answer) -> None:
                if "Authorization" not in answer.headers:
                    answer.give(b"", 401, WWW_Authenticate='Basic realm="here"')
                elif answer.path.endswith(layer):
                    answer.give(b"", 307, Location=f"http://{store.host}/{layer}")
                else:
                    repository.changed = {}
                    repository(answer)
                    repository.changed = {"": guarded}

            repository.changed = {"": guarded}
            with opened(server) as image:
                assert len(read(image)) == 1
            assert server.sent_authorization()
        assert len(store.asked) == 1
        assert not store.sent_authorization()


SPELLED = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "017700000001",
    "2130706433",
    "0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "[::1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "inner.example",
    "127.0.0.1.",
]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry with a name, `registry.example`; a stand-in for a name server leads it to loopback, without TLS."""
    known = {"registry.example": "127.0.0.1", "inner.example": "127.0.0.1"}
    look_up = socket.getaddrinfo

    def answer(host: str, *more: Any, **options: Any) -> Any:
        return look_up(known.get(host, host), *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(RegistryClient, "_origin", lambda client: f"http://{client._host}")
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.parametrize("how", ["redirect", "realm", "redirect of a layer", "redirect of a token"])
@pytest.mark.parametrize("host", SPELLED)
def test_117_no_way_into_this_machine(host: str, how: str, public: None) -> None:
    """However it is written, and whatever its name says: no connection is made, not even to be closed again."""
    repository = Repository()
    with socket.create_server(("127.0.0.1", 0)) as inner, serving(repository) as server:
        url = f"http://{host}:{inner.getsockname()[1]}/token"
        realm = url if how == "realm" else f"http://registry.example:{server.server_port}/token"
        if "realm" in how or "token" in how:
            repository.changed["manifests/1"] = challenge(f'Bearer realm="{realm}",service="s"')
        leading = {
            "redirect": "manifests/1",
            "redirect of a layer": layer_of(repository),
            "redirect of a token": "pull",
        }
        if how in leading:
            repository.changed[leading[how]] = lambda answer: answer.give(b"", 307, Location=url)
        name = f"registry:registry.example:{server.server_port}/{REPOSITORY}:1"
        with pytest.raises(ImageError, match="this machine or its network") as caught, open_image(name) as image:
            read(image)
        assert caught.value.code == "registry-error"
        inner.settimeout(0.05)
        with pytest.raises(TimeoutError):
            inner.accept()


def test_117_credentials_cross_no_host(login: Callable[[Server], None]) -> None:
    """Not by a redirect that comes back, and not by a port or a scheme of the same machine."""
    repository = Repository()
    with serving(lambda answer: answer.give(b"", 307, Location=f"http://{server.host}/back")) as elsewhere:
        repository.changed["/back"] = lambda answer: answer.give(b"", 403)
        with serving(repository) as server:
            login(server)

            def guarded(answer: Answer) -> None:
                if "Authorization" not in answer.headers:
                    answer.give(b"", 401, WWW_Authenticate='Basic realm="here"')
                    return
                answer.give(b"", 307, Location=f"http://{elsewhere.host}/away")

            repository.changed["manifests/1"] = guarded
            assert refused(server).code == "registry-error"
            assert elsewhere.asked
            assert not elsewhere.sent_authorization()


def test_117_reg_foreign_urls() -> None:
    """A layer that lies elsewhere is asked for at the registry, and its address is left alone."""
    with serving(lambda answer: answer.give(ONE)) as elsewhere:
        layout = Layout()
        layer = layout.put(
            ONE, "application/vnd.oci.image.layer.nondistributable.v1.tar", urls=[f"http://{elsewhere.host}/"]
        )
        config = layout.put(config_of((ONE,)), CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        layout.manifests = [layout.put(as_json(manifest), MANIFEST)]
        del layout.blobs[str(layer["digest"])]
        with serving(Repository(layout)) as server, opened(server) as image:
            assert [problem.code for problem in image.problems if problem.fatal] == ["missing-foreign-layer"]
        assert not elsewhere.asked


# --- 118: bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_118_reg_redirect_loop(status: int) -> None:
    def loop(answer: Answer) -> None:
        answer.give(b"", status, Location=answer.path)

    with serving(Repository(changed={"": loop})) as server:
        assert "redirects more than" in str(refused(server))
        assert len(server.asked) < 20


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "http://[", "gopher://127.0.0.1/", "http://a:b@127.0.0.1/", "http://127.0.0.1:x/"],
)
def test_118_redirects_to_nowhere(location: str) -> None:
    with serving(Repository(changed={"manifests/1": lambda a: a.give(b"", 302, Location=location)})) as server:
        assert refused(server).code == "registry-error"


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: data[:0], lambda data: data[1:] + b"x"]
)
@pytest.mark.parametrize("what", ["layer", "config"])
def test_118_reg_short_blob_long_blob(change: Callable[[bytes], bytes], what: str) -> None:
    repository = Repository()
    manifest = json.loads(repository.layout.blobs[repository.top])
    digest = layer_of(repository) if what == "layer" else manifest["config"]["digest"]
    wrong = change(repository.layout.blobs[digest])
    repository.changed[digest] = lambda answer: answer.give(wrong)
    with serving(repository) as server:
        same = len(wrong) == len(repository.layout.blobs[digest])
        assert refused(server).code == ("digest-mismatch" if same else "size-mismatch")


def test_118_a_layer_that_breaks_off() -> None:
    """The registry goes away in the middle of a layer."""
    repository = Repository()
    layer = layer_of(repository)

    def broken(answer: Answer) -> None:
        data = repository.layout.blobs[layer]
        answer.give(data[:600], Content_Length=str(len(data)))
        answer.close_connection = True

    repository.changed[layer] = broken
    with serving(repository) as server:
        assert refused(server).code == "registry-error"


@pytest.mark.parametrize("what", ["manifest", "layer"])
def test_118_reg_gzip_content_encoding(what: str) -> None:
    """What is encoded on the way would be a bomb that no limit of the layer knows."""
    repository = Repository()
    digest = layer_of(repository) if what == "layer" else repository.top
    body = gzip.compress(repository.layout.blobs[digest])
    end = digest if what == "layer" else "manifests/1"
    repository.changed[end] = lambda answer: answer.give(body, Content_Encoding="gzip")
    with serving(repository) as server:
        assert refused(server).code == "registry-error"


def test_98_registry_index_loop() -> None:
    """An index that names its own tag's digest, whatever that is, cannot have it."""
    layout = Layout()
    wanted = f"sha256:{'2' * 64}"
    index = as_json(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": INDEX, "digest": wanted, "size": 1}]}
    )
    changed: dict[str, Callable[[Answer], None]] = {
        "manifests/1": lambda answer: answer.give(index, Content_Type=INDEX),
        wanted: lambda answer: answer.give(index, Content_Type=INDEX),
    }
    with serving(Repository(layout, changed)) as server:
        assert refused(server).code == "digest-mismatch"


def test_a_registry_that_is_gone() -> None:
    with serving(Repository()) as server:
        name = server.name
    with pytest.raises(ImageError, match=r"no answer from the registry.*refused") as caught:
        open_image(name)
    assert caught.value.code == "registry-error"


def test_no_such_image() -> None:
    with serving(Repository(changed={"manifests/1": lambda answer: answer.give(b"", 404)})) as server:
        assert refused(server).code == "no-such-image"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "app",
        "app:1",
        "team/app",
        "h.example/",
        "h.example/A:1",
        "h.example/../x",
        "--help",
        "h.example/a\nb",
        "h.example/a?x=1",
        "user@h.example/a",
        "h.example/a@sha256:12",
        "h.example:99999x/a",
        "https://h.example/a",
        "h.example/a#b",
        "h.example/" + "a" * 600,
    ],
)
def test_120_names_that_are_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setattr("socket.socket.connect", never)
    with pytest.raises(UsageError):
        open_image(f"registry:{name}")
