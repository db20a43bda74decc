"""The root of all errors: typed fields, a code and a next step."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


def _rebuild(cls: type["BarledgerError"], values: dict[str, Any]) -> "BarledgerError":
    return cls(**values)


@dataclass(kw_only=True, eq=False)
class BarledgerError(Exception):
    """Root of every error of barledger; never raised itself."""

    code: ClassVar[str] = "barledger"
    message: ClassVar[str] = "barledger failed"
    next_step: ClassVar[str] = "Report this with the steps that led to it."

    def __post_init__(self) -> None:
        """Give ``args`` the rendered message, so that logging and tracebacks show it, and the next step below it."""
        Exception.__init__(self, str(self))
        self.add_note(f"next: {self.advice}")

    def __str__(self) -> str:
        """Render the message with the typed fields."""
        return self.message.format(**self._told())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by fields, because keyword-only fields do not survive the default."""
        return _rebuild, (type(self), self.details())

    def details(self) -> dict[str, Any]:
        """Return the typed fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def advice(self) -> str:
        """Return the next step with the typed fields filled in."""
        return self.next_step.format(**self._told())

    def _told(self) -> dict[str, Any]:
        """Return the typed fields as people read them."""
        listed = {name: value for name, value in self.details().items() if isinstance(value, tuple)}
        return self.details() | {name: ", ".join(map(str, value)) for name, value in listed.items()}


class BarledgerWarning(UserWarning):
    """Root of what is said without being an error."""


class NoBars(BarledgerWarning):
    """A named source has no bars of the series, which may be a misspelling, or had none yet at a version."""


class NotCounted(BarledgerWarning):
    """Bars whose source adjusts them do not count a split that somebody declares, or nothing shows it yet."""


class Incomplete(BarledgerWarning):
    """Bars are missing though what could be fetched was fetched."""


class PluginFailed(BarledgerWarning):
    """What another distribution offers cannot be used; everything else can."""


class NotParallel(BarledgerWarning):
    """Indicators are computed in one process, though several were asked for."""


class GapsUnseen(BarledgerWarning):
    """Gaps are to be refused, and bars that are missing are not seen, as nobody said when the instrument trades."""


class Mismatch(BarledgerWarning):
    """Store and ledger do not belong together, so that nothing can be written."""


class EmptyLibrary(BarledgerWarning):
    """Nothing was ever written to a library, which may be another place than was meant."""


class ShortShards(BarledgerWarning):
    """A bucket's shards are too short for long histories."""


class ChangesWait(BarledgerWarning):
    """New bars of a followed series wait with changes that somebody has to decide about."""


class NotRefreshed(BarledgerWarning):
    """An adjusted series that is kept beside its original could not be brought up to it."""
