"""Whatever happens on the way, what is held in the end is what one ingestion without faults would have brought."""

from contextlib import suppress
from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from barledger.barledger import BarLedger
from barledger.domain.interval import everything
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import BarledgerError, RateLimited, SourceError, SourceUnavailable
from barledger.services.cache.reader import read
from barledger.services.ingestion import Budget
from barledger.services.ingestion.plan import OVERLAP
from barledger.services.ingestion.retries import Retries
from barledger.stores.memory import MemoryStore
from scripted import NOON, SPLITS, Fault, Market, ScriptedSource, SetClock, clocked, service

FIRST, TODAY = 900, 1_000


def passing(at: int) -> Fault:
    """Return a fault by number."""
    return (
        None,
        SourceUnavailable(source="scripted", detail="gone"),
        RateLimited(source="scripted", detail="slowly", retry_after=3.0),
        SourceError(source="scripted", detail="nonsense"),
        KeyError("Close"),
    )[at]


@dataclass(frozen=True, slots=True)
class Call:
    """One ingestion, with what goes wrong in it and how many days pass before it."""

    start: int | None
    days: int | None
    refresh: int | None
    calls: int | None
    faults: tuple[int, ...]
    pause: int


CALLS = st.builds(
    Call,
    start=st.none() | st.integers(FIRST - 10, TODAY + 5),
    days=st.none() | st.integers(0, 60),
    refresh=st.none() | st.integers(1, 40),
    calls=st.none() | st.integers(0, 6),
    faults=st.lists(st.integers(0, 4), max_size=12).map(tuple),
    pause=st.integers(0, 3),
)


def held(bl: BarLedger) -> Rows:
    series = Series.of("A", "1d", "scripted")
    return read(bl.vault, series, [everything()]).rows.standing()


def ingest(bl: BarLedger, clock: SetClock, source: ScriptedSource, call: Call) -> None:
    clock.now += call.pause * DAY
    source.script = [passing(at) for at in call.faults]
    end = None if call.days is None else (call.start if call.start is not None else FIRST) + call.days
    with suppress(SourceError):
        service(bl, clock, source, retries=Retries(attempts=3)).ingest(
            "A",
            "1d",
            source="scripted",
            start=None if call.start is None else call.start * DAY,
            end=None if end is None else end * DAY,
            refresh=call.refresh,
            budget=Budget(calls=call.calls),
        )
    source.script = []


@pytest.mark.slow
@settings(max_examples=40)
@given(
    calls=st.lists(CALLS, max_size=8),
    page=st.integers(1, 40),
    missing=st.sets(st.integers(FIRST, TODAY), max_size=20),
    proof=st.booleans(),
    complete=st.booleans(),
    adjusts=st.booleans(),
)
def test_any_sequence_with_faults_ends_as_one_without(
    *, calls: list[Call], page: int, missing: set[int], proof: bool, complete: bool, adjusts: bool
) -> None:
    clock = SetClock(TODAY * DAY + NOON)
    market = Market(listed=FIRST * DAY, gone={day * DAY for day in missing})
    more = {"adjustment": SPLITS} if adjusts else {}

    def source() -> ScriptedSource:
        return ScriptedSource({"A": market}, clock, page=page, empty_is_proof=proof, complete=complete, **more)

    bl, flawed = clocked(MemoryStore(), clock), source()
    for call in calls:
        ingest(bl, clock, flawed, call)
    last = service(bl, clock, flawed).ingest("A", "1d", source="scripted", start=(FIRST - 10) * DAY)
    assert last.ok
    again = service(bl, clock, flawed).ingest("A", "1d", source="scripted", start=(FIRST - 10) * DAY)
    assert (again.new, again.changed, again.withdrawn) == (0, 0, 0)
    assert not complete or again.calls <= 2 + OVERLAP
    once = clocked(MemoryStore(), clock)
    service(once, clock, source()).ingest("A", "1d", source="scripted", start=(FIRST - 10) * DAY)
    (state,), (wanted,) = bl.cache.series(), once.cache.series()
    assert (state.rows, state.digest) == (wanted.rows, wanted.digest)
    assert state.max_edition == 1
    bl.close()
    once.close()


class OneScale(RuleBasedStateMachine):
    """A source that splits, fails, and is asked in every way: what is held is always of one scale.

    In the end it is what the source says.
    """

    @initialize(page=st.integers(3, 40), start=st.integers(FIRST, TODAY - 20))
    def begin(self, page: int, start: int) -> None:
        self.clock = SetClock(TODAY * DAY + NOON)
        self.market = Market(listed=FIRST * DAY)
        self.source = ScriptedSource({"A": self.market}, self.clock, page=page, adjustment=SPLITS)
        self.bl = clocked(MemoryStore(), self.clock)
        self.splits: list[tuple[int, float]] = []
        service(self.bl, self.clock, self.source).ingest("A", "1d", source="scripted", start=start * DAY)

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.clock.now += days * DAY

    @precondition(lambda self: len(self.splits) < 4)
    @rule(ratio=st.sampled_from([2.0, 4.0, 1.5, 0.1]))
    def split(self, ratio: float) -> None:
        """The next bar to close trades after the split, and all before it are restated."""
        today = self.clock.now // DAY * DAY
        if self.splits and self.splits[-1][0] >= today:
            return
        self.splits.append((today, ratio))
        self.market.splits = list(self.splits)

    @rule(call=CALLS)
    def ingest(self, call: Call) -> None:
        if call.days is None or call.start is None or call.start >= FIRST:
            ingest(self.bl, self.clock, self.source, call)

    @rule(call=CALLS)
    def ingest_under_a_policy(self, call: Call) -> None:
        ingestion = service(self.bl, self.clock, self.source)
        ingestion.set_policy("scripted", on_change="propose")
        ingest(self.bl, self.clock, self.source, call)
        ingestion.set_policy("scripted")

    @rule()
    def accept(self) -> None:
        ingestion = service(self.bl, self.clock, self.source)
        for proposal in ingestion.proposals():
            with suppress(BarledgerError):
                ingestion.accept(proposal.id, reason="checked")

    @invariant()
    def of_one_scale(self) -> None:
        if not hasattr(self, "bl"):
            return
        rows = held(self.bl)
        scales = []
        for known in range(len(self.splits) + 1):
            said = Market(listed=FIRST * DAY, splits=self.splits[:known]).rows(rows.time)
            scales.append(all(np.array_equal(getattr(rows, name), getattr(said, name)) for name in VALUES))
        assert any(scales)

    def teardown(self) -> None:
        if not hasattr(self, "bl"):
            return
        ingestion = service(self.bl, self.clock, self.source)
        ingestion.ingest("A", "1d", source="scripted", start=FIRST * DAY, refresh=10_000)
        rows = held(self.bl)
        said = self.market.rows(self.market.labels(FIRST * DAY, self.clock.now - DAY))
        assert rows.time.tolist() == said.time.tolist()
        assert np.array_equal(rows.close, said.close)
        self.bl.close()


TestOneScale = pytest.mark.slow(OneScale.TestCase)
TestOneScale.settings = settings(max_examples=25, stateful_step_count=15)
