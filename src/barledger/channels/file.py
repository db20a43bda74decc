"""The file channel: notices as lines of JSON, each on the disk before it counts as sent."""

import json
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from barledger.channels.contract import Address, Channel, Message
from barledger.errors import DeliveryFailed

_MODE: Final = 0o666  # less what the user's mask takes away


class FileChannel(Channel):
    """Appends to ``file:/var/log/notices.jsonl`` and syncs it; a line that a crash tore is ended first."""

    def __init__(self, address: Address) -> None:
        """Read the path; raises `InvalidSetting` unless it is absolute, since processes have folders of their own."""
        super().__init__(address)
        self.path = Path(_path(address.target))
        if not self.path.is_absolute():
            raise self._refuse(f"{self.path} is no absolute path")

    def send(self, message: Message) -> None:
        """Append the line and sync the file."""
        line = json.dumps(message.data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            detail = f"{self.path}: {error.strerror or error}"
            raise DeliveryFailed(channel=self.address.name, detail=detail) from error

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
            # One write, so that lines of several processes do not mix.
            file.write(b"\n" + line if torn else line)
            os.fsync(file.fileno())

    @classmethod
    def shown(cls, target: str) -> str:
        """Return it whole: a path is no secret."""
        return target


def _path(target: str) -> str:
    parts = urlsplit(target)
    return unquote(parts.netloc + parts.path)
