"""Locks: which data a strategy relies on, as a file in its repository."""

from pathlib import Path
from typing import Annotated

import typer

from barledger.cli.export import listed
from barledger.cli.output import Output
from barledger.cli.session import Adjust, End, Json, Ledger, Source, Start, Store, Version, library
from barledger.services.retrieval.lock import FILE

File = Annotated[Path, typer.Option("--file", help="The lock file.")]
Out = Annotated[Path, typer.Option("--out", "--file", "-o", help="The lock file to write.")]


def lock(
    instruments: Annotated[str, typer.Argument(help="Instruments, separated by commas.")],
    timeframes: Annotated[str, typer.Argument(help="Timeframes, separated by commas.")],
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    adjust: Adjust = None,
    strategy: Annotated[str, typer.Option(help="Which strategy relies on it.", show_default=False)] = "",
    file: Out = Path(FILE),
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write which data a strategy relies on, with their digests, to a file for its repository."""
    with library(store, ledger) as opened:
        made = opened.retrieval.lock(
            listed(instruments),
            listed(timeframes),
            file=file,
            start=start,
            end=end,
            source=source,
            version=version,
            strategy=strategy,
            adjust=adjust,
        )
    rows = sum(one.rows for one in made.series)
    told = {"file": str(file), "digest": made.digest, "series": [one.told for one in made.series]}
    Output(as_json=json).say(f"{rows:,} bars of {len(made.series)} series locked in {file}, digest {made.digest}", told)


def check(
    file: File = Path(FILE),
    latest: Annotated[bool, typer.Option("--latest", help="Fail as well if there are newer states.")] = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Read the data behind a lock again; exits with 5 if they are not those that were locked."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        found = opened.retrieval.check(file, latest=latest)
    moved = [{"series": str(one.sealed.series), "detail": one.detail} for one in found.moved]
    told = {"ok": True, "file": str(file), "series": len(found.series), "rows": found.rows, "moved": moved}
    output.say(f"checked: {found.rows:,} bars of {len(found.series)} series are those in {file}", told)
    if not json:
        for one in found.moved:
            output.note(f"{one.sealed.series} has newer states: {one.detail}")
