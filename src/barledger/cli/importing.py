"""The command that imports files which other programs wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import typer

from barledger.barledger import BarLedger
from barledger.cli.given import pair
from barledger.cli.output import Output
from barledger.cli.session import End, Json, Ledger, Reason, Start, Store, library
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, InvalidBars, InvalidInput, InvalidSetting, NotFound, SourceError
from barledger.services.ingestion import IngestionReport
from barledger.sources.contract import FetchRequest
from barledger.sources.files import FilesSource
from barledger.sources.files.discovery import discover, instrument_of
from barledger.sources.files.source import Preview
from barledger.sources.registry import make_source

_SHOWN: Final = 5
_COUNTS: Final = ("new", "changed", "same", "quarantined")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Files of one series, and the options that read them."""

    instrument: str
    timeframe: str
    options: Mapping[str, str]


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders or patterns; {instrument} and {timeframe} in them tell whose bars they hold."
        ),
    ],
    instrument: Annotated[str, typer.Option(help="Whose bars, where the path does not tell.", show_default=False)] = "",
    timeframe: Annotated[str, typer.Option(help="Of which length, likewise.", show_default=False)] = "",
    mapper: Annotated[str, typer.Option(help="Whose layout the files have; their header tells most.")] = "auto",
    option: Annotated[list[str] | None, typer.Option(help="Another option of the source files, as name=value.")] = None,
    start: Start = None,
    end: End = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show how the files would be read.")] = False,
    quarantine: Annotated[bool, typer.Option(help="Put invalid bars aside and write the rest.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Import bars from files that other programs wrote, each series by itself.

    CSV (also .gz, .bz2, .zst, .zip), Parquet, Feather and freqtrade's JSON. What cannot be read is told at the end, and
    the others are imported all the same.
    """
    output = Output(as_json=json)
    options = {"mapper": mapper} | dict(pair(text) for text in option or [])
    jobs = [job for path in paths for job in _jobs(path, instrument, timeframe, options)]
    if dry_run:
        return _preview(output, jobs, Interval.of(start, end))
    with library(store, ledger) as opened, output.progress() as progress:
        task = progress.add_task("importing", total=len(jobs))
        results: list[tuple[_Job, Any]] = []
        for job in jobs:
            progress.update(task, description=f"{job.instrument} {job.timeframe}")
            results.append((job, _import(opened, job, start, end, quarantine=quarantine, reason=reason)))
            progress.advance(task)
    return _report(output, results)


def _jobs(path: str, instrument: str, timeframe: str, options: Mapping[str, str]) -> list[_Job]:
    jobs = []
    for found in discover(path):
        name = instrument or (instrument_of(found.symbol) if found.symbol else "")
        frame = timeframe or found.timeframe or ""
        for setting, value in (("instrument", name), ("timeframe", frame)):
            if not value:
                reason = f"{path} does not tell it; give --{setting}, or put {{{setting}}} where the path names it"
                raise InvalidSetting(setting=setting, reason=reason)
        given = {**options, "path": found.path}
        jobs.append(_Job(instrument=normalise_instrument(name), timeframe=Timeframe.of(frame).name, options=given))
    return jobs


def _import(opened: BarLedger, job: _Job, start: str | None, end: str | None, *, quarantine: bool, reason: str) -> Any:
    """Import one series; what is wrong with its files is returned, and what is wrong with the library is raised."""
    try:
        return opened.ingest(
            job.instrument,
            job.timeframe,
            source="files",
            start=start,
            end=end,
            on_invalid="quarantine" if quarantine else "raise",
            reason=reason,
            options=job.options,
        )
    except (InvalidInput, NotFound, SourceError) as error:
        return error


def _report(output: Output, results: list[tuple[_Job, Any]]) -> None:
    rows: list[tuple[object, ...]] = []
    data: list[dict[str, Any]] = []
    for job, done in results:
        failed = isinstance(done, BarledgerError)
        counts = [None if failed else getattr(done, name) for name in _COUNTS]
        error, notes = (done.code, []) if failed else (None, _notes(done))
        rows.append((job.instrument, job.timeframe, *counts, error, job.options["path"]))
        told = {"instrument": job.instrument, "timeframe": job.timeframe, "path": job.options["path"]}
        data.append({**told, **dict(zip(_COUNTS, counts, strict=True)), "error": error, "notes": notes})
    columns = ("instrument", "timeframe", *(f"# {name}" for name in _COUNTS), "error", "files")
    output.table("", columns, rows, data)
    if not output.as_json:
        _show_notes(output, results)
    failures = [done for _, done in results if isinstance(done, BarledgerError)]
    if failures:
        raise failures[0]


def _notes(done: IngestionReport) -> list[str]:
    return [note for one in done.instruments for note in one.notes]


def _show_notes(output: Output, results: list[tuple[_Job, Any]]) -> None:
    """Say each note once, and of which series."""
    about: dict[str, list[str]] = {}
    for job, done in results:
        for note in [] if isinstance(done, BarledgerError) else _notes(done):
            about.setdefault(note, []).append(f"{job.instrument} {job.timeframe}")
    for note, names in about.items():
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        output.note(f"{', '.join(names[:_SHOWN])}{more}: {note}")


def _preview(output: Output, jobs: list[_Job], interval: Interval) -> None:
    seen = [(job, _look(job, interval)) for job in jobs]
    rows: list[tuple[object, ...]] = []
    for job, found in seen:
        if isinstance(found, BarledgerError):
            rows.append((job.instrument, job.timeframe, None, None, None, found.code, job.options["path"]))
            continue
        mapped = found.mapped
        columns = " ".join(f"{role}={name}" for role, name in mapped.columns.items())
        told = (mapped.mapper.name, columns, ", ".join(mapped.left_out) or None, mapped.note or None)
        rows.append((job.instrument, job.timeframe, *told, job.options["path"]))
    columns_shown = ("instrument", "timeframe", "mapper", "columns", "left out", "note", "files")
    output.table("", columns_shown, rows, [_previewed(job, found) for job, found in seen])
    if not output.as_json:
        _show_first_bars(output, seen)
    failures = [found for _, found in seen if isinstance(found, BarledgerError)]
    if failures:
        raise failures[0]


def _look(job: _Job, interval: Interval) -> Preview | BarledgerError:
    request = FetchRequest(instrument=job.instrument, timeframe=Timeframe.of(job.timeframe), interval=interval)
    source = make_source("files", job.options)
    try:
        return cast("FilesSource", source).preview(request, bars=_SHOWN)
    except (InvalidBars, NotFound, SourceError) as error:
        return error


def _previewed(job: _Job, found: Preview | BarledgerError) -> dict[str, Any]:
    told: dict[str, Any] = {"instrument": job.instrument, "timeframe": job.timeframe, "path": job.options["path"]}
    if isinstance(found, BarledgerError):
        return told | {"error": found.code}
    mapped = found.mapped
    bars = [dict(zip(("time", *VALUES), bar, strict=True)) for bar in _bars(found.rows)]
    told |= {"mapper": mapped.mapper.name, "columns": dict(mapped.columns), "left_out": list(mapped.left_out)}
    return told | {"note": mapped.note, "bars": bars, "error": None}


def _show_first_bars(output: Output, seen: list[tuple[_Job, Preview | BarledgerError]]) -> None:
    first = next(((job, found) for job, found in seen if isinstance(found, Preview)), None)
    if first is not None:
        job, found = first
        columns = ("time", *(f"# {name}" for name in VALUES))
        output.table(f"{job.instrument} {job.timeframe} begins", columns, _bars(found.rows), [])
    output.note("nothing was written: this was a dry run")


def _bars(rows: Rows) -> list[tuple[Any, ...]]:
    columns = (getattr(rows, name).tolist() for name in VALUES)
    return [(format_time(time), *values) for time, *values in zip(rows.time.tolist(), *columns, strict=True)]
