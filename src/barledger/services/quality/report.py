"""What was measured: of a series, of a library, and in the course of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from barledger.domain.interval import Interval, format_time
from barledger.domain.quality import METRICS, Case, Metric, MetricName, spoken
from barledger.domain.series import Series
from barledger.ledger.contract import Measurement
from barledger.services.availability import Undecided

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QualityReport:
    """The metrics of a series over ``interval`` at a version, as they were at ``measured_at`` (ns).

    ``version`` is as it was asked for, ``revision`` what it meant (0 where it is no single one). ``recorded`` tells
    whether the ledger keeps it.
    """

    series: Series
    interval: Interval
    version: str
    revision: int
    measured_at: int
    metrics: Mapping[MetricName, Metric]
    recorded: bool = False

    def __getitem__(self, name: str) -> Metric:
        """Return a metric by its name; raises `KeyError` if it was not asked for."""
        return self.metrics[name]  # type: ignore[index]

    def __iter__(self) -> Iterator[Metric]:
        """Give the metrics in their order."""
        return iter(self.metrics.values())

    @property
    def completeness(self) -> Metric:
        """Return the metric."""
        return self["completeness"]

    @property
    def consistency(self) -> Metric:
        """Return the metric."""
        return self["consistency"]

    @property
    def timeliness(self) -> Metric:
        """Return the metric."""
        return self["timeliness"]

    @property
    def accuracy(self) -> Metric:
        """Return the metric."""
        return self["accuracy"]

    @property
    def integrity(self) -> Metric:
        """Return the metric."""
        return self["integrity"]

    @property
    def scores(self) -> dict[str, float | None]:
        """Return the scores by name, None where there is none."""
        return {name: metric.score for name, metric in self.metrics.items()}

    def json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values; ns and revisions are decimal text, with times to read beside them."""
        return {
            "instrument": self.series.instrument,
            "timeframe": self.series.timeframe.name,
            "source": self.series.source,
            "is_adjusted": self.series.is_adjusted,
            "version": self.version,
            "revision": str(self.revision),
            "interval": _interval(self.interval),
            "measured_at": str(self.measured_at),
            "measured": format_time(self.measured_at),
            "recorded": self.recorded,
            "metrics": {name: _metric(metric) for name, metric in self.metrics.items()},
        }

    def measurement(self) -> Measurement:
        """Return what the ledger keeps of it: scores, counts and plain figures."""
        told: dict[str, Any] = {
            name: {"counts": dict(metric.counts), "figures": _flat(metric.figures), "reason": metric.reason}
            for name, metric in self.metrics.items()
        }
        return Measurement(
            series=self.series,
            interval=self.interval,
            version=self.version,
            revision=self.revision,
            scores=self.scores,
            told=told,
        )

    def __repr__(self) -> str:
        """Say the scores in a line."""
        scores = ", ".join(f"{name} {_score(score)}" for name, score in self.scores.items())
        return f"<QualityReport {self.series} {self.interval}: {scores}>"

    def __str__(self) -> str:
        """Say each metric in a line, with its worst case."""
        lines = [f"{self.series}, {self.version}, {self.interval}"]
        for metric in self:
            lines.append(f"  {metric}")
            lines += [f"    worst: {metric.worst[0]}"] if metric.worst else []
            lines += [f"    note: {note}" for note in metric.notes]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One metric over many series: how many have a score, their mean and lowest, and whose the lowest is."""

    measured: int
    unmeasured: int
    mean: float | None
    lowest: float | None
    worst: Series | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LibraryQuality:
    """The reports of many series, and what could not be measured at all."""

    reports: tuple[QualityReport, ...]
    undecided: tuple[Undecided, ...] = ()

    def __len__(self) -> int:
        """Return how many were measured."""
        return len(self.reports)

    def __iter__(self) -> Iterator[QualityReport]:
        """Give the reports."""
        return iter(self.reports)

    @property
    def summary(self) -> dict[str, Summary]:
        """Return each metric that was asked for over all series; every series counts the same."""
        names = [name for name in METRICS if any(name in report.metrics for report in self.reports)]
        return {name: _summary(name, self.reports) for name in names}

    @property
    def df(self) -> "pd.DataFrame":
        """Return a pandas table with a row for each series."""
        import pandas as pd  # noqa: PLC0415 - most callers want no frame

        rows = [{**_names(one.series), "bars": _bars(one), **_floats(one.scores)} for one in self.reports]
        return pd.DataFrame(rows, columns=["instrument", "timeframe", "source", "bars", *self.summary])

    def json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return {
            "summary": {name: _told_summary(one) for name, one in self.summary.items()},
            "reports": [one.json() for one in self.reports],
            "undecided": [
                {"instrument": one.instrument, "timeframe": one.timeframe.name, "reason": one.reason}
                for one in self.undecided
            ],
        }

    def __repr__(self) -> str:
        """Say the means in a line."""
        means = ", ".join(f"{name} {_score(one.mean)}" for name, one in self.summary.items())
        return f"<LibraryQuality of {len(self.reports):,} series: {means}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QualityHistory:
    """What was measured of a series, the oldest first; ``metric`` is the one that was asked for, if it was one."""

    series: tuple[Series, ...]
    points: tuple[Measurement, ...]
    metric: MetricName | None = None

    def __len__(self) -> int:
        """Return how many measurements there are."""
        return len(self.points)

    def __iter__(self) -> Iterator[Measurement]:
        """Give the measurements."""
        return iter(self.points)

    def values(self, metric: MetricName | None = None) -> list[tuple[int, float]]:
        """Return (ns, score) of a metric, where it had one."""
        name = metric or self.metric or METRICS[0]
        scored = [(one.measured_at, one.scores.get(name)) for one in self.points]
        return [(at, score) for at, score in scored if score is not None]

    @property
    def df(self) -> "pd.DataFrame":
        """Return a pandas table: a row for each measurement, a column for each metric, NaN where there was no score."""
        import pandas as pd  # noqa: PLC0415 - most callers want no frame

        names = METRICS if self.metric is None else (self.metric,)
        index = pd.DatetimeIndex([one.measured_at for one in self.points], tz="UTC", name="measured_at")
        rows = [_floats({name: one.scores.get(name) for name in names}) for one in self.points]
        return pd.DataFrame(rows, index=index, columns=list(names), dtype=float)

    def json(self) -> list[dict[str, Any]]:
        """Return the measurements as plain JSON values."""
        return [
            {
                **_names(one.series),
                "measured_at": str(one.measured_at),
                "measured": format_time(one.measured_at),
                "version": one.version,
                "revision": str(one.revision),
                "interval": _interval(one.interval),
                "scores": {name: score for name, score in one.scores.items() if self.metric in (None, name)},
                "told": {name: told for name, told in one.told.items() if self.metric in (None, name)},
            }
            for one in self.points
        ]

    def __repr__(self) -> str:
        """Say how many there are, and from when to when."""
        whose = ", ".join(map(str, self.series))
        if not self.points:
            return f"<QualityHistory of {whose}: no measurements>"
        first, last = (format_time(one.measured_at) for one in (self.points[0], self.points[-1]))
        return f"<QualityHistory of {whose}: {len(self.points):,} measurements from {first} to {last}>"


_NAMES: Final = ("instrument", "timeframe", "source")


def _names(series: Series) -> dict[str, str]:
    return dict(zip(_NAMES, (series.instrument, series.timeframe.name, series.source), strict=True))


def _interval(interval: Interval) -> dict[str, str]:
    start, end = interval.start, interval.end
    return {"start": str(start), "end": str(end), "from": format_time(start), "to": format_time(end)}


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "score": metric.score,
        "reason": metric.reason,
        "counts": dict(metric.counts),
        "figures": dict(metric.figures),
        "worst": [_case(case) for case in metric.worst],
        "notes": list(metric.notes),
    }


def _case(case: Case) -> dict[str, Any]:
    return {"interval": _interval(case.interval), "what": case.what, "value": case.value}


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is nested, which is large and is not plotted."""
    plain = {name: value for name, value in figures.items() if isinstance(value, str | int | float | None)}
    return plain | {f"ingestion_{name}": value for name, value in (figures.get("ingestion") or {}).items()}


def _summary(name: str, reports: Sequence[QualityReport]) -> Summary:
    asked = [report for report in reports if name in report.metrics]
    scored = [(score, report.series) for report in asked if (score := report[name].score) is not None]
    lowest, worst = min(scored, key=lambda one: one[0], default=(None, None))
    return Summary(
        measured=len(scored),
        unmeasured=len(asked) - len(scored),
        mean=sum(score for score, _ in scored) / len(scored) if scored else None,
        lowest=lowest,
        worst=worst,
    )


def _told_summary(one: Summary) -> dict[str, Any]:
    return {
        "measured": one.measured,
        "unmeasured": one.unmeasured,
        "mean": one.mean,
        "lowest": one.lowest,
        "worst": None if one.worst is None else str(one.worst),
    }


def _bars(report: QualityReport) -> int | None:
    for name, count in (("integrity", "bars"), ("completeness", "present"), ("consistency", "bars")):
        if name in report.metrics and count in report[name].counts:
            return report[name].counts[count]
    return None


def _floats(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if score is None else score for name, score in scores.items()}


def _score(score: float | None) -> str:
    return "not measured" if score is None else spoken(score)
