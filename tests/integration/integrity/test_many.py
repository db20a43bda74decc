"""Many discrepancies at once: their notices and decisions about them."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting, ProposalStale
from barledger.services.discrepancies.filter import Filter
from discrepancies import loaded
from integrity import Rewritten, heard, integrity
from scripted import ScriptedSource, SetClock, service


def test_notices_of_several_discrepancies_are_about_each_of_them(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50}
    source.markets["A"].gone = {960 * DAY}
    made = integrity(bl, clock, source)
    found = made.reconcile("A", "1d").discrepancies
    made.reconcile("A", "1d")
    abouts = {notice.details["kind"]: notice.about for notice in told}
    assert len(told) == len(found) == len(set(abouts.values())) == 2
    for one in found:
        assert abouts[one.kind] == f"A 1d from scripted: {one.key}"
        assert one.key.startswith(f"{one.kind}:")


def test_many_are_decided_by_a_filter_and_one_that_fails_stops_no_other(bl: BarLedger, clock: SetClock) -> None:
    markets = {name: Rewritten(listed=900 * DAY) for name in ("A", "AB", "C")}
    source = ScriptedSource(markets, clock, page=200)
    service(bl, clock, source).ingest(list(markets), "1d", source="scripted")
    for market in markets.values():
        market.corrected = {950 * DAY: 50}
    made = integrity(bl, clock, source)
    found = {name: made.reconcile(name, "1d").discrepancies[0].id for name in markets}
    touched = bl.bars("AB", "1d", source="scripted", start=950 * DAY, end=951 * DAY).df
    bl.write("AB", "1d", touched * 1.5, source="scripted")
    decided = made.accept_each(Filter.of(instrument="A*", kind="correction"), reason="all of them")
    assert {one.discrepancy.id: (one.ok, one.discrepancy.state) for one in decided} == {
        found["A"]: (True, "applied"),
        found["AB"]: (False, "proposed"),
    }
    assert isinstance(decided[1].error, ProposalStale)
    assert [one.id for one in made.discrepancies(state="proposed", instrument="C")] == [found["C"]]
    assert made.discrepancies(confidence=0.99) == made.discrepancies(start=999 * DAY) == []
    rejected = made.reject_each(Filter.of(source="scripted"), reason="none of them")
    assert {one.discrepancy.id for one in rejected} == {found["AB"], found["C"]}
    (undone,) = made.undo_each(Filter.of(state="applied"), reason="nor that")
    assert (undone.discrepancy.state, undone.written is not None) == ("undone", True)
    assert made.discrepancies() == []
    assert len(made.discrepancies(state=["undone", "rejected"])) == 3
    with pytest.raises(InvalidSetting):
        made.discrepancies(state="lost")
