"""The workflow against a model: whatever is decided in whatever order, bars and states are what the model says."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from barledger.domain.discrepancy import STEPS
from barledger.domain.timeframe import DAY
from barledger.errors import ChangedSince, IllegalStep, ProposalStale
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, integrity
from scripted import NOON, ScriptedSource, SetClock, clocked, service

FIRST, LAST = 980, 1_000
SCRIPTED = {"source": "scripted"}


class Workflow(RuleBasedStateMachine):
    """A source that corrects closes, a desk that writes over them, and somebody who decides.

    The model keeps for each day every close that it had with the revision that brought it, and for each discrepancy its
    state, the closes that it would write, and the closes that stood before.
    """

    found = Bundle("found")

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock(LAST * DAY + NOON)
        self.bl = clocked(MemoryStore(), self.clock)
        self.market = Rewritten(listed=FIRST * DAY)
        self.source = ScriptedSource({"A": self.market}, self.clock, page=50)
        service(self.bl, self.clock, self.source).ingest("A", "1d", **SCRIPTED)
        self.made = integrity(self.bl, self.clock, self.source)
        self.closes = self._read()
        self.written = dict.fromkeys(self.closes, self._revision())
        self.states: dict[str, str] = {}
        self.undone: dict[tuple[int, int], int] = {}
        self.under: dict[str, dict[int, int]] = {}
        self.wanted: dict[str, dict[int, float]] = {}
        self.compared: dict[str, int] = {}
        self.before: dict[str, dict[int, float]] = {}
        self.declined: dict[int, set[float]] = {day: set() for day in self.closes}
        self.pinned = self.bl.snapshot("A", "1d", strategy="m7", **SCRIPTED)
        self.digest = self.bl.bars("A", "1d", version=self.pinned.id).digest

    def teardown(self) -> None:
        self.bl.close()

    def _read(self) -> dict[int, float]:
        bars = self.bl.bars("A", "1d", **SCRIPTED)
        return {int(at) // DAY: float(close) for at, close in zip(bars.time, bars.rows.close, strict=True)}

    def _revision(self) -> int:
        return int(self.bl.bars("A", "1d", **SCRIPTED).revision)

    def _said(self) -> dict[int, float]:
        rows = self.market.rows(np.array(sorted(self.closes), np.int64) * DAY)
        return dict(zip(sorted(self.closes), rows.close.tolist(), strict=True))

    # --- what happens --------------------------------------------------------------------------------

    @rule(day=st.integers(FIRST, LAST - 1), cents=st.integers(0, 3))
    def correct(self, day: int, cents: int) -> None:
        """Let the source say something else of a day, or what it said at first."""
        self.market.corrected[day * DAY] = cents * 10.0

    @rule(day=st.integers(FIRST, LAST - 1))
    def write(self, day: int) -> None:
        """Let a desk write over a day."""
        bars = self.bl.bars("A", "1d", start=day * DAY, end=(day + 1) * DAY, **SCRIPTED).df
        bars["close"] += 0.01
        done = self.bl.write("A", "1d", bars, **SCRIPTED)
        self.closes[day], self.written[day] = float(bars["close"].iloc[0]), done.revision

    @rule(target=found)
    def reconcile(self) -> Any:
        """Compare with the source, and check what is proposed against the model."""
        self.made.reconcile("A", "1d")
        said = self._said()
        wanted = {
            day: close for day, close in said.items() if close != self.closes[day] and close not in self.declined[day]
        }
        proposed = self.made.discrepancies(state="proposed", kind="correction")
        if not wanted:
            assert proposed == []
        for one in self.made.discrepancies(state="superseded"):
            assert self.states.get(one.id, "proposed") in ("proposed", "superseded")
            self.states[one.id] = "superseded"
        fresh = []
        for one in proposed:
            rows = self.made.discrepancy(one.id).rows
            closes = {int(at) // DAY: float(close) for at, close in zip(rows.time, rows.close, strict=True)}
            assert closes == wanted
            if one.id not in self.states:
                fresh.append(one.id)
            self.states[one.id], self.wanted[one.id], self.compared[one.id] = "proposed", closes, one.revision
        return multiple(*fresh)

    @rule(one=found)
    def accept(self, one: str) -> None:
        """Accept a proposal, whatever state it is in."""
        if self.states[one] != "proposed":
            self._refused(lambda: self.made.accept(one, reason="yes"), "accepted", one)
            return
        wanted = self.wanted[one]
        there = all(self.closes[day] == close for day, close in wanted.items())
        if there:
            with pytest.raises(ProposalStale):
                self.made.accept(one, reason="yes")
            self.states[one] = "superseded"
            return
        if any(self.written[day] > self.compared[one] for day in wanted):
            with pytest.raises(ProposalStale):
                self.made.accept(one, reason="yes")
            return
        self.before[one] = {day: self.closes[day] for day in wanted}
        self.under[one] = {day: self.layer(day) for day in wanted}
        done = self.made.accept(one, reason="yes")
        self.states[one] = "applied"
        self.closes |= wanted
        self.written |= dict.fromkeys(wanted, done.revision)

    @rule(one=found)
    def reject(self, one: str) -> None:
        """Reject a proposal, whatever state it is in."""
        if "rejected" not in STEPS[self.states[one]]:  # type: ignore[index]
            self._refused(lambda: self.made.reject(one, reason="no"), "rejected", one)
            return
        self.made.reject(one, reason="no")
        self.states[one] = "rejected"
        for day, close in self.wanted[one].items():
            self.declined[day].add(close)

    @rule(one=found, partial=st.booleans())
    def undo(self, one: str, *, partial: bool) -> None:
        """Undo what was applied, as far as nobody wrote over it."""
        if self.states[one] != "applied":
            self._refused(lambda: self.made.undo(one, reason="no"), "undone", one)
            return
        result = self.made.discrepancy(one).discrepancy.result
        mine = [day for day in self.wanted[one] if self.layer(day) == result]
        since = [day for day in self.wanted[one] if self.layer(day) > result]
        if since and not (partial and mine):
            with pytest.raises(ChangedSince):
                self.made.undo(one, reason="no", partial=partial)
            return
        done = self.made.undo(one, reason="no", partial=partial)
        assert (done.changed, done.left) == (len(mine), len(since))
        for day in mine:
            self.closes[day], self.written[day] = self.before[one][day], done.revision
            self.undone[day, done.revision] = self.under[one][day]
        # Whoever asks, as a reconciliation does here, finds it anew.
        self.states[one] = "undone"

    def layer(self, day: int) -> int:
        """Return what a day was written by, as if what was undone had never been."""
        return self.undone.get((day, self.written[day]), self.written[day])

    def _refused(self, decide: Any, step: str, one: str) -> None:
        with pytest.raises(IllegalStep) as caught:
            decide()
        assert (caught.value.step, caught.value.discrepancy) == (step, one)

    # --- what always holds -----------------------------------------------------------------------------

    @invariant()
    def the_bars_are_those_of_the_model(self) -> None:
        assert self._read() == self.closes

    @invariant()
    def the_states_are_those_of_the_model(self) -> None:
        listed = {one.id: one.state for one in self.made.discrepancies(state="all", kind="correction")}
        assert {one: state for one, state in listed.items() if one in self.states} == self.states

    @invariant()
    def the_snapshot_never_moves(self) -> None:
        assert self.bl.bars("A", "1d", version=self.pinned.id).digest == self.digest

    @invariant()
    def every_step_is_one_that_is_allowed(self) -> None:
        for one in self.states:
            states = [step.state for step in self.made.discrepancy(one).steps]
            assert all(after in STEPS[before] for before, after in pairwise(states))


@pytest.mark.slow
def test_the_workflow_is_what_the_model_says() -> None:
    run_state_machine_as_test(Workflow, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))  # type: ignore[no-untyped-call]
