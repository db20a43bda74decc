"""Retention policies: how long which rows are kept.

A policy is a list of rules. For each series the first rule that matches it applies; a series that no rule matches is
kept for ever, and so is everything that a rule does not mention.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from barledger.domain.interval import END_OF_TIME
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.errors import BarledgerError, InvalidPolicy

_UNITS: Final = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_DURATION: Final = re.compile(r"(\d{1,6})([mhdwMy])")
_KEYS: Final = frozenset({"instrument", "timeframe", "source", "keep_current", "keep_editions", "keep_snapshots"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What to keep of the series that match; durations in ns, None for ever.

    ``keep_current`` counts from a bar's time, ``keep_editions`` from the time at which an edition was superseded,
    ``keep_snapshots`` (by purpose, ``*`` for the rest) from the time at which a snapshot was taken.
    """

    instrument: str = "*"
    timeframe: str = "*"
    source: str = "*"
    keep_current: int | None = None
    keep_editions: int | None = None
    keep_snapshots: Mapping[str, int | None] = field(default_factory=dict)

    def matches(self, series: Series) -> bool:
        """Whether this rule is about the series."""
        return (
            fnmatchcase(series.instrument, self.instrument)
            and self.timeframe in ("*", series.timeframe.name)
            and fnmatchcase(series.source, self.source)
        )

    def snapshot_duration(self, purpose: str) -> int | None:
        """Return how long a snapshot of this purpose is kept."""
        return self.keep_snapshots.get(purpose, self.keep_snapshots.get("*"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in order of precedence."""

    rules: tuple[Rule, ...]

    @staticmethod
    def of(config: "Policy | Sequence[Mapping[str, Any]] | Mapping[str, Any]") -> "Policy":
        """Read a policy: a list of rules, one rule, or a mapping with a list under ``rules``.

        Raises `InvalidPolicy` naming the rule.

        >>> Policy.of([{"timeframe": "1m", "keep_current": "90d"}]).rules[0].timeframe
        '1m'
        """
        if isinstance(config, Policy):
            return config
        if isinstance(config, Mapping) and "rules" in config and len(config) > 1:
            others = ", ".join(sorted(str(key) for key in config if key != "rules"))
            raise InvalidPolicy(rule="-", reason=f"beside rules stands {others}, which nothing would heed")
        rules: object = config.get("rules", [config]) if isinstance(config, Mapping) else config
        if isinstance(rules, str) or not isinstance(rules, Sequence):
            raise InvalidPolicy(rule="-", reason="a policy is a list of rules")
        return Policy(rules=tuple(_rule(number, rule) for number, rule in enumerate(rules, 1)))

    def rule_for(self, series: Series) -> Rule | None:
        """Return the first rule that matches."""
        return next((rule for rule in self.rules if rule.matches(series)), None)


def parse_duration(text: object) -> int | None:
    """Return ns for ``90d``, ``12h``, ``18M`` (of 30 days) or ``7y`` (of 365); None for ``forever``.

    Raises ValueError for anything else.
    """
    if text is None or text == "forever":
        return None
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match or not int(match[1]):
        reason = f"{text!r} is not a duration such as 90d, 12h, 18M, 7y or forever"
        raise ValueError(reason)
    duration = int(match[1]) * _UNITS[match[2]]
    if duration > END_OF_TIME:
        reason = f"{text!r} is longer than time is counted; say forever"
        raise ValueError(reason)
    return duration


def _rule(number: int, config: object) -> Rule:
    name = str(number)
    if not isinstance(config, Mapping):
        raise InvalidPolicy(rule=name, reason="it is not a mapping")
    unknown = sorted(set(map(str, config)) - _KEYS)
    if unknown:
        raise InvalidPolicy(
            rule=name, reason=f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}"
        )
    if not {"keep_current", "keep_editions", "keep_snapshots"} & set(config):
        raise InvalidPolicy(
            rule=name, reason="it keeps everything for ever; give keep_current, keep_editions or keep_snapshots"
        )
    try:
        return _read_rule(config)
    except (ValueError, BarledgerError) as error:
        raise InvalidPolicy(rule=name, reason=str(error)) from error


def _read_rule(config: Mapping[str, Any]) -> Rule:
    snapshots = config.get("keep_snapshots", {})
    if not isinstance(snapshots, Mapping):
        reason = "keep_snapshots maps a purpose (or *) to a duration"
        raise ValueError(reason)  # noqa: TRY004 - a policy's reader catches one kind
    timeframe = _text(config, "timeframe")
    return Rule(
        instrument=_pattern(_text(config, "instrument")),
        timeframe="*" if timeframe == "*" else Timeframe.of(timeframe).name,
        source=_text(config, "source"),
        keep_current=parse_duration(config.get("keep_current")),
        keep_editions=parse_duration(config.get("keep_editions")),
        keep_snapshots={str(purpose): parse_duration(kept) for purpose, kept in snapshots.items()},
    )


def _text(config: Mapping[str, Any], key: str) -> str:
    text = config.get(key, "*")
    if not isinstance(text, str):
        reason = f"{key} is one text, such as a glob, not {text!r}"
        raise ValueError(reason)  # noqa: TRY004 - a policy's reader catches one kind
    return text


def _pattern(pattern: str) -> str:
    return pattern if any(sign in pattern for sign in "*?[") else normalise_instrument(pattern)
