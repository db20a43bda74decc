"""Refusals: what Yahoo says instead of bars, as the errors of barledger."""

import json
from collections.abc import Mapping
from typing import Any, Final

from barledger.errors import BarledgerError, DataNotFound, SourceError, SourceUnavailable

NAME: Final = "yahoo"
_LONGEST: Final = 200
_EMPTY: Final = ("Data doesn't exist for startDate", "No data found for this date range")
_DOWN: Final = "Will be right back"


def result_in(symbol: str, status: int, text: str) -> Mapping[str, Any]:
    """Return the result in an answer of the chart API, empty if there is nothing in the range."""
    chart = _chart(text)
    if chart is None:
        raise _nonsense(status, text)
    told = chart.get("error") or {}
    description = str(told.get("description") or told.get("code") or "") if isinstance(told, Mapping) else str(told)
    if description.startswith(_EMPTY):
        return {}
    if description or status >= 400:
        raise _refusal(symbol, status, str(told.get("code", "")) if isinstance(told, Mapping) else "", description)
    results = chart.get("result")
    if not isinstance(results, list) or not results or not isinstance(results[0], Mapping):
        raise SourceError(source=NAME, detail=f"the answer for {symbol} has no result")
    return dict(results[0])


def _chart(text: str) -> Mapping[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    chart = body.get("chart") if isinstance(body, dict) else None
    return chart if isinstance(chart, dict) else None


def _refusal(symbol: str, status: int, code: str, description: str) -> BarledgerError:
    told = short(description) or f"status {status}"
    if status == 404 or code == "Not Found":
        return DataNotFound(what=f"source {NAME} has no {symbol}: {told}")
    if status >= 500:
        return SourceUnavailable(source=NAME, detail=told)
    return SourceError(source=NAME, detail=f"{symbol}: {told}")


def _nonsense(status: int, text: str) -> SourceError:
    told = f"status {status}, {short(text)!r}"
    # A page for people, as of a proxy or of consent, is not Yahoo's last word.
    page = status < 400 and text.lstrip().startswith("<")
    if status == 429 or status >= 500 or page or _DOWN in text:
        return SourceUnavailable(source=NAME, detail=told)
    return SourceError(source=NAME, detail=f"it answers with something else than a chart: {told}")


def short(text: str) -> str:
    """Return the beginning of a text in one line."""
    return " ".join(text.split())[:_LONGEST]
