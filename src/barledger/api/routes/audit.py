"""The audit log: entries, proofs, checkpoints, and the keys that sign them."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.documents import DOCUMENT, LISTED, linked, written
from barledger.api.idempotency import OnceOnly
from barledger.api.keyset import Keyset, PageWish, Place, integers
from barledger.api.problems import HttpProblem, documented
from barledger.api.response_headers import described
from barledger.api.schemas.audit import (
    AuditKeyAnswer,
    AuditKeysAnswer,
    CheckpointAnswer,
    CheckpointsAnswer,
    ContinuationAnswer,
    ContinuationWish,
    EntriesAnswer,
    EntriesWish,
    EntryAnswer,
    ProofAnswer,
    ProofWish,
)
from barledger.api.schemas.reasons import NothingWish
from barledger.api.security.callers import Admin, Caller, Reader
from barledger.domain.series import Series
from barledger.errors import EntryNotFound, InvalidSetting, KeyMissing
from barledger.ledger.contract import AuditEntry, SignedCheckpoint

router: Final = APIRouter(prefix="/audit", tags=["audit"])

_MISSING: Final = EntryNotFound(sequence=1_000_000, size=4_711)
_LOST: Final = KeyMissing(key="barledger.desk+0a1b2c3d+AbCd…", folder="/var/lib/barledger")
Sequence = Annotated[
    int, Path(ge=1, le=9_223_372_036_854_775_807, description="An entry's number, from 1.", examples=[1])
]


@router.get(
    "/entries",
    operation_id="audit_entries",
    summary="Every operation that touched data",
    response_model=EntriesAnswer,
    responses={**LISTED, **documented()},
)
def entries(caller: Reader, request: Request, wish: Annotated[EntriesWish, Query()]) -> Response:
    """List entries in their order: who, when, what, and the digests before and after."""
    series = _series(caller, wish)
    keyset = Keyset(request, wish)
    (after,) = integers(keyset.after, 1) or (0,)
    found = caller.bl.audit.entries(after=after, limit=keyset.wanted, operation=wish.operation, series=series)
    page = keyset.page(found, _entry_place)
    answer = EntriesAnswer(items=[EntryAnswer.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    "/entries/{sequence}",
    operation_id="audit_entry",
    summary="One entry",
    response_model=EntryAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def entry(caller: Reader, request: Request, sequence: Sequence) -> Response:
    """Show an entry of the log."""
    caller.check_all()
    found = caller.bl.audit.entries(after=sequence - 1, limit=1)
    if not found:
        raise EntryNotFound(sequence=sequence, size=len(caller.bl.audit))
    return conditional.answered(request, EntryAnswer.of(found[0]))


@router.get(
    "/entries/{sequence}/proof",
    operation_id="prove_entry",
    summary="That an entry is among those that are signed",
    response_model=ProofAnswer,
    responses={**DOCUMENT, **documented(_MISSING, 409)},
)
def prove(caller: Reader, request: Request, sequence: Sequence, wish: Annotated[ProofWish, Query()]) -> Response:
    """Prove that an entry is among those that a checkpoint signs; with the public key, anybody can check it."""
    caller.check_all()
    signed = _signed(caller, sequence, wish.size)
    return conditional.answered(request, ProofAnswer.of(caller.bl.audit.prove(sequence, checkpoint=signed)))


@router.get(
    "/continuation",
    operation_id="prove_continuation",
    summary="That the log was only added to",
    response_model=ContinuationAnswer,
    responses={**DOCUMENT, **documented(_MISSING, 409)},
)
def continuation(caller: Reader, request: Request, wish: Annotated[ContinuationWish, Query()]) -> Response:
    """Prove that the first ``old`` entries are the beginning of what a checkpoint signs."""
    caller.check_all()
    signed = _signed(caller, wish.old, wish.size)
    proof = caller.bl.audit.prove_continuation(wish.old, checkpoint=signed)
    return conditional.answered(request, ContinuationAnswer.of(proof))


@router.get(
    "/checkpoints",
    operation_id="checkpoints",
    summary="What was signed",
    response_model=CheckpointsAnswer,
    responses={**LISTED, **documented()},
)
def checkpoints(caller: Reader, request: Request, wish: Annotated[PageWish, Query()]) -> Response:
    """List the checkpoints, by size and then by time."""
    caller.check_all()
    page = Keyset(request, wish).cut(caller.bl.audit.checkpoints(), _checkpoint_place)
    answer = CheckpointsAnswer(items=[CheckpointAnswer.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.post(
    "/checkpoints",
    operation_id="sign_checkpoint",
    summary="Sign what the log is now",
    status_code=201,
    response_model=CheckpointAnswer,
    responses={
        201: {
            "headers": described("Idempotency-Replayed"),
            "links": linked(
                ("prove_entry", "sequence", "$response.body#/size"),
                ("prove_continuation", "old", "$response.body#/size"),
            ),
        },
        **documented(_LOST),
    },
)
def sign(caller: Admin, once: OnceOnly) -> Response:
    """Sign the number of entries and the root of the tree over them; what has not grown is not signed again."""
    caller.check_all()
    return once(caller, NothingWish(), lambda: written(CheckpointAnswer.of(caller.bl.audit.checkpoint()), status=201))


@router.get(
    "/keys",
    operation_id="audit_keys",
    summary="The public keys that verify what is signed",
    response_model=AuditKeysAnswer,
    responses={**DOCUMENT, **documented()},
)
def keys(caller: Reader, request: Request) -> Response:
    """List every public key that the log names, in their order."""
    caller.check_all()
    found = caller.bl.audit.public_keys()
    return conditional.answered(request, AuditKeysAnswer(items=[AuditKeyAnswer.of(one) for one in found]))


def _series(caller: Caller, wish: EntriesWish) -> Series | None:
    """Return the series whose entries are wanted; what is about all of them needs a key for all."""
    named = (wish.instrument, wish.timeframe, wish.source)
    if wish.instrument is None or wish.timeframe is None or wish.source is None:
        if any(one is not None for one in named):
            reason = "instrument, timeframe and source name a series together; give all of them, or none"
            raise InvalidSetting(setting="instrument", reason=reason)
        caller.check_all()
        return None
    caller.check(wish.instrument)
    return Series.of(wish.instrument, wish.timeframe, wish.source)


def _signed(caller: Caller, sequence: int, size: int | None) -> SignedCheckpoint:
    """Return the checkpoint that is meant; reading signs nothing."""
    log = caller.bl.audit
    there = len(log)
    if sequence > there:
        raise EntryNotFound(sequence=sequence, size=there)
    signed = [one for one in log.checkpoints() if size in (None, one.size)]
    if not signed or signed[-1].size < sequence:
        step = "Sign what the log is now by POST /api/v1/audit/checkpoints, or have the schedule do so."
        told = {"sequence": sequence, "signed": signed[-1].size if signed else 0}
        raise HttpProblem(409, "not-signed-yet", "no checkpoint of that size signs this entry", step, fields=told)
    return signed[-1]


def _entry_place(one: AuditEntry) -> Place:
    return (one.sequence,)


def _checkpoint_place(one: SignedCheckpoint) -> Place:
    return one.size, one.signed_at
