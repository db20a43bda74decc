"""Retention: what a policy would delete. What deletes is run on the server, or by its schedule."""

from typing import Final

from fastapi import APIRouter

from barledger.api.problems import documented
from barledger.api.response_headers import described
from barledger.api.schemas.retention import RetentionAnswer, RetentionWish
from barledger.api.security.callers import Admin
from barledger.errors import InvalidPolicy

router: Final = APIRouter(prefix="/retention", tags=["retention"])

_WRONG: Final = InvalidPolicy(
    rule="1", reason="it keeps everything for ever; give keep_current, keep_editions or keep_snapshots"
)


@router.post(
    "/dry-run",
    operation_id="retention_dry_run",
    summary="What a policy would delete",
    responses={200: {"headers": described()}, **documented(_WRONG, 409, 413)},
)
def dry_run(caller: Admin, wish: RetentionWish) -> RetentionAnswer:
    """Tell what a policy would delete of each series, and delete nothing."""
    caller.check_all()
    rules = [one.model_dump(exclude_none=True, exclude_defaults=True) for one in wish.rules]
    return RetentionAnswer.of(caller.bl.cache.retain({"rules": rules}, dry_run=True))
