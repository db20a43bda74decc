"""Panels: one frame of many instruments at one timeframe, aligned; nothing in it is invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from xxhash import xxh3_64_intdigest

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.rows import VALUES, Flags, Floats, Ints, Rows, constant, found_in
from barledger.domain.timeframe import SECOND
from barledger.errors import InvalidSetting, MissingColumns
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.view import Stretch, View

Align = Literal["union", "intersection", "calendar"]
Fill = Literal["ffill"]

FIELDS: Final = (*VALUES, "adjustment_factor")
_NEVER_FILLED: Final = frozenset({"volume"})
_FEW_FIELDS: Final = 2


class Told(dict[str, Any]):
    """Provenance that pandas copies into every frame made of this one: it stays one object, and nobody changes it."""

    def __deepcopy__(self, _memo: object) -> Self:
        """Return itself."""
        return self

    def _refuse(self, *_: Any, **__: Any) -> None:
        message = "the provenance of a panel cannot be changed"
        raise TypeError(message)

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = __ior__ = _refuse  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelShape:
    """How a panel is put together: which fields, by which times, and for how many bars a value stands in for others.

    ``closes`` says that closes are needed besides, to adjust by.
    """

    fields: tuple[str, ...]
    single: bool
    align: Align
    limit: int | None
    closes: bool = False

    @staticmethod
    def of(
        *,
        field: str | None,
        fields: Sequence[str] | None,
        align: str,
        fill: str | None,
        limit: int | None,
        closes: bool = False,
    ) -> "PanelShape":
        """Read what a caller gave; raises `InvalidSetting` and `MissingColumns`."""
        if field is not None and fields is not None:
            raise InvalidSetting(setting="fields", reason="give field for one, or fields for several, not both")
        listed = (field or "close",) if fields is None else (fields,) if isinstance(fields, str) else tuple(fields)
        wrong = tuple(str(name) for name in listed if name not in FIELDS)
        if wrong:
            raise MissingColumns(count=0, columns=wrong, found=FIELDS, reading=True)
        if not listed or len(set(listed)) != len(listed):
            raise InvalidSetting(setting="fields", reason="name at least one, and each once")
        if align not in get_args(Align):
            raise InvalidSetting(setting="align", reason=f"{align!r} is none of {', '.join(get_args(Align))}")
        _check_fill(listed, fill, limit)
        return PanelShape(fields=listed, single=fields is None, align=align, limit=limit, closes=closes)  # type: ignore[arg-type]

    def keep(self, rows: Rows) -> Rows:
        """Return what a panel needs of rows, in memory of its own, if that is little of them."""
        if len(self.fields) > _FEW_FIELDS:
            return rows
        nothing = np.broadcast_to(np.nan, len(rows))
        wanted = {*self.fields, "close"} if self.closes else {*self.fields}
        kept = {name: np.array(getattr(rows, name)) if name in wanted else nothing for name in VALUES}
        factor = rows.adjustment_factor if "adjustment_factor" in self.fields else None
        no_stamp = constant(0, len(rows))
        return Rows(time=np.array(rows.time), adjustment_factor=factor, revision=no_stamp, edition=no_stamp, **kept)


def _check_fill(fields: Sequence[str], fill: str | None, limit: int | None) -> None:
    if fill is None:
        if limit is not None:
            raise InvalidSetting(setting="limit", reason="it limits a fill, and none is asked for")
        return
    if fill not in get_args(Fill):
        raise InvalidSetting(setting="fill", reason=f"{fill!r} is not ffill")
    given: object = limit
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1:
        reason = "say for how many bars at most a value may stand in for missing ones: limit=n, 1 or more"
        raise InvalidSetting(setting="limit", reason=reason)
    if _NEVER_FILLED.issuperset(fields):
        raise InvalidSetting(setting="fill", reason="volume is never filled: no trade is not the trades of before")


def panel(
    views: Sequence[View],
    stretches: Sequence[Stretch],
    request: ReadRequest,
    shape: PanelShape,
    *,
    notes: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return a row for each time, and a column for each instrument, below its field if several are asked for.

    ``notes`` are further provenance.
    """
    alike = _Alike.of([stretch.rows.time for stretch in stretches])
    index = _index(views, alike.distinct, request, shape.align)
    places = [_find(times, index) for times in alike.distinct]
    count = len(views)
    cells = np.empty((len(shape.fields) * count, len(index)))
    for number, stretch in enumerate(stretches):
        for at, field in enumerate(shape.fields):
            places[alike.group[number]].put(getattr(stretch.rows, field), cells[at * count + number])
    filled = 0
    if shape.limit is not None:
        filled = sum(
            _fill(cells[at * count : (at + 1) * count], shape.limit)
            for at, field in enumerate(shape.fields)
            if field not in _NEVER_FILLED
        )
    frame = pd.DataFrame(cells.T, index=_labels(index), columns=_columns(views, shape), copy=False)
    left_out = sum(
        len(stretch.rows) - places[group].kept for stretch, group in zip(stretches, alike.group, strict=True)
    )
    told = _told(views, stretches, request, shape, filled=filled, left_out=left_out)
    frame.attrs.update({"panel": Told({**told, **(notes or {})})})
    return frame


def _labels(index: Ints) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(index.view("datetime64[ns]"), name="time").tz_localize("UTC")


def _columns(views: Sequence[View], shape: PanelShape) -> pd.Index:
    names = [view.instrument for view in views]
    if shape.single:
        return pd.Index(names, name="instrument", dtype=object)
    return pd.MultiIndex.from_product([shape.fields, names], names=["field", "instrument"])


