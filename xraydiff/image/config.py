"""What an image config says: OCI image-spec, config.md, with the fields that Docker adds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.errors import LimitExceeded, UnsupportedImage
from xraydiff.facts import Healthcheck, History, ImageConfig, Platform
from xraydiff.image.json_text import Fields, canonical_json, parse_json, shown
from xraydiff.limits import Limits

__all__ = ["canonical", "parse_config"]

_WHAT = "the image config"
_DIFF_ID = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def parse_config(data: bytes, *, limits: Limits) -> ImageConfig:
    """Read the JSON of an image config.

    Raises `ImageError` of code `bad-json` that names the field where it has the wrong type, `LimitExceeded` for a
    config that is too large or has too many layers, `UnsupportedImage` for a Windows image.
    """
    top = Fields(parse_json(data, what=_WHAT, limits=limits), what=_WHAT)
    platform = Platform(os=top.text("os"), architecture=top.text("architecture"), variant=top.text("variant"))
    if platform.os.lower() == "windows":
        raise UnsupportedImage("a Windows image, whose layers are no plain changesets of files")
    inner = top.nested("config") or Fields({}, what=_WHAT, place="config")
    return ImageConfig(
        platform=platform,
        user=inner.text("User"),
        exposed_ports=inner.keys("ExposedPorts"),
        env=inner.texts("Env") or (),
        entrypoint=inner.texts("Entrypoint", or_one=True),
        cmd=inner.texts("Cmd", or_one=True),
        volumes=inner.keys("Volumes"),
        workdir=inner.text("WorkingDir"),
        labels=tuple(inner.mapping("Labels").items()),
        stop_signal=inner.text("StopSignal"),
        healthcheck=_healthcheck(inner),
        shell=inner.texts("Shell", or_one=True),
        onbuild=inner.texts("OnBuild") or (),
        diff_ids=_diff_ids(top, limits),
        history=_history(top, limits),
    )


def canonical(config: ImageConfig) -> tuple[tuple[str, str], ...]:
    """The fields that a config sets, each with its value as canonical JSON, sorted by field.

    `env.NAME` and `labels.NAME` stand for each variable and label. The value of a variable is a string; null where the
    entry has no `=`, a list where the config sets it several times. History and diff_ids are no settings.
    """
    return tuple(sorted((field, canonical_json(value)) for field, value in _set_fields(config)))


def _set_fields(config: ImageConfig) -> Iterator[tuple[str, object]]:
    plain: tuple[tuple[str, object], ...] = (
        ("architecture", config.platform.architecture),
        ("os", config.platform.os),
        ("variant", config.platform.variant),
        ("user", config.user),
        ("exposed_ports", config.exposed_ports),
        ("volumes", config.volumes),
        ("workdir", config.workdir),
        ("stop_signal", config.stop_signal),
        ("onbuild", config.onbuild),
    )
    yield from ((field, value) for field, value in plain if value)
    lists = (("entrypoint", config.entrypoint), ("cmd", config.cmd), ("shell", config.shell))
    yield from ((field, value) for field, value in lists if value is not None)
    yield from _environment(config.env)
    yield from ((f"labels.{name}", value) for name, value in config.labels)
    if config.healthcheck is not None:
        yield "healthcheck", _healthcheck_json(config.healthcheck)


def _environment(env: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    values: dict[str, list[str | None]] = {}
    for entry in env:
        name, equals, value = entry.partition("=")
        values.setdefault(name, []).append(value if equals else None)
    for name, several in values.items():
        yield f"env.{name}", several[0] if len(several) == 1 else several


def _healthcheck_json(check: Healthcheck) -> dict[str, object]:
    times = {
        "interval": check.interval,
        "timeout": check.timeout,
        "start_period": check.start_period,
        "start_interval": check.start_interval,
        "retries": check.retries,
    }
    return {"test": check.test, **{name: value for name, value in times.items() if value}}


def _healthcheck(inner: Fields) -> Healthcheck | None:
    check = inner.nested("Healthcheck")
    if check is None:
        return None
    return Healthcheck(
        test=check.texts("Test") or (),
        interval=check.integer("Interval") or 0,
        timeout=check.integer("Timeout") or 0,
        start_period=check.integer("StartPeriod") or 0,
        start_interval=check.integer("StartInterval") or 0,
        retries=check.integer("Retries") or 0,
    )


def _diff_ids(top: Fields, limits: Limits) -> tuple[str, ...]:
    rootfs = top.nested("rootfs")
    if rootfs is None:
        return ()
    kind = rootfs.text("type")
    if kind not in ("", "layers"):
        raise UnsupportedImage(f"rootfs.type of the image config is {shown(kind)}, not layers")
    diff_ids = rootfs.texts("diff_ids") or ()
    if len(diff_ids) > limits.layers:
        message = f"{_WHAT} lists {len(diff_ids)} layers, more than {limits.layers}"
        raise LimitExceeded(message, hint="limit layers")
    for index, diff_id in enumerate(diff_ids):
        if not _DIFF_ID.fullmatch(diff_id):
            raise rootfs.bad(f"diff_ids[{index}]", f"is no digest: {shown(diff_id)}")
    return diff_ids


def _history(top: Fields, limits: Limits) -> tuple[History, ...]:
    return tuple(
        History(created_by=line.text("created_by"), comment=line.text("comment"), empty_layer=line.flag("empty_layer"))
        for line in top.nested_list("history", most=limits.history) or ()
    )
