"""Wording: what is said of a field that is wrong, in words and with an example, and never with what was sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from barledger.api.schemas.problem import FieldProblem
from barledger.api.schemas.values import CURSOR, MOMENT, NAME, NAMES, NOTE, TIME

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
        return f"this is not what is expected: {EXPECTED[told['pattern']]}"
    if place == ("body",):
        return f"a body is {'required: ' if kind == 'missing' else ''}an object in JSON"
    return _KINDS.get(kind, str(error["msg"]))
