"""IndicatorService: indicators on the bars of a library, right from the first row."""

import builtins
from collections.abc import Hashable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant, lasts
from barledger.errors import InputUnsuitable, InvalidSetting
from barledger.indicators.binding import listed
from barledger.indicators.calculation import Calculation
from barledger.indicators.definition import Kind, Policy
from barledger.indicators.description import Description
from barledger.indicators.registry import REGISTRY
from barledger.indicators.relying import ANCHORED
from barledger.services.cache.vault import Vault
from barledger.services.indicators.absences import Absences
from barledger.services.indicators.batch import BatchCalculator
from barledger.services.indicators.cache import DEFAULT_BYTES, IndicatorCache
from barledger.services.indicators.calculating import Calculator
from barledger.services.indicators.explanation import Explanation
from barledger.services.indicators.live import LiveService
from barledger.services.indicators.measuring import Measure
from barledger.services.indicators.places import Places
from barledger.services.indicators.question import Inquiry, Question, refuse_reading
from barledger.services.indicators.reading import Reading
from barledger.services.indicators.requests import Requests
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval import DataRetrievalService

_COLUMNS_OF_BARS: Final = 10
"""So many columns of values take the memory of bars that are read and hashed."""


class IndicatorService:
    """Computes indicators on stored bars, or on bars in hand. Threads may share it.

    ``cache`` keeps what was computed in this session, and tells how it does (``bl.indicators.cache.info``).
    """

    def __init__(
        self,
        retrieval: DataRetrievalService,
        vault: Vault,
        instruments: InstrumentService,
        live: LiveService,
        absences: Absences,
        *,
        cache_bytes: int = DEFAULT_BYTES,
        cache: IndicatorCache | None = None,
    ) -> None:
        """Read bars by this service; what is missing of them is judged by the others.

        ``cache`` is that of another session on the same library, to be shared with it.
        """
        self._retrieval = retrieval
        self.stream = live.stream
        self.follow = live.follow
        self.cache = cache or IndicatorCache(limit=cache_bytes)
        self._requests = Requests(REGISTRY)
        self._measure = Measure(vault, instruments)
        reading = Reading(retrieval, absences, vault)
        self._calculator = Calculator(reading, Places(vault, instruments), absences, self.cache)
        many = BatchCalculator(retrieval, vault, reading, self._calculator.tables, self._requests)
        self.batch, self.batches, self.names = many.batch, many.batches, many.names

    def calculate(  # noqa: PLR0913 - the one call for strategies
        self,
        specs: str | Sequence[str],
        instrument: str | Bars,
        timeframe: str | None = None,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        last: int | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        anchor: Instant | None = None,
        nan_policy: Policy | None = None,
        fetch_missing: bool = False,
        options: Mapping[str, Any] | None = None,
        others: Bars | Sequence[Bars] = (),
        cache: bool = True,
        explain: bool = False,
    ) -> Calculation:
        """Return indicators of [start, end) at a version, right from the first row.

        As many bars before the start are read as settle the first value, so that a slice has the values of the whole
        history: bit for bit, or within 1e-9 of what its standing says (`Calculation.exact`, `Standing.agreement`).
        Where there are not as many, values are missing, or not settled, and ``warmup_complete`` is False
        (`Calculation.standings` say how many there were, and whether the series begins there). What never settles, such
        as obv, counts from the first bar at that version, or from an ``anchor``, a time no later than the start;
        without a start the answer begins there. ``last`` gives only the newest rows.

        ``@MSFT.high`` in a spec is read in the same state, and has no value where there is no bar. Bars that a named
        calendar expects and that are not there are a gap, unless they are known not to exist: ``nan_policy`` says what
        it does (`barledger.calculate`). ``version``, ``source``, ``adjust``, ``fetch_missing`` and ``options`` are
        those of `DataRetrievalService.bars`.

        With `Bars` in hand nothing is read, all of them are answered, and nothing is known of what was before, unless
        they begin with their series; ``others`` are the bars of instruments that specs name.

        ``cache=False`` computes everything anew, with the same result. ``explain`` puts into ``explanation`` what was
        read, known and computed, and how long it took.

        Raises `InvalidSpec`, `IndicatorNotFound`, `ParameterInvalid`, `ParameterUnknown`, `InputMissing`,
        `InputUnsuitable`, `ValuesMissing`, `IndicatorFailed`, `InvalidSetting`, and what `DataRetrievalService.bars`
        raises.
        """
        explanation = Explanation() if explain else None
        if isinstance(instrument, Bars):
            wishes = (start, end, last, source, adjust, anchor, options)
            if fetch_missing or version != "latest" or any(one is not None for one in wishes):
                given = {"start": start, "end": end, "last": last, "source": source, "adjust": adjust, "anchor": anchor}
                refuse_reading(given | {"options": options, "fetch_missing": fetch_missing or None}, version=version)
            request = self._requests.bound(specs, nan_policy)
            beside = [others] if isinstance(others, Bars) else others
            return self._calculator.in_hand(request, instrument, timeframe, beside, explanation)
        if not isinstance(instrument, str):
            reason = f"a {type(instrument).__name__} is given for the name of an instrument"
            raise InputUnsuitable(reason=reason, remedy="Compute on a table by barledger.calculate(specs, table).")
        if others:
            raise InvalidSetting(setting="others", reason="they go with bars in hand; a library reads them by itself")
        if not isinstance(specs, str):
            specs = listed(specs)
        asked = None
        words = (specs, instrument, timeframe, start, end, last, source, version, adjust, anchor, nan_policy)
        plain = cache and not explain and not fetch_missing and options is None
        if plain and _hashable(words) and all(one is None or lasts(one) for one in (start, end, anchor)):
            asked = self._calculator.asked(words)
            known = self._calculator.known(asked)
            if known is not None:
                return known
            again = self._calculator.inquiry(asked)
            if again is not None:
                return self._calculator.calculated(again, asked, None, keeps=True)
        question = Question.of(
            instrument,
            timeframe,
            start=start,
            end=end,
            last=last,
            source=source,
            version=version,
            adjust=adjust,
            anchor=anchor,
            fetch_missing=fetch_missing,
            options=options,
        )
        inquiry = Inquiry.of(self._requests.bound(specs, nan_policy), question)
        return self._calculator.calculated(inquiry, asked, explanation, keeps=cache)

    def volume_profile(
        self,
        instrument: str | Bars,
        timeframe: str | None = None,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        bins: int | None = None,
        tick: float | None = None,
        value_area: float = 0.7,
    ) -> Any:
        """Return how much of [start, end) was traded at which price (`indicators.profile.volume_profile`).

        Raises what that raises, and `DataRetrievalService.bars`.
        """
        if isinstance(instrument, Bars):
            refuse_reading({"start": start, "end": end, "source": source, "adjust": adjust}, version=version)
            bars = instrument
        else:
            frame = timeframe or ""
            options: dict[str, Any] = {"source": source, "version": version, "adjust": adjust}
            bars = self._retrieval.bars(instrument, frame, start=start, end=end, **options)
        profile = import_module("barledger.indicators.profile")
        return profile.volume_profile(bars, bins=bins, tick=tick, value_area=value_area)

    def warmup(self, specs: str | Sequence[str], *, nan_policy: Policy | None = None) -> int:
        """Return how many bars before the first one settle its values, of several specs the most."""
        return self._requests.bound(specs, nan_policy).reach.settled

    def check_bars(  # noqa: PLR0913 - what calculate can be asked
        self,
        specs: str | Sequence[str],
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        most: int,
        start: Instant | None = None,
        end: Instant | None = None,
        last: int | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        anchor: Instant | None = None,
    ) -> None:
        """Raise `TooManyBars` if these indicators of an instrument need many more bars at once than ``most``.

        That is how many a single column may have; with more columns it is fewer, in as much memory. Bars are counted as
        the ledger counts them now, those of the warm-up included; none is read. What does not exist is no matter of
        this. Raises what is wrong with the specs or the question.
        """
        request = self._requests.bound(specs, None)
        asked: dict[str, Any] = {"start": start, "end": end, "last": last, "source": source, "version": version}
        asked |= {"adjust": adjust, "anchor": anchor, "fetch_missing": False, "options": None}
        names = [instruments] if isinstance(instruments, str) else self.names(instruments, timeframe, source)
        fitting = most * (_COLUMNS_OF_BARS + 1) // (_COLUMNS_OF_BARS + len(request.picks))
        self._measure.check(request, [Question.of(one, timeframe, **asked) for one in names], most=fitting)

    def anchored(self, specs: str | Sequence[str], *, nan_policy: Policy | None = None) -> bool:
        """Return whether a value of them counts from the first bar of a series, or from an anchor."""
        picks = self._requests.bound(specs, nan_policy).picks.values()
        return any(pick.reach.memory in ANCHORED for pick in picks)

    def refusing(self, specs: str | Sequence[str], *, nan_policy: Policy | None = None) -> bool:
        """Return whether it depends on the bars if they can be computed: custom code, or a policy to raise."""
        request = self._requests.bound(specs, nan_policy)
        return request.refuses_gaps or bool(request.custom)

    def instruments(self, specs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the other instruments that specs are computed from, as they name them."""
        return self._requests.bound(specs, None).instruments

    def columns(self, specs: str | Sequence[str]) -> tuple[str, ...]:
        """Return the names of the columns that specs give; raises what is wrong with them."""
        return tuple(self._requests.bound(specs, None).picks)

    # --- what there is -------------------------------------------------------------------------

    def describe(self, name: str) -> Description:
        """Return what is known of an indicator, readable as it is printed.

        ``name`` may be a spec, such as ``sma(rsi(14), 9)``: then with the parameters and inputs that it gives, and the
        warm-up of all of it. Raises `IndicatorNotFound`, and for a spec what else can be wrong with it.
        """
        return self._requests.described(name)

    def list(self, kind: Kind | None = None) -> builtins.list[Description]:
        """Return every indicator, or those of a kind, by name; raises `InvalidSetting` for a kind that there is not."""
        found = [Description.of(one) for one in REGISTRY if kind in (None, one.kind)]
        if not found:
            kinds = ", ".join(sorted({one.kind for one in REGISTRY}))
            raise InvalidSetting(setting="kind", reason=f"there are no indicators of kind {kind!r}; there are {kinds}")
        return found

    def __repr__(self) -> str:
        """Say what it keeps."""
        return f"<IndicatorService: {self.cache.info}>"


def _hashable(words: Hashable) -> bool:
    """Tell whether words can be looked up; what cannot, such as a list for a time, is refused where it is read."""
    try:
        hash(words)
    except TypeError:
        return False
    return True
