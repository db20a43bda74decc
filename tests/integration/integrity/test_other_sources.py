"""Held bars compared with those of other sources."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.comparison import Tolerance
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting, SourceNotFound
from integrity import Rewriting, Rewritten, integrity, multiplied
from reconciling import loaded
from scripted import ScriptedSource, SetClock, tolerant


def other(clock: SetClock, rewrite: Rewriting) -> ScriptedSource:
    return ScriptedSource({"A": Rewritten(listed=700 * DAY, rewrite=rewrite)}, clock, name="other", page=100)


def test_against_another_source_nothing_is_proposed(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    theirs = other(clock, multiplied(1.01, 800, 803))
    service_ = integrity(bl, clock, source, theirs)
    report = service_.reconcile("A", "1d", against="other")
    (one,) = report.discrepancies
    assert (one.state, one.proposal, one.against, one.bars) == ("open", None, "other", 3)
    assert len(service_.discrepancy(one.id).rows) == 0
    assert (theirs.requests[0][0], source.requests) == ("A", [])
    again = service_.reconcile("A", "1d", against="other")
    assert again.discrepancies == (one,)
    service_.reject(one.id, reason="they are wrong")
    assert service_.reconcile("A", "1d", against="other").ok


@pytest.mark.parametrize(("factor", "found"), [(1.0009, False), (1.0011, True)])
def test_two_sources_may_differ_by_a_thousandth_of_the_price(
    bl: BarLedger, clock: SetClock, factor: float, *, found: bool
) -> None:
    source = loaded(bl, clock)
    report = integrity(bl, clock, source, other(clock, multiplied(factor, 800, 802))).reconcile(
        "A", "1d", against="other"
    )
    assert bool(report.discrepancies) is found
    assert report.jitter == (0 if found else 2)
    assert report.comparisons[0].tolerance == Tolerance(price=1e-3, volume=5e-2)


def test_the_tolerance_of_a_pair_is_set_by_field(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    theirs = other(clock, multiplied(1.005, 800, 802))
    service_ = integrity(bl, clock, source, theirs)
    service_.set_tolerance("scripted", "other", price=1e-2, reason="their feed is thin")
    assert service_.reconcile("A", "1d", against="other").discrepancies == ()
    made = service_.set_tolerance("other", "scripted", price=1e-2, fields={"close": 1e-3}, reason="desk")
    assert service_.tolerance("scripted", "other") == made
    (one,) = service_.reconcile("A", "1d", against="other").discrepancies
    assert one.fields == ("close",)
    service_.set_tolerance("scripted", "other", reason="desk")
    assert service_.tolerance("scripted", "other") == Tolerance(price=1e-3, volume=5e-2)
    with pytest.raises(InvalidSetting):
        service_.set_tolerance("scripted", "other", price=-1.0, reason="desk")
    with pytest.raises(InvalidSetting):
        service_.set_tolerance("scripted", "other", fields={"closing": 0.1}, reason="desk")


def test_a_source_that_nobody_knows_is_refused_and_one_of_series_alone_is_not(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    frame = bl.bars("A", "1d", source="scripted").df
    bl.write("OTHER", "1d", frame, source="desk")
    service_ = integrity(bl, clock, source, other(clock, multiplied(1.0, 0, 1)))
    for against in ("dezk", ["other", "dezk"]):
        with pytest.raises(SourceNotFound, match="did you mean desk") as told:
            service_.reconcile("A", "1d", source="scripted", against=against)
        assert told.value.known == ("desk", "other", "scripted")
    assert service_.discrepancies(state="all") == []
    (held,) = service_.reconcile("A", "1d", source="scripted", against="desk").comparisons
    assert (held.state, held.notes) == (
        "skipped", ("desk cannot be asked, and no bars of A 1d are held of it",)
    )  # fmt: skip
    for pair in (("scripted", "dezk"), ("oter", "scripted")):
        with pytest.raises(SourceNotFound):
            service_.set_tolerance(*pair, price=1e-2, reason="desk")
    assert service_.set_tolerance("desk", "scripted", price=1e-2, reason="desk") is not None


def test_the_tolerance_of_a_source_and_itself_is_what_it_declares_unless_set(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, tolerance=tolerant())
    source.markets["A"].corrected = {900 * DAY: 1}
    service_ = integrity(bl, clock, source)
    assert service_.tolerance("scripted", "scripted") == tolerant()
    service_.set_tolerance("scripted", "scripted", price=1e-3, reason="desk")
    assert service_.reconcile("A", "1d").jitter == 1
    service_.set_tolerance("scripted", "scripted", reason="desk")
    assert len(service_.reconcile("A", "1d").discrepancies) == 1


def test_several_sources_and_held_ones_are_compared_each(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    frame = bl.bars("A", "1d", source="scripted").df
    frame.iloc[100] *= 1.2
    bl.write("A", "1d", frame.iloc[50:], source="desk")
    service_ = integrity(bl, clock, source, other(clock, multiplied(1.0, 0, 1)))
    report = service_.reconcile("A", "1d", source="scripted", against=["other", "desk"])
    assert [(one.against, one.compared, len(one.discrepancies)) for one in report.comparisons] == [
        ("other", 300, 0),
        ("desk", 250, 1),
    ]
    assert "held" in report.comparisons[1].notes[0]
