"""Metrics: what a score says, what it rests on, and the worst that was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from barledger.domain.interval import Interval, format_time
from barledger.errors import InvalidSetting

MetricName = Literal["completeness", "consistency", "timeliness", "accuracy", "integrity"]
METRICS: Final[tuple[MetricName, ...]] = get_args(MetricName)

SHOWN: Final = 10
"""So many of the worst cases are kept."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Case:
    """One of the worst cases: where it is, what it is, and how bad (``value``, the larger the worse)."""

    interval: Interval
    what: str
    value: float

    def __str__(self) -> str:
        """Say where and what."""
        return f"{format_time(self.interval.start)}: {self.what}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<{self}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Metric:
    """A score in 0..1, or None with the ``reason`` why there is none.

    ``counts`` are what the score was reckoned from, ``figures`` what else was measured, as plain JSON values whose
    names end in their unit, ``worst`` the worst cases, the worst first, and ``notes`` what the reader has to know.
    """

    name: MetricName
    score: float | None
    counts: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    worst: tuple[Case, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a score outside 0..1, and none without a reason."""
        if self.score is not None and not 0 <= self.score <= 1:
            raise InvalidSetting(setting=self.name, reason=f"{self.score} is no score in 0..1")
        if (self.score is None) != bool(self.reason):
            raise InvalidSetting(setting=self.name, reason="a metric has either a score or a reason")

    def __str__(self) -> str:
        """Say it in a line."""
        if self.score is None:
            return f"{self.name} not measured: {self.reason}"
        counted = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.counts.items() if count)
        return f"{self.name} {spoken(self.score)}{f' ({counted})' if counted else ''}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<{self}>"


def unmeasured(name: MetricName, reason: str, **told: Any) -> Metric:
    """Return a metric that has no score, and why."""
    return Metric(name=name, score=None, reason=reason, **told)


def worst_of(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the worst cases, the worst first, of equal ones the earliest."""
    return tuple(sorted(cases, key=lambda case: (-case.value, case.interval))[:SHOWN])


def spoken(score: float) -> str:
    """Return a score with as many digits as tell it from 1.

    >>> spoken(0.9999999), spoken(0.5), spoken(1.0)
    ('0.9999', '0.5', '1')
    """
    return f"{min(score, 0.9999) if score < 1 else 1:.4g}"


def check_metrics(names: Sequence[str] | str | None) -> tuple[MetricName, ...]:
    """Return the metrics that these names mean, all of them for None; raises `InvalidSetting`."""
    if names is None:
        return METRICS
    listed = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in listed if name not in METRICS]
    if unknown or not listed:
        told = ", ".join(map(repr, unknown)) or "nothing"
        raise InvalidSetting(setting="metrics", reason=f"{told} is none of {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in listed)
