"""Commands on bars: bars, series, versions, history, quarantine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from barledger.cli.output import Output, moment
from barledger.cli.session import End, Json, Ledger, Source, Start, Store, Version, library
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.errors import InvalidSetting, SeriesNotFound

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
    last: Annotated[int | None, typer.Option(help="Only so many bars, the newest ones.", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="Write .csv, .parquet or .arrow instead.")] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show the bars of a version, with what it resolved to."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.bars(
            instrument, timeframe, start=start, end=end, source=source, version=version, is_adjusted=adjusted
        )
    if source is not None and not found.revision:
        raise SeriesNotFound(series=str(found.series[0]))
    if out is not None:
        _save(found, out)
        return output.say(f"{len(found):,} bars written to {out}", {**found.provenance, "bars": len(found)})
    frame = found.df if last is None else found.df.tail(last)
    times = [format_time(int(time)) for time in frame.index.to_numpy("datetime64[ns]").astype("int64").tolist()]
    rows = [(time, *values) for time, values in zip(times, frame.to_numpy().tolist(), strict=True)]
    told = {**found.provenance, "digest": found.digest}
    data = {**told, "bars": [dict(zip(("time", *VALUES), row, strict=True)) for row in rows]}
    output.table("", ("time", *(f"# {name}" for name in VALUES)), rows, data)
    if not json:
        mix = ", ".join(f"{span.rows:,} from {span.source}" for span in found.sources)
        output.note(f"{mix or 'no bars'}; revision {found.revision}; digest {found.digest}")
    return None


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


def _save(found: object, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only for files

    if path.suffix not in (".csv", ".parquet", ".arrow", ".feather"):
        raise InvalidSetting(setting="--out", reason=f"{path.suffix or 'no ending'} is not .csv, .parquet or .arrow")
    table = pa.table(found)
    try:
        _put(table, path)
    except OSError as error:
        raise InvalidSetting(setting="--out", reason=f"{path} cannot be written: {error.strerror or error}") from error


def _put(table: Any, path: Path) -> None:
    if path.suffix == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - only for files

        parquet.write_table(table, path)
    elif path.suffix in (".arrow", ".feather"):
        from pyarrow import feather  # noqa: PLC0415 - only for files

        feather.write_feather(table, str(path))
    else:
        from pyarrow import csv  # noqa: PLC0415 - only for files

        csv.write_csv(table, path)
