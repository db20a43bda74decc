"""Wording: what is said of a field that is wrong, and what to do about an error of the library, over HTTP.

Of a field it is said in words and with an example, and never with what was sent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.api.schemas.problem import FieldProblem
from barledger.api.schemas.values import CURSOR, MOMENT, NAME, NAMES, NOTE, TIME
from barledger.errors import (
    AccessKeyNotFound,
    ActionConflict,
    ActionKnown,
    ActionNotFound,
    AmbiguousSource,
    ApprovalNotFound,
    BarledgerError,
    CannotAdjust,
    ChangedSince,
    ChannelGone,
    ChannelNotFound,
    ChannelTaken,
    DeliveryFailed,
    DeliveryRefused,
    DiscrepancyNotFound,
    EntryNotFound,
    IndicatorNotFound,
    InputMissing,
    InstrumentNotFound,
    InvalidAction,
    InvalidSpec,
    JobNotFound,
    JobTaken,
    JobUnfinished,
    NotPinned,
    ProposalStale,
    QueuedJobNotFound,
    QueueFull,
    RouteNotFound,
    RuleNotFound,
    SeriesNotFound,
    SoAlready,
    SourceNotFound,
    StillCounted,
    StoreDamaged,
    VersionNotFound,
)

_TIME: Final = "a date or time, such as 2024-01-31 or 2024-01-31T09:30:00Z"
_NAME: Final = "a name of 1 to 256 characters, none of them a control character"
_EVENT: Final = "the id of an event or the `next` of an answer, such as 1795658068935660612"
_LASTING: Final = "a duration, such as 30m, 12h or 7d"

EXPECTED: Final[Mapping[str, str]] = {
    f"^{TIME}$": _TIME,
    f"^([1-9][0-9]{{0,5}}[smhdw]|{TIME})$": f"{_TIME}, or a duration from now, such as 90d",
    MOMENT: _EVENT,
    NAME: _NAME,
    NOTE: "a text of at most 256 characters, none of them a control character",
    NAMES: "names of columns, separated by commas, such as open,close",
    CURSOR: "the cursor of an answer of this server, from `next` or the header Link",
    r"^[\x21-\x7e]{1,128}$": "1 to 128 visible ASCII characters without spaces, such as a UUID",
    r'^(\*|"[!#-~]{0,128}")$': 'the ETag of an answer with its quotes, such as "5f0c7a52", or *',
    r"^(job|discrepancy|notice)(,(job|discrepancy|notice)){0,2}$": "kinds, separated by commas, such as job,notice",
    r"^(raw|splits|total)$": "raw, splits or total",
    r"^([A-Za-z]{3,5})?$": "a currency of three to five letters, such as USD, or nothing",
    r"^[0-9]{1,9}[smhdw]$": _LASTING,
    r"^[0-9]{1,6}(s|m|h|d|w)$": _LASTING,
    r"^[1-9][0-9]{0,3}[smhdw]$": _LASTING,
    r"^([1-9][0-9]{0,5}[mhdwMy]|forever)$": "a duration, such as 90d, 18M or 7y, or forever",
    r"^(\*|[1-9][0-9]{0,2}[A-Za-z]{1,2})$": "a timeframe, such as 1m or 1d, or *",
}
"""What every pattern of the API asks for."""

_KINDS: Final[Mapping[str, str]] = {
    "missing": "this is required",
    "extra_forbidden": "nothing of this name is known here",
    "no_such_time": f"there is no such time; what is expected is {_TIME}",
}

NEXT_STEPS: Final[Mapping[type[BarledgerError], str]] = {
    AccessKeyNotFound: "`GET /api/v1/keys` lists those that there are.",
    ActionConflict: "Withdraw the event itself (`POST /api/v1/actions/withdraw`); reject what is not wanted.",
    ActionKnown: "Withdraw what is known (`POST /api/v1/actions/withdraw`), and say again what happened.",
    ActionNotFound: "`GET /api/v1/actions/history?instrument=...` shows all that was ever known.",
    AmbiguousSource: "Name one with the parameter source.",
    ApprovalNotFound: "`GET /api/v1/snapshots/{snapshot}/approvals` tells which strategies it is approved for.",
    CannotAdjust: "Ask for adjust=splits or for the bars as they are stored, or correct or withdraw the event "
    "(`GET /api/v1/actions` lists them).",
    ChangedSince: 'Undo the rest of them with "partial": true, or write the bars that are wanted.',
    ChannelGone: "Remove the channel, or add it again with its new address (`POST /api/v1/notifications/channels`).",
    ChannelNotFound: "`GET /api/v1/notifications/channels` lists those that there are.",
    ChannelTaken: "Choose another name, or remove that one first (`GET /api/v1/notifications/channels` lists them).",
    DeliveryFailed: "It is tried again by itself; `POST /api/v1/notifications/channels/<name>/test` tries it at once.",
    DeliveryRefused: "Check the address and the secret of the channel, then test it by "
    "`POST /api/v1/notifications/channels/<name>/test`.",
    DiscrepancyNotFound: "`GET /api/v1/discrepancies` shows those that wait, with state=all every one.",
    EntryNotFound: "`GET /api/v1/audit/entries` shows the entries with their numbers, which begin with 1.",
    IndicatorNotFound: "`GET /api/v1/indicators` lists all names.",
    InputMissing: "Name the input: {column}=close or {column}=@MSFT.close in a spec, or in `parameters` "
    '{{"{column}": "@MSFT.close"}}; there are the columns of the bars, and with @ those of other instruments.',
    InstrumentNotFound: "`GET /api/v1/instruments` lists those that are known; check the spelling.",
    InvalidAction: "Ratios and amounts are numbers above zero, as `POST /api/v1/actions` describes them in "
    "/openapi.json.",
    JobNotFound: "`GET /api/v1/schedule/jobs` lists those that there are.",
    JobTaken: "Choose another name, or remove that one first (`GET /api/v1/schedule/jobs` lists them).",
    JobUnfinished: "Wait until it is done: `GET /api/v1/jobs/<id>` says how far it is.",
    NotPinned: "Ask for what it pins{pinned} (`GET /api/v1/snapshots/<id>` lists it), or take a snapshot of this "
    "series (`POST /api/v1/data/snapshot`).",
    ProposalStale: "Let it be found again (`GET /api/v1/discrepancies` tells), then decide on the new proposal.",
    QueueFull: "Try again when some have ended, or cancel one: `GET /api/v1/jobs` lists them.",
    QueuedJobNotFound: "`GET /api/v1/jobs` lists those that there are; the oldest are forgotten.",
    RouteNotFound: "`GET /api/v1/notifications/rules` lists those that there are.",
    RuleNotFound: "`GET /api/v1/rules` lists those that there are.",
    SeriesNotFound: "`GET /api/v1/instruments` lists what there is, and `GET /api/v1/instruments/<name>` its series; "
    "`POST /api/v1/data/ingest` fetches bars from a source.",
    SoAlready: "Nothing is left to decide: it is superseded. `GET /api/v1/data/history` says who wrote it.",
    SourceNotFound: "`GET /api/v1/sources` lists those that there are; the server needs the package that brings it.",
    StillCounted: "Undo what wrote them first (`GET /api/v1/discrepancies?state=applied`), or write these bars in the "
    'shares of before; then undo this with "partial": true.',
    StoreDamaged: "`POST /api/v1/snapshots/<id>/verify` shows what is affected; whoever runs the server restores "
    "it from a backup.",
    VersionNotFound: "`GET /api/v1/snapshots`, and `GET /api/v1/data/versions` with instrument and timeframe, show the "
    "names.",
}
"""What can be done over HTTP where the library's own next step is a command or a call of Python."""


