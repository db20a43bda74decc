"""What goes wrong on the way: nothing wrong is handed out, nothing is done twice, and what passes is tried again."""

import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest

from barledger import BarLedger
from barledger.errors import (
    AnswerDamaged,
    Busy,
    IntegrityError,
    NotBarledger,
    ReadOnly,
    ServerProblem,
    StoreTimeout,
    StoreUnavailable,
)
from barledger.remote.library import RemoteBarLedger
from libraries import frame
from tampering import Asked, Between, Said

PROBLEM = {"content-type": "application/problem+json"}


def problem(status: int, code: str, **headers: str) -> Said:
    told = {"code": code, "detail": "later", "next_step": "Wait.", "request_id": "r1", "fields": {}}
    return Said(status=status, headers={**PROBLEM, **headers}, body=json.dumps(told).encode())


def first(*said: Said) -> Callable[[Asked, Callable[[], Said]], Said]:
    """Answer so at first, and then as the server does."""
    left = list(said)
    return lambda _, real: left.pop(0) if left else real()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_question_is_asked_again_where_the_server_says_later(
    remote: RemoteBarLedger, way: Between, status: int
) -> None:
    way.tamper = first(problem(status, "busy"), problem(status, "busy"))
    assert len(remote.bars("AAPL", "1d")) == 300
    assert len(way.asked) == 3


def test_the_server_says_how_long_to_wait(remote: RemoteBarLedger, way: Between) -> None:
    way.tamper = first(problem(503, "store-unavailable", **{"retry-after": "1"}))
    began = time.monotonic()
    assert len(remote.bars("AAPL", "1d")) == 300
    assert time.monotonic() - began >= 1.0


