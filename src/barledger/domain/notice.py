"""Notices: what happened that somebody may want to hear of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, get_args

from barledger.errors import InvalidSetting

NoticeKind = Literal[
    "discrepancy",
    "correction_applied",
    "correction_undone",
    "verification_failed",
    "source_failing",
    "lag",
    "gap",
    "approved_snapshot_touched",
    "checkpoint_anchored",
    "job_failed",
    "test",
]
Severity = Literal["info", "warning", "critical"]

KINDS: Final[tuple[str, ...]] = get_args(NoticeKind)
SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened; ``subject`` is its one line, ``body`` the rest as text for people.

    ``about`` names what it is about (``AAPL 1d from yahoo``, a snapshot, a source): notices of one kind about the same
    are repeats of each other. ``details`` are plain JSON values for machines; ns times and revisions as decimal text.
    """

    kind: NoticeKind
    severity: Severity
    subject: str
    about: str = ""
    body: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which notices go to a channel: globs of kind and of what they are about, and how severe they are at least.

    >>> Route(channel="desk", kinds="correction_*").takes(Notice(kind="lag", severity="info", subject="late"))
    False
    """

    channel: str
    kinds: str = "*"
    about: str = "*"
    severity: Severity = "info"
    id: str = ""

    def takes(self, notice: Notice) -> bool:
        """Whether this notice goes to the channel."""
        return (
            fnmatchcase(notice.kind, self.kinds)
            and fnmatchcase(notice.about, self.about)
            and rank(notice.severity) >= rank(self.severity)
        )

    def check(self) -> "Route":
        """Return it; raises `InvalidSetting` if no notice could ever be taken."""
        if self.severity not in SEVERITIES:
            reason = f"{self.severity!r} is none of {', '.join(SEVERITIES)}"
            raise InvalidSetting(setting="severity", reason=reason)
        if not any(fnmatchcase(kind, self.kinds) for kind in KINDS):
            reason = f"{self.kinds!r} is no kind of notice, nor a pattern of any: {', '.join(KINDS)}"
            raise InvalidSetting(setting="kinds", reason=reason)
        if not self.about:
            raise InvalidSetting(setting="about", reason="it is empty; * means whatever it is about")
        return self

    def __str__(self) -> str:
        """Say it as a person would."""
        about = "" if self.about == "*" else f" about {self.about}"
        return f"{self.kinds}{about}, {self.severity} at least, to {self.channel}"


def rank(severity: str) -> int:
    """Return how severe that is, in comparison: the larger, the worse."""
    return SEVERITIES.index(severity)
