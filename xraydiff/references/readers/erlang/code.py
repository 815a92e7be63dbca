"""Where the modules and applications of Erlang and Elixir lie in an image: every `ebin` directory."""

from __future__ import annotations

from dataclasses import dataclass

from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references import Context

__all__ = ["PRELOADED", "Code", "code_of"]

PRELOADED = frozenset(
    (
        "atomics counters erl_init erl_prim_loader erl_tracer erlang erts_code_purger "
        "erts_dirty_process_signal_handler erts_internal erts_literal_area_collector erts_trace_cleaner init otp_ring0 "
        "persistent_term prim_buffer prim_eval prim_file prim_inet prim_net prim_socket prim_zip socket_registry zlib"
    ).split()
)
"""Modules inside the emulator (erts/preloaded): their files are never read."""
_MODULES = 200_000
"""Compiled modules of one image: OTP has 3,000."""
_VERSIONS = 16
"""Files of one name that are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Modules and application resource files by name."""

    modules: dict[str, list[ImagePath]]
    applications: dict[str, list[ImagePath]]

    def module(self, name: str, near: ImagePath) -> ImagePath | None:
        """The file of a module as seen from another file: beside it, in the same library directory, anywhere."""
        return None if name in PRELOADED else _nearest(self.modules.get(name, []), near)

    def application(self, name: str, near: ImagePath) -> ImagePath | None:
        """The resource file of an application, likewise."""
        return _nearest(self.applications.get(name, []), near)


def code_of(context: Context) -> Code:
    """One index for the whole walk."""
    code = Code(modules={}, applications={})
    count = 0
    for path, file in context.original.files.items():
        if not path.endswith((".beam", ".app")) or file.type is not FileType.FILE:
            continue
        count += 1
        if count > _MODULES:
            break
        name, _, suffix = basename(path).rpartition(".")
        paths = (code.modules if suffix == "beam" else code.applications).setdefault(name, [])
        if len(paths) < _VERSIONS:
            paths.append(path)
    return code


def _nearest(paths: list[ImagePath], near: ImagePath) -> ImagePath | None:
    """Versions of one application stand beside each other; the last name is the newest one."""
    folder = parent(near)
    library = parent(parent(folder))
    for start in (f"{folder}/", f"{library}/", "/"):
        here = [path for path in paths if path.startswith(start)]
        if here:
            return max(here) if start != f"{folder}/" else here[0]
    return None
