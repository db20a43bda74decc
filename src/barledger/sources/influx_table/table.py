"""Tables: how somebody's bars lie in a measurement, read from options that may all be text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from barledger.domain.rows import VALUES
from barledger.domain.timeframe import TIMEFRAMES
from barledger.sources.options import OptionReader

Label = Literal["open", "close"]

REQUIRED: Final = ("open", "high", "low", "close")
OPTIONAL: Final = ("volume", "adjustment_factor", "source_id")
_PLACE: Final = re.compile(r"\{symbol\}")
_OPTIONS: Final = OptionReader("source influx_table")
refused = _OPTIONS.refused
read_count = _OPTIONS.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Where bars lie and by which tags they are told apart.

    ``columns`` maps our names to fields; ``instrument_tag`` and ``timeframe_tag`` name the tags of a series (the latter
    empty if all bars are of one timeframe), ``timeframes`` our timeframes to that tag's values, ``where`` further tags
    to the one value that is wanted. ``spelling`` turns a symbol into the instrument's tag. ``label`` says which end of
    a bar its time is, ``zone`` whose midnight is a day's.
    """

    measurement: str
    columns: Mapping[str, str] = field(default_factory=lambda: {name: name for name in VALUES})
    instrument_tag: str = "instrument"
    timeframe_tag: str = "timeframe"
    timeframes: Mapping[str, str] = field(default_factory=lambda: {name: name for name in TIMEFRAMES})
    where: Mapping[str, str] = field(default_factory=dict)
    spelling: str = "{symbol}"
    label: Label = "open"
    zone: str = "UTC"
    retention: str = ""

    def tag_of(self, symbol: str) -> str:
        """Return the instrument's tag as the table spells it."""
        return _PLACE.sub(lambda _: symbol, self.spelling)


LAYOUTS: Final[Mapping[str, Table]] = {
    "vnpy": Table(
        measurement="bar_data",
        columns={
            "open": "open_price",
            "high": "high_price",
            "low": "low_price",
            "close": "close_price",
            "volume": "volume",
        },
        instrument_tag="vt_symbol",
        timeframe_tag="interval",
        timeframes={"1m": "1m", "1h": "1h", "1d": "d", "1w": "w"},
    ),
}
"""Tables of programs that many have: ``vnpy`` is what vnpy_influxdb writes."""


def read_layout(given: str) -> Table:
    """Return the table of a program, or the plain one; raises `InvalidSetting`."""
    if not given:
        return Table(measurement="")
    if given not in LAYOUTS:
        raise refused("layout", f"{given!r} is none of {', '.join(LAYOUTS)}")
    return LAYOUTS[given]


def read_pairs(option: str, given: Mapping[str, str] | str) -> dict[str, str]:
    """Return a mapping, from text such as ``close=c,volume=v`` too."""
    return _OPTIONS.pairs(option, given, form="ours=theirs")


def read_columns(given: Mapping[str, str] | str, default: Mapping[str, str]) -> dict[str, str]:
    """Return our names to fields; what is not said stays as the layout has it, and an empty name means none."""
    columns = {**default, **read_pairs("columns", given)}
    for ours in columns:
        if ours not in (*REQUIRED, *OPTIONAL):
            raise refused("columns", f"{ours!r} is none of {', '.join((*REQUIRED, *OPTIONAL))}")
    return columns


def read_timeframes(given: Mapping[str, str] | str, default: Mapping[str, str]) -> dict[str, str]:
    """Return our timeframes to the tag's values, from ``1m=M1`` or just ``1m``; what is said is all that there is."""
    if isinstance(given, str):
        given = ",".join(one if "=" in one else f"{one}={one}" for one in given.split(",") if one.strip())
    timeframes = read_pairs("timeframes", given) or dict(default)
    for ours in timeframes:
        if ours not in TIMEFRAMES:
            raise refused("timeframes", f"{ours!r} is none of {', '.join(TIMEFRAMES)}")
    return timeframes


def read_label(given: str) -> Label:
    """Return which end of a bar its time is."""
    if given not in {"open", "close"}:
        raise refused("label", f"{given!r} is neither open nor close")
    return cast("Label", given)


def read_zone(given: str) -> str:
    """Return the name of a time zone."""
    return _OPTIONS.zone(given, example="Asia/Shanghai")


def read_spelling(given: str) -> str:
    """Return how the instrument's tag is made of a symbol."""
    if not _PLACE.search(given):
        raise refused("spelling", f"{given!r} has no {{symbol}} in it")
    return given


def read_seconds(option: str, given: float | str) -> float:
    """Return a number of seconds above zero."""
    return _OPTIONS.seconds(option, given, below=86_400)
