"""Commands on proposals: what a source wants to change and may not change by itself."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from barledger.cli.output import Output, moment
from barledger.cli.session import Json, Ledger, Source, Store, library
from barledger.domain.discrepancy import check_reason
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES, Rows
from barledger.services.discrepancies.outcomes import Recorded

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Changes of sources that wait for a decision.")

Id = Annotated[str, typer.Argument(help="A proposal's id.", metavar="PROPOSAL")]
Why = Annotated[str, typer.Option("--reason", help="Why; it has to be given.", show_default=False)]


@app.command("list")
def list_proposals(
    instrument: Annotated[str | None, typer.Option(help="Only of this instrument.", show_default=False)] = None,
    source: Source = None,
    state: Annotated[str, typer.Option(help="open, accepted, rejected or all.")] = "open",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List proposals, the newest first."""
    output = Output(as_json=json)
    wanted = None if state == "all" else state
    with library(store, ledger) as opened:
        found = opened.ingestion.proposals(state=wanted, instrument=instrument, source=source)
    rows = [
        (one.id, str(one.series), one.kind, one.bars, str(one.interval), one.state, moment(one.made_at), one.reason)
        for one in found
    ]
    columns = ("id", "series", "kind", "# bars", "interval", "state", "made", "why")
    output.table("", columns, rows, found)


@app.command()
def show(
    proposal: Id,
    limit: Annotated[int, typer.Option(help="Show so many bars at most.", min=0)] = 20,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show a proposal and what it would change, bar by bar."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.ingestion.proposal(proposal)
    rows = rows_of(found.rows, found.diff)
    columns = ("time", "change", *(f"# {name}" for name in VALUES))
    data = {
        "proposal": found.proposal,
        "bars": [bar_of(row) for row in rows[:limit]],
        "bars_in_all": len(rows),
        "action": found.preview.action,
    }
    title = f"{found.proposal.series}: {found.proposal.reason}"
    if found.preview.action is None:
        output.table(title, columns, [arrows(row) for row in rows[:limit]], data)
    else:
        output.say(f"{title}\n{found.preview.would}", data)
    if not json:
        for name, value in found.proposal.evidence.items():
            if name != "covered":
                output.note(f"{name}: {value}")
        output.note(f"{len(rows):,} bars, {found.proposal.state}")


@app.command()
def accept(proposal: Id, reason: Why = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Write a proposal's bars as a new revision, or record its event, unless they changed since."""
    output = Output(as_json=json)
    check_reason(reason)
    with library(store, ledger) as opened:
        done = opened.ingestion.accept(proposal, reason=reason)
    if isinstance(done, Recorded):
        output.say(str(done), done)
        return
    text = f"{done.new:,} new, {done.changed:,} changed, {done.withdrawn:,} withdrawn, {done.same:,} the same"
    output.say(f"{text}; revision {done.revision}", done)


@app.command()
def reject(proposal: Id, reason: Why = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Leave the bars as they are."""
    output = Output(as_json=json)
    check_reason(reason)
    with library(store, ledger) as opened:
        decided = opened.ingestion.reject(proposal, reason=reason)
    output.say(f"{decided.id} is rejected", decided)


def rows_of(given: Rows, diff: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return what would become of each bar as plain values."""
    times, records = given.time.tolist(), diff.to_dict("records")
    return [
        {"time": time, **{str(name): value for name, value in row.items()}}
        for time, row in zip(times, records, strict=True)
    ]


def bar_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a bar of a diff for programs."""
    return {
        "time": row["time"],
        "change": row["change"],
        "old": {name: row[f"old_{name}"] for name in VALUES},
        "new": {name: row[name] for name in VALUES},
    }


def arrows(row: dict[str, Any]) -> tuple[object, ...]:
    """Return a line in which what moves is shown as old and new."""
    cells = []
    for name in VALUES:
        old, new = _number(row[f"old_{name}"]), _number(row[name])
        cells.append(new if old == new or row["change"] == "new" else f"{old} → {new}")
    return format_time(row["time"]), row["change"], *cells


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.10g}"  # noqa: PLR0124 - NaN differs from itself
