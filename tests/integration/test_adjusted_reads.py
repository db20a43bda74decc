"""Adjusted reads: by the events that were known, over whatever part is asked for, on every kind of store."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjusting import Event, ImpossibleError, naive
from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY
from barledger.errors import CannotAdjust, InvalidSetting, LockBroken, ManifestChanged, MissingColumns, NoBars
from barledger.ledger.contract import Who
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, frame, library
from scripted import RAW, SPLITS, Market, ScriptedSource, SetClock, clocked, service

WHO = Who(actor="tester", operation="record")
ADJ = ["adj_open", "adj_high", "adj_low", "adj_close", "adj_volume"]


def say(bl: BarLedger, kind: str, day: int, value: float, **more: Any) -> None:
    bl.actions.add("A", kind, day * DAY, value=value, **more)


def events_of(bl: BarLedger) -> list[Event]:
    return [
        Event(one.day // DAY, ratio=one.ratio, paid=0.0 if one.kind in {"split", "stock_dividend"} else one.value)
        for one in bl.actions.list("A")
    ]


def by_rule(bl: BarLedger, days: Sequence[int], value: float, mode: str) -> dict[int, float]:
    """Return the closes of `frame(days, value)` by the rule."""
    closes = [value + day / 100 for day in days]
    price, _ = naive(days, closes, events_of(bl), mode)
    return dict(zip(days, (np.array(closes) * price).tolist(), strict=True))


def close_of(bars: Any) -> dict[int, float]:
    return {int(at) // DAY: float(close) for at, close in zip(bars.time, bars.rows.close, strict=True)}


def approximately(found: dict[int, float], wanted: dict[int, float], days: Sequence[int]) -> None:
    assert found == pytest.approx({day: wanted[day] for day in days}, rel=1e-9)


@pytest.fixture
def told(anywhere: BarLedger) -> BarLedger:
    """A raw series of days 100 to 139, a hole from 120 to 124, and events before, in and after it."""
    days = [*range(100, 120), *range(125, 140)]
    anywhere.write("A", "1d", frame(days), source="desk")
    say(anywhere, "cash_dividend", 95, 1.0)
    say(anywhere, "cash_dividend", 105, 1.0)
    say(anywhere, "split", 110, 4.0)
    say(anywhere, "special_dividend", 110, 8.0)
    say(anywhere, "cash_dividend", 122, 0.5)
    say(anywhere, "reverse_split", 123, 0.5)
    say(anywhere, "capital_gain", 135, 2.0)
    say(anywhere, "stock_dividend", 150, 0.1)
    return anywhere


DAYS = [*range(100, 120), *range(125, 140)]


@pytest.mark.parametrize("mode", ["raw", "splits", "total"])
@pytest.mark.parametrize(("start", "end"), [(None, None), (100, 104), (107, 121), (118, 136), (126, 127), (139, 140)])
def test_a_part_is_adjusted_as_the_whole_is(told: BarLedger, mode: str, start: int | None, end: int | None) -> None:
    bounds = {"start": None if start is None else start * DAY, "end": None if end is None else end * DAY}
    for _ in range(2):  # the second time by the closes that were kept
        bars = told.bars("A", "1d", adjust=mode, **bounds)
        days = [day for day in DAYS if (start or 0) <= day < (end or 999)]
        approximately(close_of(bars), by_rule(told, DAYS, 100.0, mode), days)
        assert bars.adjustment == mode
        assert bars.provenance["adjusted"]["mode"] == mode
    plain = told.bars("A", "1d", **bounds)
    np.testing.assert_array_equal(
        bars.rows.close, plain.rows.close * bars.to_pandas(["adjustment_factor"])["adjustment_factor"].to_numpy()
    )


def test_without_adjust_bars_are_as_they_are_stored_and_raw_ones_too_where_nothing_was_adjusted(
    told: BarLedger,
) -> None:
    plain, raw = told.bars("A", "1d"), told.bars("A", "1d", adjust="raw")
    assert plain.provenance.get("adjusted") is None
    pd.testing.assert_frame_equal(plain.df, raw.df)
    assert "adjusted: raw" in repr(raw)


def test_the_words_of_openbb_do_and_unknown_ones_are_refused(told: BarLedger) -> None:
    assert told.bars("A", "1d", adjust="splits_and_dividends").digest == told.bars("A", "1d", adjust="total").digest
    with pytest.raises(InvalidSetting, match="adjust"):
        told.bars("A", "1d", adjust="everything")
    with pytest.raises(InvalidSetting, match="is_adjusted"):
        told.bars("A", "1d", adjust="total", is_adjusted=True)


def test_adjusted_columns_stand_beside_the_stored_ones(told: BarLedger) -> None:
    both = told.bars("A", "1d", include_adjusted=True)
    plain, total = told.bars("A", "1d"), told.bars("A", "1d", adjust="total")
    assert list(both.df.columns) == ["open", "high", "low", "close", "volume", *ADJ, "adjustment_factor"]
    pd.testing.assert_frame_equal(both.df[["open", "close", "volume"]], plain.df[["open", "close", "volume"]])
    np.testing.assert_array_equal(both.df["adj_close"], total.rows.close)
    np.testing.assert_array_equal(both.df["adj_volume"], total.rows.volume)
    assert both.digest == plain.digest
    assert both.adjusted is not None
    assert both.adjusted.digest == total.digest
    assert set(ADJ) <= set(both.to_arrow().column_names)
    assert both.to_numpy()["adj_open"].tolist() == total.rows.open.tolist()
    assert list(told.bars("A", "1d", include_adjusted=True, columns=["adj_close"]).df) == ["adj_close"]
    with pytest.raises(MissingColumns):
        told.bars("A", "1d", columns=["adj_close"])


def test_coarser_bars_are_put_together_after_adjustment(told: BarLedger) -> None:
    told.instruments.declare("A", calendar="24/7")
    week = told.bars("A", "1d", adjust="total").resample("1w", partial="keep")
    daily = told.bars("A", "1d", adjust="total").df
    assert week.df["high"].iloc[1] == daily["high"].loc[week.df.index[1] : week.df.index[2]].iloc[:-1].max()
    assert week.adjustment == "total"
    both = told.bars("A", "1d", include_adjusted=True).resample("1w", partial="keep")
    np.testing.assert_array_equal(both.df["adj_high"], week.df["high"])
    assert both.styled("yfinance")["Adj Close"].tolist() == week.df["close"].tolist()
    assert "Adj Close" not in week.styled("yfinance")


def test_a_panel_is_adjusted_as_its_bars_are(told: BarLedger) -> None:
    told.write("B", "1d", frame(range(100, 140)), source="desk")
    for field in ("close", "volume"):
        panel = told.retrieval.panel(["A", "B"], "1d", field=field, adjust="total")
        alone = told.bars("A", "1d", adjust="total").df[field]
        pd.testing.assert_series_equal(panel["A"].dropna(), alone, check_names=False, check_freq=False)
        assert panel.attrs["panel"]["adjustment"] == "total"


def test_a_snapshot_is_adjusted_by_what_was_known_when_it_was_taken(anywhere: BarLedger) -> None:
    bl = anywhere
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    say(bl, "split", 110, 4.0)
    first = bl.bars("A", "1d", adjust="total")
    snap = bl.snapshot("A", "1d")
    moment = dt.datetime.now(dt.UTC).isoformat()
    say(bl, "cash_dividend", 120, 1.0)
    bl.actions.correct("A", "split", 110 * DAY, value=2.0, reason="it was two")
    bl.write("A", "1d", frame([139], 200.0), source="desk")
    for version in (snap.id, moment):
        assert bl.bars("A", "1d", adjust="total", version=version).digest == first.digest
    now = bl.bars("A", "1d", adjust="total")
    assert now.digest != first.digest
    wanted = by_rule(bl, range(100, 140), 100.0, "total")
    approximately({day: close_of(now)[day] for day in range(100, 139)}, wanted, range(100, 139))
    assert bl.bars("A", "1d", adjust="total", version=first.revision).rows.close[0] == 101.0


def test_a_snapshot_of_a_part_is_adjusted_by_what_lies_in_it(told: BarLedger) -> None:
    snap = told.snapshot("A", "1d", start=100 * DAY, end=118 * DAY)
    pinned = told.bars("A", "1d", adjust="total", version=snap.id)
    assert pinned.provenance["adjusted"]["closed"] is True
    inside = [event for event in events_of(told) if event.day < 118]
    days = list(range(100, 118))
    price, _ = naive(days, [100 + day / 100 for day in days], inside, "total")
    assert close_of(pinned) == pytest.approx(
        {day: (100 + day / 100) * factor for day, factor in zip(days, price.tolist(), strict=True)}, rel=1e-9
    )
    whole = told.bars("A", "1d", adjust="total", end=118 * DAY)
    ratios = whole.rows.close / pinned.rows.close
    assert np.ptp(ratios) < 1e-12
    assert told.bars("A", "1d", adjust="total", version=snap.id, end=103 * DAY).rows.close.tolist() == (
        pinned.rows.close[:3].tolist()
    )


def test_an_event_counts_from_its_ex_date_on(tmp_path: Path) -> None:
    clock = SetClock(1_000 * DAY)
    bl = clocked(MemoryStore(), clock, f"sqlite:///{tmp_path / 'ledger.db'}")
    bl.write("A", "1d", frame(range(900, 1_000)), source="desk")
    say(bl, "split", 1_003, 2.0)
    assert bl.bars("A", "1d", adjust="splits").rows.close[0] == 109.0
    clock.now += 4 * DAY
    assert bl.bars("A", "1d", adjust="splits").rows.close[0] == 54.5


def test_bars_of_a_source_in_its_own_newest_shares_become_what_was_traded(tmp_path: Path) -> None:
    clock = SetClock(1_000 * DAY)
    bl = clocked(MemoryStore(), clock, f"sqlite:///{tmp_path / 'ledger.db'}")
    market = Market(listed=900 * DAY)
    market.actions = [vendor("cash_dividend", 920, 4.0)]
    source = ScriptedSource({"A": market}, clock, adjustment=SPLITS, page=500)
    traded = market.rows(np.arange(900, 1_000) * DAY)
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    before = bl.bars("A", "1d", adjust="total")
    assert bl.bars("A", "1d", adjust="raw").rows.close.tolist() == traded.close.tolist()
    clock.now += 10 * DAY
    market.splits.append((1_005 * DAY, 2.0))
    market.actions = [vendor("cash_dividend", 920, 2.0), vendor("split", 1_005, 2.0)]
    # Until the source is asked again its bars are in the old shares, and what is declared moves them.
    say(bl, "split", 1_005, 2.0)
    assert bl.bars("A", "1d").rows.close[0] == traded.close[0]
    assert bl.bars("A", "1d", adjust="splits").rows.close[0] == traded.close[0] / 2
    assert bl.bars("A", "1d", adjust="raw").rows.close[0] == traded.close[0]
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    stored = bl.bars("A", "1d")
    assert stored.rows.close[0] == traded.close[0] / 2
    raw = bl.bars("A", "1d", adjust="raw")
    np.testing.assert_allclose(raw.rows.close[:100], traded.close, rtol=1e-12)
    np.testing.assert_allclose(raw.rows.volume[:100], traded.volume, rtol=1e-12)
    assert bl.bars("A", "1d", adjust="splits").rows.close.tolist() == stored.rows.close.tolist()
    # Four were paid for an old share; the source now says two for a new one.
    after = bl.bars("A", "1d", adjust="total")
    np.testing.assert_allclose(after.rows.close[:100] * 2, before.rows.close, rtol=1e-12)
    factor = 1 - 4.0 / traded.close[19]
    assert before.rows.close[0] == pytest.approx(traded.close[0] * factor, rel=1e-12)
    # As of then, both are as they were.
    assert bl.bars("A", "1d", adjust="total", version=1_000 * DAY + 10**9).digest == before.digest


def test_a_read_at_the_revision_of_bars_knows_the_events_that_came_with_them(tmp_path: Path) -> None:
    bl = library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.db'}")
    market = Market(listed=900 * DAY, splits=[(950 * DAY, 2.0)])
    market.actions = [vendor("split", 950, 2.0)]
    source = ScriptedSource({"A": market}, lambda: 1_000 * DAY, adjustment=SPLITS, page=500)
    service(bl, SetClock(1_000 * DAY), source).ingest("A", "1d", source="scripted")
    raw = bl.bars("A", "1d", adjust="raw")
    assert raw.rows.close[0] == 2 * bl.bars("A", "1d").rows.close[0]
    assert bl.bars("A", "1d", adjust="raw", version=f"revision:{raw.revision}").digest == raw.digest


def test_bars_that_are_each_of_another_time_are_not_adjusted_if_their_source_did(tmp_path: Path) -> None:
    bl = library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.db'}")
    for name, state in (("vendor", SPLITS), ("venue", RAW)):
        source = ScriptedSource({"A": Market(listed=900 * DAY)}, lambda: 1_000 * DAY, name=name, adjustment=state)
        service(bl, SetClock(1_000 * DAY), source).ingest("A", "1d", source=name)
    say(bl, "split", 950, 2.0)
    for options in ({"version": "first"}, {"known_within": "1d"}):
        with pytest.raises(InvalidSetting, match="adjusted by its source"):
            bl.bars("A", "1d", source="vendor", adjust="total", **options)
        plain = bl.bars("A", "1d", source="venue", **options)
        assert bl.bars("A", "1d", source="venue", adjust="total", **options).rows.close[0] == plain.rows.close[0] / 2


def test_sources_that_are_joined_are_adjusted_each_from_its_own_state(tmp_path: Path) -> None:
    bl = library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.db'}")
    market = Market(listed=900 * DAY, splits=[(970 * DAY, 2.0)], gone={day * DAY for day in range(940, 960)})
    source = ScriptedSource({"A": market}, lambda: 1_000 * DAY, adjustment=SPLITS)
    service(bl, SetClock(1_000 * DAY), source).ingest("A", "1d", source="scripted")
    bl.write("A", "1d", frame(range(940, 960)), source="desk")
    bl.cache.prioritise("A", ["scripted", "desk"], mode="fill")
    say(bl, "split", 970, 2.0)
    say(bl, "cash_dividend", 955, 1.0)
    say(bl, "cash_dividend", 980, 1.0)
    raw = bl.bars("A", "1d", adjust="raw")
    traded = Market(listed=900 * DAY).rows(np.arange(900, 1_001) * DAY).close
    traded[40:60] = frame(range(940, 960))["close"]
    np.testing.assert_allclose(raw.rows.close, traded, rtol=1e-12)
    days = list(range(900, 1_001))
    price, _ = naive(days, traded.tolist(), events_of(bl), "total")
    np.testing.assert_allclose(bl.bars("A", "1d", adjust="total").rows.close, traded * price, rtol=1e-9)
    part = bl.bars("A", "1d", adjust="total", start=945 * DAY, end=950 * DAY)
    np.testing.assert_allclose(part.rows.close, (traded * price)[45:50], rtol=1e-9)


def test_a_bar_on_both_sides_of_an_ex_date_is_not_adjusted(anywhere: BarLedger) -> None:
    weeks = frame(range(102, 150, 7))
    anywhere.write("A", "1w", weeks, source="desk")
    say(anywhere, "split", int(weeks.index[3].value) // DAY, 2.0)
    assert anywhere.bars("A", "1w", adjust="splits").rows.close[2] == weeks["close"].iloc[2] / 2
    say(anywhere, "cash_dividend", int(weeks.index[4].value) // DAY + 2, 1.0)
    assert len(anywhere.bars("A", "1w", adjust="splits"))
    with pytest.raises(CannotAdjust, match="both sides"):
        anywhere.bars("A", "1w", adjust="total")


def test_within_days_the_ex_date_begins_between_the_sessions(in_memory: BarLedger) -> None:
    bl = in_memory
    bl.instruments.declare("US", calendar="XNYS")
    bl.instruments.declare("AU", calendar="XASX")
    late = ["2024-03-01T20:00", "2024-03-02T00:30", "2024-03-04T09:00", "2024-03-04T15:00"]
    sydney = ["2024-03-01T04:00", "2024-03-03T23:00", "2024-03-04T01:00"]
    for name, hours in (("US", late), ("AU", sydney)):
        bars = frame(range(len(hours)))
        bars.index = pd.to_datetime(hours, utc=True).floor("30min")
        bl.write(name, "30m", bars, source="desk")
        bl.actions.add(name, "split", "2024-03-04", value=2)
    # After hours of the Friday in New York; the Monday in Sydney begins on the Sunday by UTC.
    assert factors_of(bl, "US") == [0.5, 0.5, 1.0, 1.0]
    assert factors_of(bl, "AU") == [0.5, 1.0, 1.0]


def factors_of(bl: BarLedger, name: str) -> list[float]:
    return bl.bars(name, "30m", adjust="splits").to_pandas(["adjustment_factor"])["adjustment_factor"].tolist()


def test_money_is_converted_where_that_is_known_and_refused_otherwise(in_memory: BarLedger) -> None:
    bl = in_memory
    bl.write("A", "1d", frame(range(100, 140), 1_000.0), source="desk")
    bl.instruments.declare("A", currency="GBp")
    say(bl, "cash_dividend", 110, 0.5, currency="GBP")
    factor = bl.bars("A", "1d", adjust="total").to_pandas(["adjustment_factor"])["adjustment_factor"].iloc[0]
    assert factor == pytest.approx(1 - 50 / (1_000 + 1.09), rel=1e-12)
    say(bl, "special_dividend", 120, 0.5, currency="USD")
    assert len(bl.bars("A", "1d", adjust="splits"))
    assert len(bl.bars("A", "1d", adjust="total", start=125 * DAY))
    with pytest.raises(CannotAdjust, match=r"special_dividend of 0\.5 USD on 1970-05-01 .* prices are in GBp"):
        bl.bars("A", "1d", adjust="total")


def test_what_cannot_be_is_refused_by_the_name_of_the_event(in_memory: BarLedger) -> None:
    bl = in_memory
    bars = frame(range(100, 110))
    bars.loc[bars.index[4], ["close", "high", "low", "open"]] = np.nan
    bl.write("A", "1d", bars, source="desk")
    say(bl, "cash_dividend", 105, 1.0)
    with pytest.raises(CannotAdjust, match=r"cash_dividend of 1 on 1970-04-16.*no close"):
        bl.bars("A", "1d", adjust="total")
    with pytest.warns(NoBars):
        bl.actions.add("B", "cash_dividend", 103 * DAY, value=102.0)
    bl.write("B", "1d", frame(range(100, 110)), source="desk")
    with pytest.raises(CannotAdjust, match="102 were paid"):
        bl.bars("B", "1d", adjust="total")


def test_a_dataset_is_made_again_to_the_bit_with_its_adjustment(told: BarLedger, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"strategy": "s", "instruments": ["A"], "timeframes": ["1d"], "fetch_missing": False}
    data = told.retrieval.dataset(**wish, start=100 * DAY, end=138 * DAY, adjust="total")
    plain = told.retrieval.dataset(**wish, start=100 * DAY, end=138 * DAY)
    assert (data.adjust, plain.adjust) == ("total", None)
    assert data.digest != plain.digest
    assert data["A"].adjustment == "total"
    pd.testing.assert_series_equal(data.panel("1d")["A"], data["A"].df["close"], check_names=False, check_freq=False)
    file = data.save_manifest(tmp_path / "data.json")
    digest = data["A"].digest
    say(told, "cash_dividend", 130, 3.0)
    for _ in range(2):
        again = told.retrieval.reproduce(data.id)
        assert again.same, str(again)
        assert "adjusted (total)" in str(again)
        assert told.retrieval.reproduce(data.id, manifest=file).same
        assert told.bars("A", "1d", version=data.id, adjust="total").digest == digest
        told.cache.approve(data.id, strategy="s")


def test_a_dataset_is_compared_in_another_library_with_its_events(told: BarLedger, in_memory: BarLedger) -> None:
    wish: dict[str, Any] = {"strategy": "s", "instruments": ["A"], "timeframes": ["1d"], "fetch_missing": False}
    data = told.retrieval.dataset(**wish, start=100 * DAY, end=138 * DAY, adjust="total")
    in_memory.write("A", "1d", frame(DAYS), source="desk")
    other = in_memory.retrieval.reproduce(data.id, manifest=data.manifest)
    assert [one.same for one in other.series] == [True, False]
    in_memory.vault.ledger.actions.record(told.actions.list("A"), WHO)
    assert in_memory.retrieval.reproduce(data.id, manifest=data.manifest).same


def test_a_lock_holds_the_adjusted_bars_too(told: BarLedger, tmp_path: Path) -> None:
    file = tmp_path / "barledger.lock"
    told.retrieval.lock("A", "1d", file=file, adjust="total", start=105 * DAY, end=119 * DAY)
    locked = file.read_bytes()
    told.retrieval.lock("A", "1d", file=file, adjust="total", start=105 * DAY, end=119 * DAY)
    assert file.read_bytes() == locked
    assert not told.retrieval.check(file).moved
    say(told, "cash_dividend", 130, 3.0)
    moved = told.retrieval.check(file).moved
    assert [one.adjust for one in moved] == ["total"]
    with pytest.raises(LockBroken, match="moved on"):
        told.retrieval.check(file, latest=True)
    file.write_bytes(locked.replace(b'"mode": "total"', b'"mode": "splits"'))
    with pytest.raises(ManifestChanged, match="was changed"):
        told.retrieval.check(file)


def test_an_export_says_what_it_is_adjusted_for(told: BarLedger, tmp_path: Path) -> None:
    done = told.retrieval.export("A", "1d", folder=tmp_path / "out", adjust="total", format="csv")
    assert done.manifest.adjustment is not None
    assert done.manifest.adjustment.mode == "total"
    assert told.retrieval.verify_export(tmp_path / "out").ok


@pytest.mark.slow
@settings(max_examples=25)
@given(
    events=st.lists(
        st.tuples(
            st.integers(95, 160),
            st.sampled_from(["split", "stock_dividend", "cash_dividend", "special_dividend"]),
            st.sampled_from([0.1, 0.5, 2.0, 3.0]),
        ),
        max_size=6,
        unique_by=lambda one: one[:2],
    ),
    start=st.integers(100, 139),
    length=st.integers(1, 40),
    mode=st.sampled_from(["splits", "total"]),
)
def test_any_part_with_any_events_is_as_the_rule_says(
    events: list[tuple[int, str, float]], start: int, length: int, mode: str
) -> None:
    bl = library(MemoryStore(), "sqlite://", clock=TurnableClock())
    days = [day for day in range(100, 140) if day % 7]
    bl.write("A", "1d", frame(days), source="desk")
    actions = [
        CorporateAction(instrument="A", ex_date=day * DAY, kind=kind, source="declared", value=value)  # type: ignore[arg-type]
        for day, kind, value in events
    ]
    bl.vault.ledger.actions.record(actions, WHO)
    inside = [day for day in days if start <= day < start + length]
    try:
        wanted = by_rule(bl, days, 100.0, mode)
    except ImpossibleError:
        return
    bars = bl.bars("A", "1d", adjust=mode, start=start * DAY, end=(start + length) * DAY)
    approximately(close_of(bars), wanted, inside)


def vendor(kind: str, day: int, value: float) -> CorporateAction:
    return CorporateAction(instrument="A", ex_date=day * DAY, kind=kind, source="scripted", value=value)  # type: ignore[arg-type]
