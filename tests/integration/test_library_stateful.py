"""A library against a model in plain dictionaries: in any order of events every pinned state stays readable."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from barledger.barledger import BarLedger
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import RevisionExpired
from barledger.stores.contract import Store
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, closes, expected, frame, library

SERIES = Series.of("AAPL", "1d", "desk")
START = 20_000
_DAYS = st.sets(st.integers(START, START + 25), min_size=1, max_size=10).map(sorted)
_VALUES = st.sampled_from([100.0, 200.0, 300.0])

State = dict[int, float]


class LibraryMachine(RuleBasedStateMachine):
    """Writes, withdraws, returns, pins, forgets and reopens."""

    def open_store(self) -> Store:
        return MemoryStore()

    def reopen_store(self, store: Store) -> Store:
        return store

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = TurnableClock()
        self.clock.ahead = (START + 30) * DAY - self.clock()
        self.url = f"sqlite:///{Path(self.folder.name) / 'ledger.sqlite'}"
        self.bl: BarLedger = library(self.open_store(), self.url, clock=self.clock)
        self.now: State = {}
        self.states: dict[int, State] = {}
        self.pinned: dict[str, State] = {}

    @rule(days=_DAYS, value=_VALUES)
    def write(self, days: list[int], value: float) -> None:
        done = self.bl.write("AAPL", "1d", frame(days, value), source="desk")
        changed = {day: close for day, close in expected(days, value).items() if self.now.get(day) != close}
        assert done.new + done.changed == len(changed)
        self._became(done.revision, self.now | changed)

    @precondition(lambda self: self.now)
    @rule(days=_DAYS)
    def withdraw(self, days: list[int]) -> None:
        done = self.bl.withdraw("AAPL", "1d", [day * DAY for day in days], source="desk", reason="x")
        left = {day: close for day, close in self.now.items() if day not in days}
        assert done.withdrawn == len(self.now) - len(left)
        self._became(done.revision, left)

    @precondition(lambda self: self.states)
    @rule(
        first=st.integers(START, START + 25), length=st.integers(1, 26), purpose=st.sampled_from(["backtest", "live"])
    )
    def snapshot(self, first: int, length: int, purpose: str) -> None:
        stretch = {"start": first * DAY, "end": (first + length) * DAY}
        try:
            made = self.bl.snapshot("AAPL", "1d", **stretch, purpose=purpose)
        except RevisionExpired:
            with pytest.raises(RevisionExpired):
                self.bl.bars("AAPL", "1d", **stretch)
            return
        self.pinned[made.id] = {day: close for day, close in self.now.items() if first <= day < first + length}

    @precondition(lambda self: self.pinned)
    @rule(at=st.integers(0, 9))
    def unpin(self, at: int) -> None:
        name = sorted(self.pinned)[at % len(self.pinned)]
        self.bl.cache.delete(name)
        del self.pinned[name]

    @precondition(lambda self: self.states)
    @rule(days=st.integers(1, 4))
    def forget_editions(self, days: int) -> None:
        self.clock.turn(days)
        self.bl.cache.retain([{"keep_editions": "2d"}])

    @precondition(lambda self: self.states)
    @rule(days=st.integers(8, 40))
    def forget_bars(self, days: int) -> None:
        held = [name for name in self.pinned if not self.bl.cache.find(name).materialised]
        self.bl.cache.retain([{"keep_current": f"{days}d"}])
        cut = self.clock() - days * DAY
        kept_by = [pin.interval for name in held for pin in self.bl.cache.find(name).pins]
        gone = [day for day in self.now if day * DAY < cut and not any(day * DAY in one for one in kept_by)]
        self.now = {day: close for day, close in self.now.items() if day not in gone}
        if self.states:
            newest = self.bl.vault.ledger.revisions.state(SERIES).revision
            self.states[newest] = dict(self.now)

    @rule()
    def reopen(self) -> None:
        self.bl.vault.ledger.close()
        self.bl = library(self.reopen_store(self.bl.vault.store), self.url, clock=self.clock)

    @invariant()
    def the_newest_state_is_right(self) -> None:
        if getattr(self, "states", None):
            assert self._read("latest") == self.now

    @invariant()
    def every_earlier_state_is_right_or_refused(self) -> None:
        for revision, state in getattr(self, "states", {}).items():
            assert self._read(f"revision:{revision}") in (state, None)

    @invariant()
    def every_pinned_state_stays(self) -> None:
        for name, state in getattr(self, "pinned", {}).items():
            assert closes(self.bl.bars("AAPL", "1d", version=name)) == state
            assert self.bl.verify(name).ok

    @invariant()
    def the_digests_are_those_of_the_bars(self) -> None:
        if getattr(self, "states", None):
            assert self.bl.cache.verify_series(SERIES).ok

    def teardown(self) -> None:
        if hasattr(self, "bl"):
            self.bl.close()
            self.folder.cleanup()

    def _became(self, revision: int, state: State) -> None:
        self.now = state
        self.states[revision] = dict(state)

    def _read(self, version: str) -> State | None:
        try:
            return closes(self.bl.bars("AAPL", "1d", source="desk", version=version))
        except RevisionExpired:
            return None


class EmbeddedMachine(LibraryMachine):
    """The same on the embedded store, reopened for real."""

    def open_store(self) -> Any:
        from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

        return EmbeddedStore(self.folder.name)

    def reopen_store(self, store: Store) -> Store:
        store.close()
        return self.open_store()


TestMemoryLibrary = pytest.mark.slow(LibraryMachine.TestCase)
TestMemoryLibrary.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestEmbeddedLibrary = pytest.mark.slow(EmbeddedMachine.TestCase)
TestEmbeddedLibrary.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
