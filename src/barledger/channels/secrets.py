"""Secrets: looked up where they are kept, and left out of whatever is said."""

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from barledger.errors import InvalidSetting

HIDDEN: Final = "********"
REFERENCE: Final = "env:"

# A shorter word is no secret, and leaving it out would make nonsense of a sentence.
_SHORTEST: Final = 4
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DELIMITERS: Final = re.compile(r"[/?&=#:@;,]+")


def is_reference(text: str) -> bool:
    """Whether it names a variable of the environment: ``env:SLACK_URL``."""
    return text.startswith(REFERENCE)


def resolve(text: str, *, setting: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a text, or what the variable of the environment that it names says; raises `InvalidSetting`."""
    if not is_reference(text):
        return text
    name = text.removeprefix(REFERENCE)
    if not _VARIABLE.fullmatch(name):
        raise InvalidSetting(setting=setting, reason=f"{name!r} cannot be a variable of the environment")
    value = (os.environ if environment is None else environment).get(name, "")
    if not value:
        raise InvalidSetting(setting=setting, reason=f"the environment has no {name}")
    return value


def without(text: str, secrets: tuple[str, ...]) -> str:
    """Return a text in which no part of these targets and secrets stands any more.

    >>> without("POST https://hook.invalid/T0KEN failed", ("https://hook.invalid/T0KEN",))
    'POST ******** failed'
    """
    for word in sorted(_words(secrets), key=len, reverse=True):
        text = text.replace(word, HIDDEN)
    return text


def _words(secrets: tuple[str, ...]) -> set[str]:
    """Return the secrets whole and in the parts in which another library may quote them."""
    found: set[str] = set()
    for secret in secrets:
        parts = [secret, *_parts(secret)] if "://" in secret else [secret]
        found |= {word for part in parts for word in (part, unquote(part)) if len(word) >= _SHORTEST}
    return found


def _parts(url: str) -> list[str]:
    """Return what of a URL may be secret: all but its scheme and host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return _DELIMITERS.split(url)
    words = _DELIMITERS.split(url.partition("://")[2])
    path = [parts.path, f"{parts.path}?{parts.query}", parts.netloc.rpartition("@")[0]]
    plain = {host, host.lower(), "localhost", parts.scheme, str(parts.netloc.rpartition(":")[2])}
    return [*path, *(word for word in words if word and word.lower() not in plain)]
