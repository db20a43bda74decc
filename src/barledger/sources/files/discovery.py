"""Discovery: which series lie in the files of a pattern, told by the placeholders in it."""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.timeframe import TIMEFRAMES
from barledger.errors import SourceError
from barledger.sources.files.location import check_path, kind_of

# What programs call their folders: zipline's csvdir, and others.
_WORDS: Final = {
    "daily": "1d",
    "day": "1d",
    "d": "1d",
    "hourly": "1h",
    "hour": "1h",
    "minute": "1m",
    "weekly": "1w",
    "monthly": "1M",
    "60m": "1h",
    "1wk": "1w",
    "1mo": "1M",
}
_PART: Final = re.compile(r"\{(instrument|symbol|timeframe)\}|\*\*/|\*|\?|\[[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Discovered:
    """Files of one series: their ``path`` as the source takes it, and what the placeholders stood for, if any."""

    path: str
    symbol: str | None = None
    timeframe: str | None = None


def discover(pattern: str) -> list[Discovered]:
    """Return the series in the files that match a pattern, in the order of their names.

    ``{instrument}`` (or ``{symbol}``) and ``{timeframe}`` stand for as little as they can, within one folder or name.
    Raises `InvalidSetting`, and `SourceError` if no file matches.
    """
    check_path(pattern)
    given = str(Path(pattern).expanduser())
    if "{" not in given:
        return [Discovered(path=given)]
    expression = re.compile(_expression(given))
    wild = _PART.sub(lambda part: "*" if part[1] else part[0], given)
    matches = (expression.fullmatch(found) for found in sorted(glob.glob(wild, recursive=True)))  # noqa: PTH207 - `**`
    found = dict.fromkeys(_discovered(given, match) for match in matches if match is not None and _usable(match[0]))
    if not found:
        raise SourceError(source="files", detail=f"there is no file {given}")
    return sorted(found)


def instrument_of(symbol: str) -> str:
    """Return the instrument that a file is named after; freqtrade's names are pairs, Stooq's are in lower case."""
    if re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]{2,}){1,2}", symbol):
        base, quote, *settled = symbol.split("_")
        return f"{base}/{quote}{':' * bool(settled)}{''.join(settled)}"
    return symbol.upper().removesuffix(".US") if symbol.islower() else symbol


def _usable(path: str) -> bool:
    return Path(path).is_dir() or Path(path).suffix.lower() in {".zip", ".txt"} or kind_of(Path(path)) is not None


def _discovered(pattern: str, match: "re.Match[str]") -> Discovered:
    told = match.groupdict()
    symbol, word = told.get("symbol"), told.get("timeframe")
    path = _PART.sub(lambda part: glob.escape(_filling(part[1], symbol, word)) if part[1] else part[0], pattern)
    timeframe = None if word is None else word if word in TIMEFRAMES else _WORDS[word]
    return Discovered(path=path, symbol=symbol, timeframe=timeframe)


def _filling(name: str, symbol: str | None, word: str | None) -> str:
    return (word if name == "timeframe" else symbol) or ""


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern, in which a placeholder that comes again means the same."""
    seen: set[str] = set()
    return "".join(_pieces(pattern, seen))


def _pieces(pattern: str, seen: set[str]) -> Iterator[str]:
    at = 0
    for part in _PART.finditer(pattern):
        yield re.escape(pattern[at : part.start()])
        yield _named(part[1], seen) if part[1] else {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part[0], part[0])
        at = part.end()
    yield re.escape(pattern[at:])


def _named(name: str, seen: set[str]) -> str:
    group = "timeframe" if name == "timeframe" else "symbol"
    if group in seen:
        return f"(?P={group})"
    seen.add(group)
    words = "|".join(sorted({*TIMEFRAMES, *_WORDS}, key=len, reverse=True))
    return f"(?P<timeframe>{words})" if group == "timeframe" else "(?P<symbol>[^/]+?)"
