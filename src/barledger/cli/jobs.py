"""Commands on jobs that were asked for: list, show, cancel, run."""

import os
from typing import Annotated

import typer

from barledger.cli.log import told
from barledger.cli.notify import until_signalled
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.job import STATES, JobState
from barledger.errors import InvalidSetting
from barledger.services.jobs import QueuedJobView

app = typer.Typer(no_args_is_help=True, help="Jobs that were asked for, of a server above all.")

Id = Annotated[str, typer.Argument(help="A job's id.", metavar="ID")]


@app.command("list")
def list_(
    state: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(STATES)}; may be repeated.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    with library(store, ledger) as opened:
        found = [QueuedJobView.of(one) for one in opened.jobs.list(states=_states(state), limit=limit)]
    columns = ("id", "kind", "about", "state", "how far", "made", "by", "error")
    rows = [
        (
            one.id,
            one.kind,
            _about(one.instruments),
            one.state,
            one.far or None,
            one.made,
            one.made_by,
            one.error or None,
        )
        for one in found
    ]
    Output(as_json=json).table("", columns, rows, found)


@app.command()
def show(job_id: Id, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Show a job with its options and its result."""
    with library(store, ledger) as opened:
        found = QueuedJobView.of(opened.jobs.get(job_id))
    output = Output(as_json=json)
    if json:
        return output.json(found)
    rows: list[tuple[str, object]] = [
        ("state", found.state),
        ("how far", found.far or None),
        ("made", f"{found.made} by {found.made_by}"),
        ("started", found.started or None),
        ("ended", found.ended or None),
        *((f"option {name}", value) for name, value in found.options.items()),
        *((f"result {name}", value) for name, value in found.result.items()),
    ]
    rows += [("error", f"[{found.code}] {found.error}")] if found.error else []
    rows += [("next", found.next_step)] if found.next_step else []
    return output.table(f"{found.kind} {found.id}", ("", ""), rows, found)


@app.command()
def cancel(job_id: Id, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Cancel a job: one that waits at once, one that runs between two of its steps."""
    with library(store, ledger) as opened:
        found = QueuedJobView.of(opened.jobs.cancel(job_id, reason=reason))
    asked = f"{found.id} is asked to stop" if found.state == "running" else f"{found.id} is {found.state}"
    Output(as_json=json).say(asked, found)


@app.command()
def run(
    workers: Annotated[int, typer.Option(help="So many jobs at once.", min=1)] = 2,
    grace: Annotated[float, typer.Option(help="Seconds that what runs may go on at the end.", min=0)] = 30.0,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Work on jobs until SIGTERM or SIGINT, beside a server or in its place; each is done by one process."""
    output = Output(as_json=json)
    with until_signalled() as stop, library(store, ledger) as opened, told("barledger.jobs"):
        if not json:
            output.note(f"working on jobs as process {os.getpid()}")
        left = [QueuedJobView.of(one) for one in opened.jobs.run(stop, workers=workers, grace=grace)]
    output.say(f"{len(left)} jobs are left for another process", left)


def _states(given: list[str] | None) -> list[JobState] | None:
    wrong = next((one for one in given or [] if one not in STATES), None)
    if wrong is not None:
        raise InvalidSetting(setting="--state", reason=f"{wrong!r} is none of {', '.join(STATES)}")
    return [one for one in STATES if one in given] if given else None


def _about(instruments: tuple[str, ...]) -> str:
    shown = ", ".join(instruments[:3]) or "the library"
    return f"{shown} and {len(instruments) - 3} more" if len(instruments) > 3 else shown
