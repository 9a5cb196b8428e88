"""What people read, in their language. English stands in the code; the rest in compiled catalogues beside this file.

`./run languages` renews them. At run time the standard library reads them, and nothing else is needed.
"""

import functools
import gettext
from collections.abc import Mapping
from pathlib import Path

from gatepost.web.languages import DEFAULT_LANGUAGE

DOMAIN = "gatepost"
LOCALE_FOLDER = Path(__file__).parent / "locale"


def translate(text: str, language: str, values: Mapping[str, int] | None = None) -> str:
    """Say `text`, which stands in the code in English and marked, in `language`.

    Words nobody translated, as those of a host application, are said as they are.

    Args:
        text: what was marked with `N_`.
        language: one of LANGUAGES.
        values: what stands in the places of `%(name)s`.
    """
    said = catalogue(language).gettext(text) if text else text  # "" is the key of the catalogue's own header
    return said % values if values else said


@functools.cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of one language, read once."""
    if language == DEFAULT_LANGUAGE:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE_FOLDER, [language.replace("-", "_")])
