"""Jobs that keep a library in order: retention, repair, adjusted series that are kept, and what is mirrored."""

from collections.abc import Mapping
from threading import Event
from typing import Any, Final

from barledger.domain.policy import Policy
from barledger.errors import BarledgerError, InvalidSetting
from barledger.services.cache import snapshots
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import names_in


def _check_retention(_: Any, options: Mapping[str, Any]) -> None:
    if "policy" not in options:
        raise InvalidSetting(setting="policy", reason="retention needs its rules")
    Policy.of(options["policy"])


def _retention(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    if stop.is_set():
        return {"unfinished": True}
    done = bl.cache.retain(options["policy"], dry_run=bool(options.get("dry_run", False)))
    told = {"deleted": done.deleted, "held_back": done.held_back, "snapshots": len(done.snapshots)}
    return {**told, "held": len(done.held), **({"dry_run": True} if done.dry_run else {})}


def _repair(bl: Any, _: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    return {"unfinished": True} if stop.is_set() else {"repaired": bl.cache.repair()}


def _mirror(bl: Any, _: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    """Mirror what the store has not acknowledged yet: records of snapshots, and corporate actions."""
    if stop.is_set():
        return {"unfinished": True}
    done, ledger = {"records": snapshots.deliver(bl.vault)}, bl.vault.ledger
    if not bl.vault.store.capabilities.mirror:
        return {**done, "waiting": 0}
    return {**done, "waiting": len(ledger.outbox.waiting()) + len(ledger.actions.unmirrored())}


def _check_adjust(_: Any, options: Mapping[str, Any]) -> None:
    names_in(options)


def _adjust(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    """Bring up adjusted series that are kept; one that cannot be adjusted fails the job after all others."""
    names = names_in(options)
    wanted = sorted({one.series.instrument for one in bl.actions.materialised()})
    counts = dict.fromkeys(("series", "new", "changed", "withdrawn", "same"), 0)
    errors: list[BarledgerError] = []
    for name in wanted:
        if names and name not in names:
            continue
        if stop.is_set():
            return {**counts, "unfinished": True}
        try:
            listed = bl.actions.refresh(name)
        except BarledgerError as error:
            errors.append(error)
            continue
        counts["series"] += len(listed)
        for one in listed:
            for count in ("new", "changed", "withdrawn", "same"):
                counts[count] += getattr(one, count)
    if errors:
        raise errors[0]
    return counts


KINDS: Final = (
    JobKind(
        name="retention",
        about="delete what a policy no longer keeps",
        run=_retention,
        options={"policy": "its rules", "dry_run": "only say what would go"},
        check=_check_retention,
    ),
    JobKind(name="mirror", about="mirror records and corporate actions into the store", run=_mirror),
    JobKind(name="repair", about="finish what dead writers left, and tidy the store", run=_repair),
    JobKind(
        name="adjust",
        about="bring up adjusted series that are kept, on the day of an ex-date too",
        run=_adjust,
        options={"instruments": "names, all if not given"},
        check=_check_adjust,
    ),
)
