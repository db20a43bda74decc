"""What a ledger promises of quality: measurements that can be plotted, and the oldest check first."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from barledger.domain.interval import Interval, everything
from barledger.domain.quality import METRICS
from barledger.domain.series import Series
from barledger.ledger.contract import BlockCheck, Ledger, Measurement
from barledger.ledger.contract.quality import KEPT
from barledger.testing.bars import HOSTILE_NAMES, series
from barledger.testing.commits import WHO, HandClock, block, commit, pin, stretch, year

A, B = series("AAPL"), series("MSFT")


class QualityPromises:
    """Measurements are kept in order and bounded; checks tell of every block when it was last verified."""

    def test_measurements_come_back_in_order(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        told = {"completeness": {"counts": {"expected": 4}, "figures": {"x": 0.1}, "reason": ""}}
        first = ledger.quality.record([_measured(A, 0.75, told=told), _measured(B, 0.5)], [], WHO)
        second = ledger.quality.record([_measured(A, 1.0, version="revision:7", revision=7)], [], WHO)
        found = open_ledger().quality.measurements([A])
        assert [(one.series, one.measured_at, one.version, one.revision) for one in found] == [
            (A, first, "latest", 5),
            (A, second, "revision:7", 7),
        ]
        assert found[0].scores == {"completeness": 0.75, "accuracy": None}
        assert found[0].interval == stretch(0, 10)
        assert found[0].told == {**told, "accuracy": {"reason": "no other source"}}
        assert [one.series for one in ledger.quality.measurements([A, B], since=first)] == [A, B, A]
        assert [one.measured_at for one in ledger.quality.measurements([A], since=second)] == [second]
        assert [one.measured_at for one in ledger.quality.measurements([A], version="latest")] == [first]
        assert ledger.quality.measurements([series("NEVER")]) == []
        assert ledger.quality.measurements([]) == []

    def test_a_measurement_is_in_the_audit_log_of_its_series(self, ledger: Ledger) -> None:
        ledger.quality.record([_measured(A, 0.75), _measured(B, 1.0)], [_check(A, 1970)], WHO)
        (entry,) = ledger.audit.entries(series=A)
        assert [one["scores"]["completeness"] for one in entry.data["measured"]] == [0.75, 1.0]
        assert ledger.audit.entries(series=B) == [entry]
        ledger.quality.record([], [_check(A, 1970)], WHO)
        assert ledger.audit.count() == 1
        ledger.quality.record([], [], WHO, details={"verified": {"blocks": 3}})
        assert ledger.audit.entries()[-1].data["verified"] == {"blocks": "3"}

    def test_only_the_newest_measurements_stay(self, ledger: Ledger) -> None:
        surplus = 3
        ledger.quality.record([_measured(B, 0.5)], [], WHO)
        times = [
            ledger.quality.record([_measured(A, at / (KEPT + surplus)) for at in range(KEPT)], [], WHO),
            *(ledger.quality.record([_measured(A, 0.25)], [], WHO) for _ in range(surplus)),
        ]
        found = ledger.quality.measurements([A])
        assert len(found) == KEPT
        assert [one.measured_at for one in found[-surplus:]] == times[1:]
        assert found[0].scores["completeness"] == surplus / (KEPT + surplus)
        assert len(ledger.quality.measurements([B])) == 1

    def test_the_block_whose_check_is_the_oldest_is_due_first(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger = open_ledger(clock=clock)
        commit(ledger, A, B, blocks=[block(1970, 0), block(1971, 0)])
        commit(ledger, A, blocks=[block(1972, 0, rows=3)])
        due = ledger.quality.due(before=ledger.now(), limit=10)
        assert [(one.series, one.start, one.checked_at) for one in due] == [
            (A, year(1970), 0),
            (A, year(1971), 0),
            (A, year(1972), 0),
            (B, year(1970), 0),
            (B, year(1971), 0),
        ]
        assert due[2].rows == 3
        clock.turn(10)
        first = ledger.quality.record([], [_check(A, 1971), _check(B, 1970)], WHO)
        clock.turn(10)
        second = ledger.quality.record([], [_check(A, 1970)], WHO)
        clock.turn(10)
        due = ledger.quality.due(before=ledger.now(), limit=10)
        assert [(one.series, one.start, one.checked_at) for one in due] == [
            (A, year(1972), 0),
            (B, year(1971), 0),
            (A, year(1971), first),
            (B, year(1970), first),
            (A, year(1970), second),
        ]
        assert ledger.quality.due(before=ledger.now(), limit=3) == due[:3]
        assert ledger.quality.due(before=second, limit=10) == due[:4]
        assert ledger.quality.due(before=ledger.now(), limit=10, series=[B]) == [due[1], due[3]]
        assert ledger.quality.due(before=ledger.now(), limit=10, series=[]) == []
        state = ledger.quality.state(before=second)
        assert (state.blocks, state.never, state.due, state.damaged, state.oldest) == (5, 2, 4, 0, first)
        state = ledger.quality.state([B], before=ledger.now())
        assert (state.blocks, state.never, state.due, state.oldest) == (2, 1, 2, first)

    def test_a_check_tells_whether_its_block_has_changed_since(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1970, 0), block(1971, 0)])
        at = ledger.quality.record([], [_check(A, 1970), _check(A, 1971, ok=False, detail="it has 9 bars")], WHO)
        commit(ledger, A, blocks=[block(1970, 1), block(1972, 0)])
        found = ledger.quality.checks(A, everything())
        assert [(one.start, one.checked_at, one.ok, one.changed, one.detail) for one in found] == [
            (year(1970), at, True, True, ""),
            (year(1971), at, False, False, "it has 9 bars"),
            (year(1972), 0, True, False, ""),
        ]
        assert found[0].digest == block(1970, 0).digest
        assert found[2].digest == block(1972, 0).digest
        assert ledger.quality.state().damaged == 1
        later = ledger.quality.record([], [_check(A, 1970, seed=1), _check(A, 1971)], WHO)
        assert [(one.checked_at, one.ok, one.changed) for one in ledger.quality.checks(A, everything())][:2] == [
            (later, True, False),
            (later, True, False),
        ]
        assert ledger.quality.state().damaged == 0

    def test_a_block_without_bars_is_not_due_any_more(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1970, 0), block(1971, 0)])
        ledger.quality.record([], [_check(A, 1970), _check(A, 1971)], WHO)
        commit(ledger, A, withdrawn=10, new=0, blocks=[], emptied=[year(1970)])
        assert [one.start for one in ledger.quality.due(before=2**62, limit=10)] == [year(1971)]
        assert [one.start for one in ledger.quality.checks(A, everything())] == [year(1971)]
        assert ledger.quality.state().blocks == 1

    def test_a_superseded_block_waits_for_its_check_as_long_as_a_snapshot_holds_it(self, ledger: Ledger) -> None:
        first = commit(ledger, A, blocks=[block(1970, 0), block(1971, 0)])
        assert ledger.quality.pinned() == []
        pin(ledger, "one", A)
        pin(ledger, "two", A)
        commit(ledger, B, blocks=[block(1970, 0)])
        assert ledger.quality.pinned() == []
        commit(ledger, A, blocks=[block(1971, 1, rows=7)])
        commit(ledger, A, blocks=[block(1971, 2)])
        (check,) = ledger.quality.pinned()
        assert (check.series, check.interval.start, check.digest, check.rows) == (
            A,
            year(1971),
            block(1971, 0).digest,
            10,
        )
        assert (check.revision, check.pinned_at, check.whole, check.checked_at) == (first, first, False, 0)
        at = ledger.quality.record([], [], WHO, pinned=[replace(check, ok=False, detail="it has 9 bars")])
        (found,) = ledger.quality.pinned([A])
        assert (found.checked_at, found.ok, found.detail) == (at, False, "it has 9 bars")
        assert ledger.quality.pinned([B]) == []
        assert ledger.quality.pinned([]) == []
        ledger.snapshots.delete("two", WHO)
        assert [one.snapshot for one in ledger.quality.pinned()] == ["one"]
        ledger.snapshots.delete("one", WHO)
        assert ledger.quality.pinned() == []

    def test_a_block_that_is_pinned_in_part_waits_for_the_check_of_the_whole_pin(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1970, 0)])
        pinned = pin(ledger, "part", A, interval=stretch(2, 5))
        known = replace(pinned.pins[0], rows=3, digest=block(1970, "part").digest)
        ledger.snapshots.complete("part", [known], WHO)
        pin(ledger, "later", A, interval=Interval(year(1980), year(1981)))
        commit(ledger, A, blocks=[block(1970, 1)])
        (check,) = ledger.quality.pinned()
        assert (check.whole, check.interval, check.snapshot, check.rows) == (True, stretch(2, 5), "part", 3)

    def test_a_copy_of_a_snapshot_waits_for_a_check_of_its_own(self, ledger: Ledger) -> None:
        commit(ledger, A, B, blocks=[block(1970, 0)])
        for name in ("one", "two"):
            pin(ledger, name, A, B)
            ledger.snapshots.set_materialised(name, WHO)
        checks = ledger.quality.pinned()
        assert sorted((one.series, one.snapshot, one.whole) for one in checks) == [
            (one, name, True) for one in (A, B) for name in ("one", "two")
        ]
        at = ledger.quality.record([], [], WHO, pinned=[one for one in checks if one.snapshot == "two"])
        assert {one.snapshot: one.checked_at for one in ledger.quality.pinned()} == {"one": 0, "two": at}
        ledger.snapshots.delete("two", WHO)
        assert {one.snapshot for one in ledger.quality.pinned()} == {"one"}

    def test_all_or_nothing_of_a_measurement_is_kept(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1970, 0)])

        class Refusing:
            """Something that is no JSON."""

        wrong = _measured(A, 0.5, told={"completeness": Refusing()})
        with pytest.raises(TypeError):
            ledger.quality.record([_measured(A, 1.0), wrong], [_check(A, 1970)], WHO)
        assert ledger.quality.measurements([A]) == []
        assert ledger.quality.state().never == 1

    def test_hostile_names_are_measured_too(self, ledger: Ledger) -> None:
        many = [series(name, source=name) for name in HOSTILE_NAMES]
        ledger.quality.record([_measured(one, 0.5, version=one.instrument) for one in many], [], WHO)
        assert {one.series for one in ledger.quality.measurements(many)} == set(many)
        assert ledger.quality.measurements(many, version=many[0].instrument)[0].series == many[0]


def _measured(
    one: Series, score: float, *, version: str = "latest", revision: int = 5, told: Mapping[str, object] | None = None
) -> Measurement:
    scores = {"completeness": score, "accuracy": None}
    assert set(scores) <= set(METRICS)
    return Measurement(
        series=one,
        interval=stretch(0, 10),
        version=version,
        revision=revision,
        scores=scores,
        told={"completeness": {}, "accuracy": {"reason": "no other source"}, **(told or {})},
    )


def _check(one: Series, number: int, *, seed: int = 0, ok: bool = True, detail: str = "") -> BlockCheck:
    made = block(number, seed)
    return BlockCheck(series=one, start=made.start, rows=made.rows, digest=made.digest, ok=ok, detail=detail)
