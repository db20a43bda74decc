"""The layout of files: what the caller says about them, read from options that may all be text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from barledger.domain.declared import Adjustment
from barledger.domain.rows import VALUES
from barledger.sources.options import NO, YES, OptionReader

Kind = Literal["csv", "parquet", "arrow", "json"]
TimeUnit = Literal["s", "ms", "us", "ns"]

OURS: Final = ("time", *VALUES, "adjustment_factor", "source_id")
KLINES: Final = (
    "open_time",
    *VALUES,
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
"""The columns of Binance's klines, whose files may lack a header."""

_OPTIONS: Final = OptionReader("source files")
refused = _OPTIONS.refused
read_choice = _OPTIONS.choice
read_count = _OPTIONS.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How bars lie in files.

    ``columns`` maps our names to theirs. ``header`` is True where a file begins with its names, False where it has
    none (the columns are then called 0, 1, 2, ...), or the names that it lacks. Without a ``mapper`` each file's header
    tells whose it is, and without an ``adjustment`` whose it is tells what its bars are adjusted for.
    """

    columns: Mapping[str, str]
    header: bool | tuple[str, ...]
    time_unit: TimeUnit | None
    zone: str | None
    delimiter: str | None
    decimal: str
    instrument_column: str | None
    kind: Kind | None
    mapper: str | None
    adjustment: Adjustment | None = None


def read_columns(given: Mapping[str, str] | str | None) -> dict[str, str]:
    """Return our names to theirs, from a mapping or from text such as ``close=Close,time=Date``."""
    if given is None:
        return {}
    pairs = [_pair(text) for text in given.split(",") if text.strip()] if isinstance(given, str) else given.items()
    columns = {str(ours): str(theirs) for ours, theirs in pairs}
    for ours in columns:
        if ours not in OURS:
            raise refused("columns", f"{ours!r} is none of {', '.join(OURS)}")
    return columns


def _pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not sign:
        raise refused("columns", f"{text!r} is not ours=theirs, such as close=Close")
    return ours.strip(), theirs.strip()


def read_header(given: bool | str | Sequence[str]) -> bool | tuple[str, ...]:  # noqa: FBT001 - a value, not a switch
    """Return whether there is a header, or the names that the files lack (``binance``: those of its klines)."""
    if isinstance(given, bool):
        return given
    if not isinstance(given, str):
        return tuple(str(name) for name in given)
    text = given.strip().lower()
    if text in YES | NO:
        return text in YES
    if text == "binance":
        return KLINES
    names = tuple(name.strip() for name in given.split(","))
    if len(names) < len(VALUES) or not all(names):
        raise refused("header", f"{given!r} is neither yes, no, binance nor the names of the columns")
    return names


def read_zone(given: str | None) -> str | None:
    """Return the name of a time zone."""
    return None if given is None else _OPTIONS.zone(given, example="America/New_York")


def read_delimiter(given: str | None) -> str | None:
    """Return the one character between values; ``tab`` is one too."""
    text = {"tab": "\t", r"\t": "\t"}.get(given, given) if given is not None else None
    if text is not None and not _is_sign(text):
        raise refused("delimiter", f"{given!r} is not one character")
    return text


def read_decimal(given: str) -> str:
    """Return the one character before decimals."""
    if not _is_sign(given):
        raise refused("decimal", f"{given!r} is not one character")
    return given


def read_kind(given: str | None) -> Kind | None:
    """Return the format that all files have."""
    return cast("Kind | None", read_choice("kind", given, Kind))


def read_adjustment(given: str | None) -> Adjustment | None:
    """Return what the bars of all files are adjusted for."""
    return cast("Adjustment | None", read_choice("adjustment", given, Adjustment))


def _is_sign(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text not in '\r\n"'
