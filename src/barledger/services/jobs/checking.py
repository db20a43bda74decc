"""Jobs that check: against sources, as the schedule does it, and against digests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from barledger.errors import InvalidSetting
from barledger.services.schedule import checking
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import OPTIONS as SCOPE
from barledger.services.schedule.scope import check_scope, series_in

_SCHEDULED: Final = next(kind for kind in checking.KINDS if kind.name == "reconcile")


def _reconcile(bl: Any, options: Mapping[str, Any], stop: Any) -> Mapping[str, Any]:
    """Reconcile as the schedule does, and say how many of the blocks that were due are looked at."""
    found = _SCHEDULED.run(bl, options, stop) or {}
    looked, due = found.get("blocks", 0), found.get("due", 0)
    stop.tell(looked, looked + due, "blocks")
    return found


RECONCILE: Final = replace(_SCHEDULED, run=_reconcile)


def _check(bl: Any, options: Mapping[str, Any]) -> None:
    versions = options.get("versions")
    if versions is None:
        check_scope(bl, options)
        return
    if len(options) > 1:
        raise InvalidSetting(setting="versions", reason="series are named too; one of both says what to verify")
    if not isinstance(versions, list) or not versions:
        raise InvalidSetting(setting="versions", reason="it is a list of ids of snapshots")
    for version in versions:
        bl.cache.find(version)


def _verify(bl: Any, options: Mapping[str, Any], stop: Any) -> Mapping[str, Any]:
    versions = options.get("versions")
    subjects: list[Any] = list(versions) if versions else series_in(bl, options, adjusted=True)
    damaged: list[str] = []
    rows = 0
    for done, subject in enumerate(subjects):
        stop.tell(done, len(subjects), str(subject))
        if stop.is_set():
            return {"unfinished": True}
        found = bl.cache.verify(subject) if versions else bl.cache.verify_series(subject)
        rows += found.rows
        if not found.ok:
            damaged.append(str(subject))
            checking.damaged(bl, subject, found)
    stop.tell(len(subjects), len(subjects))
    return {"verified": len(subjects), "bars": rows, "damaged": damaged, "ok": not damaged}


VERIFY: Final = JobKind(
    name="verify",
    about="read bars again and compare them with their digests",
    run=_verify,
    options={**SCOPE, "versions": "ids of snapshots, instead of series"},
    check=_check,
)
