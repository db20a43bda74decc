"""What a ledger promises of discrepancies, and of the policies that decide about them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import Tolerance
from barledger.domain.decision_rule import DecisionRule
from barledger.domain.discrepancy import STEPS, WAITING, Discrepancy, DiscrepancyState
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import DiscrepancyNotFound, IllegalStep
from barledger.ledger.contract import Ledger, Look
from barledger.testing.bars import HOSTILE_NAMES, series
from barledger.testing.commits import WHO, commit

A, B = series("AAPL"), series("MSFT")


class DiscrepancyPromises:
    """What differs, what was decided about it, and what need not be decided by anybody."""

    def test_a_discrepancy_keeps_its_bars_and_every_step(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        made = _added(ledger, _discrepancy(), b"\x00bars")
        assert made.id
        assert (made.state, made.proposal) == ("proposed", made.id)
        other = open_ledger()
        assert other.discrepancies.get(made.id) == made
        assert other.discrepancies.payload(made.id) == b"\x00bars"
        accepted = other.discrepancies.step(made.id, "accepted", WHO)
        assert (accepted.state, accepted.decided_by, accepted.decision) == ("accepted", WHO.actor, WHO.reason)
        applied = ledger.discrepancies.step(made.id, "applied", replace(WHO, actor="machine"), revision=7)
        assert (applied.result, applied.undone_by) == (7, 0)
        undone = other.discrepancies.step(made.id, "undone", replace(WHO, reason="a mistake"), revision=9)
        assert (undone.result, undone.undone_by, undone.decision) == (7, 9, "a mistake")
        assert ledger.discrepancies.get(made.id) == undone
        assert ledger.discrepancies.payload(made.id) == b"\x00bars"
        steps = ledger.discrepancies.steps(made.id)
        assert [(one.state, one.actor, one.revision) for one in steps] == [
            ("proposed", WHO.actor, 0),
            ("accepted", WHO.actor, 0),
            ("applied", "machine", 7),
            ("undone", WHO.actor, 9),
        ]
        assert sorted({one.at for one in steps}) == [one.at for one in steps]
        told = [entry.data["discrepancy"]["state"] for entry in ledger.audit.entries(series=A)]
        assert told == ["proposed", "accepted", "applied", "undone"]

    def test_steps_are_told_in_their_order_from_any_moment_on(self, ledger: Ledger) -> None:
        first, second = _added(ledger, _discrepancy(), b"one"), _added(ledger, _discrepancy(days=(20, 21)), b"two")
        ledger.discrepancies.step(first.id, "accepted", WHO)
        told = ledger.discrepancies.changed(0, limit=10)
        assert [(one.id, one.state, step.state) for one, step in told] == [
            (first.id, "accepted", "proposed"),
            (second.id, "proposed", "proposed"),
            (first.id, "accepted", "accepted"),
        ]
        assert ledger.discrepancies.changed(0, limit=1) == told[:1]
        assert ledger.discrepancies.changed(told[1][1].at, limit=10) == told[2:]
        assert ledger.discrepancies.changed(told[2][1].at, limit=10) == []

    def test_a_step_that_the_state_does_not_allow_is_refused_and_changes_nothing(self, ledger: Ledger) -> None:
        paths: dict[DiscrepancyState, tuple[DiscrepancyState, ...]] = {
            "open": (),
            "proposed": (),
            "rejected": ("rejected",),
            "superseded": ("superseded",),
            "accepted": ("accepted",),
            "applied": ("accepted", "applied"),
            "undone": ("accepted", "applied", "undone"),
        }
        for at, (state, path) in enumerate(paths.items()):
            one = _added(ledger, _discrepancy(days=(20 * at, 20 * at + 1)), None if state == "open" else bytes([at]))
            for step in path:
                one = ledger.discrepancies.step(one.id, step, WHO)
            assert one.state == state
            entries = ledger.audit.count()
            # Bars have to be given before they can be proposed.
            allowed = STEPS[state] - {"proposed"}
            for refused in set(paths) - allowed:
                with pytest.raises(IllegalStep) as caught:
                    ledger.discrepancies.step(one.id, refused, WHO)
                assert (caught.value.state, caught.value.step) == (state, refused)
            assert (ledger.discrepancies.get(one.id), ledger.audit.count()) == (one, entries)

    def test_the_same_discrepancy_is_kept_once(self, ledger: Ledger) -> None:
        made = _added(ledger, _discrepancy(), b"1")
        entries = ledger.audit.count()
        assert ledger.discrepancies.add(_discrepancy(), b"1", WHO) == (made, False)
        assert ledger.audit.count() == entries
        accepted = ledger.discrepancies.step(made.id, "accepted", WHO)
        assert ledger.discrepancies.add(_discrepancy(), b"1", WHO) == (accepted, False)
        ledger.discrepancies.step(made.id, "applied", WHO, revision=8)
        assert _added(ledger, _discrepancy(), b"1").id != made.id

    @pytest.mark.parametrize("path", [("rejected",), ("accepted", "applied", "undone")])
    def test_what_somebody_declined_is_not_asked_again(
        self, ledger: Ledger, path: tuple[DiscrepancyState, ...]
    ) -> None:
        made = _added(ledger, _discrepancy(), b"1")
        for state in path:
            made = ledger.discrepancies.step(made.id, state, WHO)
        assert ledger.discrepancies.add(_discrepancy(), b"1", WHO) == (made, False)
        assert ledger.discrepancies.add(replace(_discrepancy(), revision=99), b"1", WHO) == (made, False)
        assert _added(ledger, _discrepancy(), b"2").state == "proposed"
        assert _added(ledger, _discrepancy(B), b"1").state == "proposed"
        assert _added(ledger, replace(_discrepancy(), against="other"), b"1").state == "proposed"

    def test_a_key_says_what_is_the_same(self, ledger: Ledger) -> None:
        made = _added(ledger, replace(_discrepancy(), key="a split"), b"1")
        assert ledger.discrepancies.add(replace(_discrepancy(), key="a split"), b"2", WHO) == (made, False)
        assert _added(ledger, replace(_discrepancy(), key="another"), b"1").id != made.id

    def test_an_open_discrepancy_becomes_a_proposal_when_its_bars_come(self, ledger: Ledger) -> None:
        found = replace(_discrepancy(), key="gone")
        made = _added(ledger, found, None)
        assert (made.state, made.proposal, ledger.discrepancies.payload(made.id)) == ("open", None, None)
        assert ledger.discrepancies.add(found, None, WHO) == (made, False)
        proposed, news = ledger.discrepancies.add(replace(found, confidence=0.9, revision=99), b"1", WHO)
        assert (proposed.id, proposed.state, proposed.confidence, news) == (made.id, "proposed", 0.9, True)
        assert ledger.discrepancies.payload(made.id) == b"1"
        assert [one.state for one in ledger.discrepancies.steps(made.id)] == ["open", "proposed"]
        assert ledger.discrepancies.get(made.id) == proposed

    def test_the_same_one_takes_the_place_of_one_whose_bars_were_written_since(self, ledger: Ledger) -> None:
        made = _added(ledger, _discrepancy(), b"1")
        older = replace(_discrepancy(), revision=made.revision - 1)
        assert ledger.discrepancies.add(older, b"1", WHO) == (made, False)
        fresh = _added(ledger, replace(_discrepancy(), revision=made.revision + 1), b"1")
        assert (fresh.id != made.id, fresh.revision) == (True, made.revision + 1)
        assert [one.id for one in ledger.discrepancies.list(states=WAITING)] == [fresh.id]
        assert ledger.discrepancies.get(made.id).state == "superseded"

    def test_factors_that_one_look_found_stay_beside_each_other(self, ledger: Ledger) -> None:
        look = {"seen": "the same bars"}
        plain = replace(_discrepancy(days=(2, 4)), against="", factor=0.5, evidence=look, kind="split_missed", key="a")
        inner = _added(ledger, plain, b"1")
        outer = _added(ledger, replace(_discrepancy(days=(1, 10)), **_findings(plain), key="b"), b"2")
        assert {one.id for one in ledger.discrepancies.list(states=WAITING)} == {inner.id, outer.id}
        other = replace(_discrepancy(days=(1, 11)), **{**_findings(plain), "evidence": {"seen": "others"}}, key="c")
        wider = _added(ledger, other, b"3")
        assert {one.id for one in ledger.discrepancies.list(states=WAITING)} == {wider.id}

    def test_a_newer_one_for_the_same_stretch_takes_the_place_of_the_older(self, ledger: Ledger) -> None:
        inside = _added(ledger, _discrepancy(days=(2, 4)), b"1")
        aside = _added(ledger, _discrepancy(days=(8, 20)), b"2")
        other = _added(ledger, replace(_discrepancy(days=(2, 4)), against="other"), b"2")
        volume = _added(ledger, replace(_discrepancy(days=(2, 4)), kind="volume_only"), b"2")
        newer = _added(ledger, replace(_discrepancy(days=(1, 10))), b"3")
        elsewhere = _added(ledger, _discrepancy(B, days=(0, 30)), b"4")
        waiting = {one.id for one in ledger.discrepancies.list(states=WAITING)}
        assert waiting == {aside.id, newer.id, elsewhere.id, other.id, volume.id}
        assert ledger.discrepancies.get(inside.id).state == "superseded"
        assert ledger.discrepancies.list(series=A)[0] == newer
        assert ledger.discrepancies.list(states=()) == []
        _added(ledger, replace(_discrepancy(days=(1, 10)), kind="restatement"), b"5")
        assert {ledger.discrepancies.get(one.id).state for one in (volume, newer)} == {"superseded"}

    def test_an_unknown_discrepancy_is_refused(self, ledger: Ledger) -> None:
        for action in (ledger.discrepancies.get, ledger.discrepancies.payload, ledger.discrepancies.steps):
            with pytest.raises(DiscrepancyNotFound):
                action("disc-0")
        with pytest.raises(DiscrepancyNotFound):
            ledger.discrepancies.step("disc-0", "accepted", WHO)

    def test_texts_of_any_kind_are_kept(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        for at, name in enumerate(HOSTILE_NAMES):
            evidence = {name: [name, {"factor": name}]}
            given = replace(_discrepancy(days=(at, at + 1)), reason=name, evidence=evidence, against=name, factor=0.1)
            made = _added(ledger, given, name.encode())
            assert open_ledger().discrepancies.get(made.id) == made
            assert (made.reason, made.evidence, made.against, made.factor) == (name, evidence, name, 0.1)

    def test_policies_are_kept_by_source(self, ledger: Ledger) -> None:
        policy = ChangePolicy(on_change="apply", most_bars=10, most_change=0.1, most_age=30 * DAY)
        ledger.policies.set_policy("yahoo", policy, WHO)
        ledger.policies.set_policy("binance", ChangePolicy(on_change="propose"), WHO)
        assert ledger.policies.policies() == {"binance": ChangePolicy(on_change="propose"), "yahoo": policy}
        ledger.policies.set_policy("binance", None, WHO)
        assert ledger.policies.policies() == {"yahoo": policy}

    def test_decision_rules_are_kept_the_most_specific_first(self, ledger: Ledger) -> None:
        wide = DecisionRule(name="all", action="wait")
        sure = DecisionRule(name="sure", kind="restatement", confidence=0.99)
        yahoo = DecisionRule(name="yahoo", source="yahoo", kind="volume_only", confidence=0.5, most_bars=20)
        for rule in (wide, sure, yahoo):
            ledger.policies.set_rule(rule.name, rule, WHO)
        assert ledger.policies.rules() == [yahoo, sure, wide]
        ledger.policies.set_rule("all", replace(wide, action="accept"), WHO)
        ledger.policies.set_rule("sure", None, WHO)
        assert ledger.policies.rules() == [yahoo, replace(wide, action="accept")]
        assert ledger.audit.count() == 5

    def test_a_tolerance_is_of_a_pair_of_sources_in_any_order(self, ledger: Ledger) -> None:
        close = Tolerance(price=1e-3, volume=5e-2, fields={"close": 2e-3})
        ledger.policies.set_tolerance("yahoo", "sample", close, WHO)
        ledger.policies.set_tolerance("sample", "sample", Tolerance(price=1e-6), WHO)
        assert ledger.policies.tolerances() == {
            ("sample", "sample"): Tolerance(price=1e-6),
            ("sample", "yahoo"): close,
        }
        ledger.policies.set_tolerance("sample", "yahoo", None, WHO)
        assert list(ledger.policies.tolerances()) == [("sample", "sample")]
        assert ledger.audit.count() == 3

    def test_a_bar_is_missed_when_two_answers_in_a_row_lack_it(self, ledger: Ledger) -> None:
        commit(ledger, A)
        whole = Interval(0, 100)
        assert ledger.sightings.missed(A, whole, [10, 20]) == []
        assert ledger.sightings.missed(A, Interval(15, 30), [20]) == [20]
        assert ledger.sightings.missed(A, whole, [20, 30]) == [20]
        assert ledger.sightings.missed(A, whole, [10, 30]) == [30]
        assert ledger.sightings.missed(B, whole, [10]) == []

    def test_the_last_look_at_each_block_is_kept(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        first = Look(start=10, compared_at=100, outcome="identical", given=b"\x01", held=b"\x02")
        second = Look(start=0, compared_at=100, outcome="jitter")
        ledger.sightings.look(A, [first, second])
        ledger.sightings.look(A, [])
        later = replace(first, compared_at=200, outcome="differs", given=b"\x00")
        ledger.sightings.look(A, [later])
        assert open_ledger().sightings.looks_of([A, B]) == {A: [second, later], B: []}
        assert ledger.sightings.looks_of([]) == {}


def _discrepancy(of: Series = A, days: tuple[int, int] = (0, 10)) -> Discrepancy:
    return Discrepancy(
        series=of,
        interval=Interval(days[0] * DAY, days[1] * DAY),
        kind="correction",
        fields=("open", "close"),
        confidence=0.5,
        bars=3,
        revision=5,
        reason="more bars change than may",
        against=of.source,
        evidence={"largest_move": "0.25"},
    )


def _added(ledger: Ledger, found: Discrepancy, payload: bytes | None) -> Discrepancy:
    made, news = ledger.discrepancies.add(found, payload, WHO)
    assert news
    return made


def _findings(one: Discrepancy) -> dict[str, Any]:
    """Return what findings of one look have in common."""
    return {name: getattr(one, name) for name in ("against", "factor", "evidence", "kind")}
