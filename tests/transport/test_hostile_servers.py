"""The hostile corpus over both clients: the same outcome, in bounded time, nothing twice, and on with the next one."""

import pytest

from tests.support.certificates import Authority
from tests.transport.corpus import CORPUS
from tests.transport.hostile import Case, ends_of, faults_of

CASES = [pytest.param(case, id=f"{kind}: {case.what}") for kind, cases in CORPUS.items() for case in cases]


@pytest.mark.parametrize("case", CASES)
async def test_every_client_comes_to_the_same_end(case: Case, authority: Authority) -> None:
    """Outcome and code are the case's, over each client, on a new connection and on a kept one."""
    ends = await ends_of(case, authority)
    assert {way: (end.reply.outcome, end.reply.code) for way, end in ends.items()} == {
        way: case.expected(way[0]) for way in ends
    }
    assert {way: faults_of(case, end) for way, end in ends.items()} == {way: [] for way in ends}


def test_a_difference_between_the_clients_has_a_reason() -> None:
    """Whoever lets two clients differ says why both are right; and no two cases have the same name."""
    cases = [case for cases in CORPUS.values() for case in cases]
    assert [case.what for case in cases if case.otherwise and not case.why] == []
    assert len(cases) == len({case.what for case in cases})
