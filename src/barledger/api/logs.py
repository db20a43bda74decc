"""Logs: a line of JSON for each request and each thing that the server says, without anything that is secret."""

import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

ACCESS: Final = logging.getLogger("barledger.access")
_KEYS: Final = re.compile(r"(bl_[0-9a-f]{12}_)[0-9a-f]{64}")
_FIELDS: Final = ("request_id", "method", "path", "status", "ms", "bytes", "key", "client")


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and what a record has besides."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """Leave these texts out of every line, and whatever looks like an access key."""
        super().__init__()
        self._secrets = tuple(filter(None, secrets))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(without(told, self._secrets), ensure_ascii=True)


class TextLines(JsonLines):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = json.loads(super().format(record))
        named = " ".join(f"{name}={told[name]}" for name in _FIELDS if name in told)
        error = f"\n{told['error']}" if "error" in told else ""
        return f"{told['time']} {told['level']} {told['message']} {named}".rstrip() + error


def configure(form: str, secrets: tuple[str, ...] = ()) -> None:
    """Let what the server and the library say go to stderr, as ``json`` or ``text``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines(secrets) if form == "text" else JsonLines(secrets))
    for name in ("barledger", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
    # What uvicorn says of itself is news to nobody, unless it is a warning.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


@contextmanager
def warnings_logged() -> Iterator[None]:
    """Let warnings of the library be lines of the log meanwhile; clients are told of what is theirs."""
    with warnings.catch_warnings():
        warnings.showwarning = cast("Any", _warned)
        yield


def _warned(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    logging.getLogger("barledger.api").warning("%s: %s", category.__name__, message)


def without(told: Any, secrets: tuple[str, ...]) -> Any:
    """Return texts, and members of objects, with secrets blotted out."""
    if isinstance(told, dict):
        return {name: without(value, secrets) for name, value in told.items()}
    if not isinstance(told, str):
        return told
    for secret in secrets:
        told = told.replace(secret, "…")
    return _KEYS.sub(r"\1…", told)
