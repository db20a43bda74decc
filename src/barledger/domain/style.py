"""Styles: bars as other libraries want them.

| style | columns | times |
|---|---|---|
| ``yfinance`` | Open High Low Close, Adj Close if factors are known, Volume, and if events are known Dividends, Stock Splits | index ``Date`` without a zone from 1d on, else ``Datetime`` in UTC |
| ``backtesting`` | Open High Low Close Volume | index without a zone, in UTC |
| ``vectorbt`` | Open High Low Close Volume | index in UTC |
| ``backtrader`` | open high low close volume | index ``datetime`` without a zone, in UTC |
| ``freqtrade`` | date open high low close volume | a column in UTC |

Nothing is filled, left out or adjusted: a missing value is NaN in every style.
"""  # noqa: E501 - a table

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import pandas as pd

from barledger.domain.action import CorporateAction
from barledger.domain.rows import VALUES, Floats, Ints, Rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting

Style = Literal["yfinance", "backtesting", "backtrader", "freqtrade", "vectorbt"]

STYLES: Final = get_args(Style)


class Framed(Protocol):
    """Bars that can be had as a frame; `Bars` are."""

    @property
    def timeframe(self) -> Timeframe:
        """Return how long each lasts."""

    @property
    def time(self) -> Ints:
        """Return the opening times (ns)."""

    @property
    def rows(self) -> Rows:
        """Return the rows beneath."""

    @property
    def is_view(self) -> bool:
        """Whether reading has adjusted them."""

    @property
    def adjusted(self) -> "Framed | None":
        """Return the same bars adjusted, if both were asked for."""

    @property
    def actions(self) -> Sequence[CorporateAction]:
        """Return the known corporate actions of their stretch."""

    @property
    def provenance(self) -> dict[str, Any]:
        """Return what they resolved to."""

    def to_pandas(self, columns: Sequence[str] = ()) -> pd.DataFrame:
        """Return these columns by time."""


_DIVIDENDS: Final = frozenset({"cash_dividend", "special_dividend"})


def check_style(style: str) -> None:
    """Raise `InvalidSetting` if there is no such style."""
    if style not in STYLES:
        raise InvalidSetting(setting="style", reason=f"{style!r} is none of {', '.join(STYLES)}")


def styled(bars: Framed, style: Style) -> pd.DataFrame:
    """Return a frame in this style, with the provenance in ``attrs``; raises `InvalidSetting`."""
    check_style(style)
    frame = _MAKERS[style](bars)
    frame.attrs.update(bars.provenance)
    return frame


def flat(bars: Framed, style: Style | None = None) -> pd.DataFrame:
    """Return a frame in this style, or in barledger's own, whose times are its first column."""
    frame = bars.to_pandas() if style is None else styled(bars, style)
    if style == "freqtrade":
        return frame
    return frame.rename_axis("Date" if frame.index.name is None else str(frame.index.name)).reset_index()


def _yfinance(bars: Framed) -> pd.DataFrame:
    daily = bars.timeframe.duration >= DAY
    frame = _titled(bars, "Date" if daily else "Datetime")
    adjusted_close = _adjusted_close(bars)
    if adjusted_close is not None:
        frame.insert(4, "Adj Close", adjusted_close)
    if bars.actions and bars.timeframe.name == "1d":
        frame["Dividends"] = _events(bars, _DIVIDENDS)
        frame["Stock Splits"] = _events(bars, {"split"})
    return frame.tz_localize(None) if daily else frame


def _adjusted_close(bars: Framed) -> Floats | None:
    """Return the adjusted closes, if they are known; bars that reading has adjusted have no others, as in yfinance."""
    if bars.adjusted is not None:
        return bars.adjusted.rows.close
    if bars.is_view or bars.rows.adjustment_factor is None:
        return None
    return bars.rows.close * bars.rows.adjustment_factor


def _events(bars: Framed, kinds: "frozenset[str] | set[str]") -> Floats:
    """Return the value of each day's events, and 0 for days without one, as yfinance does."""
    values = np.zeros(len(bars.time))
    for action in bars.actions:
        at = np.searchsorted(bars.time, action.ex_date - action.ex_date % DAY)
        if action.kind in kinds and at < len(bars.time) and bars.time[at] <= action.ex_date < bars.time[at] + DAY:
            values[at] += action.value
    return values


def _titled(bars: Framed, index: str | None) -> pd.DataFrame:
    frame = bars.to_pandas(VALUES).rename(columns=str.title)
    frame.index.name = index
    return frame


def _backtesting(bars: Framed) -> pd.DataFrame:
    return _titled(bars, None).tz_localize(None)


def _vectorbt(bars: Framed) -> pd.DataFrame:
    return _titled(bars, None)


def _backtrader(bars: Framed) -> pd.DataFrame:
    return bars.to_pandas(VALUES).tz_localize(None).rename_axis("datetime")


def _freqtrade(bars: Framed) -> pd.DataFrame:
    return bars.to_pandas(VALUES).rename_axis("date").reset_index()


_MAKERS: Final[Mapping[str, Callable[[Framed], pd.DataFrame]]] = {
    "yfinance": _yfinance,
    "backtesting": _backtesting,
    "backtrader": _backtrader,
    "freqtrade": _freqtrade,
    "vectorbt": _vectorbt,
}
