"""Kinds of jobs: a small registry of what can be scheduled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from barledger.domain.series import check_name
from barledger.errors import InvalidSetting, JobKindMissing, JobTaken

Work = Callable[[Any, Mapping[str, Any], Event], Mapping[str, Any]]

RESERVED: Final = frozenset({"events", "key"})
"""Options that the runner adds: what set a job off, and a word that is the same if the run is made up for."""


def _anything(bl: Any, options: Mapping[str, Any]) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """What a job does: ``run(bl, options, stop)`` returns a summary of plain JSON values, or raises.

    It looks at ``stop`` between its steps, and ends early with ``{"unfinished": True}`` once it is set; it is run again
    then, so doing twice what was done must do no harm. ``options`` are their names with what they mean, ``check``
    raises for values that cannot be right.
    """

    name: str
    about: str
    run: Work = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Any, Mapping[str, Any]], None] = field(default=_anything, repr=False)


class JobKinds:
    """The kinds that a library knows, by name."""

    def __init__(self, kinds: tuple[JobKind, ...] = ()) -> None:
        """Begin with these."""
        self._kinds = {kind.name: kind for kind in kinds}

    def register(self, kind: JobKind) -> JobKind:
        """Add a kind of one's own, in every process that declares or runs such jobs; raises `JobTaken`."""
        if kind.name in self._kinds:
            raise JobTaken(name=kind.name, what="kind of job")
        taken = RESERVED & set(kind.options)
        if taken:
            raise InvalidSetting(setting=f"job kind {kind.name}", reason=f"{min(taken)} is an option of the runner")
        self._kinds[check_name("job kind", kind.name)] = kind
        return kind

    def get(self, name: str) -> JobKind:
        """Return a kind; raises `JobKindMissing`."""
        kind = self._kinds.get(name)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            raise JobKindMissing(who=f"job kind {name!r}", capability=f"there is none of that name, but {known}")
        return kind

    def checked(self, name: str, bl: Any, options: Mapping[str, Any]) -> JobKind:
        """Return a kind for these options; raises `JobKindMissing`, `InvalidSetting` and what its check raises."""
        kind = self.get(name)
        wrong = [option for option in options if option not in kind.options]
        if wrong:
            has = ", ".join(kind.options) or "none"
            raise InvalidSetting(setting=f"job kind {name}", reason=f"there is no option {wrong[0]!r}; it has {has}")
        kind.check(bl, options)
        return kind

    def all(self) -> list[JobKind]:
        """Return all of them, by name."""
        return [self._kinds[name] for name in sorted(self._kinds)]
