"""The command on tolerances: which differences between two sources mean nothing, and who says so."""

from typing import Annotated, Any, Final

import typer

from barledger.cli.given import needed
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.comparison import Tolerance
from barledger.errors import InvalidSetting

_COLUMNS: Final = ("source", "against", "# price", "# volume", "single columns", "where it comes from")
_SET: Final = "set"
_OWN: Final = "declared by the source"
_BETWEEN: Final = "assumed of two sources"


def tolerance(
    source: Annotated[str | None, typer.Argument(help="Whose; without it, all that were set.")] = None,
    against: Annotated[
        str | None, typer.Argument(help="The other source; without it, the source itself.", show_default=False)
    ] = None,
    price: Annotated[float | None, typer.Option(help="Of prices, e.g. 0.001.", show_default=False)] = None,
    volume: Annotated[float | None, typer.Option(help="Of the volume.", show_default=False)] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Of one column, e.g. close=0.0005; may be repeated.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to what counts by itself.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show or set which relative differences between two sources, or of one with itself, mean nothing."""
    output = Output(as_json=json)
    given: dict[str, Any] = {"price": price, "volume": volume}
    changes = reset or bool(column) or any(value is not None for value in given.values())
    if reset and (column or any(value is not None for value in given.values())):
        raise InvalidSetting(setting="--reset", reason="it takes no other options")
    if reason and not changes:
        raise InvalidSetting(setting="--reason", reason="nothing is set: give --price, --volume, --column or --reset")
    with library(store, ledger) as opened:
        integrity = opened.integrity
        if changes:
            name = needed("SOURCE", source)
            fields = dict(_column(text) for text in column or [])
            integrity.set_tolerance(name, against or name, **given, fields=fields, reason=reason)
        were_set = integrity.tolerances()
        if source is None:
            known = [(*pair, one, _SET) for pair, one in were_set.items()]
        else:
            other = against or source
            first, second = sorted((source, other))
            mine = were_set.get((first, second))
            origin = _SET if mine is not None else _OWN if first == second else _BETWEEN
            known = [(source, other, mine or integrity.tolerance(source, other), origin)]
    data = [
        {"source": whose, "against": other, "price": one.price, "volume": one.volume, "fields": one.fields,
         "origin": origin}
        for whose, other, one, origin in known
    ]  # fmt: skip
    rows = [
        (whose, other, f"{one.price:g}", f"{one.volume:g}", _spoken(one), origin) for whose, other, one, origin in known
    ]
    output.table("", _COLUMNS, rows, data)


def _column(text: str) -> tuple[str, float]:
    """Return a column and its tolerance; raises `InvalidSetting`."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InvalidSetting(setting="--column", reason=f"{text!r} is no column and number, as close=0.0005") from None


def _spoken(one: Tolerance) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in one.fields.items())
