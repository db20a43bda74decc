"""The webhook channel: JSON by POST, signed as the Standard Webhooks specification 1.0.0 says.

The signature is base64(HMAC-SHA256(key, "{id}.{timestamp}.{body}")) in ``webhook-signature: v1,<signature>``, beside
``webhook-id`` and ``webhook-timestamp`` (seconds since 1970, of this try). The key is what follows ``whsec_``, decoded
from base64. Several secrets, separated by blanks, sign side by side, so that the other side can change over from one to
the next. Redirects are not followed.
"""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from barledger.channels.contract import Address, Channel, Message
from barledger.channels.secrets import HIDDEN, without
from barledger.errors import ChannelGone, DeliveryFailed, DeliveryRefused

PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
_LONGEST: Final = 64
_GONE: Final = 410
# Answers of a server that is at fault or under load, rather than of one that does not want this message.
_PASSING: Final = frozenset({408, 409, 425, 429})
_ACKNOWLEDGED: Final = range(200, 300)
_FAULTS: Final = range(500, 600)
# Nobody has a reason to hold back notices for longer, and a garbled number may say so.
_LONGEST_WAIT: Final = 6 * 3600.0


class WebhookChannel(Channel):
    """Posts to a URL; 2xx is success, 410 stops the channel, 429 and 5xx are tried again later."""

    def __init__(self, address: Address, *, clock: Callable[[], float] = time.time) -> None:
        """Read address and secrets; raises `InvalidSetting`."""
        super().__init__(address)
        self._clock = clock
        self._keys = [self._key(word) for word in address.secret.split()]
        self._check(address.target)

    def send(self, message: Message) -> None:
        """Post it, and look at the answer's status alone."""
        import urllib3  # noqa: PLC0415 - importing barledger stays cheap

        body = json.dumps(message.data, ensure_ascii=False, separators=(",", ":")).encode()
        timeout = urllib3.Timeout(total=self.address.timeout)
        pool = urllib3.PoolManager(num_pools=1, timeout=timeout, retries=False)
        try:
            answer = pool.request(
                "POST",
                self.address.target,
                body=body,
                headers=self.headers(message.id, body),
                redirect=False,
                preload_content=False,
            )
            status, wait = answer.status, retry_after(answer.headers, self._clock)
            answer.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise DeliveryFailed(channel=self.address.name, detail=self._told(error)) from None
        finally:
            pool.clear()
        self._judge(status, wait)

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a try that is made now."""
        timestamp = str(int(self._clock()))
        signed = f"{message_id}.{timestamp}.".encode() + body
        signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys]
        return {
            "content-type": "application/json",
            "user-agent": "barledger",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }

    def _judge(self, status: int, wait: float) -> None:
        name = self.address.name
        if status in _ACKNOWLEDGED:
            return
        if status == _GONE:
            raise ChannelGone(channel=name, detail="it answers 410 Gone")
        if status in _PASSING or status in _FAULTS:
            raise DeliveryFailed(channel=name, detail=f"it answers {status}", retry_after=wait)
        detail = f"it answers {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
        raise DeliveryRefused(channel=name, detail=detail, retry_after=wait)

    def _told(self, error: Exception) -> str:
        """Return what went wrong, without the address that the library quotes."""
        reason = getattr(error, "reason", None) or error
        text = str(reason).rpartition(">: ")[2] or str(reason)
        return without(f"{type(error).__name__}: {text}", (self.address.target, self.address.secret))

    def _key(self, secret: str) -> bytes:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
            reason = f"its secret is not {PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64"
            raise self._refuse(f"{reason}; `barledger notify secret` makes one")
        return key

    def _check(self, target: str) -> None:
        try:
            parts = urlsplit(target)
            named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            named = False
        if not named:
            raise self._refuse("its address is not http://… or https://…")
        if not self._keys:
            raise self._refuse("a webhook is signed, so it needs a secret; `barledger notify secret` makes one")

    @classmethod
    def shown(cls, target: str) -> str:
        """Return scheme and host; a path is often the secret itself."""
        try:
            parts = urlsplit(target)
            host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        except ValueError:
            return HIDDEN
        rest = f"/{HIDDEN}" if parts.path.strip("/") or parts.query else ""
        return f"{parts.scheme}://{host}{port}{rest}"


def retry_after(headers: Mapping[str, Any], clock: Callable[[], float]) -> float:
    """Return how many seconds an answer asks to wait, by RFC 9110 as a number or a date; 0 if it does not say."""
    text = str(headers.get("retry-after", "")).strip()
    try:
        wait = float(text) if text.isdecimal() else _until(text, clock)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), _LONGEST_WAIT)


def _until(text: str, clock: Callable[[], float]) -> float:
    moment = parsedate_to_datetime(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - clock()
