"""Batches: indicators of many instruments, computed by a server one after the other, and of one cut all the same."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from barledger.domain.interval import Instant
from barledger.domain.version import Version
from barledger.errors import (
    AccessDenied,
    AnswerDamaged,
    BarledgerError,
    Busy,
    Incomplete,
    IndicatorNotFound,
    InvalidInterval,
    InvalidSetting,
    InvalidSpec,
    InvalidTimeframe,
    InvalidVersion,
    NotServed,
    ParameterInvalid,
    ParameterUnknown,
    ServerProblem,
    StoreError,
)
from barledger.indicators.binding import listed
from barledger.indicators.calculation import Calculation, Told
from barledger.indicators.definition import Policy
from barledger.remote.calculations import Answered, Asker
from barledger.services.indicators.batched import Batch, Batches, Part, told_failures
from barledger.services.indicators.preparing import Apart
from barledger.services.indicators.progress import Computed, Listener
from barledger.services.indicators.question import Question
from barledger.services.indicators.sheet import Leaf

_ATTEMPTS: Final = 20
# What is wrong with all instruments alike is raised; other errors are those of one.
_OF_ALL: Final = (
    *(InvalidSpec, IndicatorNotFound, ParameterInvalid, ParameterUnknown, InvalidInterval, InvalidSetting),
    *(InvalidTimeframe, InvalidVersion, StoreError, AccessDenied, AnswerDamaged, NotServed, ServerProblem),
)
_CHANGING: Final = ("latest", "first", "strategy")


class RemoteBatchCalculator:
    """Asks a server for the indicators of many instruments; those on bars in hand are computed here."""

    def __init__(self, asker: Asker, *, in_hand: Callable[..., Batch], batches_in_hand: Callable[..., Batches]) -> None:
        """Ask there, or let these compute."""
        self._asker, self._in_hand, self._batches_in_hand = asker, in_hand, batches_in_hand

    def batch(  # noqa: PLR0913 - the wishes of the library's own
        self,
        instruments: Any,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        processes: int = 0,
        progress: Listener | None = None,
        explain: bool = False,
    ) -> Batch:
        """Return indicators of many instruments as one frame, all of one cut (`IndicatorService.batch`).

        How many threads compute it is the server's choice: ``threads``, ``processes`` and ``explain`` are for bars in
        hand. Raises `Busy` if writers never let the instruments rest.
        """
        wishes: dict[str, Any] = {"start": start, "end": end, "source": source, "version": version, "adjust": adjust}
        if not _are_names(instruments):
            hands: dict[str, Any] = {"threads": threads, "processes": processes, "progress": progress}
            return self._in_hand(
                instruments, timeframe, specs, **wishes, **hands, nan_policy=nan_policy, explain=explain
            )
        names = [instruments] if isinstance(instruments, str) else list(instruments)
        questions = _questions(names, timeframe, wishes)
        changing = Version.of(version).kind in _CHANGING
        for _ in range(_ATTEMPTS):
            found, failures = self._once(listed(specs), questions, wishes, nan_policy)
            # What was computed first is unchanged after the last: so they were all so at one moment.
            if not changing or all(self._asker.same(one) for one in list(found.values())[:-1]):
                _tell(questions, found, failures, progress)
                return _made(found, failures)
        raise Busy(what=", ".join(names[:3]), waited=0.0)

    def batches(  # noqa: PLR0913 - as above
        self,
        instruments: Any,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        progress: Listener | None = None,
    ) -> Batches:
        """Give the indicators of one instrument after the other (`IndicatorService.batches`), all of one cut."""
        wishes: dict[str, Any] = {"start": start, "end": end, "source": source, "version": version, "adjust": adjust}
        wishes |= {"nan_policy": nan_policy, "threads": threads, "progress": progress}
        if not _are_names(instruments):
            return self._batches_in_hand(instruments, timeframe, specs, **wishes)
        found = self.batch(instruments, timeframe, specs, **wishes)

        return Batches((one for one in found.items()), found.failures, found.column_failures)

    def _once(
        self,
        specs: Sequence[str],
        questions: Sequence[Question],
        wishes: Mapping[str, Any],
        nan_policy: Policy | None,
    ) -> tuple[dict[str, Answered], dict[str, BarledgerError]]:
        found: dict[str, Answered] = {}
        failures: dict[str, BarledgerError] = {}
        bounds = {"start": wishes["start"], "end": wishes["end"], "nan_policy": nan_policy}
        for question in questions:
            try:
                found[question.instrument] = self._asker.ask(specs, question, **bounds)
            except _OF_ALL:
                raise
            except BarledgerError as error:
                failures[question.instrument] = error
        return found, failures


def _are_names(instruments: Any) -> bool:
    """Tell whether instruments are named; bars in hand are not."""
    if isinstance(instruments, str):
        return True
    return isinstance(instruments, Sequence) and all(isinstance(one, str) for one in instruments)


def _questions(names: Sequence[str], timeframe: str | None, wishes: Mapping[str, Any]) -> list[Question]:
    if not timeframe:
        raise InvalidSetting(setting="timeframe", reason="name one, e.g. 1d")
    alone: dict[str, Any] = {"last": None, "anchor": None, "fetch_missing": False, "options": None}
    return [Question.of(name, timeframe, **wishes, **alone) for name in names]


def _tell(
    questions: Sequence[Question],
    found: Mapping[str, Answered],
    failures: Mapping[str, BarledgerError],
    progress: Listener | None,
) -> None:
    for at, question in enumerate(questions if progress else ()):
        name = question.instrument
        rows = len(found[name].calculation) if name in found else 0
        told = Computed(instrument=name, rows=rows, done=at + 1, total=len(questions), error=failures.get(name))
        if progress is not None:
            progress(told)
    if failures:
        said = told_failures(failures, {}).removeprefix(", ")
        warnings.warn(f"of {len(questions)} instruments {said}; see .failures", Incomplete, stacklevel=3)


def _made(found: Mapping[str, Answered], failures: Mapping[str, BarledgerError]) -> Batch:
    """Return calculations one below the other."""
    all_of = {name: one.calculation for name, one in found.items()}
    first = next(iter(all_of.values()), None)
    names = () if first is None else first.columns
    keys = [] if first is None else [first.standings[name].key for name in names]
    parts, at = [], 0
    for name, one in all_of.items():
        parts.append(Part(instrument=name, rows=slice(at, at + len(one)), told=_teller(one)))
        at += len(one)
    time = np.concatenate([np.empty(0, np.int64), *(one.time for one in all_of.values())])
    columns = [np.concatenate([one.values(name) for one in all_of.values()]) for name in names]
    request: Any = SimpleNamespace(picks=dict.fromkeys(names), keys=keys, specs=tuple(names))
    leaf = Leaf(time=time, columns=columns)
    return Batch(request=request, parts=parts, leaf=leaf, failures=failures, column_failures={})


def _teller(calculation: Calculation) -> Callable[[], Told]:
    told = Apart(
        standings=calculation.standings, provenance=calculation.provenance, bars_digest=calculation.bars_digest
    )
    return lambda: told