# --- times -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Alike:
    """The times of many series without repeating those that are alike: most markets trade on the same days."""

    distinct: list[Ints]
    group: list[int]

    @staticmethod
    def of(times: Sequence[Ints]) -> "_Alike":
        distinct: list[Ints] = []
        group: list[int] = []
        known: dict[tuple[int, int], list[int]] = {}
        for one in times:
            candidates = known.setdefault((len(one), xxh3_64_intdigest(np.ascontiguousarray(one).data)), [])
            found = next((number for number in candidates if np.array_equal(distinct[number], one)), None)
            if found is None:
                found = len(distinct)
                candidates.append(found)
                distinct.append(one)
            group.append(found)
        return _Alike(distinct, group)


def _index(views: Sequence[View], distinct: Sequence[Ints], request: ReadRequest, align: Align) -> Ints:
    if align == "calendar":
        return _by_calendar(views, distinct, request.interval)
    if len(distinct) == 1:
        return distinct[0]
    if align == "union":
        return np.unique(np.concatenate(distinct))
    return reduce(lambda common, other: common[found_in(common, other)], distinct)


def _by_calendar(views: Sequence[View], times: Sequence[Ints], interval: Interval) -> Ints:
    """Return the times at which a calendar of any instrument expects a bar; without bounds, as far as bars reach."""
    there = [one for one in times if len(one)]
    if not there:
        return np.empty(0, np.int64)
    start = interval.start if interval.start != BEGINNING else min(int(one[0]) for one in there)
    last = int(views[0].timeframe.close_of(np.array([max(int(one[-1]) for one in there)]))[0])
    end = max(start, last if interval.end == END_OF_TIME else min(interval.end, max(last, views[0].vault.ledger.now())))
    calendars = {calendar.name: calendar for calendar in (view.calendar() for view in views)}
    expected = [one.expected(views[0].timeframe, Interval(start, end)) for one in calendars.values()]
    return np.unique(np.concatenate(expected))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the bars of some times go; ``known`` tells which have a place, None that all have."""

    rows: Ints | None
    known: Flags | None
    kept: int

    def put(self, column: Floats | None, line: Floats) -> None:
        """Put a column into its line; NaN where it has nothing."""
        if column is None or self.rows is not None:
            line.fill(np.nan)
        if column is not None:
            line[slice(None) if self.rows is None else self.rows] = column if self.known is None else column[self.known]


def _find(times: Ints, index: Ints) -> _Place:
    if np.array_equal(times, index):
        return _Place(None, None, len(times))
    rows = np.searchsorted(index, times)
    known = index[np.minimum(rows, len(index) - 1)] == times if len(index) else np.zeros(len(times), np.bool_)
    if bool(known.all()):
        return _Place(rows, None, len(times))
    return _Place(rows[known], known, int(known.sum()))


# --- filling ---------------------------------------------------------------------------------------


def _fill(lines: npt.NDArray[np.float64], limit: int) -> int:
    """Let each value stand in for the next ``limit`` missing ones of its line; returns how many it stood in for."""
    missing = np.isnan(lines)
    if not bool(missing.any()):
        return 0
    at = np.arange(lines.shape[1])
    source = np.maximum.accumulate(np.where(missing, -1, at), axis=1)
    wanted = missing & (source >= 0) & (at - source <= limit)
    number, place = np.nonzero(wanted)
    lines[number, place] = lines[number, source[number, place]]
    return len(number)


# --- provenance ------------------------------------------------------------------------------------


def _told(
    views: Sequence[View],
    stretches: Sequence[Stretch],
    request: ReadRequest,
    shape: PanelShape,
    *,
    filled: int,
    left_out: int,
) -> Told:
    snapshot = views[0].state.snapshot
    told: dict[str, Any] = {
        "timeframe": views[0].timeframe.name,
        "version": snapshot.id if snapshot else request.label,
        "revision": str(max(part.revision for stretch in stretches for part in stretch.parts)),
        "adjustment": request.adjust or _adjustment(views, stretches),
        "align": shape.align,
        "fill_limit": shape.limit,
        "filled": filled,
        "left_out": left_out,
        "series": {view.instrument: _series(stretch) for view, stretch in zip(views, stretches, strict=True)},
    }
    if request.known_within is not None:
        late = sum(int((~stretch.observed).sum()) for stretch in stretches)
        told["known_within"] = {"seconds": request.known_within / SECOND, "not_observed": late}
    return Told(told)


def _adjustment(views: Sequence[View], stretches: Sequence[Stretch]) -> str:
    """Say what the bars were adjusted for; where instruments differ, of each state which ones are in it."""
    states: dict[str, list[str]] = {}
    for view, stretch in zip(views, stretches, strict=True):
        series = [part.series for part, used in zip(stretch.parts, stretch.used, strict=True) if len(used)]
        states.setdefault(view.made_for(series or [view.series[0]]), []).append(view.instrument)
    if len(states) == 1:
        return next(iter(states))
    return "; ".join(f"{state} ({', '.join(names)})" for state, names in states.items())


def _series(stretch: Stretch) -> list[dict[str, Any]]:
    return [
        {"source": part.series.source, "revision": str(part.revision), "rows": len(used)}
        for part, used in zip(stretch.parts, stretch.used, strict=True)
        if len(used) or part is stretch.parts[0]
    ]
