"""A product's own page templates: a folder whose files take the place of ours by name. Read and proved at the start.

What is wrong is told before the first person comes, with file, line and the way out. The folder is the operator's own,
like the settings: whoever can write there could as well change this program, so its templates run in no sandbox.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)

from gatepost.errors import TemplateError
from gatepost.web.branding import PICTURE_HEADERS, File
from gatepost.web.page_environment import (
    EVERYWHERE,
    FROM_ANYWHERE,
    made,
    our_loader,
    our_pages,
    page_environment,
    parent,
    parsed,
    references,
    used,
    values_of,
)

# By this name a page of the product reaches the one it replaces: {% extends "ours/page.html" %}.
OURS = "ours"
_MADE_BY_JINJA = frozenset({"self", "super", "caller", "varargs", "kwargs", "loop"})
_SENT_FORM = re.compile(r"<form\b[^>]*\bmethod\s*=\s*[\"']?post", re.IGNORECASE)


MAX_FILE_BYTES = 1024 * 1024
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    **{"png": "image/png", "webp": "image/webp", "gif": "image/gif", "jpg": "image/jpeg", "jpeg": "image/jpeg"},
}
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class OwnPages:
    """A folder that was proved.

    Args:
        folder: where it is.
        files: its stylesheets, scripts and pictures, by name; one with the name of ours takes its place.
        told: when it was last told that a page is broken, by the page's name, in seconds.
    """

    folder: Path
    files: Mapping[str, File] = field(default_factory=dict, compare=False)
    told: dict[str, float] = field(default_factory=dict, compare=False, repr=False)

    def loader(self) -> BaseLoader:
        """The folder's templates, ours where it has none, and ours by their longer name."""
        own = FileSystemLoader(self.folder, encoding="utf-8-sig")
        return ChoiceLoader([PrefixLoader({OURS: our_loader()}), own, our_loader()])


def own_pages(folder: Path) -> OwnPages:
    """Read a product's folder, and prove it.

    Raises:
        TemplateError: the folder is missing or holds no page; a template in it has no name of ours, does not compile,
            or lacks what its page needs; a file is too large. Names file and line and the way out.
    """
    names = _names(folder)
    own = OwnPages(folder, _files(folder))
    environment = page_environment(own.loader())
    environment.globals |= dict.fromkeys(EVERYWHERE)
    for name in names:
        _Proof(folder, environment, name).run()
    return own


def _names(folder: Path) -> list[str]:
    """The templates in the folder; one that is not there, or not mounted, is told before somebody misses it."""
    if not folder.is_dir():
        raise TemplateError(f"{folder} is no folder. GATEPOST_PAGES names one that holds page templates.")
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*.html"))
    names = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    if not names:
        raise TemplateError(f"{folder} holds no page template. Its files are named as ours: login.html, page.html.")
    for name in names:
        if not _is_part(name.as_posix()) and name.as_posix() not in our_pages():
            raise TemplateError(
                f"{folder / name} has the name of no page. Parts of your own begin with _: _{name.name}."
                f" Pages are {', '.join(sorted(our_pages()))}."
            )
    return [name.as_posix() for name in names]


def _files(folder: Path) -> Mapping[str, File]:
    """What the pages load: served to everybody, so nothing below the folder itself and nothing of another kind."""
    found = {}
    for path in sorted(folder.iterdir()):
        kind = _TYPES.get(path.suffix[1:].lower())
        if kind is None or not path.is_file() or path.name.startswith((".", "_")):
            continue
        if not _FILE_NAME.fullmatch(path.name):
            raise TemplateError(f"{path} cannot be served under its name: use letters, digits, dots, - and _.")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TemplateError(f"{path} has more than {MAX_FILE_BYTES // 1024} KiB: save it smaller.")
        found[path.name] = File(path.read_bytes(), kind, PICTURE_HEADERS if kind == "image/svg+xml" else {})
    return found


def _is_part(name: str) -> bool:
    return any(part.startswith("_") for part in name.split("/"))


@dataclass(frozen=True)
class _Proof:
    """The proof of one file."""

    folder: Path
    environment: Environment
    name: str

    def run(self) -> None:
        source, tree = self._compiled()
        for node, named in references(tree):
            if not self._is_there(named):
                like = named if named in our_pages() else "page.html"
                raise self._wrong(node.lineno, f"names {named}, which is not there; ours are {OURS}/{like} and so on")
        if _is_part(self.name):
            return  # what a part is given depends on who includes it
        family = self._family_of(tree)
        self._prove_blocks(tree, family)
        self._prove_values(tree, family)
        self._prove_form(tree, source)

    def _compiled(self) -> tuple[str, nodes.Template]:
        file = self.folder / self.name
        try:
            source = file.read_text("utf-8-sig")
            self.environment.compile(source, self.name, str(file))
            return source, self.environment.parse(source, self.name, str(file))
        except UnicodeDecodeError as error:
            raise TemplateError(f"{file} is no UTF-8 at byte {error.start}: save it as UTF-8.") from error
        except OSError as error:
            raise TemplateError(f"{file} cannot be read: {error.strerror}.") from error
        except TemplateSyntaxError as error:
            raise self._wrong(error.lineno, f"does not compile: {error.message}") from error

    def _is_there(self, name: str) -> bool:
        try:
            return self._compiles(name) is not None
        except TemplateNotFound:
            return False

    def _compiles(self, name: str) -> bool:
        try:
            parsed(self.environment, name)
        except TemplateSyntaxError:
            return False
        return True

    def _prove_blocks(self, tree: nodes.Template, family: list[nodes.Template]) -> None:
        """What stands outside of a parent's blocks is never shown, and nothing would say so."""
        there = {block.name for one in family for block in one.find_all(nodes.Block)}
        for block in (node for node in tree.body if isinstance(node, nodes.Block)):
            if family and block.name not in there:
                raise self._wrong(
                    block.lineno, f"fills the block {block.name}, which nothing shows; there are {_listed(there)}"
                )

    def _family_of(self, tree: nodes.Template) -> list[nodes.Template]:
        """The templates that this one fills, in turn."""
        found: list[nodes.Template] = []
        seen: list[str] = []
        first = following = parent(tree)
        while first is not None and following is not None:
            name, _ = following
            if name == self.name:
                raise self._wrong(first[1], f"leads back to itself; ours is {OURS}/{name}")
            if name in seen or not self._compiles(name):
                break  # that is told of the other one
            seen.append(name)
            found.append(parsed(self.environment, name))
            following = parent(found[-1])
        return found

    def _prove_values(self, tree: nodes.Template, family: list[nodes.Template]) -> None:
        if self.name.endswith("parts.html"):
            return  # macros are given what they are called with
        given = values_of(self.name)
        known = given.union(_MADE_BY_JINJA, *map(made, family))
        for unknown in sorted(used(tree) - known):
            line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == unknown), 1)
            raise self._wrong(line, f"uses {unknown}, which has no value there; there are {_listed(given)}")

    def _prove_form(self, tree: nodes.Template, source: str) -> None:
        """A form without the field that says whose it is would be refused, whoever fills it in."""
        form = _SENT_FORM.search(source)
        if form is None or "form_field" in source or any(_is_part(name) for _, name in references(tree)):
            return
        if self.name in FROM_ANYWHERE:
            return
        line = source.count("\n", 0, form.start()) + 1
        field = "{{ parts.hidden_fields(form_field, kept) }}"
        raise self._wrong(line, f"has a form that would always be refused; put {field} into it")

    def _wrong(self, line: int, what: str) -> TemplateError:
        return TemplateError(f"{self.folder / self.name}, line {line}, {what}.")


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
