"""Mappers: the layouts that other programs write, and how each is told by its header.

A mapper is a row of a table: the names that mark it, the columns that it reads, and what its times and its further
columns mean. `MAPPERS` is in the order in which they are tried; ``plain`` comes last and takes whatever has our names.
Names are compared without regard to case, and a space counts as an underscore.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from barledger.domain.action import ActionKind
from barledger.domain.declared import RAW, Adjustment
from barledger.domain.rows import VALUES
from barledger.sources.files.layout import KLINES, Kind, refused

ROWS: Final = ("date", *VALUES)

ACTIONS: Final[Mapping[str, ActionKind]] = {
    "dividend": "cash_dividend",
    "split": "split",
    "capital_gain": "capital_gain",
}
"""The roles that columns of events play, with what they tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """How one program lays out bars.

    ``columns`` tells for each role (ours, such as ``close``, or ``clock``, ``period``, ``ticker``, ``close_time`` and
    those of `ACTIONS`) by which names it goes; any of the ``marks`` in a header tells that it is this program's.
    ``by_magnitude`` says that integer times are milli- or microseconds, ``local_dates`` that a daily bar's time is
    midnight where it traded; ``optional`` is what may be absent, ``periods`` our timeframes in the program's words.
    ``adjusted`` tells by the names that are left out what the bars are adjusted for, ``assumed`` why, where nothing in
    the file says so.
    """

    name: str
    about: str
    columns: Mapping[str, tuple[str, ...]]
    marks: tuple[frozenset[str], ...] = ()
    kinds: frozenset[Kind] = frozenset({"csv", "parquet", "arrow"})
    header: tuple[str, ...] = ()
    by_magnitude: bool = False
    local_dates: bool = False
    optional: frozenset[str] = frozenset()
    periods: Mapping[str, str] = field(default_factory=dict)
    instrument_of: Callable[[str], str] = str
    note: Callable[[frozenset[str]], str] = lambda _: ""
    adjusted: Callable[[frozenset[str]], Adjustment] = lambda _: RAW
    assumed: Callable[[frozenset[str]], str] = lambda _: ""

    @property
    def text_times(self) -> bool:
        """Whether a time has to be read as it is written, because what is read from it loses a part."""
        return self.local_dates or "clock" in self.columns

    def marked(self, names: frozenset[str], kind: Kind) -> bool:
        """Whether a header with these plain names is this program's."""
        return kind in self.kinds and any(mark <= names for mark in self.marks)

    def alike(self, symbol: str, text: str) -> bool:
        """Whether a text in the ticker's column means the symbol."""
        return self.instrument_of(text).upper() == self.instrument_of(symbol).upper()


_TIMES: Final = ("time", "timestamp", "datetime", "date", "open_time")
_OPTIONAL: Final = ("adjustment_factor", "source_id")


def _ours(**others: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in (*VALUES, *_OPTIONAL)} | {"time": _TIMES} | others


def _pair(symbol: str) -> str:
    """Return freqtrade's file names as pairs: ``BTC_USDT`` and ``BTC_USDT_USDT``."""
    base, _, rest = symbol.partition("_")
    quote, _, settled = rest.partition("_")
    return f"{base}/{quote}:{settled}" if settled else f"{base}/{quote}" if quote else base


def _without_country(symbol: str) -> str:
    return symbol.upper().removesuffix(".US")


_AS_DATES: Final = "from 1d on, dates and midnights without a zone are the days' labels, midnight in UTC"


def _dated(names: frozenset[str]) -> str:
    return _AS_DATES if names & {"date", "datetime", "", "unnamed:_0"} else ""


def _yfinance_adjusted(names: frozenset[str]) -> Adjustment:
    """Return what yfinance has adjusted for: with ``auto_adjust``, its default, there is no Adj Close."""
    return "splits" if "adj_close" in names else "total"


def _yfinance_assumed(names: frozenset[str]) -> str:
    return "" if "adj_close" in names else "there is no Adj Close beside the prices, as with auto_adjust=True"


_UNSAID: Final = "nothing in the file says what they are adjusted for"


