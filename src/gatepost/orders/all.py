"""Every order there is, by the name the control socket and `gatepost.cli.operating.perform` take."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.orders.account import account
from gatepost.orders.desk import Order, OrderDesk, Values
from gatepost.orders.feedback import feedback
from gatepost.orders.message import message
from gatepost.orders.operators import add_operator, change_operator
from gatepost.orders.person import erase
from gatepost.orders.queue import queue
from gatepost.orders.suppression import lift, suppress

ORDERS: dict[str, Order] = {
    "message": message,
    "feedback": feedback,
    "suppress": suppress,
    "lift": lift,
    "erase": erase,
    "account": account,
    "add_operator": add_operator,
    "change_operator": change_operator,
    "queue": queue,
}


def orders_of(desk: OrderDesk) -> dict[str, Callable[[Values, Signature], Awaitable[dict[str, Any]]]]:
    """Give each order what it works with."""
    return {name: partial(order, desk) for name, order in ORDERS.items()}
