"""Styles: what other libraries take as it is, tried with the libraries themselves."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.domain.action import CorporateAction
from barledger.domain.bars import Bars
from barledger.domain.interval import everything
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.domain.style import STYLES
from barledger.domain.timeframe import DAY, HOUR
from barledger.errors import InvalidSetting
from barledger.testing.bars import rows

TITLES = [name.title() for name in VALUES]


def bars(count: int = 60, timeframe: str = "1d", **columns: Any) -> Bars:
    series = Series.of("AAPL", timeframe, "desk")
    step = DAY if timeframe == "1d" else HOUR
    actions = columns.pop("actions", ())
    return Bars(
        rows=rows([at * step for at in range(10, 10 + count)], **columns),
        series=(series,),
        interval=everything(),
        version="latest",
        revisions={series: 1},
        sources=[],
        actions=lambda: actions,
    )


@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_every_value_and_says_where_it_comes_from(style: Any) -> None:
    some = bars(close=np.where(np.arange(60) == 7, np.nan, 60.0))
    frame = some.styled(style)
    assert len(frame) == len(some)
    for name in VALUES:
        column = name if name in frame.columns else name.title()
        assert np.array_equal(frame[column].to_numpy(), getattr(some.rows, name), equal_nan=True)
    assert frame.attrs["revision"] == "1"
    frame.iloc[0, frame.columns.get_loc("close" if "close" in frame.columns else "Close")] = 7.0
    assert some.rows.close[0] == 60.0


def test_yfinance_has_titles_and_days_without_a_zone() -> None:
    frame = bars().styled("yfinance")
    assert list(frame.columns) == ["Open", "High", "Low", "Close", "Volume"]
    assert (frame.index.name, frame.index.tz) == ("Date", None)
    assert frame.index[0] == pd.Timestamp("1970-01-11")
    hours = bars(timeframe="1h").styled("yfinance")
    assert (hours.index.name, str(hours.index.tz)) == ("Datetime", "UTC")


def test_yfinance_has_adjusted_closes_where_factors_are_known() -> None:
    frame = bars(3, adjustment_factor=np.array([0.5, np.nan, 1.0]), close=np.array([10.0, 11.0, 12.0])).styled(
        "yfinance"
    )
    assert list(frame.columns) == ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert np.array_equal(frame["Adj Close"], [5.0, np.nan, 12.0], equal_nan=True)


def test_yfinance_has_events_where_events_are_known() -> None:
    dated = {"instrument": "AAPL", "source": "desk"}
    actions = (
        CorporateAction(kind="cash_dividend", ex_date=11 * DAY, value=0.25, currency="USD", **dated),
        CorporateAction(kind="split", ex_date=12 * DAY, value=2.0, **dated),
        CorporateAction(kind="cash_dividend", ex_date=400 * DAY, value=9.0, currency="USD", **dated),
    )
    frame = bars(4, actions=actions).styled("yfinance")
    assert list(frame.columns) == ["Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"]
    assert frame["Dividends"].tolist() == [0.0, 0.25, 0.0, 0.0]
    assert frame["Stock Splits"].tolist() == [0.0, 0.0, 2.0, 0.0]


def test_the_shape_is_that_of_the_yfinance_that_is_installed() -> None:
    """Its own parser makes a frame of a made-up answer of Yahoo's."""
    from yfinance import utils  # noqa: PLC0415 - only here

    quotes = {"open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5], "volume": [10]}
    answer = {"timestamp": [864_000], "indicators": {"quote": [quotes], "adjclose": [{"adjclose": [1.5]}]}}
    with warnings.catch_warnings():
        # It sorts in place, which pandas deprecates.
        warnings.simplefilter("ignore")
        theirs = utils.parse_quotes(answer)
    ours = bars(adjustment_factor=np.ones(60)).styled("yfinance")
    assert set(ours.columns) == set(theirs.columns)


def test_freqtrade_has_a_column_of_dates_in_utc() -> None:
    frame = bars(timeframe="1h").styled("freqtrade")
    assert list(frame.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert str(frame["date"].dt.tz) == "UTC"
    assert isinstance(frame.index, pd.RangeIndex)


def test_vectorbt_has_titles_and_times_in_utc() -> None:
    frame = bars().styled("vectorbt")
    assert list(frame.columns) == TITLES
    assert str(frame.index.tz) == "UTC"


@pytest.mark.slow
def test_backtesting_runs_on_its_style() -> None:
    with warnings.catch_warnings():
        # It says that it has no progress bar, that it cannot guess a notebook, and what numpy has deprecated.
        warnings.simplefilter("ignore")
        from backtesting import Backtest, Strategy  # noqa: PLC0415 - an import that warns

    class BuyOnce(Strategy):  # type: ignore[misc]
        """Buys at the second bar's open."""

        def init(self) -> None:
            """Need nothing."""

        def next(self) -> None:
            if not self.position:
                self.buy(size=1)

    close = 60.0 + np.arange(60)
    frame = bars(open=close, close=close, high=close + 1, low=close - 1).styled("backtesting")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Some trades remain open")
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        result = Backtest(frame, BuyOnce, cash=10_000).run()
    assert result["Start"] == pd.Timestamp("1970-01-11")
    assert result["Equity Final [$]"] == pytest.approx(10_000 + close[-1] - close[2], abs=1.01)


def test_backtrader_runs_on_its_style() -> None:
    with warnings.catch_warnings():
        # It is of an earlier Python's time.
        warnings.simplefilter("ignore")
        import backtrader  # noqa: PLC0415 - an import that warns

    class Watcher(backtrader.Strategy):  # type: ignore[misc]
        """Notes what it is shown."""

        def __init__(self) -> None:
            """Start without anything."""
            self.seen: list[tuple[Any, float, float]] = []

        def next(self) -> None:
            line = self.data
            self.seen.append((line.datetime.datetime(0), line.close[0], line.volume[0]))

    some = bars()
    cerebro = backtrader.Cerebro()
    cerebro.adddata(backtrader.feeds.PandasData(dataname=some.styled("backtrader")))
    cerebro.addstrategy(Watcher)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        (ran,) = cerebro.run()
    assert [pd.Timestamp(seen[0]).value for seen in ran.seen] == some.time.tolist()
    assert [seen[1] for seen in ran.seen] == some.rows.close.tolist()
    assert [seen[2] for seen in ran.seen] == some.rows.volume.tolist()


def test_a_style_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="'zipline' is none of yfinance, backtesting"):
        bars().styled("zipline")  # type: ignore[arg-type]


def test_no_bars_have_every_style() -> None:
    for style in STYLES:
        assert len(bars(0).styled(style)) == 0
