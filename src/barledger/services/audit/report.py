"""Reports: what checking a log found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from barledger.domain.checkpoint import entries_of

_MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is not as it should be: ``sequence`` is the entry, 0 if it is about none.

    Where it cannot be told which of several entries it is, they reach up to ``last``.
    """

    what: str
    detail: str
    sequence: int = 0
    last: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        where = self.what
        if self.sequence:
            where = f"entry {self.sequence:,}" if self.last <= self.sequence else self._span
        return f"{where}: {self.detail}"

    def holds(self, other: "Wrong") -> bool:
        """Tell whether the other is about a part of these entries."""
        mine, theirs = (max(one.last, one.sequence) for one in (self, other))
        inside = self.sequence <= other.sequence and theirs <= mine
        return inside and (self.sequence, mine) != (other.sequence, theirs)

    @property
    def _span(self) -> str:
        return f"entries {self.sequence:,} to {self.last:,}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditVerification:
    """What checking a log found; ``ok`` if every entry is what was signed.

    ``size`` and ``root`` (hex) are those of the tree, ``checkpoints`` and ``anchored`` how many signed states it was
    compared with, ``keys`` those that signed them, and ``signed`` up to which entry it is signed.
    """

    subject: str
    origin: str
    size: int
    root: str
    checkpoints: int
    anchored: int
    signed: int
    keys: tuple[str, ...]
    wrong: tuple[Wrong, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def first_wrong(self) -> int:
        """Return the first entry that is wrong, or 0 if none is.

        A stretch counts from its beginning, unless something in it is known more exactly.
        """
        about = [one for one in self.wrong if one.sequence]
        exact = [one for one in about if not any(one.holds(other) for other in about)]
        return min((one.sequence for one in exact), default=0)

    def __bool__(self) -> bool:
        """Whether nothing is wrong."""
        return self.ok

    def __str__(self) -> str:
        """Say it in lines."""
        compared = f"{self.checkpoints} checkpoints" + (f", {self.anchored} of them anchored" if self.anchored else "")
        if self.ok:
            signed = "all signed" if self.signed == self.size else f"signed up to {self.signed:,}"
            verb = "is" if self.size == 1 else "are"
            return f"verified: {entries_of(self.size)} {verb} what was written ({signed}; compared with {compared})"
        return "\n".join([f"{self.subject} is not what was written", *(f"  {one}" for one in self.wrong)])

    def __repr__(self) -> str:
        """Say it in a line."""
        told = "ok" if self.ok else f"{len(self.wrong)} wrong, the first: {self.wrong[0]}"
        return f"<AuditVerification of {entries_of(self.size)}: {told}>"


def listed(found: Iterable[Wrong]) -> tuple[Wrong, ...]:
    """Return what is wrong by the entries that it is about, and of very many the first."""
    return tuple(sorted(found, key=lambda one: (not one.sequence, one.sequence))[:_MOST])
