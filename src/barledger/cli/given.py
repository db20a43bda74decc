"""What was given on the command line: options as name=value, and what cannot be left out."""

from barledger.errors import InvalidSetting


def pair(text: str) -> tuple[str, str]:
    """Return an option's name, as Python spells it, and its value; raises `InvalidSetting`."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidSetting(setting="--option", reason=f"{text!r} is not name=value")
    return name.replace("-", "_"), value


def needed(name: str, value: str | None) -> str:
    """Return what has to be given; raises `InvalidSetting` without it."""
    if not value:
        raise InvalidSetting(setting=name, reason="it has to be given")
    return value
