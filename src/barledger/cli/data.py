"""Commands on bars: bars, series, versions, history, quarantine."""

from collections.abc import Callable
from datetime import datetime
from functools import partial as partial_of
from pathlib import Path
from typing import Annotated, Any

import typer

from barledger.cli.output import Output, moment
from barledger.cli.session import Adjust, End, Json, Ledger, Source, Start, Store, Version, library
from barledger.domain.bars import Bars
from barledger.domain.interval import format_time, parse_time
from barledger.domain.rows import VALUES
from barledger.domain.style import STYLES, flat
from barledger.domain.timeframe import Timeframe as Frame
from barledger.errors import InvalidSetting, SeriesNotFound
from barledger.services.retrieval import bars_file, files
from barledger.services.retrieval.resampled import last_resampled

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
    last: Annotated[
        int | None, typer.Option(help="Only so many bars, the newest ones; of resampled ones if there are such.", min=1)
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Only these beside the time, separated by commas, e.g. close,volume.")
    ] = None,
    known_within: Annotated[
        str | None, typer.Option(help="Each bar as it was known so long after its close, e.g. 1d.")
    ] = None,
    resample: Annotated[str | None, typer.Option(help="Put together to a coarser timeframe, e.g. 1h.")] = None,
    partial: Annotated[str | None, typer.Option(help="Resampled bars that lack a part: drop, mark or keep.")] = None,
    style: Annotated[str | None, typer.Option(help=f"As another library has them: {', '.join(STYLES)}.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write .csv, .parquet or .arrow instead.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Leave a receipt in the audit log: who is shown them.", show_default=False)
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="And what for, e.g. live.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show the bars of a version, with what it resolved to."""
    output = Output(as_json=json)
    kind = None if out is None else files.format_of(out)
    files.check_file_style(style or files.OWN)
    _refuse_clashes(resample=resample, partial=partial, lookback=lookback, last=last, columns=columns, style=style)
    wishes: dict[str, Any] = {
        "end": end,
        "source": source,
        "version": version,
        "is_adjusted": adjusted,
        "lookback": lookback,
        "columns": None if columns is None else _listed(columns),
        "known_within": known_within,
        "adjust": adjust,
        "include_adjusted": include_adjusted,
        "strategy": strategy,
        "purpose": purpose,
    }
    with library(store, ledger) as opened:
        read = partial_of(opened.bars, instrument, timeframe, **wishes)
        found = _found(read, _frames(timeframe, resample), start=start, last=last, partial=partial or "drop")
        if source is not None and not found.revision:
            raise SeriesNotFound(series=f"{found.series[0]}{'' if version == 'latest' else f' at {version}'}")
        if out is not None and kind is not None:
            bars_file.write(found, out, kind, style or files.OWN)
            return output.say(f"{len(found):,} bars written to {out}", {**found.provenance, "bars": len(found)})
        _show(output, found, style)
    return None


def _refuse_clashes(
    *,
    resample: str | None,
    partial: str | None,
    lookback: int,
    last: int | None,
    columns: str | None,
    style: str | None,
) -> None:
    if resample is None and partial is not None:
        raise InvalidSetting(setting="--partial", reason="it is about resampled bars; give --resample as well")
    if lookback and last is not None:
        raise InvalidSetting(setting="--lookback", reason="--last counts from the end; give one of both")
    if columns is not None and style is not None:
        raise InvalidSetting(setting="--columns", reason=f"the style {style} says which columns there are")


def _listed(columns: str) -> list[str]:
    """Return the columns that are named; the time is always there."""
    return [name for part in columns.split(",") if (name := part.strip()) and name != "time"]


def _frames(fine: str, coarse: str | None) -> tuple[Frame, Frame] | None:
    return None if coarse is None else (Frame.of(fine), Frame.of(coarse))


def _found(
    read: Callable[..., Bars], frames: tuple[Frame, Frame] | None, *, start: str | None, last: int | None, partial: Any
) -> Bars:
    """Return the bars, put together if they shall be, and then so many of these."""
    if frames is None:
        return read(start=start, last=last)
    fine, coarse = frames
    if last is None:
        return read(start=start).resample(coarse, partial=partial)
    return last_resampled(
        lambda count: read(start=start, last=count),
        lambda begin: read(start=begin),
        fine=fine,
        coarse=coarse,
        count=last,
        partial=partial,
    )


def _show(output: Output, found: Bars, style: str | None) -> None:
    frame = flat(found, style)  # type: ignore[arg-type]
    label, *names = map(str, frame.columns)
    instants = frame[frame.columns[0]].to_numpy("datetime64[ns]").astype("int64").tolist()
    rows = [
        (format_time(time), *map(_shown, values))
        for time, values in zip(instants, frame[frame.columns[1:]].astype(object).to_numpy().tolist(), strict=True)
    ]
    told = {**found.provenance, "digest": found.digest}
    data = {**told, "bars": [dict(zip((label, *names), row, strict=True)) for row in rows]}
    written = [(row[0], *map(_cell, names, row[1:])) for row in rows]
    output.table("", (label, *(f"# {name}" for name in names)), written, data)
    if not output.as_json:
        mix = ", ".join(f"{span.rows:,} from {span.source}" for span in found.sources)
        output.note(f"{mix or 'no bars'}; revision {found.revision}; digest {found.digest}")


def _cell(name: str, value: object) -> object:
    """Return a value as it stands in a table: a revision is a name, and no number to be divided by commas."""
    return str(value) if name == "revision" else value


def _shown(value: object) -> object:
    """Return a value of a bar; a time, such as when it closes, as RFC 3339."""
    return format_time(parse_time(value)) if isinstance(value, datetime) else value


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
