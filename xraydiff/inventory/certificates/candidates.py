"""Where certificates, keys and trust stores lie, on every distribution: decided by name, before anything is opened."""

from __future__ import annotations

import re

__all__ = ["BUNDLES", "DIRECTORIES", "is_bundle_name", "is_candidate", "is_hash_name"]

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch, Gentoo, distroless
    "/etc/ssl/cert.pem",  # Alpine, LibreSSL, Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/certs/ca-bundle.crt",  # NixOS, Fedora
    "/etc/ssl/certs/java/cacerts",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.trust.crt",
    "/etc/pki/java/cacerts",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/email-ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/objsign-ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt",
    "/etc/pki/ca-trust/extracted/java/cacerts",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",  # Arch
    "/etc/ca-certificates/extracted/ca-bundle.trust.crt",
    "/etc/certs/ca-certificates.crt",  # Solaris
    "/var/lib/ca-certificates/ca-bundle.pem",  # SUSE
    "/var/lib/ca-certificates/java-cacerts",
    "/usr/lib/ssl/cert.pem",  # OPENSSLDIR of Debian
    "/usr/lib/ssl/ca-bundle.pem",
    "/usr/share/ssl/certs/ca-bundle.crt",
    "/usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit",
    "/usr/local/ssl/cert.pem",  # OPENSSLDIR of an OpenSSL built by hand
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
DIRECTORIES = (
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/usr/lib/ssl/certs",
    "/usr/local/ssl/certs",
    "/usr/local/etc/ssl/certs",
    "/usr/local/etc/openssl/certs",
    "/etc/pki/ca-trust/extracted/pem/directory-hash",
    "/var/lib/ca-certificates/openssl",
    "/var/lib/ca-certificates/pem",
)

_BUNDLE_NAMES = frozenset(
    {
        "ca-certificates.crt",
        "ca-bundle.crt",
        "ca-bundle.pem",
        "ca-bundle.trust.crt",
        "ca-root-nss.crt",
        "cacert.pem",  # certifi, botocore, curl
        "cacert.crt",
        "cacerts",  # a JDK
        "jssecacerts",
        "java-cacerts",
        "cacerts.pem",
        "cacerts.txt",  # httplib2
        "curl-ca-bundle.crt",
        "roots.pem",  # gRPC
        "tls-ca-bundle.pem",
    }
)
_NAMES = frozenset({"id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "identity"})
"""Keys of OpenSSH users, which have no suffix; its hosts' are `ssh_host_*_key`."""
_SUFFIXES = frozenset("pem crt cer cert der key pk8 p12 pfx pkcs12 jks jceks keystore truststore p11-kit".split())
_FOLDERS = (
    "/usr/share/ca-certificates/",
    "/usr/local/share/ca-certificates/",
    "/usr/share/pki/",
    "/etc/pki/",
    "/etc/ssl/certs/",
    "/etc/ssl/private/",
    "/etc/ca-certificates/",
    "/var/lib/ca-certificates/",
)
_HASH = re.compile(r"[0-9a-f]{8}\.[0-9]{1,3}\Z")
"""The name that c_rehash and update-ca-certificates give to a certificate: the hash of its subject, and a number."""


def is_candidate(path: str, name: str) -> bool:
    """Whether a file of this path and basename may hold certificates or keys."""
    return (
        name[name.rfind(".") + 1 :].lower() in _SUFFIXES
        or name in _BUNDLE_NAMES
        or name in _NAMES
        or path.startswith(_FOLDERS)
        or (name.startswith("ssh_host_") and name.endswith("_key"))
        or is_hash_name(name)
    )


def is_bundle_name(name: str) -> bool:
    """Whether a file of this basename is a trust store wherever it lies, if it holds certificates."""
    return name in _BUNDLE_NAMES


def is_hash_name(name: str) -> bool:
    """Whether a directory entry is how OpenSSL finds a certificate in a hashed directory."""
    return name[8:9] == "." and _HASH.match(name) is not None
