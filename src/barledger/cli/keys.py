"""Commands on access keys: create, list, rotate, revoke."""

from typing import Annotated, Any

import typer

from barledger.cli.output import Output, moment, plain
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.access import SCOPES, AccessKey
from barledger.services.access import NewKey

app = typer.Typer(no_args_is_help=True, help="Keys of those who use this library over a network.")

Name = Annotated[str, typer.Argument(help="A key's name, or its id.", metavar="KEY")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose or what for; the audit log tells it.", metavar="NAME")],
    scope: Annotated[
        list[str], typer.Option(help=f"{', '.join(SCOPES)}; several with commas, or repeated.", show_default=False)
    ],
    instruments: Annotated[
        list[str] | None,
        typer.Option(help="Only these: an instrument or a glob; may be repeated.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="A time, or a duration from now such as 90d.", show_default=False)
    ] = None,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Make a key, and show it: once, since only a hash of it is kept."""
    given: dict[str, Any] = {
        "scopes": [one.strip() for text in scope for one in text.split(",")],
        "instruments": instruments or (),
        "expires": expires,
    }
    with library(store, ledger) as opened:
        made = opened.keys.create(name, reason=reason, **given)
    _show(Output(as_json=json), made)


@app.command(name="list")
def list_(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the keys, without their secrets."""
    with library(store, ledger) as opened:
        found = [(one, opened.keys.state(one)) for one in opened.keys.list()]
    columns = ("key", "id", "scopes", "instruments", "state", "expires", "last used")
    rows = [
        (
            one.name,
            one.id,
            ", ".join(one.scopes),
            ", ".join(one.instruments) or "all",
            state,
            moment(one.expires_at),
            moment(one.used_at),
        )
        for one, state in found
    ]
    Output(as_json=json).table("", columns, rows, [_told(one) | {"state": state} for one, state in found])


@app.command()
def rotate(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Give a key another secret, and show it; the old one is refused at once."""
    with library(store, ledger) as opened:
        made = opened.keys.rotate(name, reason=reason)
    _show(Output(as_json=json), made)


@app.command()
def revoke(name: Name, reason: Reason = "", store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Refuse a key from now on, for good."""
    with library(store, ledger) as opened:
        gone = opened.keys.revoke(name, reason=reason)
    Output(as_json=json).say(f"{gone.name} is revoked", _told(gone))


def _show(output: Output, made: NewKey) -> None:
    output.say(made.text, {"key": made.text} | _told(made.key))
    if not output.as_json:
        output.note(f"this is the only time that the key of {made.key.name} is shown ({', '.join(made.key.scopes)})")


def _told(key: AccessKey) -> dict[str, Any]:
    """Return what everybody may know of a key: all but the hash."""
    told: dict[str, Any] = plain(key)
    return {name: value for name, value in told.items() if name != "hash"}
