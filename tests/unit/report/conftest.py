"""A report with something in every part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xraydiff.facts import (
    Certainty,
    Certificate,
    EdgeKind,
    Evidence,
    FileType,
    Finding,
    Firing,
    Group,
    Inventory,
    Outlook,
    Owner,
    OwnerKind,
    Package,
    PrivateKey,
    Privilege,
    PrivilegeKind,
    Problem,
    Runtime,
    Scope,
    Severity,
    Suggestion,
    Tool,
    ToolClass,
    TrustStore,
    User,
    When,
)
from xraydiff.report.document import (
    Coverage,
    ImageSummary,
    Inspection,
    RemovedBy,
    Report,
    ReportedChange,
    ReportedConfigChange,
    Summary,
)

APPLICATION = Owner(kind=OwnerKind.APPLICATION)


def _inventory() -> Inventory:
    return Inventory(
        packages=(Package(ecosystem="dpkg", name="libc6", version="2.36-9", depends=("libgcc-s1",)),),
        certificates=(Certificate(path="/etc/ssl/certs/a.pem", sha256="ab" * 32, subject="CN=a"),),
        private_keys=(PrivateKey(path="/etc/ssl/private/k.pem", kind="RSA PRIVATE KEY"),),
        trust_stores=(TrustStore(path="/etc/ssl/certs/ca-certificates.crt", kind="bundle", count=140),),
        tools=(Tool(tool=ToolClass.SHELL, path="/bin/sh", target="/usr/bin/dash"),),
        headers=("/usr/include",),
        homes=("/root",),
        temporary=("/tmp",),
        users=(User(name="root", uid=0, gid=0, home="/root", shell="/bin/bash"),),  # noqa: S604  the login shell of passwd(5)
        groups=(Group(name="adm", gid=4, members=("syslog",)),),
        privileges=(Privilege(path="/usr/bin/su", kind=PrivilegeKind.SETUID, detail="4755"),),
        runtimes=(Runtime(language="python", path="/usr/bin/python3.11", version="3.11.2"),),
        package_databases=("/var/lib/dpkg/status",),
        extra={"fonts": ("/usr/share/fonts",)},
    )


def _findings() -> tuple[Finding, ...]:
    why = Evidence(
        source="/app/report.sh",
        target="/usr/bin/date",
        kind=EdgeKind.EXECUTES,
        firing=Firing.DEFERRED,
        certainty=Certainty.LIKELY,
        detail="date",
        line=3,
        source_owner=APPLICATION,
        target_status="removed",
    )
    root = Evidence(
        source="config of original",
        target="/app/report.sh",
        kind=EdgeKind.EXECUTES,
        firing=Firing.LOAD,
        certainty=Certainty.PROVEN,
    )
    return (
        Finding(
            rule="SHL001",
            severity=Severity.HIGH,
            certainty=Certainty.LIKELY,
            when=When.USE,
            subject="/usr/bin/date",
            message="/app/report.sh runs date, which is gone",
            evidence=(root, why),
            restore=("/usr/bin/date", "/lib/a.so", "/lib/b.so", "/lib/c.so"),
            fingerprint="00000000000000aa",
        ),
        Finding(
            rule="STA001",
            severity=Severity.LOW,
            certainty=Certainty.PROVEN,
            subject="/var/log/app.log",
            message="a log of the build run is baked in",
            fingerprint="00000000000000bb",
        ),
    )


def _change(path: str, *, package: str = "", moved_to: str = "") -> ReportedChange:
    made = ReportedChange(path=path, type="file", size=1234, mode=0o755, uid=0, gid=0)
    return replace(made, package=package, removed_class="tool" if package else "", moved_to=moved_to)


@pytest.fixture
def report() -> Report:
    return Report(
        tool="xraydiff 0.1.0",
        complete=True,
        problems=(
            Problem(image="slim", layer=0, path="/a", offset=512, code="duplicate-entry", message="twice", fatal=False),
        ),
        coverage=(Coverage(reader="elf", reached=3, parsed=2, not_understood=1),),
        rules=("SHL001", "STA001"),
        original=ImageSummary(
            reference="app.tar", digest="sha256:1", platform="linux/amd64", layers=13, files=9000, bytes=515_200_000
        ),
        slim=ImageSummary(
            reference="app.slim.tar", digest="sha256:2", platform="linux/amd64", layers=1, files=800, bytes=167_000_000
        ),
        summary=Summary(
            kept=700,
            removed=8300,
            added=5,
            changed=2,
            moved=1,
            removed_bytes=348_200_000,
            added_bytes=10,
            layers="13 -> 1",
            findings=(("critical", 0), ("high", 1), ("medium", 0), ("low", 1), ("info", 0)),
            removed_by_class=(
                RemovedBy(name="documentation", count=10, bytes=5),
                RemovedBy(name="library", count=2, bytes=900),
            ),
            removed_by_package=(RemovedBy(name="coreutils", count=2, bytes=900),),
            outlook=Outlook.RISKY,
        ),
        removed=(_change("/usr/bin/date", package="coreutils"),),
        added=(_change("/etc/hosts"),),
        changed=(
            ReportedChange(
                path="/etc",
                type="dir",
                size=0,
                mode=0o777,
                uid=0,
                gid=0,
                aspects=("mode",),
                before="mode 0755",
                after="mode 0777",
            ),
        ),
        moved=(_change("/lib/x", moved_to="/usr/lib/x"),),
        config_changes=(ReportedConfigChange(field="healthcheck", before='["CMD","a\\\\b"]', after=None),),
        original_inventory=_inventory(),
        slim_inventory=Inventory(),
        findings=_findings(),
        suggestions=(
            Suggestion(
                path="/usr/bin/date",
                kind=FileType.FILE,
                bytes=100,
                certainty=Certainty.LIKELY,
                findings=("00000000000000aa",),
            ),
        ),
    )


@pytest.fixture
def inspection(report: Report) -> Inspection:
    return Inspection(
        tool=report.tool,
        complete=False,
        problems=(Problem(code="tar-truncated", message="cut short", scope=Scope.READING),),
        image=report.original,
        config=(("cmd", '["sh"]'), ("env.PATH", '"/bin"')),
        inventory=report.original_inventory,
    )
