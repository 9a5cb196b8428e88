"""Whose turn it is, when a message may be what kills the process."""

from gatepost.delivery.alone import AGAIN_AFTER_S, ASK_EVERY_S, TURN_S, WAIT_AT_MOST_S, Alone, Turn

NOW_S = 1_000.0


def _alone_with_others() -> Alone:
    """One that has just asked, and no suspect was due."""
    alone = Alone()
    alone.answered(Turn.SUSPECT, False, NOW_S)
    return alone


def test_a_worker_that_begins_asks_for_suspects_first() -> None:
    """Nothing is under way then: a suspect that waits goes before everything else."""
    assert Turn.SUSPECT is Alone().turn(NOW_S, idle=True)


def test_suspects_are_asked_for_once_a_second() -> None:
    """Meanwhile the others go."""
    alone = _alone_with_others()
    later = NOW_S + ASK_EVERY_S
    assert [Turn.OTHERS, Turn.SUSPECT, Turn.ASK] == [
        alone.turn(later - 0.01, idle=True),
        alone.turn(later, idle=True),
        alone.turn(later, idle=False),
    ]


def test_nothing_is_claimed_until_a_suspect_can_go_alone() -> None:
    """A suspect is due and something is under way: nobody, then the suspect, then nobody until it is settled."""
    alone = Alone()
    assert Turn.ASK is alone.turn(NOW_S, idle=False)
    alone.answered(Turn.ASK, True, NOW_S)
    assert Turn.NOBODY is alone.turn(NOW_S + 1, idle=False)
    assert Turn.SUSPECT is alone.turn(NOW_S + 2, idle=True)
    alone.answered(Turn.SUSPECT, True, NOW_S + 2)
    assert Turn.NOBODY is alone.turn(NOW_S + 1_000, idle=False)


def test_others_do_not_wait_for_long_until_a_suspect_can_go() -> None:
    """Something hangs: after 10 s the others go on, and the suspect has its next chance a minute later."""
    alone = Alone()
    alone.turn(NOW_S, idle=False)
    alone.answered(Turn.ASK, True, NOW_S)
    gave_up = NOW_S + WAIT_AT_MOST_S
    assert Turn.NOBODY is alone.turn(gave_up - 0.01, idle=False)
    assert Turn.OTHERS is alone.turn(gave_up, idle=False)
    assert Turn.OTHERS is alone.turn(gave_up + AGAIN_AFTER_S - 0.01, idle=True)
    assert Turn.SUSPECT is alone.turn(gave_up + AGAIN_AFTER_S, idle=True)


def test_many_suspects_and_the_others_take_turns() -> None:
    """For a second one suspect after another, each alone; then the others have theirs."""
    alone = Alone()
    for passed_s in (0.0, 0.4, 0.8):
        assert Turn.SUSPECT is alone.turn(NOW_S + passed_s, idle=True)
        alone.answered(Turn.SUSPECT, True, NOW_S + passed_s)
        assert Turn.NOBODY is alone.turn(NOW_S + passed_s + 0.1, idle=False)
    assert Turn.OTHERS is alone.turn(NOW_S + TURN_S, idle=True)
    assert Turn.OTHERS is alone.turn(NOW_S + TURN_S + ASK_EVERY_S - 0.01, idle=True)
    assert Turn.SUSPECT is alone.turn(NOW_S + TURN_S + ASK_EVERY_S, idle=True)