def test_what_is_asked_again_is_logged_and_not_printed(
    remote: RemoteBarLedger, way: Between, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    way.tamper = first(problem(503, "store-unavailable"))
    assert len(remote.bars("AAPL", "1d")) == 300
    (told,) = [one for one in caplog.records if one.name in ("barledger.remote.connection", "stamina")]
    assert (told.levelname, "asked again" in told.getMessage()) == ("INFO", True)


def test_patience_ends(opened: Callable[..., RemoteBarLedger], way: Between) -> None:
    remote = opened(remote_timeout=5.0)
    way.tamper = lambda *_: problem(503, "too-busy", **{"retry-after": "3600"})
    with pytest.raises(ServerProblem, match="503 too-busy") as caught:
        remote.bars("AAPL", "1d")
    assert (caught.value.advice, caught.value.request_id, len(way.asked)) == ("Wait.", "r1", 1)


def test_what_is_wrong_for_good_is_not_asked_again(remote: RemoteBarLedger, way: Between) -> None:
    with pytest.raises(LookupError):
        remote.bars("NOBODY", "1d")
    way.tamper = lambda *_: problem(500, "internal")
    with pytest.raises(ServerProblem):
        remote.bars("AAPL", "1d")
    assert len(way.asked) == 2


@pytest.mark.parametrize("cut", [0, 10, 700, -1])
def test_an_answer_that_is_cut_off_is_asked_for_again(remote: RemoteBarLedger, way: Between, cut: int) -> None:
    cuts = [cut]

    def tamper(_: Asked, real: Callable[[], Said]) -> Said:
        return replace(real(), cut=cuts.pop()) if cuts else real()

    way.tamper = tamper
    assert len(remote.bars("AAPL", "1d")) == 300
    assert len(way.asked) == 2


def test_an_answer_that_is_always_cut_off_is_none(opened: Callable[..., RemoteBarLedger], way: Between) -> None:
    remote = opened(remote_timeout=3.0)
    way.tamper = lambda _, real: replace(real(), cut=700)
    with pytest.raises(StoreUnavailable):
        remote.bars("AAPL", "1d")


def test_a_server_that_is_silent_is_not_waited_for_for_ever(remote: RemoteBarLedger, way: Between) -> None:
    # It connects as slowly as a busy machine may.
    remote._connection.timeout = remote._connection.patience = 0.3

    def silent(_: Asked, real: Callable[[], Said]) -> Said:
        time.sleep(2.0)
        return real()

    way.tamper = silent
    with pytest.raises(StoreTimeout, match=r"0\.3 s"):
        remote.bars("AAPL", "1d")


def test_bars_that_were_changed_on_the_way_are_not_handed_out(remote: RemoteBarLedger, way: Between) -> None:
    def tamper(_: Asked, real: Callable[[], Said]) -> Said:
        said = real()
        changed = bytearray(said.body)
        at = len(changed) // 2
        changed[at] ^= 1
        return replace(said, body=bytes(changed))

    way.tamper = tamper
    with pytest.raises(AnswerDamaged, match="AAPL 1d at latest") as caught:
        remote.bars("AAPL", "1d")
    assert isinstance(caught.value, IntegrityError)
    assert caught.value.expected != caught.value.found


def test_a_digest_that_was_changed_on_the_way_is_told(remote: RemoteBarLedger, way: Between) -> None:
    way.tamper = lambda _, real: _digested(real())
    with pytest.raises(AnswerDamaged):
        remote.bars("AAPL", "1d")
    with pytest.raises(AnswerDamaged, match="indicators of AAPL"):
        remote.indicators.calculate("sma(3)", "AAPL", "1d")


def _digested(said: Said) -> Said:
    return replace(said, headers={**said.headers, "barledger-digest": "0" * 64})


def test_a_snapshot_whose_hash_is_not_that_of_its_pins_is_told(remote: RemoteBarLedger, way: Between) -> None:
    remote.snapshot("AAPL", "1d", id="fixed")
    way.tamper = lambda _, real: _forged(real())
    with pytest.raises(AnswerDamaged, match="snapshot fixed"):
        remote.cache.find("fixed")


def _forged(said: Said) -> Said:
    return replace(said, body=said.body.replace(b'"rows":300', b'"rows":299'))


@pytest.mark.parametrize("missing", ["barledger-digest", "barledger-adjustment"])
def test_an_answer_without_what_bars_need_is_none(remote: RemoteBarLedger, way: Between, missing: str) -> None:
    way.tamper = lambda _, real: real().without(missing)
    with pytest.raises(NotBarledger, match=missing):
        remote.bars("AAPL", "1d")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_goes_nowhere_else(remote: RemoteBarLedger, way: Between, status: int) -> None:
    way.tamper = lambda *_: Said(status=status, headers={"location": "http://127.0.0.1:9/"})
    with pytest.raises(NotBarledger):
        remote.bars("AAPL", "1d")


def test_a_next_page_elsewhere_is_not_followed(remote: RemoteBarLedger, way: Between) -> None:
    body = b'{"items":[],"next":"http://elsewhere/api"}'
    way.tamper = lambda *_: Said(status=200, headers={"content-type": "application/json"}, body=body)
    with pytest.raises(NotBarledger, match="elsewhere"):
        remote.cache.versions("AAPL", "1d")


# --- what changes something ------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [Said(status=0), Said(status=503, headers=PROBLEM)])
def test_a_snapshot_is_taken_once_however_often_its_answer_is_lost(
    remote: RemoteBarLedger, way: Between, bl: BarLedger, lost: Said
) -> None:
    losses = [lost, lost]

    def tamper(_: Asked, real: Callable[[], Said]) -> Said:
        said = real()
        if not losses:
            return said
        gone = losses.pop()
        return replace(said, cut=0) if not gone.status else problem(503, "lost")

    way.tamper = tamper
    taken = remote.snapshot(["AAPL", "IBM"], "1d", strategy="m7")
    assert [one.id for one in bl.cache.snapshots()] == [taken.id]
    assert taken == replace(bl.cache.find(taken.id), mirrored=taken.mirrored)
    keys = {one.headers["idempotency-key"] for one in way.asked}
    assert (len(way.asked), len(keys)) == (3, 1)
    remote.snapshot("AAPL", "1d")
    assert len({one.headers["idempotency-key"] for one in way.asked if one.method == "POST"}) == 2


def test_who_only_reads_takes_no_snapshot(opened: Callable[..., RemoteBarLedger]) -> None:
    with pytest.raises(ReadOnly):
        opened(read_only=True).snapshot("AAPL", "1d")


# --- one cut ---------------------------------------------------------------------------------------


def test_a_commit_between_two_series_shows_in_none(remote: RemoteBarLedger, way: Between, bl: BarLedger) -> None:
    writes = [lambda: bl.write_many([(one, "1d", frame(range(3), 700.0)) for one in ("AAPL", "IBM")], source="desk")]

    def tamper(asked: Asked, real: Callable[[], Said]) -> Said:
        if "/IBM/" in asked.path and writes:
            writes.pop()()
        return real()

    way.tamper = tamper
    found = remote.retrieval.bars_of(["AAPL", "IBM"], "1d")
    assert {float(one.rows.close[0]) for one in found.values()} == {700.0}
    assert len({one.revision for one in found.values()}) == 1


def test_series_that_never_rest_are_given_up(remote: RemoteBarLedger, way: Between, bl: BarLedger) -> None:
    values = iter(range(1_000))

    def tamper(asked: Asked, real: Callable[[], Said]) -> Said:
        said = real()
        if asked.method == "GET" and "/IBM/" in asked.path:
            bl.write("AAPL", "1d", frame([1], 1_000.0 + next(values)), source="desk")
        return said

    way.tamper = tamper
    with pytest.raises(Busy, match="AAPL 1d"), warnings.catch_warnings():
        remote.retrieval.bars_of(["AAPL", "IBM"], "1d")
