"""Indicators of datasets: sealed beside the bars that they are computed from, and computed again to compare."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from barledger.domain.interval import Interval, format_time, parse_time
from barledger.domain.readable import Readable
from barledger.domain.series import normalise_instrument
from barledger.errors import BarledgerError, InvalidSetting
from barledger.indicators.binding import listed
from barledger.indicators.calculation import Calculation
from barledger.indicators.engines import SPEC_FORMAT, engines

Key = tuple[str, str]
_SHORT: Final = 16


class IndicatorsOf(Protocol):
    """Computes indicators of bars; `IndicatorService` does."""

    def warmup(self, specs: Sequence[str], *, nan_policy: Any = None) -> int:
        """Return how many bars before the first settle its values."""

    def anchored(self, specs: Sequence[str], *, nan_policy: Any = None) -> bool:
        """Whether a value counts from the first bar of a series, or from an anchor."""

    def instruments(self, specs: Sequence[str]) -> tuple[str, ...]:
        """Return the other instruments that specs name."""

    def refusing(self, specs: Sequence[str], *, nan_policy: Any = None) -> bool:
        """Whether it depends on the bars if specs can be computed."""

    def calculate(
        self,
        specs: Sequence[str],
        instrument: str,
        timeframe: str,
        *,
        start: int,
        end: int | None = None,
        source: str | None = None,
        version: str = "latest",
        adjust: str | None = None,
        anchor: int | None = None,
        nan_policy: Any = None,
    ) -> Calculation:
        """Return indicators of [start, end) at a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCalculation:
    """The indicators of an instrument at a timeframe: the number of rows, and the digest of the values (hex)."""

    instrument: str
    timeframe: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SealedIndicators(Readable):
    """Which indicators are handed out with bars, from ``start`` (ns) on, and what they are.

    ``engines`` are the versions of what computed them. They are told and not part of a digest: that values move with
    an engine shows in the values.
    """

    specs: tuple[str, ...]
    nan_policy: str
    start: int
    series: tuple[SealedCalculation, ...]
    engines: Mapping[str, Any]
    spec_format: int = SPEC_FORMAT

    @property
    def told(self) -> dict[str, Any]:
        """Return it as members of JSON."""
        return self.bare | {"engines": dict(self.engines)}

    @property
    def bare(self) -> dict[str, Any]:
        """Return what the same bars and specs give everywhere."""
        return {
            "specs": list(self.specs),
            "nan_policy": self.nan_policy,
            "start": format_time(self.start),
            "spec_format": self.spec_format,
            "series": [{name: getattr(one, name) for name in SealedCalculation.__slots__} for one in self.series],
        }

    @staticmethod
    def read(told: Mapping[str, Any]) -> "SealedIndicators":
        """Read what `told` gave."""
        return SealedIndicators(
            specs=tuple(map(str, told["specs"])),
            nan_policy=str(told["nan_policy"]),
            start=parse_time(told["start"]),
            series=tuple(SealedCalculation(**one) for one in told["series"]),
            engines=dict(told["engines"]),
            spec_format=int(told["spec_format"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The indicators that somebody wants with a dataset."""

    specs: tuple[str, ...]
    nan_policy: str | None
    service: IndicatorsOf

    @staticmethod
    def of(
        specs: str | Sequence[str] | None, nan_policy: str | None, service: Callable[[], IndicatorsOf] | None
    ) -> "Wish | None":
        """Return what is wanted, if something is; raises `InvalidSetting` where nobody computes."""
        if not specs:
            if nan_policy is not None:
                raise InvalidSetting(setting="nan_policy", reason="no indicators are asked for")
            return None
        if service is None:
            raise InvalidSetting(setting="indicators", reason="this service computes none")
        return Wish(specs=listed(specs), nan_policy=nan_policy, service=service())

    @property
    def anchored(self) -> bool:
        """Whether series have to be pinned from their first bar on."""
        return self.service.anchored(self.specs, nan_policy=self.nan_policy)

    def lookback(self, instruments: Collection[str]) -> int:
        """Return how many bars before the start have to be pinned; raises `InvalidSetting` for other instruments."""
        named = self.service.instruments(self.specs)
        absent = [one for one in named if normalise_instrument(one) not in instruments]
        if absent:
            reason = f"they are computed from {', '.join(absent)} too; add it to the dataset's instruments"
            raise InvalidSetting(setting="indicators", reason=reason)
        return self.service.warmup(self.specs, nan_policy=self.nan_policy)

    def tried(self, keys: Sequence[Key], interval: Interval, *, source: str | None, adjust: str | None) -> None:
        """Raise what computing them raises, before anything is pinned: only then can nothing be left of it."""
        if not self.service.refusing(self.specs, nan_policy=self.nan_policy):
            return
        for key in sorted(keys):
            self._of(key, interval, end=interval.end, source=source, adjust=adjust)

    def calculated(self, key: Key, version: str, interval: Interval, adjust: str | None) -> Calculation:
        """Return the indicators of an instrument in a snapshot, from the start that was asked for on."""
        return self._of(key, interval, version=version, adjust=adjust)

    def _of(self, key: Key, interval: Interval, **options: Any) -> Calculation:
        return self.service.calculate(self.specs, *key, start=interval.start, nan_policy=self.nan_policy, **options)

    def sealed(self, keys: Sequence[Key], version: str, interval: Interval, adjust: str | None) -> SealedIndicators:
        """Compute them all, and return what they are."""
        return SealedIndicators(
            specs=self.specs,
            nan_policy=self.nan_policy or "",
            start=interval.start,
            series=tuple(_sealed(key, self.calculated(key, version, interval, adjust)) for key in sorted(keys)),
            engines=engines(),
        )


def _sealed(key: Key, found: Calculation) -> SealedCalculation:
    return SealedCalculation(instrument=key[0], timeframe=key[1], rows=len(found), digest=found.digest)


def difference(sealed: SealedIndicators, one: SealedCalculation, found: Calculation) -> str:
    """Say how values that were computed again differ from what they were; nothing if they do not."""
    if found.digest == one.digest:
        return ""
    if len(found) != one.rows:
        return f"{len(found):,} rows instead of {one.rows:,}"
    detail = f"digest {found.digest[:_SHORT]}… instead of {one.digest[:_SHORT]}…"
    now = engines()
    moved = [f"{name} {now.get(name)} instead of {was}" for name, was in sealed.engines.items() if now.get(name) != was]
    return detail + (f"; computed by {', '.join(moved)}" if moved else "")


def again(
    sealed: SealedIndicators, one: SealedCalculation, service: IndicatorsOf, **options: Any
) -> Calculation | BarledgerError:
    """Compute sealed indicators again; an error is returned, since that is what is found."""
    try:
        return service.calculate(
            sealed.specs,
            one.instrument,
            one.timeframe,
            start=sealed.start,
            nan_policy=sealed.nan_policy or None,
            **options,
        )
    except BarledgerError as error:
        return error
