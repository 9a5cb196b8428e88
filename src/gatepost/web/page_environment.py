"""How page templates are compiled, where ours are, and what each of them is given."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, meta, nodes

# What every page is given, whatever it shows.
EVERYWHERE = frozenset(
    {
        *("_", "gettext", "ngettext", "pgettext", "npgettext", "language", "language_names", "other_languages"),
        *("product_name", "min_password", "static", "logo", "icon", "link", "kept"),
    }
)
# What every page with a form of its own, or none, is given besides; not what stands around a page or within one.
WITH_FORMS = frozenset({"form_field", "problem", "errors", "typed"})
_WITHOUT_FORMS = frozenset(
    {
        *("page.html", "words.html", "problem.html", "problem_in_place.html", "mail_delay.html"),
        *("unsubscribe.html", "unsubscribed.html"),
    }
)
# Its form is taken from anywhere: mail programs send it too, and they have no page and no cookie of ours.
FROM_ANYWHERE = frozenset({"unsubscribe.html"})


def page_environment(loader: BaseLoader, *, read_again: bool = False) -> Environment:
    """Make the environment pages are compiled in. A page's own words are marked in it: `_("…")` and `{% trans %}`.

    Args:
        loader: where the templates are.
        read_again: whether a template that has changed is read again.
    """
    environment = Environment(
        loader=loader,
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=read_again,
    )
    environment.policies["ext.i18n.trimmed"] = True
    return environment


def our_loader() -> BaseLoader:
    """Our own templates."""
    return PackageLoader("gatepost.web", "html")


@cache
def our_pages() -> frozenset[str]:
    """The names of our templates."""
    names = (file.name for file in (files("gatepost.web") / "html").iterdir())
    return frozenset(name for name in names if name.endswith(".html"))


@cache
def values_of(page: str) -> frozenset[str]:
    """What one page of ours is given: all that it and what it fills and includes uses, and what every page is given."""
    environment = page_environment(our_loader())
    found, waiting = set(EVERYWHERE if page in _WITHOUT_FORMS else EVERYWHERE | WITH_FORMS), [page]
    while waiting:
        tree = parsed(environment, waiting.pop())
        found |= used(tree)
        waiting += [name for node, name in references(tree) if not isinstance(node, nodes.Import | nodes.FromImport)]
    return frozenset(found)


def parsed(environment: Environment, name: str) -> nodes.Template:
    """Parse one template.

    Raises:
        TemplateNotFound: there is none of that name.
        TemplateSyntaxError: it cannot be parsed.
    """
    assert environment.loader is not None  # noqa: S101 - every environment of ours has one
    return environment.parse(environment.loader.get_source(environment, name)[0], name)


def used(tree: nodes.Template) -> set[str]:
    """The values that a template uses and does not make itself."""
    found = meta.find_undeclared_variables(tree) - made(tree)
    return {name for name in found if not name.startswith("_trans")}  # those are of the extension itself


def made(tree: nodes.Template) -> set[str]:
    """The names that a template makes for its blocks and for those who fill it: imports, macros, `set`."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case nodes.Import():
                names.add(node.target)
            case nodes.FromImport():
                names |= {name if isinstance(name, str) else name[1] for name in node.names}
            case nodes.Macro():
                names.add(node.name)
            case nodes.Assign() | nodes.AssignBlock():
                names |= {one.name for one in node.find_all(nodes.Name) if one.ctx == "store"}
    return names


def references(tree: nodes.Template) -> Iterator[tuple[nodes.Node, str]]:
    """The templates that this one names as a plain text, and the nodes that do; not those that may be missing."""
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        named = getattr(node, "template", None)
        if isinstance(named, nodes.Const) and not getattr(node, "ignore_missing", False):
            yield node, str(named.value)


def parent(tree: nodes.Template) -> tuple[str, int] | None:
    """The template that this one fills, and the line that says so; None when it stands alone."""
    found = ((name, node.lineno) for node, name in references(tree) if isinstance(node, nodes.Extends))
    return next(found, None)
