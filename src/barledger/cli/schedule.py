"""Commands on the schedule: declaring jobs, running them, and what became of them."""

import json as jsons
import os
from typing import Annotated, Any

import typer

from barledger.cli.given import pair
from barledger.cli.log import told
from barledger.cli.notify import until_signalled
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Reason, Store, library

app = typer.Typer(no_args_is_help=True, help="What is run when, by one process among many.")

Name = Annotated[str, typer.Argument(help="A job's name.", metavar="JOB")]


@app.command("list")
def list_jobs(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the jobs, when they are due, and how they last ended."""
    with library(store, ledger) as opened:
        jobs, leader = opened.schedule.list(), opened.schedule.leader()
        last = {job.name: next(iter(opened.schedule.history(job.name, limit=1)), None) for job in jobs}
    rows = [
        (
            one.name,
            one.kind,
            one.when,
            one.zone,
            "yes" if one.enabled else "no",
            one.due or None,
            _state(last[one.name]),
        )
        for one in jobs
    ]
    until = None if leader is None else {"owner": leader.owner, "until": leader.until}
    data = {"jobs": [{**_plain(job), "last": last[job.name]} for job in jobs], "runner": until}
    output = Output(as_json=json)
    output.table("", ("job", "kind", "when", "zone", "on", "due", "last"), rows, data)
    if not json:
        output.note("nobody runs the schedule now" if leader is None else f"run by {leader.owner}")


@app.command()
def kinds(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the kinds of jobs with their options."""
    with library(store, ledger) as opened:
        found = opened.schedule.kinds.all()
    rows = [(kind.name, kind.about, ", ".join(kind.options) or None) for kind in found]
    data = [{"kind": kind.name, "about": kind.about, "options": dict(kind.options)} for kind in found]
    Output(as_json=json).table("", ("kind", "what it does", "options"), rows, data)


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Argument(help="A kind of job: ingest, verify, retention, snapshot, …")],
    when: Annotated[
        str,
        typer.Option(help="'*/5 * * * *', 'every 15m', 'after_close(\"XNYS\", \"15m\")', 'on approval', …"),
    ],
    zone: Annotated[str, typer.Option(help="Whose clock the five fields are by.")] = "UTC",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="name=value; JSON, or else text.", show_default=False)
    ] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Declare it switched off.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Declare a job; what could never run is refused."""
    options = dict(_pair(text) for text in option or [])
    with library(store, ledger) as opened:
        made = opened.schedule.add(
            name, kind, when=when, zone=zone, options=options, enabled=not disabled, reason=reason
        )
    Output(as_json=json).say(str(made), made)


@app.command()
def remove(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Forget a job; its history stays."""
    with library(store, ledger) as opened:
        gone = opened.schedule.remove(name, reason=reason)
    Output(as_json=json).say(f"{gone.name} is removed", gone)


@app.command()
def enable(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Switch a job on; what fell due meanwhile is not made up for."""
    with library(store, ledger) as opened:
        job = opened.schedule.enable(name, reason=reason)
    Output(as_json=json).say(str(job), job)


@app.command()
def disable(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Switch a job off."""
    with library(store, ledger) as opened:
        job = opened.schedule.enable(name, enabled=False, reason=reason)
    Output(as_json=json).say(str(job), job)


@app.command()
def run(
    lease: Annotated[
        float | None, typer.Option(help="Seconds after which another takes over from a dead one.", show_default=False)
    ] = None,
    grace: Annotated[float, typer.Option(help="Seconds that what runs may go on at the end.", min=0)] = 30.0,
    deliver: Annotated[bool, typer.Option(help="Deliver notices meanwhile.")] = True,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Run the schedule until SIGTERM or SIGINT; of many that run it one works, and the others stand by.

    That it took over, and which job begins, ends or fails, is said on stderr as it happens.
    """
    output = Output(as_json=json)
    with until_signalled() as stop, library(store, ledger) as opened, told("barledger.schedule"):
        if not json:
            output.note(f"{len(opened.schedule.list())} jobs; standing by as process {os.getpid()}")
        done = opened.schedule.run(stop, lease=lease, grace=grace, deliver=deliver)
    output.say(str(done), done)


@app.command("run-now")
def run_now(name: Name, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Run a job here and now; exits with 1 if it fails."""
    with until_signalled() as stop, library(store, ledger) as opened:
        done = opened.schedule.run_now(name, stop=stop)
    Output(as_json=json).say(f"{done}{_summary(done.result)}", done)
    if done.state != "done":
        raise typer.Exit(1)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Only of this job.", metavar="[JOB]", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=0)] = 50,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List runs, the newest first."""
    with library(store, ledger) as opened:
        found = opened.schedule.history(name, limit=limit)
    rows = [
        (
            one.started,
            one.job,
            one.state,
            one.trigger,
            None if one.seconds is None else f"{one.seconds:.3f}",
            one.missed or None,
            one.error or _summary(one.result).removeprefix(": ") or None,
        )
        for one in found
    ]
    columns = ("started", "job", "state", "trigger", "# seconds", "# missed", "result")
    Output(as_json=json).table("", columns, rows, found)


def _plain(job: Any) -> dict[str, Any]:
    return {name: getattr(job, name) for name in type(job).__dataclass_fields__}


def _state(run: Any) -> str | None:
    return None if run is None else f"{run.state} {run.started}"


def _summary(result: Any) -> str:
    told = ", ".join(
        f"{value} {_said(name)}" if isinstance(value, int) else f"{_said(name)} {value}"
        for name, value in result.items()
    )
    return f": {told}" if told else ""


def _pair(text: str) -> tuple[str, Any]:
    name, value = pair(text)
    try:
        return name, jsons.loads(value)
    except ValueError:
        return name, value


def _said(name: str) -> str:
    return name.replace("_", " ")
