"""Taking snapshots."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from barledger.api.idempotency import OnceOnly
from barledger.api.problems import documented
from barledger.api.schemas.snapshots import RangeWish, SnapshotAnswer, SnapshotWish
from barledger.api.security.callers import Snapshotter
from barledger.errors import InvalidSetting
from barledger.ledger.contract import Snapshot

router: Final = APIRouter(prefix="/data/snapshot", tags=["snapshots"])


@router.post(
    "",
    operation_id="take_snapshot",
    summary="Pin what series hold now",
    status_code=201,
    response_model=SnapshotAnswer,
    responses=documented(404, 409, 410, 413),
)
def take(caller: Snapshotter, wish: SnapshotWish, once: OnceOnly) -> Response:
    """Pin every range under one id, all of one consistent cut."""
    caller.check(*(name for one in _ranges(wish) for name in one.instruments))

    def work() -> Response:
        answer = SnapshotAnswer.of(_taken(caller, wish))
        return Response(answer.model_dump_json(), 201, media_type="application/json")

    return once(caller, wish, work)


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
