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
        """Give ``args`` the rendered message, so that logging and tracebacks show it."""
        Exception.__init__(self, str(self))

    def __str__(self) -> str:
        """Render the message with the typed fields."""
        return self.message.format(**self.details())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by fields, because keyword-only fields do not survive the default."""
        return _rebuild, (type(self), self.details())

    def details(self) -> dict[str, Any]:
        """Return the typed fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def advice(self) -> str:
        """Return the next step with the typed fields filled in."""
        return self.next_step.format(**self.details())
