"""The guard: how many hard bounces a server may answer before it is not believed."""

import itertools
import threading

import pytest

from gatepost.events import BouncesUnusual
from gatepost.suppression.guard import ANSWERS, MAX_HARD, MAX_SERVERS, OTHERS, Guard

SERVER = "mail.example.com:587"


def told(guard: Guard, *answers: bool, server: str = SERVER) -> list[BouncesUnusual]:
    """What a guard said to some answers of one server."""
    said = [guard.answered(server, hard=hard) for hard in answers]
    return [one for one in said if one is not None]


def test_a_fifth_of_the_last_fifty_is_believed_and_one_more_is_not() -> None:
    """Ten hard bounces among fifty answers are 20 %; the eleventh is over it."""
    guard = Guard()
    assert [] == told(guard, *[False] * 39, *[True] * 10)
    assert guard.believes(SERVER)
    assert [BouncesUnusual(server=SERVER, hard=11, answers=50)] == told(guard, True)
    assert not guard.believes(SERVER)


def test_a_young_server_is_counted_against_fifty_too() -> None:
    """After a start the first ten are believed: one refusal of two answers proves nothing."""
    guard = Guard()
    assert [] == told(guard, *[True] * MAX_HARD)
    assert guard.believes(SERVER)
    assert [BouncesUnusual(server=SERVER, hard=11, answers=11)] == told(guard, True)


def test_the_alarm_is_raised_once() -> None:
    """However many follow, and also while the share only sinks slowly."""
    guard = Guard()
    assert 1 == len(told(guard, *[True] * 200, *[False] * (ANSWERS - MAX_HARD - 1)))
    assert not guard.believes(SERVER)


def test_a_server_that_mends_is_believed_again_and_may_alarm_again() -> None:
    """As soon as no more than ten of the last fifty are hard."""
    guard = Guard()
    told(guard, *[True] * ANSWERS)
    assert [] == told(guard, *[False] * (ANSWERS - MAX_HARD - 1))
    assert not guard.believes(SERVER)
    assert [] == told(guard, False)
    assert guard.believes(SERVER)
    assert 1 == len(told(guard, *[False] * MAX_HARD, *[True] * (MAX_HARD + 1)))


def test_old_answers_do_not_count() -> None:
    """Hard bounces far apart never come to eleven of fifty."""
    guard = Guard()
    one_of_five = itertools.islice(itertools.cycle([True, False, False, False, False]), 1_000)
    assert [] == told(guard, *one_of_five)
    assert guard.believes(SERVER)


def test_servers_are_counted_apart() -> None:
    """One that refuses everybody says nothing about another."""
    guard = Guard()
    told(guard, *[True] * ANSWERS)
    assert guard.believes("other.example.com:587")
    assert [] == told(guard, *[True] * MAX_HARD, server="other.example.com:587")


def test_names_without_end_do_not_fill_the_memory() -> None:
    """Beyond a hundred they are one server, which is believed or not as a whole."""
    guard = Guard()
    for number in range(MAX_SERVERS + 1_000):
        guard.answered(f"{number}.example.com", hard=number >= MAX_SERVERS)
    assert len(guard._answers) <= MAX_SERVERS + 1
    assert not guard.believes(OTHERS)
    assert not guard.believes("never seen.example.com")
    assert guard.believes("0.example.com")


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_count_together(threads: int) -> None:
    """Mail and feedback come from several threads: the alarm is raised once all the same."""
    guard = Guard()
    alarms: list[BouncesUnusual] = []

    def answer() -> None:
        alarms.extend(told(guard, *[True] * 500))

    several = [threading.Thread(target=answer) for _ in range(threads)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert 1 == len(alarms)
