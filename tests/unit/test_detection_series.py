"""Findings in barledger's own bars, with the corporate actions that are known."""

import numpy as np
import pandas as pd
import pytest

from barledger.detection import findings
from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, constant
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting
from vendor import PRICES, scaled, walk

DAILY = Timeframe.of("1d")
YAHOO = dict.fromkeys(("open", "high", "low", "close", "volume"), "splits")


def rows_of(frame: pd.DataFrame) -> Rows:
    columns = {name.lower(): frame[name].to_numpy(float) for name in (*PRICES, "Volume")}
    times = frame.index.tz_convert("UTC").normalize().as_unit("ns").asi8
    return Rows(time=times, **columns, revision=constant(1, len(frame)), edition=constant(1, len(frame)))


def action(rows: Rows, row: int, kind: str, value: float, **more: object) -> CorporateAction:
    return CorporateAction(
        instrument="X",
        ex_date=int(rows.time[row]),
        kind=kind,
        source="s",
        value=value,
        **more,  # type: ignore[arg-type]
    )


def test_a_unit_error_is_told_by_time_and_by_our_names() -> None:
    rows = rows_of(scaled(walk(1), slice(40, 42), 0.01, PRICES))
    (found,) = findings(rows, timeframe=DAILY)
    assert found.kind == "unit_error"
    assert found.fields == ("open", "high", "low", "close")
    assert found.interval == Interval(int(rows.time[40]), int(rows.time[41]) + DAY)
    assert found.certain
    assert found.factor == pytest.approx(100.0)


def test_a_known_split_explains_the_jump_of_raw_prices() -> None:
    rows = rows_of(scaled(scaled(walk(2), slice(0, 150), 3.0, PRICES), slice(0, 150), 1 / 3, ["Volume"]))
    told = action(rows, 150, "split", 3.0)
    assert findings(rows, timeframe=DAILY, actions=[told]) == []
    assert [one.kind for one in findings(rows, timeframe=DAILY)] == ["split_missed"]


@pytest.mark.parametrize("more", [{"withdrawn": True}, {"superseded_at": 7}])
def test_actions_that_do_not_stand_do_not_count(more: dict[str, object]) -> None:
    rows = rows_of(scaled(scaled(walk(2), slice(0, 150), 3.0, PRICES), slice(0, 150), 1 / 3, ["Volume"]))
    told = action(rows, 150, "split", 3.0, **more)
    assert [one.kind for one in findings(rows, timeframe=DAILY, actions=[told])] == ["split_missed"]


def test_a_source_that_adjusts_for_splits_has_rows_without() -> None:
    rows = rows_of(scaled(walk(2), slice(100, 103), 3.0, PRICES))
    told = action(rows, 150, "split", 3.0)
    (found,) = findings(rows, timeframe=DAILY, actions=[told], adjusted=YAHOO)
    assert found.kind == "split_missed"
    assert found.interval == Interval(int(rows.time[100]), int(rows.time[102]) + DAY)


def test_a_dividend_that_the_price_does_not_show_is_too_big() -> None:
    rows = rows_of(walk(2))
    told = action(rows, 150, "cash_dividend", float(rows.close[149]) * 0.3)
    (found,) = findings(rows, timeframe=DAILY, actions=[told, action(rows, 60, "cash_dividend", 0.3)])
    assert found.kind == "dividend_too_big"
    assert found.factor == pytest.approx(0.01)


def test_prices_adjusted_for_dividends_need_not_fall() -> None:
    rows = rows_of(walk(2))
    told = action(rows, 150, "cash_dividend", float(rows.close[149]) * 0.05)
    total = dict.fromkeys(("open", "high", "low", "close"), "total")
    assert findings(rows, timeframe=DAILY, actions=[told], adjusted=total) == []


def test_only_what_touches_the_interval_is_told() -> None:
    rows = rows_of(scaled(scaled(walk(1), slice(40, 41), 100.0, PRICES), slice(300, 301), 100.0, PRICES))
    within = Interval(int(rows.time[290]), int(rows.time[310]))
    (found,) = findings(rows, timeframe=DAILY, within=within)
    assert found.interval.start == rows.time[300]


def test_withdrawn_bars_are_left_out() -> None:
    rows = rows_of(scaled(walk(1), slice(40, 41), 100.0, PRICES))
    withdrawn = np.zeros(len(rows), np.bool_)
    withdrawn[40] = True
    taken_back = rows.stamped(revision=2, edition=2, withdrawn=withdrawn)
    assert findings(taken_back, timeframe=DAILY) == []


def test_evidence_is_plain_and_readable() -> None:
    rows = rows_of(scaled(walk(1), slice(40, 41), 100.0, PRICES))
    (found,) = findings(rows, timeframe=DAILY)
    assert all(bar["time"].endswith("Z") for bar in found.evidence["bars"])
    assert all(type(value) in {int, float, str, list, dict, type(None)} for value in found.evidence.values())


def test_no_bars_have_no_findings() -> None:
    assert findings(rows_of(walk(1).iloc[:0]), timeframe=DAILY) == []


def test_an_unknown_state_of_adjustment_is_refused() -> None:
    with pytest.raises(InvalidSetting):
        findings(rows_of(walk(1)), timeframe=DAILY, adjusted={"close": "half"})  # type: ignore[dict-item]
