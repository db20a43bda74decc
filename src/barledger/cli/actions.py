"""Commands on corporate actions: what is known of them, and what somebody says."""

from pathlib import Path
from typing import Annotated, Any

import typer

from barledger.barledger import BarLedger
from barledger.cli.output import Output, moment
from barledger.cli.session import Adjust, Json, Ledger, Reason, Source, Store, library
from barledger.domain.action import CorporateAction
from barledger.domain.instrument import DECLARED
from barledger.domain.interval import format_time
from barledger.domain.series import normalise_instrument
from barledger.errors import InstrumentNotFound, InvalidSetting
from barledger.services.actions.declaration import WORDS
from barledger.services.actions.materialising import Materialisation

app = typer.Typer(no_args_is_help=True, help="Splits, dividends and what else changes what a price means.")

Name = Annotated[str, typer.Argument(help="An instrument, e.g. AAPL.", metavar="INSTRUMENT")]
Kind = Annotated[str, typer.Argument(help=f"One of {', '.join(WORDS)}.")]
ExDate = Annotated[str, typer.Argument(help="The first date that trades without it, e.g. 2020-08-31.")]
Value = Annotated[
    str | None,
    typer.Option(help="New shares per old one (2, 7:1, 1:10), or the amount per share.", show_default=False),
]
Currency = Annotated[str | None, typer.Option(help="Of an amount, e.g. USD or GBp.", show_default=False)]
Teller = Annotated[str, typer.Option("--source", help="Who says so.")]