STOOQ: Final = Mapper(
    name="stooq",
    about="Stooq's files, those of many tickers and those of one",
    columns={
        "time": ("<date>", "date", "data"),
        "clock": ("<time>",),
        "ticker": ("<ticker>",),
        "period": ("<per>",),
        "open": ("<open>", "open", "otwarcie"),
        "high": ("<high>", "high", "najwyzszy"),
        "low": ("<low>", "low", "najnizszy"),
        "close": ("<close>", "close", "zamkniecie"),
        "volume": ("<vol>", "volume", "wolumen"),
    },
    marks=(frozenset({"<ticker>", "<date>", "<close>"}), frozenset({"data", "otwarcie", "zamkniecie"})),
    optional=frozenset({"volume"}),
    periods={"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "1d": "D", "1w": "W", "1M": "M"},
    instrument_of=_without_country,
    adjusted=lambda _: "total",
    assumed=lambda _: "Stooq adjusts for splits and dividends, unless it was told to skip that",
)
BINANCE: Final = Mapper(
    name="binance",
    about="Binance's klines, with and without a header, in milli- or microseconds",
    columns=_ours(time=("open_time",), close_time=("close_time",)),
    marks=(frozenset({"open_time", "close_time"}),),
    header=KLINES,
    by_magnitude=True,
)
YFINANCE: Final = Mapper(
    name="yfinance",
    about="yfinance's frames; dividends, splits and capital gains become actions, Adj Close is left out",
    columns=_ours(dividend=("dividends",), split=("stock_splits",), capital_gain=("capital_gains",)),
    marks=(frozenset({"adj_close"}), frozenset({"dividends", "stock_splits"})),
    local_dates=True,
    note=lambda _: _AS_DATES,
    adjusted=_yfinance_adjusted,
    assumed=_yfinance_assumed,
)
ZIPLINE: Final = Mapper(
    name="zipline",
    about="zipline's csvdir; dividend and split become actions",
    columns=_ours(dividend=("dividend",), split=("split",)),
    marks=(frozenset({"date", "dividend", "split"}),),
)
FREQTRADE: Final = Mapper(
    name="freqtrade",
    about="freqtrade's JSON and Feather",
    columns=_ours(),
    marks=(frozenset(ROWS),),
    kinds=frozenset({"json", "arrow"}),
    header=ROWS,
    by_magnitude=True,
    instrument_of=_pair,
)
BACKTESTING: Final = Mapper(
    name="backtesting",
    about="frames of backtesting.py, whose index has no name",
    # A frame that was numbered has its times in a column with a name.
    columns=_ours(time=(*_TIMES, "", "unnamed:_0")),
    marks=(frozenset({"", "open", "high", "low", "close"}), frozenset({"unnamed:_0", "open", "high", "low", "close"})),
    note=_dated,
    assumed=lambda _: _UNSAID,
)
PLAIN: Final = Mapper(
    name="plain",
    about="time (timestamp, datetime, date, open_time), open, high, low, close, volume",
    # pandas calls an index without a name so when it writes Parquet and Arrow.
    columns=_ours(time=(*_TIMES, "__index_level_0__")),
    note=_dated,
    assumed=lambda _: _UNSAID,
)

MAPPERS: Final = (STOOQ, BINANCE, YFINANCE, ZIPLINE, FREQTRADE, BACKTESTING, PLAIN)
_BY_NAME: Final = {mapper.name: mapper for mapper in MAPPERS}


def plain(name: str) -> str:
    """Return a name as names are compared."""
    return name.strip().lower().replace(" ", "_")


def read_mapper(given: str | None) -> str | None:
    """Return the name of a mapper, or None if it is to be found; raises `InvalidSetting`."""
    if given is None or given == "auto":
        return None
    if given not in _BY_NAME:
        raise refused("mapper", f"{given!r} is none of auto, {', '.join(_BY_NAME)}")
    return given


def mapper_called(name: str) -> Mapper:
    """Return the mapper of this name."""
    return _BY_NAME[name]


def mapper_of(names: Sequence[str], kind: Kind) -> Mapper:
    """Return whose header this is."""
    found = frozenset(map(plain, names))
    return next((mapper for mapper in MAPPERS if mapper.marked(found, kind)), PLAIN)


def lacking_header(record: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a file lacks whose first line is a kline of Binance's, else nothing."""
    if len(record) != len(KLINES) or not all(map(_is_number, record)):
        return ()
    opened, closed = record[0].strip(), record[KLINES.index("close_time")].strip()
    counted = opened.isdigit() and closed.isdigit() and len(opened) in {13, 16}
    return KLINES if counted and int(opened) < int(closed) else ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
