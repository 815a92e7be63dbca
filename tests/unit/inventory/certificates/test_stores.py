"""JKS, JCEKS and PKCS#12, with every scheme that a default password may open."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.certificate_files import certificate, jks, made, p12
from xraydiff.inventory.certificates.keystores import is_jks, read_jks
from xraydiff.inventory.certificates.pbe import Rounds
from xraydiff.inventory.certificates.pkcs12 import is_pkcs12, read_pkcs12
from xraydiff.limits import DEFAULT, Limits

A, B = certificate("a"), certificate("b")
PAIR = (made("a"), made("b"))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("magic", [0xFEEDFEED, 0xCECECECE])
def test_trusted_certificates_of_java_s_own_formats(version: int, magic: int) -> None:
    data = jks([A, B], version=version, magic=magic)
    assert is_jks(data)
    store = read_jks(data, DEFAULT)
    assert (store.certificates, store.private_key, store.hidden, store.problem) == ([A, B], False, False, "")


def test_private_keys_with_their_chain() -> None:
    store = read_jks(jks([A], chains=[[A, B]]), DEFAULT)
    assert (store.certificates, store.private_key, store.encrypted) == ([A, A, B], True, True)


def test_a_store_cut_anywhere_keeps_what_stands_before() -> None:
    data = jks([A, B])
    for at in range(4, len(data) - 20):
        store = read_jks(data[:at], DEFAULT)
        assert store.problem
        assert len(store.certificates) < 2


def test_jks_that_lies() -> None:
    assert "version 3" in read_jks(jks([A], version=3), DEFAULT).problem
    assert "kind 3" in read_jks(struct.pack(">IIIIHQ", 0xFEEDFEED, 2, 1, 3, 0, 0), DEFAULT).problem
    assert read_jks(struct.pack(">III", 0xFEEDFEED, 2, 2**32 - 1), DEFAULT).problem
    assert "more than 1" in read_jks(jks([A, B]), Limits(certificates=1)).problem


def read(data: bytes, rounds: int = DEFAULT.keystore_iterations) -> tuple[list[bytes], bool, bool, bool, str]:
    assert is_pkcs12(data)
    store = read_pkcs12(data, DEFAULT, Rounds(rounds))
    return sorted(store.certificates), store.hidden, store.private_key, store.encrypted, store.problem


BOTH = sorted((A, B))


def test_a_plain_store() -> None:
    assert read(p12(PAIR)) == (BOTH, False, False, False, "")


@pytest.mark.parametrize("scheme", list(pkcs12.PBES))
def test_the_default_password_of_java_opens(scheme: pkcs12.PBES) -> None:
    assert read(p12(PAIR, password=b"changeit", scheme=scheme)) == (BOTH, False, False, False, "")


@pytest.mark.parametrize("scheme", list(pkcs12.PBES))
def test_another_password_hides(scheme: pkcs12.PBES) -> None:
    assert read(p12(PAIR, password=b"other", scheme=scheme)) == ([], True, False, False, "")


def test_keys_are_told_without_being_opened() -> None:
    assert read(p12(PAIR, key=True)) == (BOTH, False, True, False, "")
    certificates, hidden, key, encrypted, _ = read(p12(PAIR, key=True, password=b"other"))
    assert (certificates, hidden, key, encrypted) == ([], True, True, True)


def test_rounds_are_counted_before_they_are_spent() -> None:
    store = p12(PAIR, password=b"changeit", scheme=pkcs12.PBES.PBESv2SHA256AndAES256CBC, rounds=5000)
    assert read(store, rounds=15_000)[0] == BOTH
    certificates, _, _, _, problem = read(store, rounds=14_999)
    assert certificates == []
    assert "takes 5000 rounds" in problem


def test_a_store_that_asks_for_billions_is_not_tried() -> None:
    data = p12(PAIR, password=b"changeit", scheme=pkcs12.PBES.PBESv2SHA256AndAES256CBC, rounds=5000)
    lying = data.replace(b"\x02\x02\x13\x88", b"\x02\x02\x7f\xff")
    assert lying != data
    assert "32767 rounds" in read(lying, rounds=20_000)[4]


def test_every_prefix_and_flipped_byte_is_answered() -> None:
    data = p12((made("a"),), password=b"changeit", rounds=1)
    rounds = Rounds(10**6)
    for at in range(len(data)):
        read_pkcs12(data[:at], DEFAULT, rounds)
        read_pkcs12(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], DEFAULT, rounds)


def test_more_certificates_than_the_bound() -> None:
    store = read_pkcs12(p12(PAIR), Limits(certificates=1), Rounds(1))
    assert "more than 1" in store.problem
    assert len(store.certificates) == 1
