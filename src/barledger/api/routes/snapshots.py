"""Taking snapshots, and what becomes of them: verified, approved, held, deleted."""

from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.conditional import Expecting, Precondition
from barledger.api.documents import CHANGED, DOCUMENT, LISTED, made, written
from barledger.api.idempotency import Once, OnceOnly
from barledger.api.keyset import Keyset, Place, integers
from barledger.api.problems import documented
from barledger.api.schemas.reasons import NothingWish, ReasonWish
from barledger.api.schemas.snapshots import (
    ApprovalsAnswer,
    ApprovalWish,
    RangeWish,
    RevocationWish,
    SnapshotAnswer,
    SnapshotsAnswer,
    SnapshotSummary,
    SnapshotsWish,
    SnapshotWish,
    VerificationAnswer,
)
from barledger.api.schemas.values import NAME
from barledger.api.security.callers import Caller, Reader, Snapshotter
from barledger.errors import (
    ApprovalNotFound,
    Held,
    InvalidCursor,
    InvalidSetting,
    NameTaken,
    SeriesNotFound,
    VersionNotFound,
)
from barledger.ledger.contract import Snapshot

router: Final = APIRouter(tags=["snapshots"])

_MISSING: Final = VersionNotFound(version="snap-0a1b2c3d4e5f")
_ID: Final = "$response.body#/id"
SnapshotId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=NAME,
        description="A snapshot's id, or strategy:<id> for the newest one that a strategy approved.",
        examples=["snap-0a1b2c3d4e5f"],
    ),
]


@router.post(
    "/data/snapshot",
    operation_id="take_snapshot",
    summary="Pin what series hold now",
    status_code=201,
    response_model=SnapshotAnswer,
    responses={
        **made(
            ("snapshot", "snapshot", _ID),
            ("verify_snapshot", "snapshot", _ID),
            ("hold_snapshot", "snapshot", _ID),
            ("release_snapshot", "snapshot", _ID),
            ("approve_snapshot", "snapshot", _ID),
            ("revoke_approval", "snapshot", _ID),
            ("delete_snapshot", "snapshot", _ID),
        ),
        **documented(SeriesNotFound(series="AAPL 1d"), NameTaken(name="before-the-split"), 410, 413),
    },
)
def take(caller: Snapshotter, wish: SnapshotWish, once: OnceOnly) -> Response:
    """Pin every range under one id, all of one consistent cut."""
    caller.check(*(name for one in _ranges(wish) for name in one.instruments))

    def work() -> Response:
        taken = _taken(caller, wish)
        return written(SnapshotAnswer.of(taken), status=201, location=_address(taken))

    return once(caller, wish, work)


