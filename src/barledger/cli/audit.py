"""Commands on the audit log: looking at it, signing it, proving it; and evidence for others."""

from pathlib import Path
from typing import Annotated, Any

import typer

from barledger.cli.entries import about
from barledger.cli.output import Output, moment, plain
from barledger.cli.session import Json, Ledger, Reason, Store, library
from barledger.domain.checkpoint import entries_of
from barledger.domain.interval import format_time
from barledger.domain.note import PublicKey
from barledger.errors import InvalidSetting
from barledger.ledger.contract import AuditEntry, SignedCheckpoint
from barledger.services.audit import verify_audit, verify_evidence
from barledger.services.audit.bundle import is_bundle
from barledger.services.audit.log import AuditKey
from barledger.services.audit.receipts import Receipt
from barledger.services.audit.report import AuditVerification

app = typer.Typer(help="Who did what, when and why: list it, sign it, prove it. Without a command, lists all entries.")

Operation = Annotated[str | None, typer.Option(help="Only this kind of operation.", show_default=False)]
WRONG = 5


@app.callback(invoke_without_command=True)
def every(
    context: typer.Context,
    after: Annotated[int, typer.Option(help="Only entries above this number.")] = 0,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    operation: Operation = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """List the audit log, sign it, and prove it."""
    if context.invoked_subcommand is None:
        with library(store, ledger) as opened:
            found = opened.audit.entries(after=after, limit=limit, operation=operation)
        _list(found, json=json)


@app.command()
def tail(
    count: Annotated[int, typer.Argument(help="So many entries.", min=1)] = 20,
    limit: Annotated[
        int | None, typer.Option(help="So many entries, as the argument says.", min=1, show_default=False)
    ] = None,
    operation: Operation = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show the newest entries."""
    with library(store, ledger) as opened:
        found = opened.audit.tail(limit or count, operation=operation)
    _list(found, json=json)


@app.command()
def checkpoint(
    anchor: Annotated[
        Path | None, typer.Option(help="Add it to this file outside of the library.", show_default=False)
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Sign what the log is now; the key is made on first use."""
    with library(store, ledger) as opened:
        signed = opened.audit.checkpoint(anchor=anchor)
    Output(as_json=json).say(signed.note.removesuffix("\n"), _signed(signed))


@app.command(name="rotate-key")
def rotate_key(
    lost: Annotated[bool, typer.Option("--lost", help="The old key is gone: nobody vouches for the new one.")] = False,
    reason: Reason = "",
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Let a new key sign from now on; the old one says so in the log, and is deleted. Public keys all stay."""
    with library(store, ledger) as opened:
        signed = opened.audit.rotate_key(lost=lost, reason=reason)
        known = opened.audit.public_keys()
    output = Output(as_json=json)
    output.say(f"the key is now {signed.key}", _signed(signed))
    if not json:
        for one in known:
            output.note(str(one))


@app.command()
def keys(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """List every public key that the log had, and where it lies; a file that is missing is written again."""
    with library(store, ledger) as opened:
        found = opened.audit.public_keys()
    rows = [
        (
            one.id,
            one.entry,
            moment(one.time),
            "yes" if one.vouched else "no",
            "signs now" if one.current else "signed before",
            one.file,
        )
        for one in found
    ]
    columns = ("id", "# since entry", "when", "vouched for", "state", "file")
    Output(as_json=json).table("", columns, rows, [_key(one) for one in found])


@app.command()
def prove(
    sequence: Annotated[int, typer.Argument(help="The entry's number; with --since, not needed.", min=0)] = 0,
    since: Annotated[
        int | None, typer.Option(help="Prove instead that the log continues its first so many entries.", min=0)
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Prove that an entry is among those that the newest checkpoint signs, or that the log was only added to."""
    if (since is None) == (sequence == 0):
        raise InvalidSetting(setting="sequence", reason="give an entry's number, or --since")
    with library(store, ledger) as opened:
        told: dict[str, Any]
        if since is None:
            entry = opened.audit.prove(sequence)
            told = {"sequence": str(sequence), "body": entry.entry.body, "leaf": entry.leaf.hex()}
            ok, hashes, signed = entry.ok, entry.hashes, entry.checkpoint
            what = f"entry {sequence:,} is among the first {signed.size:,}"
        else:
            grown = opened.audit.prove_continuation(since)
            told = {"size": str(since), "root": grown.old_root.hex()}
            ok, hashes, signed = grown.ok, grown.hashes, grown.checkpoint
            verb = "is" if since == 1 else "are"
            what = f"the first {entries_of(since)} {verb} the beginning of the first {signed.size:,}"
    proof = [one.hex() for one in hashes]
    lines = [f"{'proved' if ok else 'NOT TRUE'}: {what}", *proof, "", signed.note.removesuffix("\n")]
    Output(as_json=json).say("\n".join(lines), {"ok": ok, **told, "proof": proof, "checkpoint": signed.note})
    if not ok:
        raise typer.Exit(WRONG)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="A new file.")],
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write the whole log as lines of JSON, each with its proof, to verify it elsewhere."""
    with library(store, ledger) as opened:
        made = opened.audit.export(path)
    told = {"path": str(made.path), "entries": made.entries, **_signed(made.checkpoint)}
    Output(as_json=json).say(f"{entries_of(made.entries)} written to {path}", told)


@app.command()
def verify(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="An export, or a bundle of evidence; without one, the library itself is verified.", show_default=False
        ),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The public key, a .pub file.", show_default=False)] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A file with other checkpoints, such as the anchor file; several times for several."),
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Verify an export or a bundle of evidence, which needs no library, or the library's own log.

    It exits with 5 if an entry is wrong. An older key will do where the log says that it handed over to the newer one.
    """
    if path is not None and is_bundle(path.expanduser()):
        return _verify_bundle(path, key, against, Output(as_json=json))
    if path is None:
        if against and len(against) > 1:
            raise InvalidSetting(setting="--against", reason="a library is compared with one anchor file")
        with library(store, ledger) as opened:
            found = opened.audit.verify(key=key, anchor=against[0] if against else None)
    else:
        if key is None:
            raise InvalidSetting(setting="--key", reason="name the public key, the .pub file in the data folder")
        found = verify_audit(path, key, against=against or ())
    Output(as_json=json).say(str(found), _verified(found))
    if not found.ok:
        raise typer.Exit(WRONG)
    return None


def _verify_bundle(path: Path, key: Path | None, against: list[Path] | None, output: Output) -> None:
    if key is None:
        raise InvalidSetting(setting="--key", reason="name a public key that you trust, a .pub file")
    if against:
        raise InvalidSetting(setting="--against", reason="a bundle has a part of the log only; export the log for it")
    found = verify_evidence(path, key)
    output.say(str(found), {"ok": found.ok, **plain(found)})
    if not found.ok:
        raise typer.Exit(WRONG)


@app.command()
def receipts(
    strategy: Annotated[str, typer.Argument(help="Whose.")],
    at: Annotated[
        str | None, typer.Option(help="What it had been shown by then, e.g. 2026-11-25T14:31Z.", show_default=False)
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Show what a strategy was shown, and when."""
    with library(store, ledger) as opened:
        found = opened.audit.receipts(strategy=strategy, at=at)
    rows = [
        (receipt.sequence, moment(receipt.time), receipt.purpose or None, str(shown), receipt.actor)
        for receipt in found
        for shown in receipt.shown
    ]
    columns = ("# entry", "when", "purpose", "what", "who")
    Output(as_json=json).table("", columns, rows, [_received(one) for one in found])


def evidence(
    snapshot: Annotated[str, typer.Argument(help="A snapshot's id, or strategy:<id>.")],
    to: Annotated[
        Path | None, typer.Option(help="A new file; <snapshot>.evidence.zip without it.", show_default=False)
    ] = None,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Write one bundle about a snapshot that anybody can verify with docs/verify_evidence.py."""
    target = to or Path(f"{snapshot.removeprefix('strategy:')}.evidence.zip")
    with library(store, ledger) as opened:
        made = opened.evidence(snapshot, target)
    told = {
        "path": str(made.path),
        "snapshot": made.snapshot,
        "series": made.series,
        "rows": made.rows,
        "entries": made.entries,
        "key_file": made.key_file,
        **_signed(made.checkpoint),
    }
    output = Output(as_json=json)
    output.say(f"{made}, written to {target}", told)
    if not json:
        output.note(f"it is signed by key {PublicKey.of(made.key).id.hex()}: {made.key_file or made.key}")


def _list(found: "list[AuditEntry] | Any", *, json: bool) -> None:
    rows = [(one.sequence, moment(one.time), one.actor, one.operation, about(one.data)) for one in found]
    data = [{**one.data, "time_utc": format_time(one.time)} for one in found]
    Output(as_json=json).table("", ("# entry", "when", "who", "what", "details"), rows, data)


def _signed(checkpoint: SignedCheckpoint) -> dict[str, Any]:
    return {
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "key": checkpoint.key,
        "signed_at": str(checkpoint.signed_at),
        "when": moment(checkpoint.signed_at),
        "checkpoint": checkpoint.note,
    }


def _verified(found: AuditVerification) -> dict[str, Any]:
    wrong = [{"sequence": one.sequence or None, "last": one.last or None, "told": str(one)} for one in found.wrong]
    return {
        "ok": found.ok,
        "subject": found.subject,
        "origin": found.origin,
        "entries": found.size,
        "signed": found.signed,
        "root": found.root,
        "checkpoints": found.checkpoints,
        "anchored": found.anchored,
        "keys": list(found.keys),
        "first_wrong": found.first_wrong or None,
        "wrong": wrong,
    }


def _key(one: AuditKey) -> dict[str, Any]:
    told = {"id": one.id, "key": str(one.key), "entry": str(one.entry), "time": str(one.time)}
    return {**told, "when": moment(one.time), "file": one.file, "vouched": one.vouched, "current": one.current}


def _received(receipt: Receipt) -> dict[str, Any]:
    return {
        "entry": str(receipt.sequence),
        "time": str(receipt.time),
        "when": moment(receipt.time),
        "actor": receipt.actor,
        "strategy": receipt.strategy,
        "purpose": receipt.purpose,
        "shown": list(receipt.shown),
    }
