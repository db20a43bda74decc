"""Commands on the order of sources."""

from typing import Annotated, Literal

import typer

from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library

app = typer.Typer(no_args_is_help=True, help="Which source's bars are taken where several have the series.")

Pattern = Annotated[str, typer.Argument(help="A glob of instruments, e.g. AAPL or */USDT.")]
Frame = Annotated[str, typer.Option("--timeframe", help="Only for this timeframe.")]


@app.command(name="set")
def set_(
    pattern: Pattern,
    sources: Annotated[str, typer.Argument(help="Sources, the first choice first, separated by commas.")],
    timeframe: Frame = "*",
    mode: Annotated[
        Literal["strict", "fill"],
        typer.Option(help="strict: one source for the whole range; fill: later ones for whole missing stretches."),
    ] = "strict",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Prefer sources in this order."""
    names = [name.strip() for name in sources.split(",") if name.strip()]
    with library(store, ledger) as opened:
        opened.cache.prioritise(pattern, names, timeframe=timeframe, mode=mode)
        _show(opened.cache.priorities(), json=json)


@app.command()
def remove(
    pattern: Pattern, timeframe: Frame = "*", store: Store = "", ledger: Ledger = "", json: Json = False
) -> None:
    """Remove a rule."""
    with library(store, ledger) as opened:
        opened.cache.prioritise(pattern, [], timeframe=timeframe)
        _show(opened.cache.priorities(), json=json)


@app.command(name="list")
def list_(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List the rules; the first that matches an instrument decides."""
    with library(store, ledger) as opened:
        _show(opened.cache.priorities(), json=json)


def _show(rules: list[tuple[str, str, tuple[str, ...], str]], *, json: bool) -> None:
    names = ("pattern", "timeframe", "sources", "mode")
    rows = [(pattern, timeframe, " > ".join(sources), mode) for pattern, timeframe, sources, mode in rules]
    Output(as_json=json).table("", names, rows, [dict(zip(names, rule, strict=True)) for rule in rules])