@app.command(name="list")
def list_(
    instrument: Annotated[str | None, typer.Argument(help="Only of this instrument.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help=f"Only of this kind: {', '.join(WORDS)}.")] = None,
    source: Annotated[str | None, typer.Option(help="Only what this source tells.", show_default=False)] = None,
    known_at: Annotated[str | None, typer.Option(help="As known at this time.", show_default=False)] = None,
    history: Annotated[
        bool, typer.Option("--history", help="What was superseded and withdrawn, too; of one instrument.")
    ] = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List what is known of corporate actions, and who says so."""
    if history and (instrument is None or known_at is not None or source is not None):
        reason = "it is that of one instrument: name it, without --known-at and --source"
        raise InvalidSetting(setting="--history", reason=reason)
    with library(store, ledger) as opened:
        if history and instrument is not None:
            found = opened.actions.history(instrument, kind=kind)
        else:
            found = opened.actions.list(instrument, kind=kind, source=source, known_at=known_at)
        nothing = "" if found else _why_none(opened, instrument)
    columns = ("instrument", "ex-date", "kind", "# value", "currency", "source", "known", "state")
    output = Output(as_json=json)
    if nothing and not json:
        return output.note(nothing)
    return output.table("", columns, [_row(one) for one in found], [told_of(one) for one in found])


def _why_none(opened: BarLedger, instrument: str | None) -> str:
    """Say why there is nothing to list; raises `InstrumentNotFound` if nobody knows the instrument."""
    if instrument is None:
        return "no such corporate action is known"
    name = normalise_instrument(instrument)
    if name not in {one.name for one in opened.instruments.list()}:
        raise InstrumentNotFound(instrument=name)
    return f"no such corporate action is known of {name}"


@app.command()
def add(
    instrument: Name,
    kind: Kind,
    ex_date: ExDate,
    value: Value = None,
    currency: Currency = None,
    symbol: Annotated[str, typer.Option(help="The new symbol of a symbol_change.", show_default=False)] = "",
    symbol_at: Annotated[
        list[str] | None, typer.Option(help="A source that uses it from then on; may be repeated.", show_default=False)
    ] = None,
    source: Teller = DECLARED,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Say that something happened."""
    with library(store, ledger) as opened:
        done = opened.actions.add(
            instrument,
            kind,
            ex_date,
            value=value,
            currency=currency or "",
            source=source,
            symbol=symbol,
            symbol_at=symbol_at or (),
            reason=reason,
        )
    Output(as_json=json).say(str(done), told_of(done))


@app.command()
def correct(
    instrument: Name,
    kind: Kind,
    ex_date: ExDate,
    value: Value = None,
    currency: Currency = None,
    moved_to: Annotated[str | None, typer.Option(help="The right ex-date.", show_default=False)] = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Say better what somebody tells; it holds when a source tells it wrongly again."""
    with library(store, ledger) as opened:
        done = opened.actions.correct(
            instrument, kind, ex_date, value=value, currency=currency, moved_to=moved_to, reason=reason
        )
    Output(as_json=json).say(str(done), told_of(done))


@app.command()
def withdraw(
    instrument: Name,
    kind: Kind,
    ex_date: ExDate,
    source: Annotated[
        str | None, typer.Option(help="Only this source's word, until it tells it again.", show_default=False)
    ] = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Say that there was no such action, whoever tells of it."""
    with library(store, ledger) as opened:
        gone = opened.actions.withdraw(instrument, kind, ex_date, source=source, reason=reason)
    Output(as_json=json).say(f"withdrawn: {gone}", told_of(gone))


@app.command()
def undeclare(
    instrument: Name,
    kind: Kind,
    ex_date: ExDate,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Take back what was declared, or that there was nothing; what sources tell counts again."""
    with library(store, ledger) as opened:
        gone = opened.actions.undeclare(instrument, kind, ex_date, reason=reason)
    Output(as_json=json).say(f"taken back: {gone}", told_of(gone))


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns instrument, kind, ex_date, value, currency, …")],
    source: Teller = DECLARED,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Take all actions of a file, or none; each bad line is named."""
    with library(store, ledger) as opened:
        done = opened.actions.import_csv(file, source=source, reason=reason)
    Output(as_json=json).say(str(done), done)


@app.command()
def materialise(
    instrument: Name,
    timeframe: Annotated[str, typer.Argument(help="A timeframe, e.g. 1d.")],
    adjust: Adjust = "total",
    source: Source = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write the adjusted bars as a series of their own, and keep them up to their original."""
    with library(store, ledger) as opened:
        done = opened.actions.materialise(instrument, timeframe, adjust=adjust or "total", source=source, reason=reason)
    Output(as_json=json).say(str(done), _materialised(done))


@app.command()
def unmaterialise(
    instrument: Name,
    timeframe: Annotated[str, typer.Argument(help="A timeframe, e.g. 1d.")],
    source: Source = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """End an adjusted series that is kept: its bars are withdrawn, and its past stays readable."""
    with library(store, ledger) as opened:
        done = opened.actions.unmaterialise(instrument, timeframe, source=source, reason=reason)
    Output(as_json=json).say(f"ended: {done}", _materialised(done))


@app.command()
def refresh(
    instrument: Annotated[str | None, typer.Argument(help="Only of this instrument.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Bring the adjusted series that are kept up to their originals."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        done = opened.actions.refresh(instrument)
    rows = [
        (str(one.series), one.adjust, one.new, one.changed, one.withdrawn, one.same, str(one.revision)) for one in done
    ]
    columns = ("series", "adjust", "# new", "# changed", "# withdrawn", "# same", "revision")
    output.table("", columns, rows, [_materialised(one) for one in done])


def told_of(action: CorporateAction) -> dict[str, Any]:
    """Return an action as JSON has it: times as text that people read, and as ns."""
    return {
        "instrument": action.instrument,
        "kind": action.kind,
        "ex_date": format_time(action.ex_date),
        "value": action.value if action.has_value else None,
        "currency": action.currency or None,
        "source": action.source,
        "withdrawn": action.withdrawn,
        "denied": action.denied,
        "evidence": action.told,
        "known": format_time(action.known_at),
        "known_at": action.known_at,
        "superseded": format_time(action.superseded_at) if action.superseded_at else None,
        "superseded_at": action.superseded_at or None,
    }


def _row(action: CorporateAction) -> tuple[object, ...]:
    return (
        action.instrument,
        format_time(action.ex_date).removesuffix("T00:00:00Z"),
        action.kind,
        action.value if action.has_value and action.value else None,
        action.currency or None,
        action.source,
        moment(action.known_at),
        _state(action),
    )


def _state(action: CorporateAction) -> str:
    said = "denied" if action.denied else "withdrawn" if action.withdrawn else "stands"
    return f"{said} until {moment(action.superseded_at)}" if action.superseded_at else said


def _materialised(done: Materialisation) -> dict[str, Any]:
    fields = ("adjust", "new", "changed", "withdrawn", "same", "revision")
    return {"series": str(done.series), **{name: getattr(done, name) for name in fields}}
