"""Symbols: which instruments somebody means by names, lists of them, and patterns."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from barledger.domain.series import normalise_instrument
from barledger.errors import SeriesNotFound

_WILD: Final = frozenset("*?[")
Known = Callable[[], Iterable[str]]
"""Gives the instruments that there are, asked when there is a pattern."""


def parts_of(text: str) -> list[str]:
    """Return the names and patterns that commas separate.

    >>> parts_of("AAPL, BTC*")
    ['AAPL', 'BTC*']
    """
    return [part for part in (part.strip() for part in text.split(",")) if part]


def instruments_named(given: str | Sequence[str], known: Known, *, where: str = "") -> list[str]:
    """Return the instruments that are meant, in that order, those of a pattern by name.

    A text may have several names or patterns with commas between them. A pattern such as ``BTC*`` or ``[AB]*`` means
    the known instruments that match, and names none again that is there already. ``where`` is said of them in an error.
    Raises `SeriesNotFound` for a pattern that none matches, and `InvalidName`.
    """
    parts = list(dict.fromkeys(parts_of(given))) if isinstance(given, str) else list(given)
    if not any(_is_pattern(part) for part in parts):
        return parts
    there = sorted(set(known()))
    named = {normalise_instrument(part) for part in parts if not _is_pattern(part)}
    found: list[str] = []
    for part in parts:
        if not _is_pattern(part):
            found.append(part)
            continue
        matching = [name for name in there if fnmatchcase(name, part)]
        if not matching:
            raise SeriesNotFound(series=part + where, hint="; a pattern is for instruments that are known already")
        new = [name for name in matching if name not in named]
        named.update(new)
        found += new
    return found


def _is_pattern(part: object) -> bool:
    return isinstance(part, str) and bool(set(part) & _WILD)
