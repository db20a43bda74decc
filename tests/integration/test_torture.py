"""Killed at random instants, the client or the server: what was acknowledged is there, and nothing is half.

A short round runs with the other tests. `make torture` kills a hundred times and more, until each step of a commit was
hit at least three times, and reports the hits.
"""

import mmap
import os
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from struct import Struct

import numpy as np
import pytest

from barledger import faults
from barledger.domain.series import Series
from barledger.errors import BarledgerError, StoreDiverged
from libraries import GRACE, LEASE, closes, expected, frame, same_bars
from places import ON_SQLITE, Place, place_called
from processes import Process
from servers import Influxd, InfluxServer, influxd

DESK = {"source": "desk"}
SERIES = Series.of("AAPL", "1d", "desk")
DAYS = range(2_000)
LONG_RUN = "BARLEDGER_TORTURE" in os.environ
ROUNDS = 100 if LONG_RUN else 5
STEPS = ("commit.begun", "commit.copies-written", "commit.rows-written", "commit.committed")
WANTED = 3
_NUMBER = Struct("<q")


class Board:
    """What a process that may be killed tells: the last value that was acknowledged, and the last step reached."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    @property
    def acknowledged(self) -> int:
        return int(_NUMBER.unpack_from(self._memory)[0])

    @acknowledged.setter
    def acknowledged(self, value: int) -> None:
        _NUMBER.pack_into(self._memory, 0, value)

    @property
    def step(self) -> str:
        return STEPS[int(_NUMBER.unpack_from(self._memory, 8)[0])]

    def reach(self, point: str) -> None:
        if point in STEPS:
            _NUMBER.pack_into(self._memory, 8, STEPS.index(point))

    def wait_for(self, step: str, *, at_most: float) -> None:
        """Return as soon as the step is reached, or when the time is over."""
        deadline = time.monotonic() + at_most
        while self.step != step and time.monotonic() < deadline:
            pass


def value_of(number: int) -> float:
    return 1000.0 + number


def correct_for_ever(place: Place, board: Board) -> None:
    """Correct all bars again and again, each time to another value."""
    faults.install(board.reach)
    with place.opened(lease=LEASE) as bl:
        while True:
            number = board.acknowledged + 1
            bl.write("AAPL", "1d", frame(DAYS, value_of(number)), **DESK)
            board.acknowledged = number


def check(place: Place, board: Board, pinned: str) -> None:
    """Find the last acknowledged value, or the one that was under way; whole, and with the right digests.

    Raises `StoreDiverged` if the server has lost what it acknowledged.
    """
    with place.opened() as bl:
        found = closes(bl.bars("AAPL", "1d"))
        number = round(found[0] - value_of(0))
        assert number in (board.acknowledged, board.acknowledged + 1)
        same_bars(found, expected(DAYS, value_of(number)))
        assert bl.verify(pinned).ok
        same_bars(closes(bl.bars("AAPL", "1d", version=pinned)), expected(DAYS, value_of(0)))
        board.acknowledged = number


def begin(place: Place) -> str:
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(DAYS, value_of(0)), **DESK)
        return bl.snapshot("AAPL", "1d").id


@pytest.fixture(params=ON_SQLITE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_called(request.param, request, tmp_path) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_client_killed_at_random_instants(place: Place) -> None:
    random, board, hits = np.random.default_rng(7), Board(), Counter[str]()
    pinned = begin(place)
    rounds = 0
    while rounds < ROUNDS or (LONG_RUN and rounds < 5 * ROUNDS and min(hits[step] for step in STEPS) < WANTED):
        writer = Process(lambda: correct_for_ever(place, board))
        assert writer.kill_after(float(random.uniform(0.05, 0.5))), writer.result()
        assert writer.result() is None
        hits[board.step] += 1
        check(place, board, pinned)
        rounds += 1
        if rounds % 5 == 0:
            time.sleep(LEASE + GRACE + 0.05)
            with place.opened() as bl:
                bl.cache.repair()
                assert bl.cache.verify_series(SERIES).ok
            check(place, board, pinned)
    print(f"\n{rounds} kills of the client, hits by step: {dict(hits)}")  # noqa: T201 - the report is what it is for
    if LONG_RUN:
        assert min(hits[step] for step in STEPS) >= WANTED


@pytest.fixture
def mortal() -> Iterator[Influxd]:
    with influxd() as server:
        yield server


@pytest.mark.influx
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_server_killed_at_random_instants(mortal: Influxd, tmp_path: Path) -> None:
    random, board, hits = np.random.default_rng(11), Board(), Counter[str]()
    server = InfluxServer(url=mortal.url)

    def another(number: int) -> Place:
        """A place of its own on the same server."""
        url = f"sqlite:///{tmp_path / f'ledger-{number}.sqlite'}"
        return Place(open_store=lambda: server.store(f"torture_{number}", patience=30.0), ledger=url, folder=tmp_path)

    place = another(0)
    pinned = begin(place)
    lost = rounds = 0
    while rounds < ROUNDS or (LONG_RUN and rounds < 2 * ROUNDS and min(hits[step] for step in STEPS[:3]) < WANTED):
        board.reach(STEPS[-1])
        writer = Process(partial(_correct_some, place, board))
        if rounds < ROUNDS:
            time.sleep(float(random.uniform(0.05, 0.6)))
        else:
            # A step that takes a thousandth of a second is seldom met by chance.
            board.wait_for(min(STEPS[:3], key=lambda step: hits[step]), at_most=5.0)
        hits[board.step] += 1
        mortal.stop(kill=True)
        rounds += 1
        mortal.start()
        told = writer.result()
        assert told == "done" or isinstance(told, BarledgerError), told
        try:
            check(place, board, pinned)
        except StoreDiverged:
            # This server forgets acknowledged writes, now and then, when it is killed: that has to be noticed.
            lost += 1
            with place.opened() as bl:
                assert not bl.cache.verify_series(SERIES).ok
            place, board = another(lost), Board()
            pinned = begin(place)
    with place.opened() as bl:
        bl.cache.repair()
        assert bl.cache.verify_series(SERIES).ok
    told = f"{rounds} kills of influxd, hits by step: {dict(hits)}; rows that it lost, and were missed: {lost} times"
    print(f"\n{told}")  # noqa: T201 - the report is what it is for
    if LONG_RUN:
        assert min(hits[step] for step in STEPS[:3]) >= WANTED


def _correct_some(place: Place, board: Board) -> str:
    faults.install(board.reach)
    with place.opened() as bl:
        for _ in range(6):
            number = board.acknowledged + 1
            bl.write("AAPL", "1d", frame(DAYS, value_of(number)), **DESK)
            board.acknowledged = number
    return "done"
