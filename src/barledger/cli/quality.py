"""Commands on how good bars are, and on reading them again: quality and verify."""

from typing import Annotated, Final

import typer

from barledger.barledger import BarLedger
from barledger.cli.output import Output, moment
from barledger.cli.session import End, Json, Ledger, Source, Start, Store, Version, library
from barledger.domain.interval import format_time
from barledger.domain.quality import METRICS, Metric, spoken
from barledger.errors import InvalidSetting
from barledger.services.quality import LibraryQuality, LibraryVerification, QualityHistory, QualityReport

DAMAGED: Final = 5

Which = Annotated[str | None, typer.Argument(help="An instrument, or with --all a glob.", show_default=False)]
Frame = Annotated[str | None, typer.Argument(help="A timeframe.", show_default=False)]


def quality(
    instrument: Which = None,
    timeframe: Frame = None,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    all_: Annotated[bool, typer.Option("--all", help="Every series, or those that match the glob.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Show what was measured before, and measure nothing.")] = (
        False
    ),
    since: Annotated[str | None, typer.Option(help="Of the history, from this time on.", show_default=False)] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", help=f"Only these of {', '.join(METRICS)}.", show_default=False)
    ] = None,
    forget: Annotated[bool, typer.Option("--no-record", help="Keep nothing of it in the ledger.")] = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Measure completeness, consistency, timeliness, accuracy and integrity, each from 0 to 1; exits with 5 on damage.

    What was measured is kept in the ledger; --history shows it.
    """
    output = Output(as_json=json)
    names = None if metrics is None else _listed(metrics)
    if not all_ and (instrument is None or timeframe is None):
        raise InvalidSetting(setting="quality", reason="name an instrument and a timeframe, or give --all")
    if all_ and history:
        raise InvalidSetting(setting="--history", reason="it is of one series: name an instrument and a timeframe")
    if since is not None and not history:
        raise InvalidSetting(setting="--since", reason="it goes with --history")
    with library(store, ledger) as opened:
        service = opened.quality_metrics
        if history:
            one = None if names is None else names[0]
            found = service.history(
                instrument or "", timeframe or "", metric=one, since=since, source=source, version=version
            )
            return _show_history(output, found)
        options = {"start": start, "end": end, "version": version, "source": source, "metrics": names}
        record = False if forget else None
        if not all_:
            report = service.measure(instrument or "", timeframe or "", record=record, **options)  # type: ignore[arg-type]
            _show_report(output, report)
            damaged = _is_damaged(report)
        else:
            summed = _measure_all(opened, output, instrument or "*", timeframe, record=record, **options)
            _show_library(output, summed)
            damaged = any(_is_damaged(report) for report in summed)
    if damaged:
        raise typer.Exit(DAMAGED)
    return None


def verify(
    name: Annotated[
        str | None, typer.Argument(help="A snapshot's id, or strategy:<id>; with --all a glob of instruments.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All bars, those whose last check is the oldest first.")] = False,
    budget: Annotated[
        str | None, typer.Option(help="Stop after so long (60s, 5m) or so much (500 blocks).", show_default=False)
    ] = None,
    timeframe: Annotated[str | None, typer.Option(help="Only of this timeframe.", show_default=False)] = None,
    source: Source = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Read bars again and compare them with the ledger's digests; exits with 5 if they are not what they were.

    With --all the ledger keeps when each block was verified: a run that ends early, however it does, goes on next time.
    """
    output = Output(as_json=json)
    if not all_ and name is None:
        raise InvalidSetting(setting="verify", reason="name a snapshot, or give --all")
    if not all_ and (budget or timeframe or source):
        raise InvalidSetting(setting="verify", reason="--budget, --timeframe and --source go with --all")
    if not all_:
        from barledger.cli.snapshots import verify as verify_snapshot  # noqa: PLC0415 - the same command by its old name

        return verify_snapshot(name or "", store=store, ledger=ledger, json=json)
    with library(store, ledger) as opened, output.progress() as progress:
        task = progress.add_task("reading again", total=None)
        found = opened.quality_metrics.verify_library(
            name or "*",
            budget=budget,
            timeframe=timeframe,
            source=source,
            progress=lambda step: progress.update(task, completed=step.blocks, total=step.total),
        )
    _show_verification(output, found)
    if not found.ok:
        raise typer.Exit(DAMAGED)
    return None


# --- in words --------------------------------------------------------------------------------------


def _show_report(output: Output, report: QualityReport) -> None:
    if output.as_json:
        return output.json(report.json())
    output.say(f"{report.series}, {report.version}, {report.interval}", None)
    output.table("", ("metric", "score", "from", "the worst"), [_row(metric) for metric in report], None)
    for metric in report:
        for note in metric.notes:
            output.note(f"{metric.name}: {note}")
    return None


def _row(metric: Metric) -> tuple[object, ...]:
    counted = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in metric.counts.items() if count)
    worst = str(metric.worst[0]) if metric.worst else None
    if metric.score is None:
        return metric.name, None, f"not measured: {metric.reason}", worst
    return metric.name, spoken(metric.score), counted or None, worst


def _measure_all(
    opened: BarLedger, output: Output, pattern: str, timeframe: str | None, **options: object
) -> LibraryQuality:
    with output.progress() as progress:
        task = progress.add_task("measuring", total=None)
        return opened.quality_metrics.measure_library(
            pattern,
            timeframe=timeframe,
            progress=lambda report: progress.update(task, advance=1, description=str(report.series)),
            **options,  # type: ignore[arg-type]
        )


def _show_library(output: Output, found: LibraryQuality) -> None:
    if output.as_json:
        return output.json(found.json())
    names = list(found.summary)
    rows = [
        (one.series.instrument, one.series.timeframe.name, one.series.source, *(_score(one.scores[n]) for n in names))
        for one in found
    ]
    output.table("", ("instrument", "timeframe", "source", *names), rows, None)
    lowest = [
        (name, _score(one.mean), _score(one.lowest), None if one.worst is None else str(one.worst), one.unmeasured)
        for name, one in found.summary.items()
    ]
    output.table("over all series", ("metric", "mean", "lowest", "whose", "# not measured"), lowest, None)
    for one in found.undecided:
        output.note(f"{one.reason}")
    return None


def _show_history(output: Output, found: QualityHistory) -> None:
    if output.as_json:
        return output.json(found.json())
    names = METRICS if found.metric is None else (found.metric,)
    rows = [
        (moment(one.measured_at), str(one.interval), *(_score(one.scores.get(name)) for name in names)) for one in found
    ]
    output.table("", ("measured", "interval", *names), rows, None)
    return None


def _show_verification(output: Output, found: LibraryVerification) -> None:
    if output.as_json:
        return output.json(found.json())
    if found.damage:
        rows = [(str(one.series), str(one.interval), one.detail) for one in found.damage]
        output.table("damaged", ("series", "block", "what"), rows, None)
    output.say(str(found), None)
    for why in found.skipped:
        output.note(f"skipped: {why}")
    oldest = f"the oldest check is of {format_time(found.oldest)}" if found.oldest else "some were never verified"
    output.note(f"{found.left:,} blocks are left; {oldest}")
    return None


def _score(score: float | None) -> str | None:
    return None if score is None else spoken(score)


def _is_damaged(report: QualityReport) -> bool:
    metric = report.metrics.get("integrity")
    return metric is not None and metric.counts.get("damaged", 0) > 0


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
