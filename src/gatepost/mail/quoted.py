"""Quoted-printable (RFC 2045, 6.7) in pieces: what a template says is encoded when it is compiled, only values later.

Each piece begins and ends a line of the encoded text. So pieces can be put together in any order, and what each of them
decodes to does not depend on its neighbours.
"""

import binascii
import functools
import re

import jinja2
from jinja2 import nodes
from markupsafe import escape

from gatepost.mail.values import FILTERS

_SHORT = 74  # characters that fit into a line of 76 with its "=", however binascii counts
_LINE_END = re.compile(r"\r\n?")

# All that a template may do whose fixed text is encoded: choose which pieces come out, by what values are, and change
# values by filters of ours. What catches output to use it again (a macro, a filter block) would encode it twice.
_CHOOSING = (
    *(nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter),
    *(nodes.If, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand),
)


class Value(str):
    """A value for templates that keeps its encoded forms: most of them stand in a mail several times."""

    in_text: str | None = None
    in_page: str | None = None


def quoted(text: str) -> str:
    """Encode one piece: lines of at most 76 characters of ASCII, CRLF, and a line of one dot written as "=2E".

    A piece that does not end its last line ends with a soft line break. Every kind of line end becomes CRLF.
    """
    if len(text) <= _SHORT and text.isascii() and text.isprintable() and "=" not in text:
        return f"{text}=\r\n" if text else ""  # most values: there is nothing to encode
    if "\r" in text:
        text = _LINE_END.sub("\n", text)  # binascii leaves a CR without its LF as it is
    if text.endswith("\n"):
        return _encoded(text)
    # The "x" is where the "=" of the soft break will be: it leaves room for it, and a space before it is not the last.
    return _encoded(f"{text}x\n")[:-3] + "=\r\n"


def _encoded(text: str) -> str:
    return binascii.b2a_qp(text.replace("\n", "\r\n").encode(), istext=True).decode("ascii")


def compile_quoted(environment: jinja2.Environment, source: str) -> jinja2.Template | None:
    """Compile a template that, when it is filled, comes out encoded, in pieces.

    Args:
        environment: where the template is compiled to be read by people; what is escaped there is escaped here.
        source: the template; white space around it is left out, and a line end ends what it says.

    Returns:
        None when the template does more than choose what comes out: then what it says is to be encoded as a whole.
    """
    parsed = environment.parse(source.strip())
    if not all(map(_only_chooses, parsed.find_all(nodes.Node))):
        return None
    _end_the_last_line(parsed)
    for fixed in parsed.find_all(nodes.TemplateData):
        fixed.data = quoted(fixed.data)
    encoding = _beside(environment)
    return jinja2.Template.from_code(encoding, encoding.compile(parsed), {})


@functools.cache
def _beside(environment: jinja2.Environment) -> jinja2.Environment:
    # Escaping comes before encoding, so it is not Jinja's to do any more.
    return environment.overlay(finalize=_in_page if environment.autoescape else _in_text, autoescape=False)


def _only_chooses(node: nodes.Node) -> bool:
    return isinstance(node, _CHOOSING) and (not isinstance(node, nodes.Filter) or node.name in FILTERS)


def _end_the_last_line(parsed: nodes.Template) -> None:
    last = parsed.body[-1].nodes[-1] if parsed.body and isinstance(parsed.body[-1], nodes.Output) else None
    if isinstance(last, nodes.TemplateData):
        last.data += "\n"
    else:
        parsed.body.append(nodes.Output([nodes.TemplateData("\n")]))


def _in_text(value: object) -> str:
    if type(value) is not Value:
        return quoted(str(value))
    if value.in_text is None:
        value.in_text = quoted(str(value))
    return value.in_text


def _in_page(value: object) -> str:
    if type(value) is not Value:
        return quoted(str(escape(value)))
    if value.in_page is None:
        value.in_page = quoted(str(escape(value)))
    return value.in_page
