"""What an entry of the audit log was about, in a few words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from barledger.cli.output import moment

_COUNTED: Final = ("new", "changed", "withdrawn", "jitter")
_UNSAID: Final = frozenset({"pattern", "origin", "adjusted"})
_COMPARED: Final = ("blocks", "calls", "compared", "identical", "jitter")


def about(data: Mapping[str, Any]) -> str:
    """Return the part of an entry that tells what it was about; ``-`` only where there is nothing to tell."""
    for name, way in _WAYS.items():
        if data.get(name) not in (None, "", [], {}):
            told: str = way(data)
            if told:
                return told
    return str(data.get("reason") or "-")


def _series(one: Mapping[str, Any]) -> str:
    adjusted = " (adjusted)" if one.get("is_adjusted") is True else ""
    source = f" from {one['source']}" if one.get("source") else ""
    return f"{one.get('instrument', '')} {one.get('timeframe', '')}{source}{adjusted}".strip()


def _more(listed: Sequence[Any]) -> str:
    return f" and {len(listed) - 1} more" if len(listed) > 1 else ""


def _shown(data: Mapping[str, Any]) -> str:
    shown = data["shown"]
    return f"{data['strategy']}: {shown[0]['instrument']} {shown[0]['timeframe']}{_more(shown)}"


def _written(data: Mapping[str, Any]) -> str:
    series = data["series"]
    if not isinstance(series, list):
        return _compared(data, f"{series} series")
    first = series[0]
    if "code" in first:
        return f"{_series(first)}{_more(series)}: {data.get('quarantined', first.get('bars'))} bars, {first['code']}"
    counts = ", ".join(f"{first[name]} {name}" for name in _COUNTED if name in first)
    return f"{_series(first)}{_more(series)}: {counts or 'nothing'}"


def _compared(told: Mapping[str, Any], subject: str) -> str:
    counts = [f"{told[name]} {name}" for name in _COMPARED if told.get(name) is not None]
    found = told.get("discrepancies")
    counts += [f"{len(found)} {'discrepancy' if len(found) == 1 else 'discrepancies'}"] if found else []
    counts += [f"failed: {told['error']}"] if told.get("error") else []
    counts += [f"{len(told['failed'])} failed"] if told.get("failed") else []
    return f"{subject}: {', '.join(counts) or 'nothing'}"


def _reconciled(data: Mapping[str, Any]) -> str:
    """Say what one series was compared with: its name is the member's."""
    name, told = next((name, told) for name, told in data.items() if isinstance(told, dict) and "compared" in told)
    return _compared(told, f"{name} with {told.get('against', 'its source')}")


def _flagged(data: Mapping[str, Any]) -> str:
    one = data["discrepancy"]
    return f"{one['id']} {one['kind']} of {_series(one)}: {one['state']}, {one['bars']} bars"


def _told(data: Mapping[str, Any]) -> str:
    first = data["facts"][0]
    said = ", ".join(
        f"{name} {value}" for name, value in first.items() if name not in ("pattern", "origin", "adjusted")
    )
    return f"{first['pattern']}{_more(data['facts'])}: {said or 'nothing more'} (from {first['origin']})"


def _verified(data: Mapping[str, Any]) -> str:
    told = data["verified"]
    bad = str(told.get("damaged", "0"))
    state = "ok" if bad == "0" else f"{bad} damaged"
    return f"{state}: {told['bars']} bars in {told['blocks']} blocks of {told['series']} series, {told['left']} left"


def _measured(data: Mapping[str, Any]) -> str:
    listed = data["measured"]
    return f"{_series(listed[0])}{_more(listed)}: {len(listed[0]['scores'])} metrics at {listed[0]['version']}"


def _acted(data: Mapping[str, Any]) -> str:
    first = data["actions"][0]
    told = f" of {first['value']}" if first.get("value") not in ("0.0", None) else ""
    at = moment(int(first["ex_date"])).partition("T")[0]
    return f"{first['instrument']}: {first['kind']}{told} on {at} (from {first['source']}){_more(data['actions'])}"


def _channel(data: Mapping[str, Any]) -> str:
    channel = data["channel"]
    if not isinstance(channel, dict):
        return f"{channel}: {data.get('again', '0')} again"
    stopped = f", stopped: {data['stopped']}" if data.get("stopped") else ""
    return f"{channel['name']} ({channel['kind']}){stopped}"


def _route(data: Mapping[str, Any]) -> str:
    route = data["route"]
    return f"{route['channel']}: {route['kinds']} about {route['about']}, from {route['severity']} on"


def _job(data: Mapping[str, Any]) -> str:
    job = data["job"]
    if "when" in job:
        return f"{job['name']} ({job['kind']}), {job['when']}"
    cancelled = ", cancelled" if job["cancelled"] else ""
    about = f" of {job['instruments'][0]}{_more(job['instruments'])}" if job["instruments"] else ""
    return f"{job['id']} ({job['kind']}{about}){cancelled}"


def _access_key(data: Mapping[str, Any]) -> str:
    key = data["access_key"]
    return f"{key['name']} ({', '.join(key['scopes'])})"


def _halt(data: Mapping[str, Any]) -> str:
    halt = data["halt"]
    return f"{halt['instrument']} from {moment(int(halt['start']))}"


def _named(data: Mapping[str, Any]) -> str:
    if "native" in data:
        return f"{data['instrument']} is {data['native']} of {data['source']}"
    return _series(data) + (f", {data['adjust']}" if data.get("adjust") else "")


def _listed(name: str) -> Any:
    return lambda data: f"{_series(data[name][0])}{_more(data[name])}" if isinstance(data[name], list) else ""


def _plain(name: str) -> Any:
    return lambda data: str(data[name])


_WAYS: Final[Mapping[str, Any]] = {
    "snapshot": _plain("snapshot"),
    "shown": _shown,
    "discrepancy": _flagged,
    "verified": _verified,
    "damage": lambda data: f"damaged: {data['damage'][0]['series']}{_more(data['damage'])}",
    "measured": _measured,
    "facts": _told,
    "actions": _acted,
    "channel": _channel,
    "route": _route,
    "job": _job,
    "access_key": _access_key,
    "halt": _halt,
    "given_up": lambda data: f"{len(data['given_up'])} given up",
    "series": _written,
    "asked": _listed("asked"),
    "forgotten": _listed("forgotten"),
    "into": lambda data: f"into {data['into']}",
    "public_key": _plain("public_key"),
    "note": lambda data: str(data["note"]).split("\n")[0],
    "instrument": _named,
    "sources": lambda data: f"{data.get('pattern', '*')}: {', '.join(data['sources'])}",
    "pattern": _plain("pattern"),
    "name": _plain("name"),
    "operation": lambda data: _reconciled(data) if any(_is_comparison(one) for one in data.values()) else "",
}
"""By which member an entry is told of, the first that it has."""


def _is_comparison(value: Any) -> bool:
    return isinstance(value, dict) and "compared" in value
