"""Which source answers when the caller names none."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Literal

import numpy as np

from barledger.domain.rows import Rows, merge
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import AmbiguousSource, LedgerMismatch, SeriesNotFound
from barledger.ledger.contract import SeriesState
from barledger.services.cache.vault import Vault

Mode = Literal["strict", "fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The series to read, the most preferred first; ``fill`` lets later ones close stretches that earlier ones lack.

    ``looked`` is what the ledger told of the first one when it was found, if it did.
    """

    series: tuple[Series, ...]
    mode: Mode = "strict"
    looked: SeriesState | None = None


# From so many instruments on, one look at all series is cheaper than one for each.
_MANY: Final = 8
_HINTED: Final = 5


def choose(
    vault: Vault, instrument: str, timeframe: Timeframe, source: str | None, *, is_adjusted: bool = False
) -> Choice:
    """Decide whose bars to read; raises `SeriesNotFound`, `AmbiguousSource` and `LedgerMismatch`."""
    return _Chooser(vault, timeframe, source, is_adjusted=is_adjusted).one(instrument)


def choose_all(
    vault: Vault, instruments: Sequence[str], timeframe: Timeframe, source: str | None, *, is_adjusted: bool = False
) -> list[Choice]:
    """Decide whose bars to read for each instrument; raises what `choose` raises."""
    chooser = _Chooser(vault, timeframe, source, is_adjusted=is_adjusted)
    if source is not None or len(instruments) < _MANY:
        return [chooser.one(name) for name in instruments]
    return chooser.many(instruments)


class _Chooser:
    """Chooses by the order of sources, which is looked up once, and only if it matters."""

    def __init__(self, vault: Vault, timeframe: Timeframe, source: str | None, *, is_adjusted: bool) -> None:
        self._vault, self._timeframe, self._source, self._is_adjusted = vault, timeframe, source, is_adjusted

    @cached_property
    def _rules(self) -> Sequence[tuple[str, str, tuple[str, ...], str]]:
        return self._vault.ledger.catalog.priorities()

    def one(self, instrument: str) -> Choice:
        """Look for one instrument."""
        if self._source is not None:
            series = Series.of(instrument, self._timeframe, self._source, is_adjusted=self._is_adjusted)
            _refuse_guess(self._vault, series)
            return Choice(series=(series,))
        found = self._vault.ledger.catalog.states(instrument, self._timeframe.name)
        states = {one.series: one for one in found if one.series.is_adjusted is self._is_adjusted}
        choice = self._choice(instrument, list(states))
        return Choice(series=choice.series, mode=choice.mode, looked=states[choice.series[0]])

    def many(self, instruments: Sequence[str]) -> list[Choice]:
        """Look at the names of all series once."""
        known = defaultdict[str, list[Series]](list)
        for series in self._vault.ledger.catalog.series(timeframe=self._timeframe.name):
            if series.is_adjusted is self._is_adjusted:
                known[series.instrument].append(series)
        return [self._choice(name, known.get(name, [])) for name in instruments]

    def _choice(self, instrument: str, found: Sequence[Series]) -> Choice:
        if not found:
            kind = " that are stored adjusted" if self._is_adjusted else ""
            hinted = hint(self._vault, instrument, self._timeframe)
            raise unknown(self._vault, f"{instrument} {self._timeframe}{kind}", hinted)
        choice = preferred(self._rules if len(found) > 1 else (), instrument, self._timeframe, found)
        if choice is None:
            sources = tuple(sorted(series.source for series in found))
            raise AmbiguousSource(instrument=instrument, timeframe=self._timeframe.name, sources=sources)
        return choice


def preferred(
    rules: Sequence[tuple[str, str, tuple[str, ...], str]],
    instrument: str,
    timeframe: Timeframe,
    found: Sequence[Series],
) -> Choice | None:
    """Return what the rules choose among the series of an instrument at a timeframe, or None if they do not."""
    if len(found) == 1:
        return Choice(series=(found[0],))
    by_source = {series.source: series for series in found}
    for pattern, applies_to, order, mode in rules:
        if not fnmatchcase(instrument, pattern) or applies_to not in ("*", timeframe.name):
            continue
        chosen = tuple(by_source[name] for name in order if name in by_source)
        if chosen and mode == "fill":
            return Choice(series=chosen, mode="fill")
        if chosen:
            return Choice(series=chosen[:1])
    return None


def hint(vault: Vault, instrument: str, timeframe: Timeframe) -> str:
    """Return which series may have been meant, for an error's text."""
    alike = [
        series
        for series in vault.ledger.catalog.series()
        if series.instrument.casefold() == instrument.casefold()
        or (series.instrument, series.timeframe) == (instrument, timeframe)
    ]
    named = ", ".join(map(str, alike[:_HINTED]))
    return f"; there are {named}" if named else ""


def unknown(vault: Vault, what: str, hinted: str = "") -> SeriesNotFound | LedgerMismatch:
    """Return the error for what this ledger does not know; that the store has no bars of it is another matter."""
    if vault.mismatch:
        return LedgerMismatch(reason=f"{vault.mismatch}; this ledger knows nothing of {what}")
    return SeriesNotFound(series=what, hint=hinted)


def _refuse_guess(vault: Vault, series: Series) -> None:
    """Raise `LedgerMismatch` for a series that the store may have, and this ledger cannot tell."""
    if vault.mismatch and not vault.ledger.revisions.state(series).revision:
        raise unknown(vault, str(series))


def fill(parts: Sequence[Rows], timeframe: Timeframe) -> tuple[Rows, list[Rows]]:
    """Let each part close the stretches that those before it lack, never within a bar; also returns what was used."""
    used: list[Rows] = []
    joined = parts[0].pick(slice(0, 0))
    for part in parts:
        kept = part.pick(_free(part, joined, timeframe))
        used.append(kept)
        joined = merge([joined, kept])
    return joined, used


def _free(part: Rows, taken: Rows, timeframe: Timeframe) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Tell which bars overlap no bar that is taken already."""
    if not len(taken) or not len(part):
        return np.ones(len(part), np.bool_)
    after = np.searchsorted(taken.time, part.time, side="right")
    before = np.maximum(after - 1, 0)
    closes = timeframe.close_of(taken.time)
    overlaps_before = (after > 0) & (closes[before] > part.time)
    following = np.minimum(after, len(taken) - 1)
    overlaps_after = (after < len(taken)) & (timeframe.close_of(part.time) > taken.time[following])
    return np.asarray(~(overlaps_before | overlaps_after))
