"""Commands on snapshots."""

from typing import Annotated

import typer

from barledger.cli.output import Output, moment
from barledger.cli.session import End, Json, Ledger, Reason, Source, Start, Store, library
from barledger.ledger.contract import Snapshot

app = typer.Typer(no_args_is_help=True, help="Pin what a backtest saw, and prove that it is unchanged.")

Name = Annotated[str, typer.Argument(help="A snapshot's id.")]
DAMAGED = 5


@app.command()
def create(
    instruments: Annotated[str, typer.Argument(help="Instruments, separated by commas.")],
    timeframes: Annotated[str, typer.Argument(help="Timeframes, separated by commas.")],
    start: Start = None,
    end: End = None,
    purpose: Annotated[
        str, typer.Option(help="backtest, live, approval, compliance, event, or your own.")
    ] = "backtest",
    strategy: Annotated[str | None, typer.Option(help="Which strategy relies on it.")] = None,
    source: Source = None,
    name: Annotated[str | None, typer.Option("--id", help="An id of your own.")] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Pin the newest state of some series under one id."""
    with library(store, ledger) as opened:
        made = opened.snapshot(
            _listed(instruments),
            _listed(timeframes),
            start=start,
            end=end,
            purpose=purpose,
            strategy=strategy,
            source=source,
            id=name,
        )
    Output(as_json=json).say(f"{made.id}: {_bars(made):,} bars of {len(made.pins)} series, hash {made.data_hash}", made)


@app.command(name="list")
def list_(
    strategy: Annotated[str | None, typer.Option(help="Only of this strategy.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Only with this purpose.")] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List snapshots and named versions, newest first."""
    with library(store, ledger) as opened:
        found = opened.cache.snapshots(strategy=strategy, purpose=purpose)
    rows = [
        (one.id, moment(one.created_at), one.purpose, one.strategy, len(one.pins), _bars(one), one.held or None)
        for one in found
    ]
    columns = ("id", "when", "purpose", "strategy", "# series", "# bars", "held")
    Output(as_json=json).table("", columns, rows, found)


@app.command()
def show(name: Name, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Show what a snapshot pins."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.cache.find(name)
    rows = [
        (str(pin.series), str(pin.interval), str(pin.revision), pin.rows, pin.digest.hex() if pin.digest else None)
        for pin in found.pins
    ]
    output.table(f"{found.id} ({found.purpose})", ("series", "interval", "revision", "# bars", "digest"), rows, found)
    if not json:
        output.note(f"data hash {found.data_hash}; by {found.created_by} at {moment(found.created_at)}")


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="A snapshot's id, or strategy:<id>.")],
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Read a snapshot's bars again and compare them with its digests; exits with 5 if they differ."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.verify(name)
    if found.ok:
        text = f"verified: {found.rows:,} bars of {found.series} series are what they were"
        return output.say(text, {"ok": True, **_fields(found)})
    rows = [(str(one.series), str(one.interval), one.detail) for one in found.damage]
    output.table(f"{found.subject} is damaged", ("series", "block", "what"), rows, {"ok": False, **_fields(found)})
    raise typer.Exit(DAMAGED)


@app.command()
def approve(
    name: Name,
    strategy: Annotated[str, typer.Option(help="The strategy that may trade on it.")],
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Approve a snapshot for live trading: materialised, checked and held."""
    with library(store, ledger) as opened:
        done = opened.cache.approve(name, strategy=strategy)
    Output(as_json=json).say(f"{done.id} is {done.held}", done)


@app.command()
def revoke(
    name: Name,
    strategy: Annotated[str, typer.Option(help="The strategy that may not trade on it any more.")],
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Take an approval back; needs a reason. The strategy means what is still approved for it, or nothing."""
    with library(store, ledger) as opened:
        done = opened.cache.revoke(name, strategy=strategy, reason=reason)
    Output(as_json=json).say(f"{done.id} is not approved for {strategy} any more", done)


@app.command()
def hold(
    name: Name,
    reason: Reason = "",
    release: Annotated[bool, typer.Option("--release", help="Release the hold instead.")] = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Place a legal hold, or release it; both need a reason."""
    with library(store, ledger) as opened:
        act = opened.cache.release if release else opened.cache.hold
        done = act(name, reason=reason)
    Output(as_json=json).say(f"{done.id}: {f'held: {done.held}' if done.held else 'not held'}", done)


@app.command()
def delete(name: Name, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Unpin a snapshot; its record and its audit entries stay."""
    with library(store, ledger) as opened:
        done = opened.cache.delete(name)
    Output(as_json=json).say(f"{done.id} is deleted", done)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _bars(snapshot: Snapshot) -> int:
    return sum(pin.rows for pin in snapshot.pins)


def _fields(found: object) -> dict[str, object]:
    return {name: getattr(found, name) for name in ("subject", "series", "rows", "damage")}
