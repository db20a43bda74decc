"""Commands on instruments: what is known of them, halts, and the sources' own names."""

from collections.abc import Sequence
from typing import Annotated, Any, get_args

import typer

from barledger.cli.output import Output
from barledger.cli.session import End, Json, Ledger, Reason, Start, Store, library
from barledger.domain.instrument import Instrument, Kind
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time
from barledger.ledger.contract import Symbol

app = typer.Typer(invoke_without_command=True, help="What is known of instruments, and who said it.")

Name = Annotated[str, typer.Argument(help="An instrument, e.g. AAPL or BTC/USDT.", metavar="INSTRUMENT")]
Pattern = Annotated[str, typer.Argument(help="An instrument, or a glob of instruments, e.g. '*.L'.")]
SourceName = Annotated[str, typer.Argument(help="A source, e.g. yahoo.", metavar="SOURCE")]
Native = Annotated[str, typer.Argument(help="What the source calls it, e.g. BRK-B.", metavar="SYMBOL")]


@app.callback()
def list_(
    context: typer.Context,
    match: Annotated[str | None, typer.Option(help="Only these: an instrument or a glob.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the instruments with what is known of them, and who said it; see also the commands below."""
    if context.invoked_subcommand is None:
        _list(match, store=store, ledger=ledger, output=Output(as_json=json))


@app.command("list")
def list_all(
    match: Annotated[str | None, typer.Option(help="Only these: an instrument or a glob.", show_default=False)] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the instruments with what is known of them, and who said it; as `instruments` alone does."""
    _list(match, store=store, ledger=ledger, output=Output(as_json=json))


def _list(match: str | None, *, store: str, ledger: str, output: Output) -> None:
    with library(store, ledger) as opened:
        found = opened.instruments.list(match)
    columns = ("instrument", "kind", "calendar", "currency", "first trade", "last trade", "who said it")
    output.table("", columns, [_row(one) for one in found], [_told(one) for one in found])


@app.command()
def show(name: Name, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Show all that is known of one instrument: facts, halts, names at sources, corporate actions."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        service = opened.instruments
        known, halts, names, actions = (
            service.describe(name),
            service.halts(name),
            service.names(name),
            service.actions(name),
        )
    if json:
        return output.json({**_told(known), "halts": halts, "names": names, "actions": actions})
    facts = [(fact, _shown(fact, value), known.origins[fact]) for fact, value in _facts(known).items()]
    output.table(known.name, ("fact", "value", "who said it"), facts, None)
    _table(output, "halts", ("from", "to", "why"), [(*_ends(one.interval), one.reason) for one in halts])
    rows = [(one.source, one.native, *_ends(one.valid)) for one in names]
    _table(output, "names", ("source", "symbol", "from", "to"), rows)
    events = [(format_time(one.ex_date), one.kind, one.value or None, one.currency, one.source) for one in actions]
    return _table(output, "corporate actions", ("ex-date", "kind", "# value", "currency", "source"), events)


@app.command()
def declare(
    pattern: Pattern,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(get_args(Kind))}.", show_default=False)] = None,
    calendar: Annotated[
        str | None, typer.Option(help="24/7, or an exchange's MIC such as XNYS or XLON.", show_default=False)
    ] = None,
    currency: Annotated[str | None, typer.Option(help="E.g. USD.", show_default=False)] = None,
    first_trade: Annotated[
        str | None, typer.Option(help="The first time at which it traded.", show_default=False)
    ] = None,
    last_trade: Annotated[
        str | None, typer.Option(help="The first time at which it traded no more.", show_default=False)
    ] = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Say something of an instrument or of all that match a glob; it wins over what sources tell."""
    with library(store, ledger) as opened:
        said = opened.instruments.declare(
            pattern,
            kind=kind,  # type: ignore[arg-type]  # what is none is refused by the facts themselves
            calendar=calendar,
            currency=currency,
            first_trade=first_trade,
            last_trade=last_trade,
            reason=reason,
        )
    words = ", ".join(f"{fact} {_shown(fact, value)}" for fact, value in said.told.items())
    Output(as_json=json).say(f"declared of {said.pattern}: {words}", {"pattern": said.pattern, **_plain(said.told)})


@app.command()
def forget(pattern: Pattern, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Take back all that was declared of an instrument or a glob."""
    with library(store, ledger) as opened:
        said = opened.instruments.forget(pattern, reason=reason)
    words = ", ".join(said.told) or "nothing, since nothing was declared"
    Output(as_json=json).say(f"forgotten of {said.pattern}: {words}", {"pattern": said.pattern, **_plain(said.told)})


@app.command()
def halt(
    name: Name,
    start: Annotated[str, typer.Argument(help="When trading stopped.", metavar="START")],
    end: Annotated[str | None, typer.Argument(help="When it went on; not yet without.", metavar="END")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Take the halt back that begins at START.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Declare that an instrument does not trade though its market is open; bars wholly inside are not missed."""
    with library(store, ledger) as opened:
        if lift:
            done = opened.instruments.resume(name, start, reason=reason)
        else:
            done = opened.instruments.halt(name, start, end, reason=reason)
    Output(as_json=json).say(f"{done.instrument} {'is not' if lift else 'is'} halted over {done.interval}", done)


@app.command(name="name")
def name_(
    name: Name,
    source: SourceName,
    native: Native,
    start: Start = None,
    end: End = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the name back.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Say what a source calls an instrument, and when: a symbol that is used again means another instrument."""
    with library(store, ledger) as opened:
        if remove:
            opened.instruments.unname(name, source, native, reason=reason)
        else:
            opened.instruments.name(name, source, native, start=start, end=end, reason=reason)
        names: Sequence[Symbol] = opened.instruments.names(name)
    rows = [(one.instrument, one.source, one.native, *_ends(one.valid)) for one in names]
    Output(as_json=json).table("", ("instrument", "source", "symbol", "from", "to"), rows, names)


# --- parts -----------------------------------------------------------------------------------------


def _row(known: Instrument) -> tuple[object, ...]:
    facts = _facts(known)
    said = ", ".join(f"{fact.replace('_', ' ')}: {known.origins[fact]}" for fact in facts)
    columns = ("kind", "calendar", "currency", "first_trade", "last_trade")
    return (known.name, *(_shown(fact, facts.get(fact)) for fact in columns), said)


def _facts(known: Instrument) -> dict[str, Any]:
    return {fact: getattr(known, fact) for fact in known.origins}


def _shown(fact: str, value: Any) -> str | None:
    return format_time(value) if fact.endswith("_trade") and value is not None else value


def _told(known: Instrument) -> dict[str, Any]:
    return {"instrument": known.name, **_plain(_facts(known)), "origins": known.origins}


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """Return facts for JSON, in which times are decimal strings, and said once more as RFC 3339."""
    plain = {fact: str(value) if fact.endswith("_trade") else value for fact, value in told.items()}
    return plain | {f"{fact}_utc": _shown(fact, value) for fact, value in told.items() if fact.endswith("_trade")}


def _ends(interval: Interval) -> tuple[str | None, str | None]:
    start = None if interval.start == BEGINNING else format_time(interval.start)
    return start, None if interval.end == END_OF_TIME else format_time(interval.end)


def _table(output: Output, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        output.table(title, columns, rows, None)
