"""The command on policies: how far each source may change the past by itself, and who says so."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from barledger.barledger import BarLedger
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting
from barledger.sources.listing import list_sources

_SET: Final = "set"
_DECLARED: Final = "declared by the source"
_ASSUMED: Final = "assumed, since it declares nothing"


def policy(
    source: Annotated[str | None, typer.Argument(help="Whose; without it, those of all known sources.")] = None,
    on_change: Annotated[str | None, typer.Option(help="apply or propose.", show_default=False)] = None,
    most_bars: Annotated[int | None, typer.Option(help="Above so many bars, propose.", show_default=False)] = None,
    most_change: Annotated[
        float | None, typer.Option(help="Above this part of a price (0.1: ten per cent), propose.", show_default=False)
    ] = None,
    most_age: Annotated[
        str | None, typer.Option(help="Above this age of a bar, e.g. 90d, propose.", show_default=False)
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to what the source declares.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show or set how far a source may change the past by itself, and whether that was set or is its own."""
    output = Output(as_json=json)
    parts: dict[str, Any] = {
        "on_change": on_change,
        "most_bars": most_bars,
        "most_change": most_change,
        "most_age": most_age,
    }
    given = {name: value for name, value in parts.items() if value is not None}
    with library(store, ledger) as opened:
        if given or reset:
            _set(opened, source, given, reset=reset, reason=reason)
        known = list(_in_force(opened, source))
    rows = [(name, *_limits(one), origin) for name, one, origin in known]
    data = [{"source": name, **asdict(one), "origin": origin} for name, one, origin in known]
    columns = ("source", "on change", "# bars at most", "# change at most", "age at most", "where it comes from")
    output.table("", columns, rows, data)


def _set(opened: BarLedger, source: str | None, given: dict[str, Any], *, reset: bool, reason: str) -> None:
    if reset and given:
        raise InvalidSetting(setting="--reset", reason="it takes no other options")
    if source is None:
        raise InvalidSetting(setting="SOURCE", reason="it has to be given")
    opened.ingestion.set_policy(source, reason=reason, **given)


def _in_force(opened: BarLedger, source: str | None) -> Iterable[tuple[str, ChangePolicy, str]]:
    """Give what counts for a source, or for each that is registered, has bars or was spoken of, and who says so."""
    ingestion = opened.ingestion
    were_set = ingestion.policies()
    listed = {one.name: one.declaration for one in list_sources()}
    names = [source] if source is not None else sorted({*listed, *were_set, *ingestion.sources()})
    if source is not None and source not in listed:
        ingestion.check_source(source)
    for name in names:
        declaration = listed.get(name)
        own = declaration.on_change if declaration is not None else ingestion.declared_policy(name)
        if name in were_set:
            yield name, were_set[name], _SET
        else:
            yield name, own or ChangePolicy(), _ASSUMED if own is None else _DECLARED


def _limits(policy: ChangePolicy) -> tuple[object, ...]:
    age = None if policy.most_age is None else f"{policy.most_age / DAY:g}d"
    return policy.on_change, policy.most_bars, policy.most_change, age
