"""Options of sources, which may all be text, as a command line gives them."""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from barledger.errors import InvalidSetting

YES: Final = frozenset({"yes", "true", "1"})
NO: Final = frozenset({"no", "false", "0"})


@dataclass(frozen=True, slots=True)
class OptionReader:
    """Reads the options of ``whose`` (``source files``), which its errors name; every method raises `InvalidSetting`.

    >>> OptionReader("source files").count("chunk_rows", "10")
    10
    """

    whose: str

    def refused(self, option: str, reason: str) -> InvalidSetting:
        """Return the error for an option that cannot be used."""
        return InvalidSetting(setting=f"option {option} of {self.whose}", reason=reason)

    def flag(self, option: str, given: bool | str) -> bool:  # noqa: FBT001 - a value, not a switch
        """Return whether something is on."""
        text = str(given).strip().lower()
        if text not in YES | NO:
            raise self.refused(option, f"{given!r} is neither yes nor no")
        return text in YES

    def choice(self, option: str, given: str | None, choices: Any) -> Any:
        """Return a value that is one of a `Literal`'s; None stays None."""
        if given is not None and given not in get_args(choices):
            raise self.refused(option, f"{given!r} is none of {', '.join(get_args(choices))}")
        return given

    def count(self, option: str, given: int | str) -> int:
        """Return a whole number above zero."""
        try:
            count = int(given)
        except (TypeError, ValueError) as error:
            raise self.refused(option, f"{given!r} is not a whole number") from error
        if count < 1:
            raise self.refused(option, f"{given!r} is not above zero")
        return count

    def seconds(self, option: str, given: float | str, *, below: float) -> float:
        """Return a number of seconds above zero and below a bound."""
        try:
            seconds = float(given)
        except (TypeError, ValueError):
            seconds = 0.0
        if not 0 < seconds < below:
            raise self.refused(option, f"{given!r} is no number of seconds")
        return seconds

    def pairs(self, option: str, given: Mapping[str, str] | str | None, *, form: str) -> dict[str, str]:
        """Return a mapping, from text such as ``close=c,volume=v`` too; ``form`` is what the error says of a pair."""
        if given is None:
            return {}
        if isinstance(given, Mapping):
            return {str(name): str(value) for name, value in given.items()}
        pairs = [text.partition("=") for text in str(given).split(",") if text.strip()]
        for name, sign, value in pairs:
            if not (sign and name.strip() and value.strip()):
                raise self.refused(option, f"{name + sign + value!r} is not {form}")
        return {name.strip(): value.strip() for name, _, value in pairs}

    def zone(self, given: str, *, example: str) -> str:
        """Return the name of a time zone."""
        try:
            return zoneinfo.ZoneInfo(given).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
            raise self.refused("zone", f"{given!r} is not a time zone, such as UTC or {example}") from error
