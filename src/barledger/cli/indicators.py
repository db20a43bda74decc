"""Commands on indicators: which there are, what each is, and their values."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from barledger.cli import tabular
from barledger.cli.codes import exit_code
from barledger.cli.data import Timeframe
from barledger.cli.output import Output, plain
from barledger.cli.session import Adjust, End, Json, Ledger, Source, Start, Store, Version, library
from barledger.cli.symbols import listed_symbols
from barledger.domain.interval import format_time
from barledger.errors import Incomplete, InvalidSetting, SeriesNotFound

if TYPE_CHECKING:
    from barledger.errors import BarledgerError
    from barledger.indicators.calculation import Calculation, Standing
    from barledger.indicators.definition import Indicator
    from barledger.services.indicators.batched import Batch

app = typer.Typer(no_args_is_help=True, help="Indicators: which there are, what each is, and their values.")

_SHOWN: Final = 5
_WIDEST: Final = 23
_SEVERAL: Final = frozenset(",*?@")
Specs = Annotated[list[str], typer.Argument(help='What to compute, e.g. "rsi(14)" macd "bbands(20, 2).upper".')]
NanPolicy = Annotated[
    str | None, typer.Option("--nan-policy", help="At a gap: segment (restart after it), skip, or raise.")
]
Last = Annotated[int | None, typer.Option(help="Only so many rows, the newest ones.", min=1)]
Format = Annotated[
    str | None, typer.Option("--format", help=f"{', '.join(tabular.FORMATS)}; a table unless a file is written.")
]
Into = Annotated[Path | None, typer.Option("--output", help="Write .csv, .json, .parquet or .arrow instead.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say on stderr how it was computed.")]


@app.command("list")
def list_indicators(
    kind: Annotated[str | None, typer.Option(help="Only of this kind, e.g. momentum.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the indicators: what each wants and gives, and whether it can be streamed."""
    from barledger.indicators.definition import Kind  # noqa: PLC0415 - the command line starts without them
    from barledger.indicators.description import Description  # noqa: PLC0415 - as above
    from barledger.indicators.registry import REGISTRY  # noqa: PLC0415 - as above

    if kind is not None and kind not in get_args(Kind):
        raise InvalidSetting(setting="--kind", reason=f"{kind!r} is none of {', '.join(get_args(Kind))}")
    found = [one for one in REGISTRY if kind in (None, one.kind)]
    output = Output(as_json=json)
    columns = ("spec, with its defaults", "kind", "what it is")
    data = [Description.of(one).as_dict() for one in found] if json else None
    output.table("", columns, [_row(one) for one in found], data)
    if not json:
        note = "inputs, outputs and the names of parameters: barledger indicators describe NAME, or --json"
        output.note(f"{len(found):,} indicators; {note}")


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A name or alias, or a spec with it, e.g. rsi or sma(rsi(14), 9).")],
    json: Json = False,
) -> None:
    """Show what an indicator wants, takes and gives, its formula and convention, and its warm-up."""
    from barledger.indicators.description import Description  # noqa: PLC0415 - the command line starts without them

    found = Description.of_spec(name)
    Output(as_json=json).say(str(found), found.as_dict())


