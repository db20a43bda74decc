"""Subjects: which series answer for an instrument, as reading chooses them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Instrument, Register, is_glob
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import AmbiguousSource, BarledgerError
from barledger.services.availability.question import Subject
from barledger.services.availability.report import Undecided
from barledger.services.cache.priority import choose_all, preferred, unknown
from barledger.services.cache.vault import Vault


def subjects(
    vault: Vault,
    register: Register,
    instruments: Sequence[str],
    timeframe: Timeframe,
    source: str | None,
    *,
    is_adjusted: bool,
) -> list[Subject]:
    """Return the subject of each instrument; one that nobody knows has no series.

    Raises `AmbiguousSource` and `LedgerMismatch` as reading does, and `CalendarNotFound`.
    """
    names = [normalise_instrument(instrument) for instrument in instruments]
    chosen = _chosen(vault, names, timeframe, source, is_adjusted=is_adjusted)
    return [_subject(register, name, timeframe, chosen.get(name, ())) for name in names]


def whole_library(
    vault: Vault, register: Register, pattern: str, timeframe: Timeframe | None, source: str | None
) -> tuple[list[Subject], list[Undecided]]:
    """Return a subject for all that the library has or was asked for, and what cannot be judged.

    Where nobody chooses between several sources, each is a subject of its own.
    """
    catalog = vault.ledger.catalog
    rules = catalog.priorities()
    found: dict[tuple[str, Timeframe, bool], list[Series]] = defaultdict(list)
    wanted = None if timeframe is None else timeframe.name
    for series in sorted({*catalog.series(timeframe=wanted), *catalog.asked(timeframe=wanted)}):
        if _matches(series.instrument, pattern) and source in (None, series.source):
            found[series.instrument, series.timeframe, series.is_adjusted].append(series)
    judged: list[Subject] = []
    undecided: list[Undecided] = []
    for (name, frame, _), listed in found.items():
        choice = preferred(rules, name, frame, listed)
        for chosen in [choice.series] if choice else [(one,) for one in listed]:
            try:
                judged.append(_subject(register, name, frame, chosen))
            except BarledgerError as error:
                undecided.append(Undecided(instrument=name, timeframe=frame, reason=str(error)))
    return judged, undecided


def _chosen(
    vault: Vault, names: Sequence[str], timeframe: Timeframe, source: str | None, *, is_adjusted: bool
) -> Mapping[str, tuple[Series, ...]]:
    if source is not None:
        choices = choose_all(vault, names, timeframe, source, is_adjusted=is_adjusted)
        return {name: choice.series for name, choice in zip(names, choices, strict=True)}
    # Read once: with bars first, since those are what reading chooses from.
    catalog = vault.ledger.catalog
    only = names[0] if len(set(names)) == 1 else None
    having = _by_instrument(catalog.series(instrument=only, timeframe=timeframe.name), is_adjusted=is_adjusted)
    strangers = set(names) - set(having)
    asked: Mapping[str, list[Series]] = {}
    if strangers:
        asked = _by_instrument(catalog.asked(instrument=only, timeframe=timeframe.name), is_adjusted=is_adjusted)
    rules = catalog.priorities() if any(len(having.get(n, asked.get(n, ()))) > 1 for n in names) else ()
    return {name: _preferred(vault, name, timeframe, having.get(name) or asked.get(name, []), rules) for name in names}


def _preferred(
    vault: Vault,
    name: str,
    timeframe: Timeframe,
    found: Sequence[Series],
    rules: Sequence[tuple[str, str, tuple[str, ...], str]],
) -> tuple[Series, ...]:
    if not found:
        if vault.mismatch:
            raise unknown(vault, f"{name} {timeframe}")
        return ()
    choice = preferred(rules, name, timeframe, found)
    if choice is None:
        sources = tuple(sorted(series.source for series in found))
        raise AmbiguousSource(instrument=name, timeframe=timeframe.name, sources=sources)
    return choice.series


def _by_instrument(found: Sequence[Series], *, is_adjusted: bool) -> dict[str, list[Series]]:
    named: dict[str, list[Series]] = defaultdict(list)
    for series in found:
        if series.is_adjusted is is_adjusted:
            named[series.instrument].append(series)
    return named


def _subject(register: Register, name: str, timeframe: Timeframe, series: tuple[Series, ...]) -> Subject:
    instrument = register.describe(name)
    market = calendar_called(instrument.calendar)
    listings = _listings(register, instrument, series)
    return Subject(instrument=instrument, timeframe=timeframe, market=market, series=series, listings=listings)


def _listings(register: Register, instrument: Instrument, series: tuple[Series, ...]) -> tuple[Instrument, ...]:
    """Return the instrument as each series' source knows it: when one lists it is no fact about another's bars."""
    if instrument.first_trade is None and instrument.last_trade is None:
        return (instrument,) * max(len(series), 1)
    if not series:
        return (register.as_of_source(instrument.name, None),)
    return tuple(register.as_of_source(instrument.name, one.source) for one in series)


def _matches(instrument: str, pattern: str) -> bool:
    return fnmatchcase(instrument, pattern) if is_glob(pattern) else instrument == normalise_instrument(pattern)
