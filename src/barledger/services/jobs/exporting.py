"""Jobs that make files: bars of many series, and indicators of many instruments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from barledger import faults
from barledger.domain.interval import Interval
from barledger.domain.job import ENDED, STATES
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import InvalidSetting, SeriesNotFound
from barledger.services.jobs import results
from barledger.services.jobs.tables import FORMATS, TableFile
from barledger.services.retrieval import files
from barledger.services.schedule.failing import TOLD
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import names_in

_BARS: Final = ("start", "end", "source", "version", "adjust")
_ABOUT_BARS: Final = {
    "instruments": "names, as a list",
    "start": "from this time on",
    "end": "up to this time",
    "source": "whose bars; without one by priority",
    "version": "a snapshot, a time or a revision, latest if not given",
    "adjust": "raw, splits or total",
}


def _check_bars(options: Mapping[str, Any], *needed: str) -> None:
    for name in ("instruments", *needed):
        if not options.get(name) or (name != "timeframe" and not isinstance(options[name], list)):
            raise InvalidSetting(setting=name, reason="it is needed, as a list" if name != "timeframe" else "needed")
    names_in(options)
    Interval.of(options.get("start"), options.get("end"))
    Version.of(options.get("version", "latest"))


def _check_stored(
    bl: Any, options: Mapping[str, Any], names: Sequence[str], frames: Sequence[str], *, one: bool
) -> None:
    """Refuse if no series can be read, and with ``one`` if one cannot; what is being ingested may be there by then."""
    wrong = bl.retrieval.unreadable(names, frames, **_asked(options))
    coming = _coming(bl) if wrong else set()
    certain = [why for (name, _), why in wrong.items() if not (isinstance(why, SeriesNotFound) and name in coming)]
    if certain and (one or len(certain) == len(names) * len(frames)):
        raise certain[0]


def _coming(bl: Any) -> set[str]:
    """Return the instruments of ingestions that are not over."""
    waiting = bl.jobs.list(states=[state for state in STATES if state not in ENDED])
    return {name for job in waiting if job.kind == "ingest" for name in job.instruments}


def _asked(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in _BARS if options.get(name) is not None}


# --- bars ------------------------------------------------------------------------------------------


def _check_export(bl: Any, options: Mapping[str, Any]) -> None:
    _check_bars(options, "timeframes")
    for frame in options["timeframes"]:
        Timeframe.of(frame)
    files.check_format(options.get("format", "parquet"))
    files.check_file_style(options.get("style", files.OWN))
    _check_stored(bl, options, names_in(options), list(options["timeframes"]), one=True)


class _Unfinished(Exception):
    """The job has to stop, and its files are none of anybody's."""


def _check_over(stop: Any) -> None:
    """Look once more before files become the job's: the last step may have been a long one."""
    faults.reach("queue.files-made")
    if stop.is_over():
        raise _Unfinished


def _export(bl: Any, options: Mapping[str, Any], stop: Any) -> Mapping[str, Any]:
    names = names_in(options)
    total = len(names) * len(options["timeframes"])

    def look(done: int, rows: int) -> None:
        if stop.is_set():
            raise _Unfinished
        stop.tell(done, total, f"files; {rows:,} bars")

    try:
        with results.written(stop.folder) as folder:
            done = bl.retrieval.export(
                names,
                list(options["timeframes"]),
                folder=folder,
                format=options.get("format", "parquet"),
                style=options.get("style", files.OWN),
                progress=look,
                **_asked(options),
            )
            told = {"bars": done.rows, "digest": done.manifest.digest}
            look(total, done.rows)
            _check_over(stop)
    except _Unfinished:
        return {"unfinished": True}
    return {**told, **results.files_of(stop.folder)}


# --- indicators ------------------------------------------------------------------------------------


def _check_batch(bl: Any, options: Mapping[str, Any]) -> None:
    _check_bars(options, "timeframe", "indicators")
    Timeframe.of(options["timeframe"])
    if options.get("format", "parquet") not in FORMATS:
        raise InvalidSetting(setting="format", reason=f"{options['format']!r} is none of {', '.join(FORMATS)}")
    # What is wrong with the specs is told before anything is read.
    bl.indicators.warmup(options["indicators"], nan_policy=options.get("nan_policy"))
    frame = options["timeframe"]
    # Without those that all others are computed with there is nothing.
    beside = dict.fromkeys(map(normalise_instrument, bl.indicators.instruments(options["indicators"])))
    if beside:
        _check_stored(bl, options, [*beside], [frame], one=True)
    try:
        names = bl.indicators.names([*dict.fromkeys(names_in(options))], frame, options.get("source"))
    except SeriesNotFound:
        if not _coming(bl):
            raise
    else:
        _check_stored(bl, options, names, [frame], one=False)


def _batch(bl: Any, options: Mapping[str, Any], stop: Any) -> Mapping[str, Any]:
    names, form = list(dict.fromkeys(names_in(options))), options.get("format", "parquet")
    specs, policy = list(options["indicators"]), options.get("nan_policy")
    found = bl.indicators.batches(names, options["timeframe"], specs, nan_policy=policy, **_asked(options))
    stop.tell(0, len(names), "instruments")
    try:
        with results.written(stop.folder) as folder:
            with TableFile(folder / f"indicators.{form}", form, bl.indicators.columns(specs)) as table:
                for done, (name, calculation) in enumerate(found, 1):
                    if stop.is_set():
                        raise _Unfinished  # noqa: TRY301 - as `_export` does
                    table.add(name, calculation.to_arrow())
                    stop.tell(done + len(found.failures), len(names), "instruments")
            _check_over(stop)
    except _Unfinished:
        return {"unfinished": True}
    failed = len(found.failures)
    if failed and not table.rows:
        raise next(iter(found.failures.values()))
    told: dict[str, Any] = {"instruments": len(names) - failed, "rows": table.rows, "columns": table.columns}
    errors = _told_errors(found)
    told |= {"failed": failed, "errors": errors[:TOLD]} if errors else {}
    return {**told, **results.files_of(stop.folder)}


def _told_errors(found: Any) -> list[str]:
    """Return why there is nothing of some instruments, and why columns of others are missing."""
    whole = [f"{name}: [{error.code}] {error}" for name, error in found.failures.items()]
    partly = [
        f"{column} of {name}: [{error.code}] {error}"
        for name, failed in found.column_failures.items()
        if name not in found.failures
        for column, error in failed.items()
    ]
    return [*whole, *partly]


def folder_of(home: Path, job_id: str) -> Path:
    """Return the folder of a job's files."""
    return results.jobs_folder(home) / job_id


EXPORT: Final = JobKind(
    name="export",
    about="write files of bars with a manifest of their digests",
    run=_export,
    options={
        **_ABOUT_BARS,
        "timeframes": "of the bars, as a list",
        "format": ", ".join(files.FORMATS),
        "style": "barledger, or another library's",
    },
    check=_check_export,
)
BATCH: Final = JobKind(
    name="batch_indicators",
    about="compute indicators of many instruments into a file",
    run=_batch,
    options={
        **_ABOUT_BARS,
        "timeframe": "of the bars",
        "indicators": 'specs, as a list: ["sma(20)"]',
        "nan_policy": "segment, skip or raise, instead of the indicators' own",
        "format": ", ".join(FORMATS),
    },
    check=_check_batch,
)
