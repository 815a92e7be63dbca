from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xraydiff.paths import ancestors, components, decoded, encoded, escaped, image_path, is_below, parent, unescaped

names = st.binary(max_size=40).map(decoded) | st.text(alphabet="a/.\\x\u202e\x1b\u00e9", max_size=12)


@given(names)
def test_escaping_gives_the_name_back(name: str) -> None:
    assert unescaped(escaped(name)) == name


@given(names, names)
def test_distinct_names_stay_distinct(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


@given(names)
def test_an_escaped_name_is_one_line_of_valid_unicode(name: str) -> None:
    text = escaped(name)
    assert text.isprintable() or all(char.isspace() or ord(char) > 0x9F for char in text if not char.isprintable())
    assert "\n" not in text
    assert "\x1b" not in text
    text.encode("utf-8")


@given(st.binary(max_size=40))
def test_every_byte_string_has_its_own_name(raw: bytes) -> None:
    assert encoded(decoded(raw)) == raw


@given(names)
def test_normal_forms_are_absolute_and_stable(name: str) -> None:
    path = image_path(name)
    assert path.startswith("/")
    assert image_path(path) == path
    assert not {"", ".", ".."} & set(path[1:].split("/")) or path == "/"
    assert len(list(ancestors(path))) == len(components(path))
    assert path == "/" or is_below(path, parent(path))
