"""Exports: bars as files for other programs, and the check that they still are what was written."""

from pathlib import Path
from typing import Annotated

import typer

from barledger.cli.output import Output
from barledger.cli.session import Adjust, End, Json, Ledger, Source, Start, Store, Version, library
from barledger.domain.style import STYLES
from barledger.errors import InvalidSetting
from barledger.services.retrieval import files
from barledger.services.retrieval.export import verify_export

DAMAGED = 5


def export(
    instruments: Annotated[str | None, typer.Argument(help="Instruments, separated by commas.")] = None,
    timeframes: Annotated[str | None, typer.Argument(help="Timeframes, separated by commas.")] = None,
    folder: Annotated[Path | None, typer.Argument(help="Where to write; nothing there is overwritten.")] = None,
    source: Source = None,
    start: Start = None,
    end: End = None,
    version: Version = "latest",
    adjust: Adjust = None,
    format: Annotated[str, typer.Option(help=f"{', '.join(files.FORMATS)}.")] = "parquet",  # noqa: A002 - the option's name
    style: Annotated[str, typer.Option(help=f"{files.OWN}, {', '.join(STYLES)}.")] = files.OWN,
    verify: Annotated[
        Path | None, typer.Option(help="Read an export again and compare it with this manifest, or that of a folder.")
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write a file for each series, and a manifest of digests; or check one with --verify, without any library.

    A check exits with 5 if a file is not what was written.
    """
    output = Output(as_json=json)
    if verify is not None:
        if instruments is not None:
            raise InvalidSetting(setting="--verify", reason="it reads an export, and takes no instruments")
        return _verify(output, verify)
    if instruments is None or timeframes is None or folder is None:
        raise InvalidSetting(setting="export", reason="name instruments, timeframes and a folder, or --verify")
    with library(store, ledger) as opened:
        done = opened.retrieval.export(
            listed(instruments),
            listed(timeframes),
            folder=folder,
            format=format,
            style=style,
            start=start,
            end=end,
            source=source,
            version=version,
            adjust=adjust,
        )
    told = {"folder": str(done.folder), "digest": done.manifest.digest, "files": done.manifest.files}
    return output.say(f"{done.rows:,} bars in {len(done.manifest.files)} files, and a manifest, in {folder}", told)


def _verify(output: Output, manifest: Path) -> None:
    found = verify_export(manifest)
    told = {"ok": found.ok, "files": found.files, "rows": found.rows, "damage": found.damage}
    if found.ok:
        return output.say(f"verified: {found.rows:,} bars in {found.files} files are what was written", told)
    rows = [(one.file, one.detail) for one in found.damage]
    output.table(f"{found.manifest}: damaged", ("file", "what"), rows, told)
    raise typer.Exit(DAMAGED)


def listed(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
