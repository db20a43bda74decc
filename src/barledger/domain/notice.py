"""Notices: what happened that somebody may want to hear of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
