"""The inventory of one image: every whole-tree reader, ours and plugged-in ones, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xraydiff.commands.start import environment, working_directory
from xraydiff.errors import PluginError, XraydiffError
from xraydiff.facts import ImageConfig, Inventory, Problem
from xraydiff.inventory.certificates import read_certificates
from xraydiff.inventory.directories import find_headers, find_homes, find_temporary
from xraydiff.inventory.packages import read_packages
from xraydiff.inventory.privileges import read_privileges
from xraydiff.inventory.protocol import Inventory as PluggedIn
from xraydiff.inventory.runtimes import read_runtimes
from xraydiff.inventory.tools import read_tools
from xraydiff.inventory.users import read_shells, read_users
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import join
from xraydiff.tree import FileTree

__all__ = ["take"]

_TRUST_VARIABLES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
)
"""Variables that name a trust store, or several with colons between."""


def take(
    tree: FileTree, config: ImageConfig, *, limits: Limits = DEFAULT, inventories: Iterable[PluggedIn] = ()
) -> tuple[Inventory, tuple[Problem, ...]]:
    """What an image holds, and the problems of all readers, each sorted.

    Lines of `inventories` stand in `extra` by their name. Raises `PluginError` where one of them raises or gives
    anything but lines and problems, `ImageError` where bytes of the image are missing.
    """
    packages, databases, package_problems = read_packages(tree, limits=limits)
    certificates, keys, stores, certificate_problems = read_certificates(
        tree, limits=limits, named=_trust_places(config)
    )
    users, groups, user_problems = read_users(tree, limits=limits)
    shells, shell_problems = read_shells(tree, limits=limits)
    privileges, privilege_problems = read_privileges(tree, limits=limits)
    extra, plugin_problems = _extra(tree, config, inventories)
    inventory = Inventory(
        packages=packages,
        certificates=certificates,
        private_keys=keys,
        trust_stores=stores,
        tools=read_tools(tree, config, shells=shells),
        headers=find_headers(tree),
        homes=find_homes(tree, users),
        temporary=find_temporary(tree, config),
        users=users,
        groups=groups,
        privileges=privileges,
        runtimes=read_runtimes(tree),
        package_databases=databases,
        extra=extra,
    )
    problems = (
        *package_problems,
        *certificate_problems,
        *user_problems,
        *shell_problems,
        *privilege_problems,
        *plugin_problems,
    )
    return inventory, tuple(sorted(problems))


def _trust_places(config: ImageConfig) -> tuple[str, ...]:
    """Paths that the environment names as trust stores."""
    env, cwd = environment(config), working_directory(config)
    parts = (part for name in _TRUST_VARIABLES for part in env.get(name, "").split(":") if part)
    return tuple(dict.fromkeys(join(cwd, part) for part in parts))


def _extra(
    tree: FileTree, config: ImageConfig, inventories: Iterable[PluggedIn]
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    lines: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for inventory in sorted(inventories, key=lambda one: one.name):
        said = list(_said(tree, config, inventory))
        lines[inventory.name] = tuple(sorted(one for one in said if isinstance(one, str)))
        problems += [one for one in said if isinstance(one, Problem)]
    return lines, problems


def _said(tree: FileTree, config: ImageConfig, inventory: PluggedIn) -> Iterator[str | Problem]:
    """What a plug-in says, checked; an error of ours goes through as it is, for the image is to blame."""
    try:
        said = list(inventory.take(tree, config))
    except XraydiffError:
        raise
    except Exception as error:
        raise PluginError(f"inventory {inventory.name!r}: {type(error).__name__}: {error}") from error
    for one in said:
        if not isinstance(one, str | Problem):
            raise PluginError(f"inventory {inventory.name!r} gives a {type(one).__name__}, no line and no problem")
        yield one
