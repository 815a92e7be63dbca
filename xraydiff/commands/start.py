"""What the start command of an image is: environment, PATH, WORKDIR, ENTRYPOINT and CMD as an engine combines them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xraydiff.facts import FileType, ImageConfig
from xraydiff.paths import ROOT, ImagePath, image_path, join
from xraydiff.tree import FileTree

__all__ = [
    "DEFAULT_PATH",
    "environment",
    "find_executable",
    "health_command",
    "search_path",
    "start_command",
    "user_name",
    "working_directory",
]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What an engine sets where the config sets no PATH (moby, oci/defaults.go)."""
DEFAULT_SHELL = ("/bin/sh", "-c")


def environment(config: ImageConfig) -> Mapping[str, str]:
    """Env of the config as a mapping; of a name set twice the last value counts, a line without `=` is left out."""
    pairs = (line.partition("=") for line in config.env)
    return {name: value for name, equals, value in pairs if name and equals}


def working_directory(config: ImageConfig) -> ImagePath:
    """WORKDIR, the root where there is none."""
    return image_path(config.workdir)


def search_path(config: ImageConfig) -> tuple[ImagePath, ...]:
    """The directories of PATH in order, each once; an empty or relative one counts from WORKDIR (environ(7))."""
    cwd = working_directory(config)
    text = environment(config).get("PATH", DEFAULT_PATH)
    return tuple(dict.fromkeys(join(cwd, part) for part in text.split(":")))


def start_command(config: ImageConfig) -> tuple[str, ...]:
    """ENTRYPOINT followed by CMD; empty where the image has neither."""
    return (*(config.entrypoint or ()), *(config.cmd or ()))


def health_command(config: ImageConfig) -> tuple[str, ...]:
    """The words that HEALTHCHECK runs: of `CMD-SHELL` by SHELL or `/bin/sh -c`; empty for none, or `NONE`."""
    test = config.healthcheck.test if config.healthcheck else ()
    match test:
        case ("CMD", *words):
            return tuple(words)
        case ("CMD-SHELL", *words):
            return (*(config.shell or DEFAULT_SHELL), *words)
        case _:
            return ()


def user_name(config: ImageConfig) -> tuple[str, str]:
    """User and group of USER as written (`name`, `uid`, `name:group`); empty for what is not given."""
    user, _, group = config.user.partition(":")
    return user, group


def find_executable(word: str, tree: FileTree, path: Iterable[ImagePath], cwd: ImagePath = ROOT) -> ImagePath | None:
    """The file that execvp(3) would start for a command word: a name with its links unresolved, or None.

    A word with a slash counts from `cwd`; any other is looked up in the directories of `path`. It must be a regular
    file that somebody may execute.
    """
    candidates: Iterable[ImagePath] = (join(cwd, word),) if "/" in word else (join(one, word) for one in path)
    if not word or word in (".", ".."):
        return None
    for candidate in candidates:
        file = tree.resolve(candidate).file
        if file is not None and file.type is FileType.FILE and file.mode & 0o111:
            return candidate
    return None
