"""The command on sources: which there are, and what each takes and declares."""

from typing import Annotated, Any

import typer

from barledger.cli.output import Output
from barledger.cli.session import Json
from barledger.domain.timeframe import DAY, TIMEFRAMES
from barledger.errors import SourceNotFound
from barledger.sources.contract import SourceDeclaration
from barledger.sources.listing import Listing, list_sources


def sources(
    name: Annotated[str | None, typer.Argument(help="One source, with its options.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the sources that bars can come from: what each needs, has and declares."""
    output = Output(as_json=json)
    listed = [one for one in list_sources() if name in (None, one.name)]
    if name is not None and not listed:
        raise SourceNotFound(source=name, known=tuple(one.name for one in list_sources()))
    if name is None:
        columns = ("source", "needs", "timeframes", "prices are adjusted for", "events", "what it is")
        return output.table("", columns, [_row(one) for one in listed], [_told(one) for one in listed])
    return _show_one(output, listed[0])


def _show_one(output: Output, one: Listing) -> None:
    rows = [(option.name, "has to be given" if option.default is None else option.default) for option in one.options]
    output.table("", ("option", "default"), rows, _told(one))
    if not output.as_json:
        for line in (one.problem, one.about, one.help, *_declared(one.declaration)):
            if line:
                output.note(line.replace("`", ""))


def _row(one: Listing) -> tuple[object, ...]:
    if one.declaration is None:
        return (one.name, _needs(one), None, None, None, one.problem or one.about)
    told = one.declaration
    frames = "all" if told.timeframes == set(TIMEFRAMES) else " ".join(_ordered(told))
    adjusted = " ".join(sorted(set(told.adjustment.values())))
    return (one.name, _needs(one), frames, adjusted, "yes" if told.gives_events else "no", one.about)


def _needs(one: Listing) -> str:
    if not one.package:
        return "nothing"
    return f"{one.package} {one.installed or '(not installed)'}"


def _ordered(told: SourceDeclaration) -> list[str]:
    return [name for name in TIMEFRAMES if name in told.timeframes]


def _declared(told: SourceDeclaration | None) -> list[str]:
    if told is None:
        return []
    jitter = f"prices {told.tolerance.price:g}, volume {told.tolerance.volume:g}"
    reach = ", ".join(f"{name} {told.history[name] // DAY} days" for name in _ordered(told) if name in told.history)
    return [
        f"timeframes: {' '.join(_ordered(told))}",
        f"it reaches back: {reach or 'as far as it has bars'}",
        f"differences that mean nothing: {jitter}",
    ]


def _told(one: Listing) -> dict[str, Any]:
    return {
        "source": one.name,
        "about": one.about,
        "package": one.package,
        "installed": one.installed,
        "options": {option.name: option.default for option in one.options},
        "declares": None if one.declaration is None else _declaration(one.declaration),
        "problem": one.problem,
    }


def _declaration(told: SourceDeclaration) -> dict[str, Any]:
    frames = _ordered(told)
    return {
        "timeframes": frames,
        "adjustment": dict(told.adjustment),
        "gives_events": told.gives_events,
        "empty_is_proof": told.empty_is_proof,
        "history_days": {name: told.history[name] // DAY for name in frames if name in told.history},
        "tolerance": told.tolerance,
        "concurrency": told.concurrency,
        "library": told.library,
    }