@router.get(
    "/snapshots",
    operation_id="snapshots",
    summary="Which snapshots there are",
    response_model=SnapshotsAnswer,
    responses={**LISTED, **documented()},
)
def listed(caller: Reader, request: Request, wish: Annotated[SnapshotsWish, Query()]) -> Response:
    """List snapshots and named versions, newest first; those of instruments that the key is for."""
    keyset = Keyset(request, wish)
    page = keyset.page(_found(caller, wish, keyset), _place)
    answer = SnapshotsAnswer(items=[SnapshotSummary.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.post(
    "/snapshots/{snapshot:path}/verify",
    operation_id="verify_snapshot",
    summary="Read a snapshot's bars again",
    responses={200: {"headers": {}}, **documented(_MISSING, 410)},
)
def verify(caller: Snapshotter, snapshot: SnapshotId) -> VerificationAnswer:
    """Compare a snapshot's bars with its digests; what is not what it was is told in ``damage``."""
    found = _get(caller, snapshot)
    return VerificationAnswer.of(caller.bl.verify(found.id))


@router.post(
    "/snapshots/{snapshot:path}/approve",
    operation_id="approve_snapshot",
    summary="Approve a snapshot for a strategy",
    response_model=SnapshotAnswer,
    responses={**CHANGED, **documented(_MISSING, 409, 410, 412, 413)},
)
def approve(
    caller: Snapshotter, snapshot: SnapshotId, wish: ApprovalWish, once: OnceOnly, expecting: Expecting
) -> Response:
    """Let a strategy trade on it: its bars are verified, copied to a place of their own, and held."""
    cache = caller.bl.cache
    return _change(caller, snapshot, wish, once, expecting, lambda one: cache.approve(one, strategy=wish.strategy))


@router.post(
    "/snapshots/{snapshot:path}/revoke",
    operation_id="revoke_approval",
    summary="Take an approval back",
    response_model=SnapshotAnswer,
    responses={
        **CHANGED,
        **documented(_MISSING, ApprovalNotFound(snapshot="snap-0a1b2c3d4e5f", strategy="momentum-7"), 409, 412, 413),
    },
)
def revoke(
    caller: Snapshotter, snapshot: SnapshotId, wish: RevocationWish, once: OnceOnly, expecting: Expecting
) -> Response:
    """Let a strategy trade on it no more; the snapshot stays, and so does a legal hold."""

    def work(name: str) -> Snapshot:
        return caller.bl.cache.revoke(name, strategy=wish.strategy, reason=wish.reason)

    return _change(caller, snapshot, wish, once, expecting, work)


@router.post(
    "/snapshots/{snapshot:path}/hold",
    operation_id="hold_snapshot",
    summary="Place a legal hold",
    response_model=SnapshotAnswer,
    responses={**CHANGED, **documented(_MISSING, 409, 412, 413)},
)
def hold(caller: Snapshotter, snapshot: SnapshotId, wish: ReasonWish, once: OnceOnly, expecting: Expecting) -> Response:
    """Keep a snapshot from being deleted, for a reason."""
    cache = caller.bl.cache
    return _change(caller, snapshot, wish, once, expecting, lambda one: cache.hold(one, reason=wish.reason))


@router.post(
    "/snapshots/{snapshot:path}/release",
    operation_id="release_snapshot",
    summary="Release a hold",
    response_model=SnapshotAnswer,
    responses={**CHANGED, **documented(_MISSING, 409, 412, 413)},
)
def release(
    caller: Snapshotter, snapshot: SnapshotId, wish: ReasonWish, once: OnceOnly, expecting: Expecting
) -> Response:
    """Let a snapshot be deleted again, for a reason."""
    cache = caller.bl.cache
    return _change(caller, snapshot, wish, once, expecting, lambda one: cache.release(one, reason=wish.reason))


@router.get(
    "/snapshots/{snapshot:path}/approvals",
    operation_id="approvals",
    summary="For which strategies a snapshot is approved",
    response_model=ApprovalsAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def approvals(caller: Reader, request: Request, snapshot: SnapshotId) -> Response:
    """List the strategies that may trade on it, by name."""
    found = _get(caller, snapshot)
    answer = ApprovalsAnswer(snapshot=found.id, items=caller.bl.cache.approvals(found.id))
    return conditional.answered(request, answer)


@router.get(
    "/snapshots/{snapshot:named}",
    operation_id="snapshot",
    summary="What a snapshot pins",
    response_model=SnapshotAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def get(caller: Reader, request: Request, snapshot: SnapshotId) -> Response:
    """Show a snapshot with every pin."""
    return conditional.answered(request, SnapshotAnswer.of(_get(caller, snapshot)))


@router.delete(
    "/snapshots/{snapshot:named}",
    operation_id="delete_snapshot",
    summary="Unpin a snapshot",
    response_model=SnapshotAnswer,
    responses={
        **CHANGED,
        **documented(_MISSING, Held(name="snap-0a1b2c3d4e5f", reason="case 7"), 412),
    },
)
def delete(caller: Snapshotter, snapshot: SnapshotId, once: OnceOnly, expecting: Expecting) -> Response:
    """Let go of what a snapshot pins; its record and its audit entries stay. One that is held is refused."""
    return _change(caller, snapshot, NothingWish(), once, expecting, caller.bl.cache.delete)


# --- parts -----------------------------------------------------------------------------------------


def _get(caller: Caller, name: str) -> Snapshot:
    found = caller.bl.cache.find(name)
    caller.check(*_instruments(found))
    return found


def _change(
    caller: Caller,
    name: str,
    wish: BaseModel,
    once: Once,
    expecting: Precondition,
    change: Callable[[str], Snapshot],
) -> Response:
    def work() -> Response:
        found = _get(caller, name)
        expecting.check(lambda: SnapshotAnswer.of(found))
        return written(SnapshotAnswer.of(change(found.id)))

    return once(caller, wish, work)


def _found(caller: Caller, wish: SnapshotsWish, keyset: Keyset) -> list[Snapshot]:
    """Return the next snapshots that the key may see, one more than a page has."""
    before = _before(keyset.after)
    shown: list[Snapshot] = []
    while len(shown) < keyset.wanted:
        found = caller.bl.cache.snapshots(
            strategy=wish.strategy, purpose=wish.purpose, before=before, limit=keyset.wanted
        )
        shown += [one for one in found if all(map(caller.key.covers, _instruments(one)))]
        if len(found) < keyset.wanted:
            break
        before = (found[-1].created_at, found[-1].id)
    return shown[: keyset.wanted]


def _before(place: Place | None) -> tuple[int, str] | None:
    if place is None:
        return None
    if len(place) != 2 or not isinstance(place[1], str):
        raise InvalidCursor(reason="it is not one of this server")
    (time,) = integers(place[:1], 1) or (0,)
    return time, place[1]


def _place(one: Snapshot) -> Place:
    return one.created_at, one.id


def _address(snapshot: Snapshot) -> str:
    return f"/api/v1/snapshots/{quote(snapshot.id, safe='')}"


def _instruments(snapshot: Snapshot) -> set[str]:
    return {pin.series.instrument for pin in snapshot.pins}


def _ranges(wish: SnapshotWish) -> list[RangeWish]:
    """Return what is to be pinned; raises `InvalidSetting` unless it is said in one of the two ways."""
    plain = wish.instruments is not None or wish.timeframes is not None
    if wish.ranges is not None and not plain:
        return wish.ranges
    if wish.ranges is not None or wish.instruments is None or wish.timeframes is None:
        raise InvalidSetting(setting="ranges", reason="give instruments and timeframes, or a list of ranges")
    return [
        RangeWish(
            instruments=wish.instruments,
            timeframes=wish.timeframes,
            start_date=wish.start_date,
            end_date=wish.end_date,
            source=wish.source,
        )
    ]


def _taken(caller: Snapshotter, wish: SnapshotWish) -> Snapshot:
    ranges = [
        {
            "instruments": one.instruments,
            "timeframes": one.timeframes,
            "start": one.start_date,
            "end": one.end_date,
            "source": one.source,
        }
        for one in _ranges(wish)
    ]
    return caller.bl.cache.snapshot_of(ranges, purpose=wish.purpose, strategy=wish.strategy, id=wish.id)
