"""What `check_for_adjustments` makes of the editions: one factor, jitter, single corrections, or nothing."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from barledger import InfluxDBClient
from barledger.domain.interval import format_time
from barledger.domain.timeframe import DAY
from barledger.errors import FutureTime, RevisionExpired, SeriesNotFound
from barledger.services.cache.adjustments import AdjustmentReport
from clients import Desk

pytestmark = pytest.mark.influx

PRICES = ["open", "high", "low", "close"]
DAYS = 12
BEFORE = 8
"""So many of the bars lie before the date of the split or dividend."""
FIRST = int(pd.Timestamp("2014-06-02").value)


def bars() -> pd.DataFrame:
    """Return bars of AAPL around its split of 7:1 in June 2014, as they were before it."""
    close = np.array([628.65, 637.54, 644.82, 647.35, 645.57, 655.75, 655.9, 656.61, 93.7, 94.25, 93.86, 92.29])
    index = pd.to_datetime(FIRST + np.arange(DAYS) * DAY, utc=True)
    values = {"open": close - 0.5, "high": close + 2.25, "low": close - 3.75, "close": close}
    return pd.DataFrame({**values, "volume": np.arange(1.0, DAYS + 1) * 7_000_000}, index=index).round(2)


def multiplied(prices: float, volume: float = 1.0, *, count: int = BEFORE, decimals: int = 15) -> pd.DataFrame:
    """Return the bars with the first ``count`` of them adjusted."""
    changed = bars()
    changed.iloc[:count, :4] = (changed.iloc[:count, :4] * prices).round(decimals)
    changed.iloc[:count, 4] *= volume
    return changed


def changed_at(places: dict[tuple[int, int], float]) -> pd.DataFrame:
    """Return the bars with other values at (row, column)."""
    changed = bars()
    for (row, column), value in places.items():
        changed.iloc[row, column] = value
    return changed


@pytest.fixture
def restated(desk: Desk, client: InfluxDBClient) -> Callable[[pd.DataFrame], AdjustmentReport]:
    """Write the bars, look at the clock, write other ones, and ask what happened since."""

    def restate(other: pd.DataFrame, first: pd.DataFrame | None = None) -> AdjustmentReport:
        client.write_ohlcv("AAPL", "1d", bars() if first is None else first, "desk")
        reference = now(desk)
        client.write_ohlcv("AAPL", "1d", other, "desk")
        return client.check_for_adjustments("AAPL", "1d", reference)

    return restate


def now(desk: Desk) -> str:
    with desk.library() as bl:
        return format_time(bl.vault.ledger.now())


Restated = Callable[..., AdjustmentReport]


class TestOneFactor:
    def test_a_split_is_one_factor_on_the_prices_and_its_inverse_on_the_volume(self, restated: Restated) -> None:
        report = restated(multiplied(1 / 7, 7))
        assert (report.looks, report.adjusted) == ("factor", True)
        assert report.factor == pytest.approx(1 / 7, rel=1e-12)
        assert [bar.time for bar in report.changed] == [FIRST + at * DAY for at in range(BEFORE)]
        for bar in report.changed:
            assert bar.ratios == pytest.approx(dict.fromkeys(PRICES, 1 / 7) | {"volume": 7.0})
        assert (report.added, report.withdrawn) == (0, 0)
        assert report.interval is not None
        assert FIRST in report.interval
        assert FIRST + BEFORE * DAY not in report.interval

    def test_a_dividend_is_one_factor_on_the_prices_alone(self, restated: Restated) -> None:
        report = restated(multiplied(0.98))
        assert report.looks == "factor"
        assert report.factor == pytest.approx(0.98, rel=1e-12)
        assert all(set(bar.ratios) == set(PRICES) for bar in report.changed)

    @pytest.mark.parametrize(
        ("factor", "decimals"),
        [(1 / 7, 2), (1 / 500, 2), (1 / 7, 4), (0.9985, 4), (0.9992, 15), (7.0, 2), (1.0008, 15)],
    )
    def test_rounding_and_small_dividends_do_not_hide_it(
        self, restated: Restated, factor: float, decimals: int
    ) -> None:
        report = restated(multiplied(factor, decimals=decimals))
        assert report.looks == "factor"
        assert report.factor == pytest.approx(factor, rel=1e-3 * abs(factor - 1))

    def test_jitter_elsewhere_and_missing_values_do_not_hide_it(self, restated: Restated) -> None:
        first = bars()
        first.iloc[2, 1] = np.nan
        first.iloc[3, 0] = first.iloc[3, 2] = 0.0
        other = first.copy()
        other.iloc[:BEFORE, :4] /= 7
        other.iloc[BEFORE:, :4] *= 1 + 1e-6
        report = restated(other, first)
        assert report.looks == "factor"
        assert report.factor == pytest.approx(1 / 7)
        assert len(report.changed) == DAYS

    def test_too_few_bars_prove_no_factor(self, restated: Restated) -> None:
        assert restated(multiplied(1 / 7, 7, count=4)).looks == "corrections"


class TestOtherChanges:
    @pytest.mark.parametrize("volume", [1.0, 1.004])
    def test_prices_that_tremble_are_jitter(self, restated: Restated, volume: float) -> None:
        report = restated(multiplied(1 + 1e-6, volume))
        assert (report.looks, report.factor, len(report.changed)) == ("jitter", None, BEFORE)

    @pytest.mark.parametrize("prices", [1.0, 1 + 1e-6])
    def test_volumes_may_change_alone(self, restated: Restated, prices: float) -> None:
        report = restated(multiplied(prices, 1.5))
        assert (report.looks, report.factor) == ("volume only", None)

    @pytest.mark.parametrize(
        "places",
        [
            {(3, 3): 645.9},
            {(1, 3): 637.04, (2, 3): 646.0, (3, 3): 646.35, (4, 3): 646.5, (5, 3): 655.0, (6, 3): 657.0},
            {(3, 3): np.nan},
            {(at, 0): np.nan for at in range(BEFORE)},
            {(at, column): 0.0 for at in range(BEFORE) for column in range(4)},
        ],
        ids=["one", "several", "a value that goes missing", "a column that does", "prices that become nothing"],
    )
    def test_single_values_are_corrections(self, restated: Restated, places: dict[tuple[int, int], float]) -> None:
        report = restated(changed_at(places))
        assert (report.looks, report.factor, report.adjusted) == ("corrections", None, False)
        assert [bar.time for bar in report.changed] == sorted({FIRST + at * DAY for at, _ in places})
        for bar in report.changed:
            touched = {PRICES[column] for at, column in places if FIRST + at * DAY == bar.time}
            assert set(bar.ratios) == touched

    def test_prices_that_come_from_nothing_are_corrections(self, restated: Restated) -> None:
        first = bars()
        first.iloc[:BEFORE, :4] = 0.0
        assert restated(bars(), first).looks == "corrections"

    def test_nothing_is_nothing(self, restated: Restated) -> None:
        report = restated(bars())
        assert (report.looks, report.changed, report.factor, report.interval) == ("unchanged", (), None, None)

    def test_new_and_withdrawn_bars_are_counted_and_no_change(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", bars()[:10], "desk")
        reference = now(desk)
        client.write_ohlcv("AAPL", "1d", bars(), "desk")
        client.delete_ohlcv("AAPL", "1d", bars().index[:3], "desk", reason="never traded")
        report = client.check_for_adjustments("AAPL", "1d", reference)
        assert (report.looks, report.added, report.withdrawn) == ("unchanged", 2, 3)


class TestReference:
    def test_each_change_says_when_and_by_which_revision(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", bars(), "desk")
        references = [now(desk)]
        for row, close in ((2, 644.0), (5, 656.0)):
            client.write_ohlcv("AAPL", "1d", changed_at({(row, 3): close})[row : row + 1], "desk", reason="typo")
            references.append(now(desk))
        (listed,) = client.get_data_versions("AAPL", "1d")
        told = [(one.revision, one.committed_at) for one in listed.revisions]
        reports = [client.check_for_adjustments("AAPL", "1d", reference) for reference in references]
        found = [[(bar.time, bar.revision, bar.committed_at) for bar in report.changed] for report in reports]
        second, third = (FIRST + 2 * DAY, *told[1]), (FIRST + 5 * DAY, *told[2])
        assert found == [[second, third], [third], []]
        assert [report.looks for report in reports] == ["corrections", "corrections", "unchanged"]

    def test_a_reference_before_the_first_bar_finds_what_was_restated_since(
        self, desk: Desk, client: InfluxDBClient
    ) -> None:
        client.write_ohlcv("AAPL", "1d", bars()[:9], "desk")
        between = now(desk)
        client.write_ohlcv("AAPL", "1d", bars()[9:], "desk")
        client.delete_ohlcv("AAPL", "1d", bars().index[:1], "desk", reason="x")
        client.write_ohlcv("AAPL", "1d", bars()[:1], "desk")
        client.write_ohlcv("AAPL", "1d", multiplied(1 / 7, 7, count=DAYS), "desk")
        for reference, added in (("2014-06-09", DAYS), (between, 3)):
            report = client.check_for_adjustments("AAPL", "1d", reference)
            assert (report.looks, report.added, report.withdrawn) == ("factor", added, 0)
            assert report.factor == pytest.approx(1 / 7)
            assert len(report.changed) == DAYS

    def test_a_change_that_was_undone_is_none(self, restated: Restated, desk: Desk, client: InfluxDBClient) -> None:
        restated(multiplied(1 / 7, 7))
        client.write_ohlcv("AAPL", "1d", bars(), "desk")
        assert client.check_for_adjustments("AAPL", "1d", "2014-06-09").looks == "unchanged"
        with desk.library() as bl:
            assert len(bl.history("AAPL", "1d", FIRST)) == 3

    def test_what_is_not_known_is_not_unchanged(self, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", bars(), "desk")
        client.write_ohlcv("MSFT", "1d", bars(), "desk", "v1")
        for instrument, source in (("GOOG", None), ("AAPL", "dsek"), ("MSFT", "desk")):
            with pytest.raises(SeriesNotFound, match=instrument):
                client.check_for_adjustments(instrument, "1d", "2014-06-09", source=source)
        with pytest.raises(FutureTime):
            client.check_for_adjustments("AAPL", "1d", "2999-01-01")

    def test_what_retention_deleted_is_not_compared(self, client: InfluxDBClient) -> None:
        today = pd.Timestamp.now("UTC").floor("D")
        recent = bars().set_axis(today - pd.to_timedelta(np.arange(DAYS, 0, -1), "D"), axis=0)
        everything = pd.concat([bars(), recent])
        client.write_ohlcv("AAPL", "1d", everything, "desk")
        client.apply_retention_policy([{"keep_current": "1y"}])
        client.write_ohlcv("AAPL", "1d", recent[["open", "high", "low", "close"]].div(7).join(recent["volume"]), "desk")
        report = client.check_for_adjustments("AAPL", "1d", "2014-06-09")
        assert (report.looks, report.added, len(report.changed)) == ("factor", DAYS, DAYS)
        # Bars that came back where some were deleted had other values once, which nobody knows.
        client.write_ohlcv("AAPL", "1d", bars(), "desk")
        with pytest.raises(RevisionExpired):
            client.check_for_adjustments("AAPL", "1d", "2014-06-09")
