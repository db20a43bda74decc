"""Decision rules: which discrepancies need no person."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from barledger.domain.finding import CERTAIN
from barledger.domain.series import check_name
from barledger.errors import InvalidSetting

Action = Literal["accept", "quarantine", "wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """What becomes of discrepancies of a kind and a source, from a confidence on, by itself.

    ``accept`` writes what is proposed; ``quarantine`` keeps bars that are being ingested out of the series if a finding
    is about them; ``wait`` leaves it to a person where a wider rule would not. ``kind`` and ``source`` are globs.
    ``most_bars`` limits how many bars it may concern. Of several rules that match, the most specific one counts.
    """

    name: str
    action: Action = "accept"
    kind: str = "*"
    source: str = "*"
    confidence: float = CERTAIN
    most_bars: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown action, and numbers that cannot be."""
        check_name("rule", self.name)
        if self.action not in get_args(Action):
            reason = f"{self.action!r} is none of {', '.join(get_args(Action))}"
            raise InvalidSetting(setting="action", reason=reason)
        if not 0 <= self.confidence <= 1:
            raise InvalidSetting(setting="confidence", reason=f"{self.confidence} is not in 0..1")
        if self.most_bars is not None and not self.most_bars >= 0:
            raise InvalidSetting(setting="most_bars", reason=f"{self.most_bars} is below zero")

    def matches(self, *, kind: str, source: str, confidence: float, bars: int) -> bool:
        """Whether it is about a discrepancy like this."""
        few = self.most_bars is None or bars <= self.most_bars
        named = fnmatchcase(kind, self.kind) and fnmatchcase(source, self.source)
        return named and few and confidence >= self.confidence

    @property
    def generality(self) -> tuple[object, ...]:
        """Return what orders rules, the most specific first: by source, kind, and the confidence that they ask for."""
        return (*_width(self.source), *_width(self.kind), -self.confidence, self.name)

    def __str__(self) -> str:
        """Say it in a line."""
        most = "" if self.most_bars is None else f", at most {self.most_bars} bars"
        return (
            f"{self.name}: {self.action} {self.kind} from {self.source}, confidence {self.confidence:g} or more{most}"
        )


def _width(pattern: str) -> tuple[bool, int]:
    return any(sign in pattern for sign in "*?["), -len(pattern.replace("*", ""))


def deciding(
    rules: "list[DecisionRule]", *, kind: str, source: str, confidence: float, bars: int
) -> DecisionRule | None:
    """Return the most specific rule that matches, or None."""
    matching = [one for one in rules if one.matches(kind=kind, source=source, confidence=confidence, bars=bars)]
    return min(matching, key=lambda rule: rule.generality, default=None)
