"""Change policies: how far a source may change the past by itself."""

from dataclasses import dataclass
from typing import Literal, get_args

from barledger.domain.interval import Interval
from barledger.errors import InvalidSetting

OnChange = Literal["apply", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicy:
    """What becomes of bars that a source gives differently from what it gave before.

    ``apply`` writes them, up to the limits; ``propose`` keeps them until somebody decides. Above a limit it is always a
    proposal: ``most_bars`` in one answer, ``most_change`` of any price (relative to the stored value: 0.1 is ten per
    cent), ``most_age`` of the oldest bar (ns before the ledger's now). None means no limit.
    """

    on_change: OnChange = "apply"
    most_bars: int | None = None
    most_change: float | None = None
    most_age: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown word and limits below zero."""
        if self.on_change not in get_args(OnChange):
            raise InvalidSetting(setting="on_change", reason=f"{self.on_change!r} is neither apply nor propose")
        for name in ("most_bars", "most_change", "most_age"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InvalidSetting(setting=name, reason=f"{value} is below zero")

    def exceeded(self, *, bars: int, change: float, interval: Interval, now: int) -> str:
        """Return which limit changes of this size break, or nothing if they may be applied."""
        if not bars:
            return ""
        if self.on_change == "propose":
            return "changes of this source are proposed"
        if self.most_bars is not None and bars > self.most_bars:
            return f"{bars} bars change, the limit is {self.most_bars}"
        if self.most_change is not None and not change <= self.most_change:
            return f"a price changes by {change:.4g} of its value, the limit is {self.most_change:.4g}"
        if self.most_age is not None and interval.start < now - self.most_age:
            return "bars change that are older than the limit"
        return ""
