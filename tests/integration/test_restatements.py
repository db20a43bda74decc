"""A source that multiplies its history rewrites it as one restatement, and no bar is ever appended across a split."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.errors import SourceError, SourceUnavailable
from barledger.services.ingestion.progress import Event, Refetching
from barledger.stores.memory import MemoryStore
from places import ON_SQLITE, place_called
from scripted import NOON, SPLITS, Market, ScriptedSource, SetClock, clocked, service, tolerant

MEMORY = pytest.param(None, id="memory")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def same_as(bl: BarLedger, market: Market, first: int, last: int) -> None:
    """Compare what is held with what the market says of these days."""
    held, said = bl.bars("A", "1d", source="scripted").rows, market.rows(market.labels(first * DAY, last * DAY))
    assert held.time.tolist() == said.time.tolist()
    for name in VALUES:
        assert np.allclose(getattr(held, name), getattr(said, name), rtol=1e-12), name


def revisions(bl: BarLedger) -> list[tuple[str, str, int, int]]:
    (versions,) = bl.cache.versions("A", "1d")
    return [(one.operation, one.trigger, one.new, one.changed) for one in versions.revisions]


@pytest.mark.parametrize("param", [MEMORY, *ON_SQLITE])
def test_a_split_that_shows_in_the_overlap_rewrites_all_in_one_revision(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if param is None:
        _tell_the_story(clocked(MemoryStore(), clock), clock)
        return
    with place_called(param, request, tmp_path) as place:
        _tell_the_story(clocked(place.open_store(), clock, place.ledger), clock)


def _tell_the_story(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=700 * DAY)
    source = ScriptedSource({"A": market}, clock, page=60, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    clock.now += 3 * DAY
    market.splits.append((1_001 * DAY, 4.0))
    events: list[Event] = []
    done = ingestion.ingest("A", "1d", source="scripted", progress=events.append)
    assert (done.new, done.changed) == (3, 300)
    (restated,) = done.restated
    assert restated.restatement is not None
    found = restated.restatement
    assert (found.factor, found.volume, found.bars, found.others) == (0.25, "inverse", 300, 0)
    assert found.until == 999 * DAY + 1
    assert [type(one) for one in events].count(Refetching) == 1
    same_as(bl, market, 700, 1_003)
    last = revisions(bl)[-1]
    assert last == ("ingest", "restatement", 3, 300)
    (entry,) = [one.data for one in bl.audit.entries() if one.data.get("trigger") == "restatement"]
    assert entry["details"]["A 1d from scripted"]["restatement"]["factor"] == "0.25"
    assert "300 bars before" in entry["reason"]
    assert ingestion.ingest("A", "1d", source="scripted").instruments[0].state == "current"
    bl.close()


def test_an_overlap_is_asked_for_where_the_source_adjusts_and_only_there(bl: BarLedger, clock: SetClock) -> None:
    for adjustment, first in ((SPLITS, 990), (None, 1_000)):
        name = "adjusting" if adjustment else "raw"
        source = ScriptedSource(
            {"A": Market(listed=900 * DAY)}, clock, name=name, **({"adjustment": adjustment} if adjustment else {})
        )
        ingestion = service(bl, clock, source)
        clock.now = max(clock.now, 1_000 * DAY + NOON)
        ingestion.ingest("A", "1d", source=name, end=1_000 * DAY)
        source.requests.clear()
        clock.now += DAY
        done = ingestion.ingest("A", "1d", source=name)
        assert done.changed == 0
        assert source.requests[0][1] == first * DAY


@pytest.mark.parametrize("overlapping", [1, 2, 9])
def test_a_split_that_few_bars_of_the_overlap_show_is_seen(bl: BarLedger, clock: SetClock, overlapping: int) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=20, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    clock.now += DAY
    market.splits.append(((990 + overlapping) * DAY, 2.0))
    done = ingestion.ingest("A", "1d", source="scripted")
    assert (done.new, done.changed) == (1, 90 + overlapping)
    same_as(bl, market, 900, 1_001)


def test_earlier_bars_are_not_put_before_a_history_of_another_scale(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=800 * DAY)
    source = ScriptedSource({"A": market}, clock, page=20, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted", start=900 * DAY)
    market.splits.append((999 * DAY, 2.0))
    done = ingestion.ingest("A", "1d", source="scripted", start=850 * DAY, end=900 * DAY)
    assert (done.new, done.changed) == (50, 99)
    assert [one for one in revisions(bl) if one[1] == "restatement"] == [("ingest", "restatement", 50, 99)]
    same_as(bl, market, 850, 1_000)


def test_news_of_a_split_is_reason_enough_to_ask_for_all(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=200, adjustment=SPLITS, gives_events=True)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    clock.now += DAY
    split = CorporateAction(instrument="A", ex_date=1_000 * DAY, kind="split", source="scripted", value=2.0)
    market.actions.append(split)
    events: list[Event] = []
    done = ingestion.ingest("A", "1d", source="scripted", progress=events.append)
    assert any(isinstance(one, Refetching) for one in events)
    assert (done.new, done.changed, done.restated) == (1, 0, ())
    events.clear()
    clock.now += DAY
    ingestion.ingest("A", "1d", source="scripted", refresh=5, progress=events.append)
    assert not any(isinstance(one, Refetching) for one in events)
    assert len(bl.vault.ledger.actions.list(instrument="A")) == 1


def test_trembling_vendors_restate_too(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY, jitter=1e-6)
    source = ScriptedSource({"A": market}, clock, page=60, adjustment=SPLITS, tolerance=tolerant())
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.splits, market.jitter = [(1_000 * DAY, 2.0)], -1e-6
    clock.now += DAY
    done = ingestion.ingest("A", "1d", source="scripted")
    (restated,) = done.restated
    assert restated.restatement is not None
    assert (restated.restatement.factor, restated.restatement.others) == (0.5, 0)
    market.jitter = 1e-6
    again = ingestion.ingest("A", "1d", source="scripted", refresh=50)
    assert (again.changed, again.jitter) == (0, 60)  # with an overlap of ten


def test_a_raw_source_that_multiplies_its_history_is_seen_when_bars_are_seen_again(
    bl: BarLedger, clock: SetClock
) -> None:
    market = Market(listed=900 * DAY, volume_adjusted=False)
    source = ScriptedSource({"A": market}, clock, page=15)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.splits.append((995 * DAY, 0.01))
    done = ingestion.ingest("A", "1d", source="scripted", refresh=10)
    assert done.changed == 95
    assert done.restated[0].restatement is not None
    assert (done.restated[0].restatement.factor, done.restated[0].restatement.volume) == (100.0, "unchanged")
    same_as(bl, market, 900, 1_000)


def test_two_splits_between_two_looks_are_one_restatement(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=800 * DAY)
    source = ScriptedSource({"A": market}, clock, page=100, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.splits = [(900 * DAY, 2.0), (1_000 * DAY, 3.0)]
    clock.now += 2 * DAY
    done = ingestion.ingest("A", "1d", source="scripted")
    assert done.restated[0].restatement is not None
    assert [step.factor for step in done.restated[0].restatement.steps] == [pytest.approx(1 / 6), pytest.approx(1 / 3)]
    same_as(bl, market, 800, 1_002)


# --- what goes wrong on the way ------------------------------------------------------------------


def split_and_fail(bl: BarLedger, clock: SetClock, fault: Exception) -> tuple[Market, ScriptedSource]:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=30, adjustment=SPLITS)
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    market.splits.append((1_000 * DAY, 2.0))
    clock.now += DAY
    source.script = [None, None, *[fault] * 20]
    with pytest.raises(SourceError):
        service(bl, clock, source).ingest("A", "1d", source="scripted")
    source.script = []
    return market, source


@pytest.mark.parametrize("kind", [SourceError, SourceUnavailable])
def test_a_history_that_cannot_be_had_whole_changes_nothing(
    bl: BarLedger, clock: SetClock, kind: type[SourceError]
) -> None:
    market, source = split_and_fail(bl, clock, kind(source="scripted", detail="gone"))
    held = bl.bars("A", "1d", source="scripted")
    assert len(held) == 100
    assert len(revisions(bl)) == 4
    done = service(bl, clock, source).ingest("A", "1d", source="scripted")
    assert (done.new, done.changed) == (1, 100)
    same_as(bl, market, 900, 1_001)


def test_a_budget_that_ends_within_the_history_changes_nothing(bl: BarLedger, clock: SetClock) -> None:
    from barledger.services.ingestion import Budget  # noqa: PLC0415 - only here

    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=30, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.splits.append((1_000 * DAY, 2.0))
    clock.now += DAY
    done = ingestion.ingest("A", "1d", source="scripted", budget=Budget(calls=3))
    assert (done.new, done.changed, done.instruments[0].state) == (0, 0, "not_done")
    assert done.instruments[0].left
    assert ingestion.ingest("A", "1d", source="scripted").changed == 100


def test_what_the_source_no_longer_gives_keeps_all_as_it_is_until_somebody_decides(
    bl: BarLedger, clock: SetClock
) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=200, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.listed, market.splits = 950 * DAY, [(1_000 * DAY, 2.0)]
    clock.now += DAY
    done = ingestion.ingest("A", "1d", source="scripted")
    assert (done.new, done.changed, done.held, done.proposed) == (0, 0, 1, 50)
    (proposal,) = ingestion.proposals()
    assert proposal.kind == "restatement"
    assert "50 bars before it are not given any more" in proposal.reason
    assert len(bl.bars("A", "1d", source="scripted")) == 100
    clock.now += DAY
    done = ingestion.ingest("A", "1d", source="scripted")
    assert (done.held, [one.id for one in ingestion.proposals()]) == (2, list(done.proposals))
    ingestion.accept(done.proposals[0], reason="the head is dropped")
    bl.withdraw("A", "1d", [day * DAY for day in range(900, 950)], source="scripted", reason="of another scale")
    clock.now += DAY
    assert ingestion.ingest("A", "1d", source="scripted").new == 1
    same_as(bl, market, 950, 1_003)


def test_a_bar_that_the_restated_history_lacks_twice_is_withdrawn_with_it(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=200, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    market.gone, market.splits = {950 * DAY}, [(1_000 * DAY, 2.0)]
    clock.now += DAY
    first = ingestion.ingest("A", "1d", source="scripted")
    assert (first.changed, first.held) == (0, 1)
    second = ingestion.ingest("A", "1d", source="scripted")
    assert (second.changed, second.withdrawn, second.new) == (99, 1, 1)
    same_as(bl, market, 900, 1_001)
    assert ingestion.proposals() == []


# --- under a policy ------------------------------------------------------------------------------


def restated_under(bl: BarLedger, clock: SetClock, **policy: object) -> tuple[Market, ScriptedSource]:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=40, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    ingestion.set_policy("scripted", **policy)  # type: ignore[arg-type]
    market.splits.append((1_000 * DAY, 2.0))
    clock.now += 2 * DAY
    return market, source


@pytest.mark.parametrize(
    "policy", [{"on_change": "propose"}, {"most_change": 0.1}, {"most_bars": 50}, {"most_age": "30d"}]
)
def test_a_restatement_above_a_limit_waits_with_the_bars_after_it(
    bl: BarLedger, clock: SetClock, policy: dict[str, object]
) -> None:
    market, source = restated_under(bl, clock, **policy)
    ingestion = service(bl, clock, source)
    done = ingestion.ingest("A", "1d", source="scripted")
    assert (done.new, done.changed, done.held, done.proposed) == (0, 0, 2, 100)
    assert done.instruments[0].state == "proposed"
    assert [int(time) // DAY for time in bl.bars("A", "1d", source="scripted").time] == list(range(900, 1_000))
    (proposal,) = ingestion.proposals(state="open")
    assert (proposal.kind, proposal.bars) == ("restatement", 100)
    assert proposal.evidence["factor"] == "0.5"
    shown = ingestion.proposal(proposal.id)
    assert shown.diff["change"].tolist() == ["changed"] * 100 + ["new"] * 2
    assert (shown.diff["close"][:100] * 2 == shown.diff["old_close"][:100]).all()
    accepted = ingestion.accept(proposal.id, reason="a split indeed")
    assert (accepted.new, accepted.changed) == (2, 100)
    same_as(bl, market, 900, 1_002)
    assert ingestion.ingest("A", "1d", source="scripted").instruments[0].state == "current"
    record = bl.audit.entries(operation="correct")[0]
    assert json.loads(record.body)["details"]["A 1d from scripted"]["proposal"] == proposal.id


def test_a_newer_look_replaces_the_proposal_and_a_rejection_lasts(bl: BarLedger, clock: SetClock) -> None:
    market, source = restated_under(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    first = ingestion.ingest("A", "1d", source="scripted").proposals
    assert ingestion.ingest("A", "1d", source="scripted").proposals == first
    clock.now += DAY
    second = ingestion.ingest("A", "1d", source="scripted").proposals
    assert [one.id for one in ingestion.proposals()] == list(second) != list(first)
    ingestion.reject(second[0], reason="no split was announced")
    clock.now += DAY
    done = ingestion.ingest("A", "1d", source="scripted")
    assert (done.new, done.changed, done.held, done.declined, done.proposals) == (0, 0, 4, 100, ())
    assert ingestion.proposals() == []
    market.splits.clear()
    assert ingestion.ingest("A", "1d", source="scripted").new == 4
    same_as(bl, market, 900, 1_004)


def test_an_open_proposal_is_closed_when_the_history_is_rewritten_after_all(bl: BarLedger, clock: SetClock) -> None:
    _, source = restated_under(bl, clock, on_change="propose")
    ingestion = service(bl, clock, source)
    (proposal,) = ingestion.ingest("A", "1d", source="scripted").proposals
    done = ingestion.ingest("A", "1d", source="scripted", on_change="apply")
    assert done.changed == 100
    closed = ingestion.proposal(proposal).proposal
    assert (closed.state, closed.decision) == ("rejected", f"overtaken by revision {done.revision}")


def test_readers_never_see_two_scales(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY)
    source = ScriptedSource({"A": market}, clock, page=7, adjustment=SPLITS)
    ingestion = service(bl, clock, source)
    ingestion.ingest("A", "1d", source="scripted")
    before = bl.bars("A", "1d", source="scripted").digest
    seen: set[str] = set()

    def look(event: Event) -> None:  # noqa: ARG001 - whatever happened
        if clock.now > 1_001 * DAY:
            seen.add(bl.bars("A", "1d", source="scripted").digest)

    market.splits.append((1_000 * DAY, 2.0))
    clock.now += 2 * DAY
    ingestion.ingest("A", "1d", source="scripted", progress=look)
    after = bl.bars("A", "1d", source="scripted").digest
    assert seen == {before, after}
    assert bl.bars("A", "1d", source="scripted", version=format_time(1_000 * DAY + NOON + 60 * 10**9)).digest == before
