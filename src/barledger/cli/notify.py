"""Commands on notification: channels, rules, the outbox, delivering and testing."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event
from typing import Annotated, Any

import typer

from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.interval import format_time
from barledger.errors import InvalidSetting

app = typer.Typer(no_args_is_help=True, help="Who is told what, and whether it arrived.")

Name = Annotated[str, typer.Argument(help="A channel's name.", metavar="CHANNEL")]
Kinds = Annotated[str, typer.Option(help="Kinds of notices, a glob such as 'correction_*'.")]
About = Annotated[str, typer.Option(help="What they are about, a glob such as 'AAPL *'.")]
Severity = Annotated[str, typer.Option(help="info, warning or critical at least.")]
_STDIN = "-"


@app.command()
def channels(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the channels; addresses and secrets are masked."""
    with library(store, ledger) as opened:
        found = opened.notifications.channels()
    rows = [(one.name, one.kind, one.target, one.secret, one.state, one.give_up_after, one.error) for one in found]
    columns = ("channel", "kind", "address", "secret", "state", "gives up after", "error")
    Output(as_json=json).table("", columns, rows, found)


@app.command()
def add(
    name: Name,
    url: Annotated[
        str,
        typer.Argument(help="https://… (webhook), file:/path, log:name, a URL of apprise, env:NAME, or - for stdin."),
    ],
    secret: Annotated[
        str, typer.Option(help="A webhook's whsec_…; env:NAME, or - for stdin, stays out of the process list.")
    ] = "",
    kind: Annotated[str | None, typer.Option(help="apprise, webhook, file or log.", show_default=False)] = None,
    kinds: Kinds = "*",
    about: About = "*",
    severity: Severity = "info",
    timeout: Annotated[float, typer.Option(help="Seconds that a delivery may take.")] = 15.0,
    give_up_after: Annotated[str, typer.Option(help="Give a notice up after so long, e.g. 3d.")] = "3d",
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Add a channel, and a rule of what goes to it."""
    if url == secret == _STDIN:
        raise InvalidSetting(setting="--secret", reason="only one of address and secret can be read from stdin")
    given: dict[str, Any] = {"kinds": kinds, "about": about, "severity": severity, "timeout": timeout}
    with library(store, ledger) as opened:
        made = opened.notifications.add_channel(
            name, _read(url), secret=_read(secret), kind=kind, give_up_after=give_up_after, reason=reason, **given
        )
    Output(as_json=json).say(f"{made.name} is a {made.kind} channel to {made.target}", made)


@app.command()
def remove(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Remove a channel with its rules; what waits for it is given up. A rule is removed by its id."""
    with library(store, ledger) as opened:
        if name.startswith("route-"):
            gone: Any = opened.notifications.remove_rule(name, reason=reason)
        else:
            gone = opened.notifications.remove(name, reason=reason)
    Output(as_json=json).say(f"{name} is removed", gone)


@app.command()
def resume(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Let a channel go on that was stopped, or that waits after failures."""
    with library(store, ledger) as opened:
        found = opened.notifications.resume(name, reason=reason)
    Output(as_json=json).say(f"{name} goes on", found)


@app.command()
def rules(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the rules of what goes where."""
    with library(store, ledger) as opened:
        found = opened.notifications.rules()
    rows = [(one.id, one.channel, one.kinds, one.about, one.severity) for one in found]
    Output(as_json=json).table("", ("rule id", "channel", "kinds", "about", "severity at least"), rows, found)


@app.command()
def rule(
    name: Name,
    kinds: Kinds = "*",
    about: About = "*",
    severity: Severity = "info",
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Let more notices go to a channel; each rule adds to the others."""
    given: dict[str, Any] = {"kinds": kinds, "about": about, "severity": severity}
    with library(store, ledger) as opened:
        made = opened.notifications.rule(name, reason=reason, **given)
    Output(as_json=json).say(f"{made.id}: {made}", made)


@app.command()
def deliver(
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks, with --follow.", min=0.1)] = 5.0,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Deliver what is due; `barledger schedule run` does so by itself. Exits with 6 if a channel failed."""
    with library(store, ledger) as opened, until_signalled() if follow else nullcontext(Event()) as stop:
        done = opened.notifications.deliver(once=not follow, every=every, stop=stop)
    output = Output(as_json=json)
    output.say(str(done), {"sent": done.sent, "given_up": done.given_up, "attempts": done.attempts})
    for one in done.failed:
        output.note(f"{one.channel}, {one.notice}: {one.error}")
    if done.failed and not follow:
        raise typer.Exit(6)


@app.command()
def outbox(
    state: Annotated[str, typer.Option(help="waiting, sent, given_up or all.")] = "all",
    limit: Annotated[int, typer.Option(help="At most so many.", min=0)] = 50,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List what goes to which channel, the newest first."""
    wanted: Any = None if state == "all" else state
    if wanted not in (None, "waiting", "sent", "given_up"):
        raise InvalidSetting(setting="--state", reason=f"{state!r} is none of waiting, sent, given_up, all")
    with library(store, ledger) as opened:
        found = opened.notifications.outbox(state=wanted, limit=limit)
    rows = [
        (one.noticed, one.channel, one.state, one.severity, one.subject, one.count, one.tries, one.error)
        for one in found
    ]
    columns = ("noticed", "channel", "state", "severity", "what", "# times", "# tries", "error")
    Output(as_json=json).table("", columns, rows, found)


@app.command()
def notices(
    after: Annotated[str | None, typer.Option(help="Noticed after this time.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest ones.", min=1)] = 50,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List what was noticed, whether anybody was told or not."""
    from barledger.domain.interval import parse_time  # noqa: PLC0415 - only for this option

    with library(store, ledger) as opened:
        found = opened.notifications.notices(after=0 if after is None else parse_time(after))[-limit:]
    rows = [
        (
            format_time(one.last_at),
            one.notice.severity,
            one.notice.kind,
            one.notice.subject,
            one.notice.about,
            one.count,
        )
        for one in found
    ]
    Output(as_json=json).table("", ("last", "severity", "kind", "what", "about", "# times"), rows, found)


@app.command()
def retry(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Let what was given up for a channel wait again."""
    with library(store, ledger) as opened:
        count = opened.notifications.retry(name, reason=reason)
    Output(as_json=json).say(f"{count:,} wait again", {"again": count})


@app.command("test")
def try_channel(name: Name, store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Send a test message now, and say whether the channel took it."""
    with library(store, ledger) as opened:
        done = opened.notifications.test(name)
    Output(as_json=json).say(str(done), done)


@app.command()
def secret() -> None:
    """Print a new secret for a webhook, which nothing keeps."""
    from barledger.services.notifications.service import new_secret  # noqa: PLC0415 - only for this command

    sys.stdout.write(new_secret() + "\n")


@contextmanager
def until_signalled() -> Iterator[Event]:
    """Give an event that SIGTERM and SIGINT set; a second signal ends the process as it would have."""
    stop = Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read(text: str) -> str:
    return sys.stdin.readline().strip() if text == _STDIN else text
