"""Answers: what Yahoo and yfinance gave, as bars under our labels and as dated actions."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.action import ActionKind, CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Ints
from barledger.domain.timeframe import DAY, SECOND, Timeframe
from barledger.errors import BarledgerWarning, InvalidAction, SourceError
from barledger.sources.yahoo.desk import Answer
from barledger.sources.yahoo.refusals import NAME

_PRICES: Final = ("Open", "High", "Low", "Close")
_EVENTS: Final[tuple[tuple[str, ActionKind], ...]] = (
    ("dividends", "cash_dividend"),
    ("splits", "split"),
    ("capitalGains", "capital_gain"),
)


class StrangeEvent(BarledgerWarning):
    """Yahoo tells of an event that cannot have been, such as a split of nought, and it is left out."""


def labels_of(times: pd.DatetimeIndex, timeframe: Timeframe) -> Ints:
    """Return the labels (ns): of a day and longer midnight in UTC of the venue's date, of others the instant."""
    if timeframe.duration < DAY:
        return np.asarray(times.as_unit("ns").asi8)
    return np.asarray(times.tz_localize(None).normalize().as_unit("ns").asi8)


def bars_of(answer: Answer, timeframe: Timeframe) -> pd.DataFrame:
    """Return the bars, as intake reads them, without what Yahoo appends and without rows that have no price.

    Yahoo writes null or 0 for a price that it does not have; a volume that it does not have, yfinance makes 0.
    """
    frame = answer.frame
    if frame.empty:
        nothing = np.empty(0, np.float64)
        return pd.DataFrame({"time": pd.DatetimeIndex([], tz="UTC")} | dict.fromkeys((*_PRICES, "Volume"), nothing))
    labels = labels_of(_zoned(frame.index), timeframe)
    prices = {name: _numbers(frame, name) for name in _PRICES}
    volume = _numbers(frame, "Volume")
    volume[(volume == 0) & ~np.isin(labels, _with_volume(answer, timeframe))] = np.nan
    kept = ~np.logical_and.reduce([np.isnan(values) for values in prices.values()])
    kept &= ~_appended(labels, timeframe)
    bars = pd.DataFrame({"time": pd.to_datetime(labels, utc=True), **prices, "Volume": volume})
    return pd.DataFrame(bars[kept])


def actions_of(answer: Answer, instrument: str, interval: Interval) -> tuple[CorporateAction, ...]:
    """Return the events with an ex-date in the interval, each on the label of its session, by time.

    Amounts are per share as Yahoo counts shares, that is adjusted for every later split, in Yahoo's own money.
    """
    return tuple(sorted(action for action in _actions(answer, instrument) if action.ex_date in interval))


def date_label(answer: Answer, second: float) -> int:
    """Return midnight in UTC (ns) of the venue's date at a second since the epoch."""
    moment = pd.DatetimeIndex([pd.Timestamp(int(second), unit="s", tz="UTC")]).tz_convert(zone_of(answer))
    return int(moment.tz_localize(None).normalize().as_unit("ns").asi8[0])


def zone_of(answer: Answer) -> str:
    """Return the venue's zone; raises `SourceError` if Yahoo names none."""
    zone = answer.meta.get("exchangeTimezoneName")
    if not isinstance(zone, str) or not zone:
        raise SourceError(source=NAME, detail="the answer does not name the venue's time zone")
    return zone


def first_trade(answer: Answer) -> int | None:
    """Return the label of the first session, as Yahoo knows it."""
    second = answer.meta.get("firstTradeDate")
    return date_label(answer, second) if isinstance(second, int | float) else None


def known_until(answer: Answer, now: int, lag: int) -> int:
    """Return up to when (ns) trades are in the answer for sure: the last one that Yahoo knows, or what no lag hides."""
    last = answer.meta.get("regularMarketTime")
    return max(now - lag, min(last * SECOND, now) if isinstance(last, int) else 0)


def session_over(answer: Answer, today: int, now: int, lag: int) -> bool:
    """Whether the session of the venue's current date has ended for sure, by the hours that Yahoo tells."""
    period = answer.meta.get("currentTradingPeriod")
    regular = period.get("regular") if isinstance(period, Mapping) else None
    if not isinstance(regular, Mapping):
        return False
    start, end = regular.get("start"), regular.get("end")
    if not isinstance(start, int) or not isinstance(end, int):
        return False
    return date_label(answer, start) == today and end * SECOND + lag <= now


def _actions(answer: Answer, instrument: str) -> Iterator[CorporateAction]:
    events = answer.result.get("events") or {}
    for name, kind in _EVENTS:
        for told in (events.get(name) or {}).values():
            try:
                yield _action(answer, instrument, kind, told)
            except (InvalidAction, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                message = f"Yahoo's {kind} of {instrument} is left out: {told} ({error})"
                warnings.warn(message, StrangeEvent, stacklevel=2)


def _action(answer: Answer, instrument: str, kind: ActionKind, told: Mapping[str, Any]) -> CorporateAction:
    value = float(told["numerator"]) / float(told["denominator"]) if kind == "split" else float(told["amount"])
    money = "" if kind == "split" else str(told.get("currency") or answer.meta.get("currency") or "")
    label = date_label(answer, told["date"])
    return CorporateAction(instrument=instrument, ex_date=label, kind=kind, source=NAME, value=value, currency=money)


def _numbers(frame: pd.DataFrame, name: str) -> Any:
    """Return a column as doubles of its own; a price of nought is a missing one."""
    if name not in frame:
        raise SourceError(source=NAME, detail=f"the frame has no {name}; it has {', '.join(map(str, frame.columns))}")
    values = frame[name].to_numpy(np.float64, na_value=np.nan, copy=True)
    if name in _PRICES:
        values[values == 0] = np.nan
    return values


def _zoned(index: pd.Index) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise SourceError(source=NAME, detail="the frame's times have no zone")
    return index


def _with_volume(answer: Answer, timeframe: Timeframe) -> Ints:
    """Return the labels of the bars for which Yahoo gave a volume, be it 0; those of a frame alone are all known."""
    quote = ((answer.result.get("indicators") or {}).get("quote") or [{}])[0]
    given = quote.get("volume")
    if given is None:
        return labels_of(_zoned(answer.frame.index), timeframe)
    seconds = [at for at, volume in zip(answer.result["timestamp"], given, strict=False) if volume is not None]
    times = pd.to_datetime(np.array(seconds, np.int64), unit="s", utc=True).tz_convert(zone_of(answer))
    if timeframe.duration >= DAY:
        # yfinance takes 22:00 and later for the midnight that was meant.
        return labels_of(times + pd.Timedelta(hours=2), timeframe)
    return timeframe.open_of(labels_of(times, timeframe)) if timeframe.name == "30m" else labels_of(times, timeframe)


def _appended(labels: Ints, timeframe: Timeframe) -> Flags:
    """Tell which rows are the current quote, which Yahoo appends at the second of the last trade."""
    found = np.zeros(len(labels), np.bool_)
    found[-1] = not bool(timeframe.on_grid(labels[-1:])[0])
    return found
