"""Commands that keep a library: retention, backup, restore, repair."""

import json as jsons
from pathlib import Path
from typing import Annotated, Any

import typer

from barledger.barledger import restore_backup
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library
from barledger.errors import InvalidPolicy
from barledger.settings import Settings


def retention(
    policy: Annotated[
        Path, typer.Argument(help="A TOML file with \\[\\[rules]], or JSON.", exists=True, dir_okay=False)
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Delete; otherwise only say what would go.")] = False,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Apply a retention policy, or say what it would delete."""
    output = Output(as_json=json)
    with library(store, ledger) as opened:
        report = opened.cache.retain(_read_policy(policy), dry_run=not apply)
    rows = [(str(one.series), one.current, one.editions, one.held_back) for one in report.series]
    title = "deleted" if apply else "would delete (nothing was; use --apply)"
    output.table(title, ("series", "# current", "# editions", "# held back"), rows, report)
    if not json:
        output.note(f"snapshots: {', '.join(report.snapshots) or 'none'}; held: {', '.join(report.held) or 'none'}")


def backup(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Copy the whole library, as of one instant, into a folder that can be opened like any other."""
    output = Output(as_json=json)
    with library(store, ledger) as opened, output.progress() as progress:
        total = len(opened.vault.store.series())
        task = progress.add_task("copying", total=total)
        done = opened.back_up(folder, progress=lambda *_: progress.advance(task))
    output.say(f"{done.rows:,} rows of {done.series} series copied to {folder}", done)


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup's folder.", exists=True, file_okay=False)],
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Copy a backup into an empty store and a new ledger."""
    output = Output(as_json=json)
    settings = Settings()
    with output.progress() as progress:
        task = progress.add_task("copying", total=None)
        done = restore_backup(
            folder,
            store or settings.url or settings.home,
            token=settings.token.get_secret_value(),
            org=settings.org,
            ledger=ledger or settings.ledger,
            progress=lambda *_: progress.advance(task),
        )
    output.say(f"{done.rows:,} rows of {done.series} series restored", done)


def repair(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Repair what dead writers left, finish snapshots, mirror what waits, and tidy the store."""
    with library(store, ledger) as opened:
        count = opened.cache.repair()
    Output(as_json=json).say(f"{count} series repaired", {"repaired": count})


def _read_policy(path: Path) -> Any:
    import tomllib  # noqa: PLC0415 - only for this command

    text = path.read_text()
    try:
        return jsons.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise InvalidPolicy(rule="-", reason=f"{path} cannot be read: {error}") from error