@app.command()
def calculate(
    instrument: Annotated[str, typer.Argument(help="An instrument, e.g. AAPL or BTC/USDT.")],
    timeframe: Timeframe,
    specs: Specs,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    adjust: Adjust = None,
    last: Last = None,
    nan_policy: NanPolicy = None,
    format: Format = None,  # noqa: A002 - the option's name
    into: Into = None,
    explain: Explain = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Compute indicators of one instrument, right from the first row: what they need before the start is read too."""
    kind = tabular.format_of(format, into, json=json)
    output = Output(as_json=kind == "json")
    with library(store, ledger) as opened, _single(instrument):
        found = opened.indicators.calculate(
            specs,
            instrument,
            timeframe,
            start=start,
            end=end,
            source=source,
            version=version,
            adjust=adjust,
            last=last,
            nan_policy=_policy(nan_policy),
            explain=explain,
        )
    told = {**found.provenance, "digest": found.digest, "columns": _standings(found)}
    tabular.show(output, found.to_arrow(), told, kind, into)
    _say_standing(output, found)
    _say_explanation(output, found.explanation)
    output.note(f"{len(found):,} rows; revision {told.get('revision', '-')}; digest {found.digest}")


@app.command()
def batch(
    instruments: Annotated[
        str, typer.Argument(help="Instruments, separated by commas; also a pattern such as BTC*, or @file.")
    ],
    timeframe: Timeframe,
    specs: Specs,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    adjust: Adjust = None,
    nan_policy: NanPolicy = None,
    threads: Annotated[
        int | None, typer.Option(help="So many threads, instead of as many as are worth it.", min=1)
    ] = None,
    processes: Annotated[
        int, typer.Option(help="So many processes, for functions of Python that keep the interpreter.", min=0)
    ] = 0,
    format: Format = None,  # noqa: A002 - the option's name
    into: Into = None,
    explain: Explain = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Compute indicators of many instruments; exits with an error if something failed, after showing the rest."""
    kind = tabular.format_of(format, into, json=json)
    output = Output(as_json=kind == "json")
    with library(store, ledger) as opened, output.progress() as progress, warnings.catch_warnings():
        # What failed is said below, line by line, with what can be done about it here.
        warnings.simplefilter("ignore", Incomplete)
        task = progress.add_task("indicators", total=None)
        found = opened.indicators.batch(
            listed_symbols(instruments),
            timeframe,
            specs,
            start=start,
            end=end,
            source=source,
            version=version,
            adjust=adjust,
            nan_policy=_policy(nan_policy),
            threads=threads,
            processes=processes,
            progress=lambda one: progress.update(task, completed=one.done, total=one.total),
            explain=explain,
        )
    told = {**found.provenance, "digest": found.digest, **_failures(found)}
    tabular.show(output, found.to_arrow(), told, kind, into)
    _say_cold(output, found)
    _say_explanation(output, found.explanation)
    output.note(f"{len(found):,} instruments, {found.rows:,} rows; digest {found.digest}")
    errors = _said_failures(output, found)
    if errors:
        output.note(_what_now(found, kind))
        raise typer.Exit(exit_code(errors[0]))


# --- in words --------------------------------------------------------------------------------------


def _row(one: "Indicator") -> tuple[object, ...]:
    given = ", ".join(f"{it.default:g}" if isinstance(it.default, float) else str(it.default) for it in one.parameters)
    spec = f"{one.name}({given})" if given else one.name
    title = one.title.rstrip(".") + ("" if one.stream is not None else "; not bar by bar")
    return spec if len(spec) <= _WIDEST else f"{one.name}(…)", one.kind, title


@contextmanager
def _single(instrument: str) -> Iterator[None]:
    """Name the command for several instruments where there is none of a name that looks like several."""
    try:
        yield
    except SeriesNotFound:
        if not _SEVERAL & set(instrument):
            raise
        reason = f"there is no instrument {instrument!r}; several are for `barledger indicators batch`"
        raise InvalidSetting(setting="INSTRUMENT", reason=reason) from None


def _policy(given: str | None) -> Any:
    from barledger.indicators.definition import POLICIES  # noqa: PLC0415 - the command line starts without them

    if given is not None and given not in POLICIES:
        raise InvalidSetting(setting="--nan-policy", reason=f"{given!r} is none of {', '.join(POLICIES)}")
    return given


def _standings(found: "Calculation") -> dict[str, Any]:
    """Return how far each column can be relied on; the time that it counts from for programs and for people."""
    told = {}
    for name, one in found.standings.items():
        anchor: dict[str, str | None] = {"anchor": None, "anchor_utc": None}
        if one.anchor is not None:
            anchor = {"anchor": str(one.anchor), "anchor_utc": format_time(one.anchor)}
        again = None if one.restarted is None else str(one.restarted)
        told[name] = {**asdict(one), **anchor, "restarted": again}
    return told


def _say_standing(output: Output, found: "Calculation") -> None:
    cold = [(name, one) for name, one in found.standings.items() if not one.complete]
    for name, one in cold[:_SHOWN]:
        output.note(f"{name}: warm-up incomplete: {_lacking(one)}")
    if len(cold) > _SHOWN:
        output.note(f"warm-up incomplete: {len(cold) - _SHOWN} more columns")
    if not found.exact:
        near: dict[str, list[str]] = {}
        for name, one in found.standings.items():
            if not one.exact:
                near.setdefault(one.agreement, []).append(name)
        for agreement, names in near.items():
            output.note(f"{', '.join(names)}: what the whole history gives, not to the bit but {agreement}")


def _lacking(one: "Standing") -> str:
    after = "" if one.restarted is None else f", after a gap that ends at {format_time(one.restarted)}"
    if one.cut and one.had >= one.needed:
        return f"not all bars of its first window are known{after}"
    return f"{one.had:,} of {one.needed:,} bars before the first row{after}"


def _say_cold(output: Output, found: "Batch") -> None:
    cold = found.cold
    if cold:
        more = f" and {len(cold) - _SHOWN:,} more" if len(cold) > _SHOWN else ""
        output.note(f"warm-up incomplete: {', '.join(cold[:_SHOWN])}{more}")


def _failures(found: "Batch") -> dict[str, Any]:
    """Return what failed: whole instruments, and by instrument and column."""
    columns = {
        name: {column: plain(error) for column, error in failed.items()}
        for name, failed in found.column_failures.items()
    }
    return {
        "failures": {name: plain(error) for name, error in found.failures.items()},
        "column_failures": columns,
    }


def _said_failures(output: Output, found: "Batch") -> list["BarledgerError"]:
    """Say what failed, and return why."""
    errors = {name: error for name, error in found.failures.items() if name not in found.column_failures}
    for name, failed in found.column_failures.items():
        errors |= {f"{name} {column}": error for column, error in failed.items()}
    for name, error in errors.items():
        output.note(f"{name}: [{error.code}] {error}\n  next: {error.advice}")
    return list(errors.values())


def _what_now(found: "Batch", kind: str) -> str:
    """Return what failed in a line, and where it is found once more."""
    whole, partly = len(found.failures), len(found.column_failures.keys() - found.failures.keys())
    counts = [f"{whole:,} failed"] if whole else []
    counts += [f"{partly:,} failed in part, where values are missing"] if partly else []
    where = "in the answer" if kind == "json" else "in what --json gives"
    return (
        f"warning: of {whole + len(found):,} instruments {', '.join(counts)}; what failed and why is above, and as "
        f"failures and column_failures {where}"
    )


def _say_explanation(output: Output, explanation: object) -> None:
    if explanation is not None:
        for line in str(explanation).splitlines():
            output.note(line)
