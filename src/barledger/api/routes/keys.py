"""Access keys: create, list, rotate, revoke."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.conditional import Expecting
from barledger.api.documents import DOCUMENT, linked, written
from barledger.api.problems import documented
from barledger.api.response_headers import described
from barledger.api.schemas.keys import KeyAnswer, KeysAnswer, KeyWish, NewKeyAnswer
from barledger.api.schemas.reasons import NoteWish
from barledger.api.schemas.values import NAME, spared
from barledger.api.security.callers import Admin, Caller
from barledger.domain.access import AccessKey
from barledger.errors import AccessKeyNotFound, AccessKeyRevoked, AccessKeyTaken
from barledger.services.access import NewKey

router: Final = APIRouter(prefix="/keys", tags=["keys"])

_MISSING: Final = AccessKeyNotFound(key="desk")
_REVOKED: Final = AccessKeyRevoked(key="desk")
KeyName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=NAME,
        description="A key's name, or its id.",
        examples=["desk"],
    ),
]


@router.get(
    "",
    operation_id="keys",
    summary="Which keys there are",
    response_model=KeysAnswer,
    responses={**DOCUMENT, **documented()},
)
def listed(caller: Admin, request: Request) -> Response:
    """List the keys by name, without their secrets; expired and revoked ones too."""
    caller.check_all()
    return conditional.answered(request, KeysAnswer(items=[_shown(caller, one) for one in caller.bl.keys.list()]))


@router.post(
    "",
    operation_id="create_key",
    summary="Make a key",
    status_code=201,
    response_model=NewKeyAnswer,
    responses={
        201: {
            "headers": described("Location"),
            "links": linked(*((name, "key", "$response.body#/id") for name in ("key", "rotate_key", "revoke_key"))),
        },
        **documented(AccessKeyTaken(name="desk"), 413),
    },
)
def create(caller: Admin, wish: KeyWish) -> Response:
    """Make a key. Its text is in this answer and nowhere else: only a hash is kept.

    `Idempotency-Key` is not heeded, as an answer with a secret is not kept; a name that is taken is a 409, so that no
    key is made twice.
    """
    caller.check_all()
    made = caller.bl.keys.create(
        wish.name,
        scopes=list(wish.scopes),
        instruments=wish.instruments,
        expires=wish.expires,
        reason=wish.reason,
    )
    return _new(caller, made, 201)


@router.post(
    "/{key:path}/rotate",
    operation_id="rotate_key",
    summary="Give a key another secret",
    response_model=NewKeyAnswer,
    responses={200: {"headers": described()}, **documented(_MISSING, _REVOKED, 412, 413)},
)
def rotate(caller: Admin, key: KeyName, wish: Annotated[NoteWish, spared(NoteWish)], expecting: Expecting) -> Response:
    """Make another secret, and show it once; the old one is refused from now on.

    `Idempotency-Key` is not heeded, as an answer with a secret is not kept: whoever asks again gets yet another secret.
    """
    caller.check_all()
    expecting.check(lambda: _shown(caller, caller.bl.keys.get(key)))
    return _new(caller, caller.bl.keys.rotate(key, reason=wish.reason), 200)


@router.post(
    "/{key:path}/revoke",
    operation_id="revoke_key",
    summary="Refuse a key from now on",
    response_model=KeyAnswer,
    responses={200: {"headers": described()}, **documented(_MISSING, 409, 412, 413)},
)
def revoke(caller: Admin, key: KeyName, wish: Annotated[NoteWish, spared(NoteWish)], expecting: Expecting) -> Response:
    """Refuse a key for good."""
    caller.check_all()
    expecting.check(lambda: _shown(caller, caller.bl.keys.get(key)))
    return written(_shown(caller, caller.bl.keys.revoke(key, reason=wish.reason)))


@router.get(
    "/{key:named}",
    operation_id="key",
    summary="One key",
    response_model=KeyAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def get(caller: Admin, request: Request, key: KeyName) -> Response:
    """Show a key, without its secret."""
    caller.check_all()
    return conditional.answered(request, _shown(caller, caller.bl.keys.get(key)))


def _shown(caller: Caller, key: AccessKey) -> KeyAnswer:
    return KeyAnswer.of(key, caller.bl.keys.state(key))


def _new(caller: Caller, made: NewKey, status: int) -> Response:
    answer = NewKeyAnswer.made(made, caller.bl.keys.state(made.key))
    return written(answer, status=status, location=f"/api/v1/keys/{made.key.id}" if status == 201 else "")
