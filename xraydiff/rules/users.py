"""USR: users and groups."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.case import Case, Need
from xraydiff.facts import Certainty, Finding, Severity, When
from xraydiff.rules import listed, missed, rule, targets

_NOBODY = 65534


@rule("USR001", "identity-missing", Severity.HIGH)
def identity_missing(case: Case) -> Iterator[Finding]:
    """Something names a user or group, and the file that defines it is gone."""
    for cause in case.causes_of(Need.IDENTITY):
        severity = Severity.CRITICAL if cause.stops_start else Severity.HIGH
        message = f"{cause.source} names a user or group, and {targets(cause)} is gone"
        yield missed(cause, severity=severity, message=message)


@rule("USR002", "start-user-unknown", Severity.CRITICAL)
def start_user_unknown(case: Case) -> Iterator[Finding]:
    """The image's USER is a name that the slim image does not define, so no container starts."""
    user, _, group = case.slim.config.user.partition(":")
    users = {entry.name for entry in case.slim.inventory.users}
    groups = {entry.name for entry in case.slim.inventory.groups}
    had_user = any(entry.name == user for entry in case.original.inventory.users)
    had_group = any(entry.name == group for entry in case.original.inventory.groups)
    for name, lost in ((user, had_user and user not in users), (group, had_group and group not in groups)):
        if lost:
            file = "/etc/passwd" if name == user else "/etc/group"
            yield Finding(
                severity=Severity.CRITICAL,
                certainty=Certainty.PROVEN,
                when=When.START,
                subject=name,
                subject_kind="user",
                message=f"USER is {case.slim.config.user}, and the slim {file} does not define {name}",
                restore=(file,),
            )


@rule("USR003", "users-changed", Severity.INFO)
def users_changed(case: Case) -> Iterator[Finding]:
    """Users, groups or home directories of the original are gone, and nothing left is known to name them."""
    gone = {
        "users": {user.name for user in case.original.inventory.users} - {u.name for u in case.slim.inventory.users},
        "groups": {one.name for one in case.original.inventory.groups} - {g.name for g in case.slim.inventory.groups},
        "home directories": _own_homes(case) - set(case.slim.inventory.homes),
    }
    for what, names in gone.items():
        if names:
            shown = tuple(sorted(names))
            yield Finding(
                severity=Severity.INFO,
                certainty=Certainty.PROVEN,
                subject=what,
                subject_kind="group",
                message=f"{what} gone: {listed(shown, 6)}",
                count=len(shown),
            )


def _own_homes(case: Case) -> set[str]:
    """Homes of people, of root and of USER: those of system accounts are places such as /usr/games and /var/mail."""
    name = case.original.config.user.partition(":")[0]
    people = {
        user.home
        for user in case.original.inventory.users
        if user.uid == 0 or 1000 <= user.uid < _NOBODY or user.name == name
    }
    return people & set(case.original.inventory.homes)
