"""Rules: which discrepancies are decided without a person."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.conditional import Expecting
from barledger.api.documents import DOCUMENT, written
from barledger.api.problems import documented
from barledger.api.response_headers import described
from barledger.api.schemas.reasons import NoteWish
from barledger.api.schemas.rules import RuleAnswer, RulesAnswer, RuleWish
from barledger.api.schemas.values import NAME
from barledger.api.security.callers import Caller, Decider, Reader
from barledger.errors import RuleNotFound, SourceNotFound

router: Final = APIRouter(prefix="/rules", tags=["discrepancies"])

_MISSING: Final = RuleNotFound(rule="small-corrections")
RuleName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=NAME,
        description="A rule's name.",
        examples=["small-corrections"],
    ),
]


@router.get(
    "",
    operation_id="rules",
    summary="What is decided without a person",
    response_model=RulesAnswer,
    responses={**DOCUMENT, **documented()},
)
def listed(caller: Reader, request: Request) -> Response:
    """List the rules, the most specific first."""
    answer = RulesAnswer(items=[RuleAnswer.of(one) for one in caller.bl.integrity.rules()])
    return conditional.answered(request, answer)


@router.get(
    "/{rule:named}",
    operation_id="rule",
    summary="What a rule says",
    response_model=RuleAnswer,
    responses={**DOCUMENT, **documented(_MISSING)},
)
def get(caller: Reader, request: Request, rule: RuleName) -> Response:
    """Show a rule."""
    return conditional.answered(request, _found(caller, rule))


@router.put(
    "/{rule:named}",
    operation_id="set_rule",
    summary="Set a rule",
    response_model=RuleAnswer,
    responses={
        200: {
            "headers": described(),
            "links": {
                name: {"operationId": name, "parameters": {"rule": "$response.body#/name"}}
                for name in ("rule", "remove_rule")
            },
        },
        **documented(SourceNotFound(source="yaho", known=("yahoo",)), 412, 413),
    },
)
def put(caller: Decider, rule: RuleName, wish: RuleWish, expecting: Expecting) -> Response:
    """Let discrepancies be decided by themselves; it takes the place of one of the same name."""
    caller.check_all()
    expecting.check(lambda: _found(caller, rule))
    made = caller.bl.integrity.set_rule(
        rule,
        action=wish.action,
        kind=wish.kind,
        source=wish.source,
        confidence=wish.confidence,
        most_bars=wish.most_bars,
        reason=wish.reason,
    )
    return written(RuleAnswer.of(made))


@router.delete(
    "/{rule:named}",
    operation_id="remove_rule",
    summary="Remove a rule",
    response_model=RuleAnswer,
    responses={200: {"headers": described()}, **documented(_MISSING, 412)},
)
def remove(caller: Decider, rule: RuleName, wish: Annotated[NoteWish, Query()], expecting: Expecting) -> Response:
    """Leave what it decided to people again."""
    caller.check_all()
    gone = _found(caller, rule)
    expecting.check(lambda: gone)
    caller.bl.integrity.remove_rule(rule, reason=wish.reason)
    return written(gone)


def _found(caller: Caller, name: str) -> RuleAnswer:
    for one in caller.bl.integrity.rules():
        if one.name == name:
            return RuleAnswer.of(one)
    raise RuleNotFound(rule=name)
