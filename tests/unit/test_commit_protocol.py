"""The commit and read protocol: safe in every order of events, and each of its rules is needed for that."""

import pytest

from unit.commit_protocol import FIELDS as FORWARDS
from unit.commit_protocol import Answer, Rules, Writers, answers, wrong_answers

NEEDED = (
    "copies_are_written_first",
    "copies_win",
    "latest_is_read_first",
    "torn_copies_are_ignored",
    "reader_looks_again",
    "leftovers_are_noticed",
    "allocations_are_noticed",
    "overtaken_writers_stop",
)


def first_wrong(rules: Rules) -> Answer | None:
    """Return a wrong answer that the rules allow with two writers after the first revision."""
    return next(wrong_answers(rules, last=3), None)


@pytest.mark.slow
def test_no_reader_ever_gets_a_wrong_answer() -> None:
    assert next(wrong_answers(Rules(), last=4), None) is None


def test_readers_do_see_every_state_that_was_ever_true() -> None:
    moments = Writers(rules=Rules(), order=FORWARDS, first=11, last=3).moments()
    given = {(answer.revision, answer.given) for answer in answers(Rules(), moments, FORWARDS, 0)}
    assert given == {(1, 11), (2, 11), (2, 22), (3, 11), (3, 22), (3, 23), (3, 33)}


@pytest.mark.parametrize("rule", NEEDED)
def test_without_this_rule_a_reader_is_misled(rule: str) -> None:
    assert first_wrong(Rules(**{rule: False})) is not None


@pytest.mark.parametrize("rule", ["leftovers_are_repaired", "aborted_revisions_are_remembered"])
def test_either_repair_or_memory_hides_what_a_dead_writer_left(rule: str) -> None:
    assert first_wrong(Rules(**{rule: False})) is None


def test_without_repair_and_memory_a_dead_writers_row_becomes_true() -> None:
    wrong = first_wrong(Rules(leftovers_are_repaired=False, aborted_revisions_are_remembered=False))
    assert wrong == Answer(revision=3, given=22, true=11)


def test_every_rule_is_tried() -> None:
    assert {*NEEDED, "leftovers_are_repaired", "aborted_revisions_are_remembered"} == set(Rules.__dataclass_fields__)
