"""The options that every command has, and the library that they open."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from barledger.barledger import BarLedger, open_barledger
from barledger.errors import EmptyLibrary, Mismatch
from barledger.opening import Place, place_of
from barledger.remote.address import is_server
from barledger.remote.opening import open_remote
from barledger.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Store = Annotated[
    str,
    typer.Option(
        "--store", help="A folder, influxdb+http://host:8086/bucket, or a server, http://host:8321.", show_default=False
    ),
]
Ledger = Annotated[str, typer.Option("--ledger", help="The ledger's SQLAlchemy URL.", show_default=False)]
Source = Annotated[str | None, typer.Option(help="Whose bars.", show_default=False)]
Start = Annotated[str | None, typer.Option(help="From this time on, e.g. 2005-01-01.", show_default=False)]
End = Annotated[str | None, typer.Option(help="Up to, not including, this time.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.", show_default=False)]
Version = Annotated[str, typer.Option(help="latest, first, revision:<n>, a time, strategy:<id> or a snapshot's id.")]

Adjust = Annotated[
    str | None,
    typer.Option(help="raw (as traded), splits or total, by the corporate actions known then.", show_default=False),
]


@contextmanager
def library(store: str, ledger: str, *, read_only: bool = False, mending: bool = False) -> Iterator[BarLedger]:
    """Open the library that the options, the environment or the configuration file name.

    Of a server it is what is served, by the key of ``BARLEDGER_KEY`` or of this machine's own server. ``mending`` says
    that a store and a ledger that do not fit are what the command is for.
    """
    settings = Settings()
    if is_server(store or settings.url):
        with open_remote(
            store or settings.url, settings=settings, read_only=read_only, unfit={"ledger": ledger}
        ) as far:
            yield far
        return
    place = place_of(store or settings.url, ledger or settings.ledger, settings)
    made = _is_new(place)
    with warnings.catch_warnings():
        if mending:
            warnings.simplefilter("ignore", Mismatch)
        opened = open_barledger(store or None, ledger=ledger or None, read_only=read_only, settings=settings)
    try:
        yield opened
    finally:
        _say_if_empty(opened, place, made=made)
        opened.close()


def _is_new(place: Place) -> bool:
    """Tell whether nothing is where a library in a folder is going to be opened."""
    return not place.mirrors and place.store != "memory:" and not Path(place.store).exists()


def _say_if_empty(opened: BarLedger, place: Place, *, made: bool) -> None:
    """Say that nothing was ever written, since a mistyped place looks like an empty library."""
    ledger, where = opened.vault.ledger, place.store
    if ledger.revisions.last() or ledger.audit.count():
        return
    found = f"there was no library at {where}, and now there is an empty one" if made else f"{where} holds no bars yet"
    warnings.warn(f"{found}; --store, BARLEDGER_URL or BARLEDGER_HOME name another place", EmptyLibrary, stacklevel=4)
