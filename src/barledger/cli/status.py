"""Commands that look at a library: status and doctor."""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.text import Text

from barledger import __version__
from barledger.barledger import BarLedger
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library
from barledger.errors import BarledgerError
from barledger.settings import Settings
from barledger.stores.contract import Description, Finding

_LITTLE_SPACE: Final = 1e9
_CLOCK_TOLERANCE: Final = 2.0
_HIDDEN: Final = "********"
_STYLES: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


def status(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Show settings with their origins, and what is in the library."""
    output = Output(as_json=json)
    settings = Settings()
    shown = {name: _shown(settings, name) for name in type(settings).model_fields}
    origins = settings.origins()
    with library(store, ledger, read_only=False) as opened:
        described = opened.vault.store.describe()
        facts = {
            "barledger": __version__,
            "store": f"{described.kind} at {described.location}",
            "ledger": opened.vault.ledger.location,
            **described.facts,
            "snapshots": str(len(opened.cache.snapshots())),
            "quarantined": str(len(opened.ingestion.quarantine())),
            "audit entries": str(len(opened.audit)),
            "notices waiting": str(len(opened.notifications.outbox(state="waiting", limit=None))),
            "notices given up": str(len(opened.notifications.outbox(state="given_up", limit=None))),
            "scheduled jobs": str(len(opened.schedule.list())),
            "writable": opened.vault.mismatch or "yes",
        }
    data = {"settings": {name: {"value": shown[name], "from": origins[name]} for name in shown}, "library": facts}
    if json:
        return output.json(data)
    output.table("settings", ("name", "value", "from"), [(name, shown[name], origins[name]) for name in shown], data)
    return output.table("library", ("what", "value"), facts.items(), data)


def doctor(store: Store = "", ledger: Ledger = "", json: Json = False) -> None:
    """Check servers, permissions, clocks, disk and versions, and say how to mend what is wrong; exits with 1 then."""
    import typer  # noqa: PLC0415 - only for its exit

    output = Output(as_json=json)
    with library(store, ledger, mending=True) as opened:
        findings = [*_findings(opened), *opened.vault.store.describe().findings]
    rows = [(Text(one.level, _STYLES[one.level]), one.subject, one.detail, one.next_step or None) for one in findings]
    output.table("", ("", "what", "finding", "next step"), rows, findings)
    if any(one.level == "problem" for one in findings):
        raise typer.Exit(1)


def _findings(opened: BarLedger) -> list[Finding]:
    vault = opened.vault
    found = [
        Finding(level="ok", subject="versions", detail=f"barledger {__version__}, Python {sys.version.split()[0]}")
    ]
    if vault.mismatch:
        step = "see `barledger ledger --help`"
        found.append(Finding(level="problem", subject="store and ledger", detail=vault.mismatch, next_step=step))
    else:
        found.append(Finding(level="ok", subject="store and ledger", detail="they belong together"))
    found += [
        _permission("store permissions", vault.store.check_writable),
        _permission("ledger permissions", vault.ledger.check_writable),
    ]
    drift = abs(vault.ledger.now() - time.time_ns()) / 1e9
    level = "ok" if drift < _CLOCK_TOLERANCE else "warning"
    step = "" if level == "ok" else "synchronise the clocks of this host and the ledger's"
    found.append(Finding(level=level, subject="clock", detail=f"{drift:.3f} s from the ledger's", next_step=step))
    open_work = vault.ledger.revisions.expired()
    level, step = ("warning", "run `barledger repair`") if open_work else ("ok", "")
    found.append(Finding(level=level, subject="unfinished writes", detail=str(len(open_work)), next_step=step))
    waiting = len(vault.ledger.outbox.waiting()) + len(vault.ledger.actions.unmirrored())
    if vault.store.capabilities.mirror and waiting:
        step = "run `barledger repair` when the server answers"
        found.append(Finding(level="warning", subject="mirror", detail=f"{waiting} records wait", next_step=step))
    mirrored = sum(snapshot.mirrored for snapshot in opened.cache.snapshots())
    total = len(opened.cache.snapshots())
    found.append(Finding(level="ok", subject="snapshots", detail=f"{total}, of which {mirrored} are mirrored"))
    found += _notification(opened)
    return [*found, _disk(_place(vault.store.describe(), opened.settings.home))]


def _notification(opened: BarLedger) -> list[Finding]:
    troubles = [
        Finding(level="warning", subject=one.subject, detail=one.detail, next_step=one.next_step)
        for one in opened.notifications.troubles()
    ]
    runner = opened.schedule.leader()
    jobs = sum(job.enabled for job in opened.schedule.list())
    if jobs and runner is None:
        step = "keep `barledger schedule run` running"
        troubles.append(
            Finding(level="warning", subject="schedule", detail=f"nobody runs its {jobs} jobs", next_step=step)
        )
    elif runner is not None:
        troubles.append(Finding(level="ok", subject="schedule", detail=f"run by {runner.owner}"))
    return troubles


def _permission(subject: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except BarledgerError as error:
        return Finding(level="problem", subject=subject, detail=str(error), next_step=error.advice)
    return Finding(level="ok", subject=subject, detail="it may be written")


def _place(described: Description, home: Path) -> Path:
    return Path(described.location) if described.kind == "embedded" else home


def _disk(folder: Path) -> Finding:
    place = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(place).free
    level = "ok" if free > _LITTLE_SPACE else "warning"
    step = "" if level == "ok" else "free some space"
    return Finding(level=level, subject="disk", detail=f"{free / 1e9:.1f} GB free at {place}", next_step=step)


def _shown(settings: Settings, name: str) -> str:
    if name == "token":
        return _HIDDEN if settings.token.get_secret_value() else ""
    if name == "ledger" and settings.ledger:
        from barledger.ledger.sql.engine import hidden  # noqa: PLC0415 - only where a ledger is named

        return hidden(settings.ledger)
    return str(getattr(settings, name))
