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
from barledger.services.cache.vault import Vault

Mode = Literal["strict", "fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The series to read, the most preferred first; ``fill`` lets later ones close stretches that earlier ones lack."""

    series: tuple[Series, ...]
    mode: Mode = "strict"


# From so many instruments on, one look at all series is cheaper than one for each.
_MANY: Final = 8
_HINTED: Final = 5


def choose(
    vault: Vault, instrument: str, timeframe: Timeframe, source: str | None, *, is_adjusted: bool = False
) -> Choice:
    """Decide whose bars to read; raises `SeriesNotFound`, `AmbiguousSource` and `LedgerMismatch`."""
    return choose_all(vault, [instrument], timeframe, source, is_adjusted=is_adjusted)[0]


def choose_all(
    vault: Vault, instruments: Sequence[str], timeframe: Timeframe, source: str | None, *, is_adjusted: bool = False
) -> list[Choice]:
    """Decide whose bars to read for each instrument; raises what `choose` raises."""
    if source is not None:
        named = [Series.of(instrument, timeframe, source, is_adjusted=is_adjusted) for instrument in instruments]
        _refuse_guesses(vault, named)
        return [Choice(series=(series,)) for series in named]
    catalog, known = vault.ledger.catalog, defaultdict[str, list[Series]](list)
    if len(instruments) < _MANY:
        listed = [one for name in instruments for one in catalog.series(instrument=name, timeframe=timeframe.name)]
    else:
        listed = catalog.series(timeframe=timeframe.name)
    for series in dict.fromkeys(listed):
        if series.is_adjusted is is_adjusted:
            known[series.instrument].append(series)
    for name in instruments:
        if name not in known:
            kind = " that are stored adjusted" if is_adjusted else ""
            raise unknown(vault, f"{name} {timeframe}{kind}", hint(vault, name, timeframe))
    rules = _Rules(vault)
    return [_choose(instrument, timeframe, known[instrument], rules) for instrument in instruments]


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


def _refuse_guesses(vault: Vault, named: Sequence[Series]) -> None:
    """Raise `LedgerMismatch` for a series that the store may have, and this ledger cannot tell."""
    if vault.mismatch:
        for state in vault.ledger.revisions.states(named):
            if not state.revision:
                raise unknown(vault, str(state.series))


def _choose(instrument: str, timeframe: Timeframe, found: Sequence[Series], rules: "_Rules") -> Choice:
    choice = preferred(rules.listed if len(found) > 1 else (), instrument, timeframe, found)
    if choice is None:
        sources = tuple(sorted(series.source for series in found))
        raise AmbiguousSource(instrument=instrument, timeframe=timeframe.name, sources=sources)
    return choice


class _Rules:
    """The order of sources, looked up once, and only if it matters."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @cached_property
    def listed(self) -> Sequence[tuple[str, str, tuple[str, ...], str]]:
        return self._vault.ledger.catalog.priorities()


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
