"""Listens to what test clients say and hear, so that no test has to note the secrets in it by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.support.issued_secrets import Issued


@contextmanager
def overhearing(issued: Issued) -> Iterator[None]:
    """Note passwords that are sent and sessions that are given while the block runs, and keep what /metrics answers."""
    send = httpx2.Client.send

    def noted(client: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:
        answer = send(client, request, **options)
        if request.method == "POST":
            issued.note_request(_body(request))
            if answer.is_closed:
                issued.note_answer(answer.content, answer.headers.get_list("set-cookie"))
        elif request.url.path == "/metrics" and answer.is_closed:
            issued.keep("metrics", answer.content)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2.Client, "send", noted)
        yield


def _body(request: httpx2.Request) -> bytes | None:
    try:
        return request.content
    except httpx2.RequestNotRead:  # it was sent in pieces
        return None
