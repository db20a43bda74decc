"""Failing sources: the notice that somebody may want to hear of."""

from typing import Any, Final

from barledger.domain.notice import Notice

TOLD: Final = 10
"""So many failures are told one by one."""


def source_failing(bl: Any, source: str, failed: list[str], asked: int) -> None:
    """Tell that a source failed for so many of the series for which it was asked."""
    bl.vault.notify(
        Notice(
            kind="source_failing",
            severity="warning" if len(failed) < asked else "critical",
            subject=f"source {source} fails",
            about=source,
            body="\n".join(failed[:TOLD]),
            details={"source": source, "asked": asked, "failed": len(failed), "errors": failed[:TOLD]},
        )
    )
