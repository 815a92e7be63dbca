"""Every exception that this package raises on purpose: one root, children by whose fault it is."""

from __future__ import annotations


class XraydiffError(Exception):
    """Root of all errors of this package; `str()` is one clear line for a person.

    The place is kept apart from the message: `image` is a reference without the host's directories, `layer` counts from
    0 as in the manifest, `path` is a path inside the image or archive, `offset` counts uncompressed bytes.
    `code` is a stable word of a few letters and dashes (`tar-bad-header`), for tests and for `problems[]` of a report.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        image: str | None = None,
        layer: int | None = None,
        path: str | None = None,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.image = image
        self.layer = layer
        self.path = path
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        """`image: layer 2: /etc/x: at byte 512: message (hint)`, with only the parts that are known."""
        place = [self.image] if self.image else []
        if self.layer is not None:
            place.append(f"layer {self.layer}")
        if self.path is not None:
            place.append(self.path)
        if self.offset is not None:
            place.append(f"at byte {self.offset}")
        line = ": ".join([*place, self.message])
        return f"{line} ({self.hint})" if self.hint else line


class ImageError(XraydiffError):
    """The image or archive is not what it should be: not an image, malformed, a blob missing."""

    code = "bad-image"


class IntegrityError(ImageError):
    """Bytes do not match the digest or size that was promised for them (OCI image-spec, descriptor.md)."""

    code = "digest-mismatch"


class LimitExceeded(ImageError):  # noqa: N818  the name says what happened, as in DESIGN.md
    """A bound of `Limits` was crossed."""

    code = "limit-exceeded"


class WorkLimit(XraydiffError):  # noqa: N818
    """All steps that one comparison may take are spent (`Limits.work_steps`): no single file is at fault."""

    code = "work-limit"


class UnsupportedImage(ImageError):  # noqa: N818
    """A real image of a kind that this package does not read (Windows, schema 1, encrypted layers)."""

    code = "unsupported-image"


class ImageClosedError(XraydiffError):
    """Content was asked of an image after it was closed."""

    code = "image-closed"


class UsageError(XraydiffError):
    """The call itself is wrong: an output that is an input, an unknown name, a malformed reference."""

    code = "usage"


class PolicyError(XraydiffError):
    """A policy file is wrong; the message ends in line and field (`line 4: waivers[2].expires`)."""

    code = "bad-policy"


class ReportError(XraydiffError):
    """A stored report that its schema refuses."""

    code = "bad-report"


class PluginError(XraydiffError):
    """An installed plug-in does not import, has the wrong type, raised, or takes a name that is taken."""

    code = "bad-plugin"