def discreet(error: BarledgerError) -> BarledgerError:
    """Return an error without what is perhaps not for everybody: which other series a snapshot pins."""
    return replace(error, pinned="") if isinstance(error, NotPinned) else error


def next_step(error: BarledgerError) -> str:
    """Return what somebody at a distance can do about an error of the library."""
    if isinstance(error, InvalidSpec) and error.spec[error.place : error.place + 1] == "," and _ENDED in error.reason:
        return "Repeat the parameter for each spec, indicators=sma(20)&indicators=rsi(14); a body has a list of them."
    step = NEXT_STEPS.get(type(error))
    # What an error advises in its own case fits better.
    if step is None or error.advice != error.next_step.format(**error.details()):
        return error.advice
    return step.format(**error.details())


# The zone of a time whose + arrives as a space.
_LOST: Final = re.compile(r"[0-9] [0-9]{2}:[0-9]{2}$")
_ENDED: Final = "nothing is expected after the spec"


def field_problem(error: Mapping[str, Any]) -> FieldProblem:
    """Return what pydantic and FastAPI found wrong with a field."""
    place: Sequence[Any] = error["loc"]
    if error["type"] == "json_invalid":
        # The place is how far the body could be read.
        place = place[:1]
    location = str(place[0])
    field = ".".join(map(str, place[1:])) or location
    return FieldProblem(location=location, field=field, code=str(error["type"]), message=_message(error))


def _message(error: Mapping[str, Any]) -> str:
    kind, place, told = error["type"], error["loc"], error.get("ctx", {})
    if kind == "json_invalid":
        return f"the body is no JSON: {told['error']} at character {place[1]}"
    if kind == "string_pattern_mismatch" and told["pattern"] in EXPECTED:
        lost = TIME in told["pattern"] and place[0] == "query" and _LOST.search(str(error.get("input", "")))
        hint = "; in an address the + of a zone is written %2B" if lost else ""
        return f"this is not what is expected: {EXPECTED[told['pattern']]}{hint}"
    if place == ("body",):
        return f"a body is {'required: ' if kind == 'missing' else ''}an object in JSON"
    return _KINDS.get(kind, str(error["msg"]))
