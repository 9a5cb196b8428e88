"""Values of orders: read as JSON has them, and refused by their names."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from gatepost.errors import InvalidInput
from gatepost.orders.all import ORDERS
from gatepost.orders.values import id_in, number_in, text_in, word_in
from gatepost.suppression.reason import Scope

ID = uuid.UUID(int=7)


def test_values_are_read() -> None:
    """Texts, ids, words with a default, numbers that may be missing."""
    assert "a" == text_in({"x": "a"}, "x")
    assert ID == id_in({"x": str(ID)}, "x")
    assert Scope.ALL == word_in({"x": "all"}, "x", Scope)
    assert Scope.ALL == word_in({"x": None}, "x", Scope, default=Scope.ALL)
    assert (7, None) == (number_in({"x": 7}, "x", least=1, most=7), number_in({}, "x", least=1, most=7))


@pytest.mark.parametrize("value", ["", "y", [], {}, True, 8, 0, 1.5, "7"], ids=repr)
@pytest.mark.parametrize(
    "read",
    [
        lambda values: id_in(values, "x"),
        lambda values: word_in(values, "x", Scope),
        lambda values: number_in(values, "x", least=1, most=7),
    ],
    ids=["id", "word", "number"],
)
def test_a_value_that_is_none_is_refused_by_its_name(read: Callable[[dict[str, Any]], Any], value: object) -> None:
    """Of whatever kind JSON has, and out of its bounds."""
    with pytest.raises(InvalidInput) as refused:
        read({"x": value})
    assert ["x"] == [error.field for error in refused.value.errors]


def test_a_missing_value_is_refused() -> None:
    """Where there is no default."""
    for read in (lambda: text_in({}, "x"), lambda: id_in({}, "x"), lambda: word_in({}, "x", Scope)):
        with pytest.raises(InvalidInput):
            read()


@pytest.mark.parametrize("order", ["message", "suppress", "lift"])
async def test_an_order_without_its_values_does_nothing(order: str) -> None:
    """It is refused before anything of the desk is touched."""
    with pytest.raises(InvalidInput):
        await ORDERS[order](None, {}, None)  # type: ignore[arg-type]
