"""Quoted-printable in pieces: however they are put together, they say what the texts said."""

import binascii
import html

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail import template as module
from gatepost.mail.quoted import Value, compile_quoted, quoted

_TEXT = st.text(
    st.sampled_from("ab é=._-\t\r\n\x00\x85\u2028李") | st.characters(exclude_categories=["Cs"]), max_size=200
)
_PIECES = st.lists(_TEXT | st.sampled_from([".", "\n", " ", "", "\n.", ".\n", "x" * 75, "é" * 30]), max_size=8)


def decoded(encoded: str) -> str:
    return binascii.a2b_qp(encoded.encode("ascii")).decode("utf-8").replace("\r\n", "\n")


def meant(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def assert_is_quoted_printable(encoded: str) -> None:
    assert encoded.isascii()
    assert encoded.count("\r\n") == encoded.count("\r") == encoded.count("\n")
    lines = encoded.split("\r\n")
    assert "." not in lines
    assert all(len(line) <= 76 and not line.endswith((" ", "\t")) for line in lines)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(_PIECES)
def test_pieces_say_together_what_they_say_alone(texts: list[str]) -> None:
    """Each piece begins and ends a line, so a neighbour changes nothing."""
    encoded = "".join(map(quoted, texts))
    assert_is_quoted_printable(encoded)
    assert "".join(map(meant, texts)) == decoded(encoded)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("a", "a=\r\n"),
        ("a \n", "a=20\r\n"),
        ("a ", "a =\r\n"),
        (".", ".=\r\n"),
        (".\n", "=2E\r\n"),
        ("é=\n", "=C3=A9=3D\r\n"),
        ("a\r.\rb\n", "a\r\n=2E\r\nb\r\n"),
        ("a\n\r.\n\rb\n", "a\r\n\r\n=2E\r\n\r\nb\r\n"),
        ("x" * 74, "x" * 74 + "=\r\n"),
        ("x" * 75, "x" * 75 + "=\r\n=\r\n"),
        ("x" * 76, "x" * 75 + "=\r\nx=\r\n"),
    ],
)
def test_a_piece_is_whole_lines(text: str, encoded: str) -> None:
    """The text's own line ends become CRLF; a piece within a line ends with a soft break; no dot stands alone."""
    assert encoded == quoted(text)


_BLOCKS = st.sampled_from(
    [
        *("{{ name }}", "{{ page }}", "{{ name | as_name }}", "{{ '<b>.' }}", "{% raw %}{{ x }}{% endraw %}", ".\n"),
        *("{% if name %}", "{% if not page %}", "{% if name == 'Ada' and page %}", "{% else %}", "{% endif %}"),
        *("{% if name or page %}\n.{{ name }}.\n{% endif %}\n", "Hi <b>é</b> = \n", "  ", "\n", "x" * 80),
    ]
)
_VALUES = st.text(st.sampled_from("ab é=.<&\"' 李"), max_size=90).map(str.strip)


def filled(environment: jinja2.Environment, source: str, values: dict[str, str]) -> tuple[str, str | None]:
    compiled = compile_quoted(environment, source)
    encoded = compiled.render({name: Value(value) for name, value in values.items()}) if compiled else None
    return environment.from_string(source).render(values), encoded


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.lists(_BLOCKS, max_size=10).map("".join), _VALUES, _VALUES, st.sampled_from([module._PLAIN, module._ESCAPING])
)
def test_a_template_says_the_same_encoded(source: str, name: str, page: str, environment: jinja2.Environment) -> None:
    """Whatever a template chooses, decoded it reads as the plain one does, but for white space around it."""
    try:
        said, encoded = filled(environment, source, {"name": name, "page": page})
    except jinja2.TemplateSyntaxError:
        return
    assert encoded is not None
    assert_is_quoted_printable(encoded)
    assert encoded.endswith("\r\n")
    assert said.strip() == decoded(encoded).strip()


@pytest.mark.parametrize(
    "source",
    [
        "{% macro greet(x) %}Hi {{ x }}{% endmacro %}{{ greet(name) }}",
        "{% filter upper %}Hi {{ name }}{% endfilter %}",
        "{% set line %}Hi {{ name }}{% endset %}{{ line }}",
        "{% block hi %}Hi{% endblock %}{{ self.hi() }}",
        "{% for letter in name recursive %}<{{ letter }}>{{ loop([]) }}{% endfor %}",
        "{% autoescape false %}{{ name }}{% endautoescape %}",
        "{{ name.upper() }}",
        "{{ name | upper | safe }}",
        "{{ (name ~ '<b>') | e }}",
    ],
)
def test_a_template_that_does_more_is_encoded_as_a_whole(source: str) -> None:
    """What catches its own output, or changes a value in a way of Jinja's, is left to those who fill it first."""
    assert compile_quoted(module._ESCAPING, source) is None


def test_white_space_around_a_template_is_left_out() -> None:
    """A mail does not begin or end with the empty lines of its file, and ends its last line."""
    for source in ("\n\n  Hi\n\n\n", "Hi", "Hi\n"):
        compiled = compile_quoted(module._PLAIN, source)
        assert compiled is not None
        assert "Hi\r\n" == compiled.render()


def test_a_value_is_encoded_once_for_text_and_once_for_pages() -> None:
    """The kept form is the same as a new one, and the two kinds are not mixed up."""
    source, value = "{{ name }} and {{ name }}", Value("<Ä>")
    text, page = (compile_quoted(kind, source) for kind in (module._PLAIN, module._ESCAPING))
    assert text is not None
    assert page is not None
    for _ in range(2):
        assert "<Ä> and <Ä>\n" == decoded(text.render(name=value))
        assert f"{html.escape('<Ä>')} and {html.escape('<Ä>')}\n" == decoded(page.render(name=value))
    assert ("<=C3=84>=\r\n", "&lt;=C3=84&gt;=\r\n") == (value.in_text, value.in_page)


def test_a_piece_never_touches_the_one_before() -> None:
    """A dot after a value stands alone on its line in the encoded text, and still is no end of data."""
    compiled = compile_quoted(module._PLAIN, "{{ name }}.\nBye")
    assert compiled is not None
    lines = compiled.render(name=Value("Ada")).split("\r\n")
    assert ["Ada=", "=2E", "Bye", ""] == lines
