"""Selections: from instruments, timeframes and a version to views of one consistent state."""

from collections.abc import Mapping, Sequence

from barledger.domain.interval import BEGINNING
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import AmbiguousSource, InvalidSetting
from barledger.ledger.contract import Pin, SeriesState, Snapshot
from barledger.services.cache.cut import Keep, read_many
from barledger.services.cache.priority import Choice, choose, choose_all
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot, not_pinned
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.state import State, state_of
from barledger.services.retrieval.view import Part, Stretch, View
from barledger.services.retrieval.window import read_window

Name = tuple[str, Timeframe]
"""An instrument and a timeframe."""


def names_of(instruments: str | Sequence[str], timeframes: str | Sequence[str]) -> list[Name]:
    """Return every instrument at every timeframe; raises `InvalidSetting` for none, or one that is named twice."""
    listed = [normalise_instrument(name) for name in _listed("instruments", instruments)]
    frames = [Timeframe.of(name) for name in _listed("timeframes", timeframes)]
    names = [(instrument, frame) for frame in frames for instrument in listed]
    twice = sorted({instrument for instrument, _ in names if listed.count(instrument) > 1}) if _repeats(listed) else []
    if twice or _repeats(frames):
        raise InvalidSetting(setting="instruments", reason=f"{', '.join(twice) or 'a timeframe'} is named twice")
    return names


def _repeats(values: Sequence[object]) -> bool:
    return len(set(values)) != len(values)


def _listed(setting: str, values: str | Sequence[str]) -> Sequence[str]:
    listed = [values] if isinstance(values, str) else list(values)
    if not listed:
        raise InvalidSetting(setting=setting, reason="there are none")
    return listed


def select(vault: Vault, instruments: InstrumentService, names: Sequence[Name], request: ReadRequest) -> list[View]:
    """Return a view of each name, all of one state.

    Raises `SeriesNotFound`, `AmbiguousSource`, `VersionNotFound`, `FutureTime` and `LedgerMismatch`.
    """
    snapshot = find_snapshot(vault, request.version)
    if snapshot is not None:
        state = State(version=request.version, snapshot=snapshot)
        pins = {name: _pins_of(snapshot, name, request.source) for name in names}
        series = {name: tuple(pin.series for pin in mine) for name, mine in pins.items()}
    else:
        pins, choices = {}, _choose(vault, names, request)
        series = {name: choice.series for name, choice in choices.items()}
        every = list(dict.fromkeys(one for mine in series.values() for one in mine))
        state = state_of(vault, every, request.version, looked=choices[names[0]].looked)
    return [
        View(
            vault=vault,
            instruments=instruments,
            instrument=name[0],
            timeframe=name[1],
            series=series[name],
            state=state,
            pins=tuple(pins.get(name, ())),
            known_within=request.known_within,
        )
        for name in names
    ]


def read_views(views: Sequence[View], request: ReadRequest, keep: Keep = lambda rows: rows) -> list[Stretch]:
    """Return what was asked of each view, plain questions about many all at once and no more of them than is kept."""
    first = views[0]
    materialised = first.state.snapshot is not None and (
        first.state.snapshot.materialised or first.state.snapshot.kind == "named"
    )
    plain = not request.windowed and request.known_within is None and request.version.kind != "first"
    if len(views) == 1 or materialised or not plain:
        looked = first.state.looked
        return [
            read_window(view, request) if request.windowed else view.read(request.interval, looked=looked)
            for view in views
        ]
    states = _states(views) if request.interval.start == BEGINNING and not first.pins else {}
    asked = [view.asked(request.interval, states) for view in views]
    rows = iter(read_many(first.vault, [one for mine in asked for one in mine], looked=first.state.looked, keep=keep))
    stretches = []
    for view, mine in zip(views, asked, strict=True):
        parts = [Part(series=one.series, rows=next(rows), revision=one.revision) for one in mine]
        interval = mine[0].intervals[0] if view.pins else request.interval
        stretches.append(view.joined(parts, interval))
    return stretches


def _states(views: Sequence[View]) -> Mapping[Series, SeriesState]:
    known = views[0].state.looked
    if known:
        return known
    series = list(dict.fromkeys(one for view in views for one in view.series))
    return {one.series: one for one in views[0].vault.ledger.revisions.states(series)}


def _choose(vault: Vault, names: Sequence[Name], request: ReadRequest) -> dict[Name, Choice]:
    if len(names) == 1:
        instrument, frame = names[0]
        return {names[0]: choose(vault, instrument, frame, request.source, is_adjusted=request.is_adjusted)}
    found: dict[Name, Choice] = {}
    by_frame: dict[Timeframe, list[str]] = {}
    for instrument, frame in names:
        by_frame.setdefault(frame, []).append(instrument)
    for frame, instruments in by_frame.items():
        choices = choose_all(vault, instruments, frame, request.source, is_adjusted=request.is_adjusted)
        found |= {(name, frame): choice for name, choice in zip(instruments, choices, strict=True)}
    return found


def _pins_of(snapshot: Snapshot, name: Name, source: str | None) -> list[Pin]:
    pins = [
        pin
        for pin in snapshot.pins
        if (pin.series.instrument, pin.series.timeframe) == name and source in (None, pin.series.source)
    ]
    if not pins:
        raise not_pinned(snapshot, name[0], name[1], source)
    _check_one_filling(snapshot, pins)
    return pins


def _check_one_filling(snapshot: Snapshot, pins: Sequence[Pin]) -> None:
    """Only a snapshot that was taken under a ``fill`` priority pins several sources, in the order of preference."""
    if snapshot.kind == "named" and len(pins) > 1:
        series = pins[0].series
        sources = tuple(sorted(pin.series.source for pin in pins))
        raise AmbiguousSource(instrument=series.instrument, timeframe=series.timeframe.name, sources=sources)
