"""Text in a JSON body: what can be written down again."""

from typing import Annotated

from pydantic import AfterValidator, StrictStr
from pydantic_core import PydanticCustomError


def _whole(text: str) -> str:
    """Refuse half a surrogate pair: JSON can write one, but no encoding can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "lone surrogate") from None
    return text


Text = Annotated[StrictStr, AfterValidator(_whole)]
