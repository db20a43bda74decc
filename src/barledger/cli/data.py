"""Commands on bars: bars, series, versions, history, quarantine."""

from pathlib import Path
from typing import Annotated

import typer

from barledger.cli.output import Output, moment
from barledger.cli.session import Adjust, End, Json, Ledger, Source, Start, Store, Version, library
from barledger.domain.bars import Bars
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.domain.style import STYLES, flat
from barledger.errors import InvalidSetting, SeriesNotFound
from barledger.services.retrieval import files

Instrument = Annotated[str, typer.Argument(help="An instrument, e.g. AAPL or BTC/USDT.")]
Timeframe = Annotated[str, typer.Argument(help="A timeframe, e.g. 1d or 1m.")]


def bars(
    instrument: Instrument,
    timeframe: Timeframe,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    adjusted: Annotated[bool, typer.Option("--adjusted", help="Bars that the source itself had adjusted.")] = False,
    adjust: Adjust = None,
    include_adjusted: Annotated[
        bool, typer.Option("--include-adjusted", help="Adjusted columns beside the stored ones.")
    ] = False,
    lookback: Annotated[int, typer.Option(help="So many bars before the start as well.", min=0)] = 0,
    last: Annotated[int | None, typer.Option(help="Only so many bars, the newest ones.", min=1)] = None,
    known_within: Annotated[
        str | None, typer.Option(help="Each bar as it was known so long after its close, e.g. 1d.")
    ] = None,
    resample: Annotated[str | None, typer.Option(help="Put together to a coarser timeframe, e.g. 1h.")] = None,
    partial: Annotated[str | None, typer.Option(help="Resampled bars that lack a part: drop, mark or keep.")] = None,
    style: Annotated[str | None, typer.Option(help=f"As another library has them: {', '.join(STYLES)}.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write .csv, .parquet or .arrow instead.")] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show the bars of a version, with what it resolved to."""
    output = Output(as_json=json)
    kind = None if out is None else files.format_of(out)
    files.check_file_style(style or files.OWN)
    _refuse_clashes(last=last, resample=resample, partial=partial)
    with library(store, ledger) as opened:
        found = opened.bars(
            instrument,
            timeframe,
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=adjusted,
            lookback=lookback,
            last=last,
            known_within=known_within,
            adjust=adjust,
            include_adjusted=include_adjusted,
        )
        if resample is not None:
            found = found.resample(resample, partial=partial or "drop")  # type: ignore[arg-type]
        if source is not None and not found.revision:
            raise SeriesNotFound(series=str(found.series[0]))
        if out is not None and kind is not None:
            files.write(found, out, kind, style or files.OWN)
            return output.say(f"{len(found):,} bars written to {out}", {**found.provenance, "bars": len(found)})
        _show(output, found, style)
    return None


def _refuse_clashes(*, last: int | None, resample: str | None, partial: str | None) -> None:
    if resample is None and partial is not None:
        raise InvalidSetting(setting="--partial", reason="it is about resampled bars; give --resample as well")
    if resample is not None and last is not None:
        raise InvalidSetting(setting="--last", reason="it counts bars before they are resampled; give --start instead")


def _show(output: Output, found: Bars, style: str | None) -> None:
    frame = flat(found, style)  # type: ignore[arg-type]
    label, *names = map(str, frame.columns)
    instants = frame[frame.columns[0]].to_numpy("datetime64[ns]").astype("int64").tolist()
    rows = [
        (format_time(time), *values)
        for time, values in zip(instants, frame[frame.columns[1:]].astype(object).to_numpy().tolist(), strict=True)
    ]
    told = {**found.provenance, "digest": found.digest}
    data = {**told, "bars": [dict(zip((label, *names), row, strict=True)) for row in rows]}
    output.table("", (label, *(f"# {name}" for name in names)), rows, data)
    if not output.as_json:
        mix = ", ".join(f"{span.rows:,} from {span.source}" for span in found.sources)
        output.note(f"{mix or 'no bars'}; revision {found.revision}; digest {found.digest}")


def series(
    instrument: Annotated[str | None, typer.Argument(help="Only of this instrument.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the series, each with its bars, its revision and the digest of all that it holds."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.cache.series(instrument=instrument)
    rows = [
        (
            one.series.instrument,
            one.series.timeframe.name,
            one.series.source,
            one.series.is_adjusted,
            one.rows,
            one.revision,
            one.digest.hex(),
        )
        for one in found
    ]
    named = ("instrument", "timeframe", "source", "is_adjusted", "bars", "revision", "digest")
    data = [dict(zip(named, row, strict=True)) for row in rows]
    shown = [(*row[:3], "yes" if row[3] else "no", row[4], str(row[5]), row[6][:16]) for row in rows]
    output.table("", ("instrument", "timeframe", "source", "adjusted", "# bars", "revision", "digest"), shown, data)


def versions(
    instrument: Instrument,
    timeframe: Timeframe,
    start: Start = None,
    end: End = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the revisions and snapshots of a series."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.cache.versions(instrument, timeframe, start=start, end=end)
    rows: list[tuple[object, ...]] = [
        (
            one.series.source,
            f"revision:{one.revision}",
            moment(one.committed_at),
            one.operation,
            one.new,
            one.changed,
            one.withdrawn,
        )
        for listed in found
        for one in listed.revisions
    ]
    rows += [
        (listed.series.source, pinned.id, moment(pinned.created_at), pinned.purpose, None, None, None)
        for listed in found
        for pinned in listed.snapshots
    ]
    output.table("", ("source", "version", "when", "what", "# new", "# changed", "# withdrawn"), rows, found)


def history(
    instrument: Instrument,
    timeframe: Timeframe,
    time: Annotated[str, typer.Argument(help="The bar's opening time, e.g. 2005-02-28.")],
    source: Source = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show every edition that one bar ever had."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.history(instrument, timeframe, time, source=source)
    rows = [
        (
            one.edition,
            moment(one.committed_at),
            *(("withdrawn", *[None] * 4) if one.withdrawn else (getattr(one, name) for name in VALUES)),
            one.actor,
            one.reason or one.operation,
        )
        for one in found
    ]
    output.table("", ("# edition", "when", *(f"# {name}" for name in VALUES), "who", "why"), rows, found)


def quarantine(
    instrument: Annotated[str | None, typer.Argument(help="Only of this instrument.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the bars that broke a rule and were put aside, with the rule."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.ingestion.quarantine(instrument=instrument)
    rows = [
        (str(one.series), format_time(one.time), one.code, *(one.values.get(name) for name in VALUES), moment(one.at))
        for one in found
    ]
    output.table("", ("series", "time", "rule", *(f"# {name}" for name in VALUES), "put aside"), rows, found)
