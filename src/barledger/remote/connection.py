"""Requests to one server: the key, time-outs, TLS, proxies, and what is tried again.

A question changes nothing and may be asked again. What changes something carries an Idempotency-Key that is made once
for each call, so that the server does it once however often it comes.
"""

import json
import logging
import math
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import stamina
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from barledger.errors import (
    BarledgerError,
    Closed,
    IdempotencyPending,
    LedgerMismatch,
    NotBarledger,
    StoreDiverged,
    StoreTimeout,
    StoreUnavailable,
    TlsFailed,
)
from barledger.remote.address import ServerAddress
from barledger.remote.problems import error_of
from barledger.retrying import TOLD, leave_out_told

Answer = TypeVar("Answer")

_CONNECT: Final = 10.0
_WANTED: Final = frozenset({200, 201, 202, 204, 304})
_AGAIN: Final = frozenset({429, 502, 503, 504})
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
_LARGEST_PROBLEM: Final = 1 << 20
_MOST_PAGES: Final = 100_000
_log: Final = logging.getLogger(__name__)


class _Later(Exception):
    """A refusal after which the same request may succeed; ``seconds`` are the server's, 0 if it does not say."""

    def __init__(self, error: BarledgerError, seconds: float) -> None:
        """Keep both."""
        super().__init__(type(error).__name__)
        self.error, self.seconds = error, seconds


class Connection:
    """A pool of connections to a server; it holds the key and never shows it."""

    def __init__(self, address: ServerAddress, key: str, *, timeout: float, patience: float, agent: str) -> None:
        """Connect to nothing yet; ``timeout`` and ``patience`` are in seconds."""
        self.address = address
        self.url = str(address)
        self.timeout, self.patience = timeout, patience
        self._headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
        self._secret = f"Bearer {key}"
        self._pool: Any = _pool_for(address)

    def __repr__(self) -> str:
        """Show the address and nothing of the key."""
        return f"<Connection to {self.url}>"

    def close(self) -> None:
        """Close the connections that are not in use; what is asked afterwards raises `Closed`."""
        if self._pool is not None:
            self._pool.clear()
        self._pool = None

    # --- what is asked -------------------------------------------------------------------------

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return JSON."""
        return self.asked(_target(path, query), {"Accept": "application/json"}, self._json)

    def following(self, address: str) -> Any:
        """Return the JSON of a page that another one named; raises `NotBarledger` if it is not of this server."""
        if not address.startswith("/") or address.startswith("//"):
            raise NotBarledger(url=self.url, detail="the next page is said to be elsewhere")
        return self.asked(address, {"Accept": "application/json"}, self._json)

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the items of all pages of a list; raises `NotBarledger` for what is none."""
        told = self.get(path, query)
        items: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            try:
                items += list(told["items"])
                following = told.get("next")
            except (KeyError, TypeError, AttributeError) as error:
                raise NotBarledger(url=self.url, detail=f"an answer cannot be read: {error!r}") from None
            if following is None:
                break
            told = self.following(following)
        return items

    def asked(
        self,
        target: str,
        headers: Mapping[str, str],
        read: Callable[[urllib3.BaseHTTPResponse], Answer],
        *,
        method: str = "GET",
    ) -> Answer:
        """Return what ``read`` makes of an answer of 200 or 304; what fails on the way is asked again."""

        def attempt() -> Answer:
            with self._sent(method, target, headers) as answer:
                return read(answer)

        return self._persist(attempt)

    def post(self, path: str, body: Any) -> Any:
        """Send JSON once, however often it has to be sent, and return JSON."""
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        headers = {"Accept": "application/json", **kind, "Idempotency-Key": str(uuid.uuid4())}

        def attempt() -> Any:
            with self._sent("POST", path, headers, sent) as answer:
                return self._json(answer)

        return self._persist(attempt)

    def healthy(self) -> None:
        """Raise unless a server of barledger answers; a server that is down is not waited for."""
        try:
            with self._sent("GET", "/health", {"Accept": "application/json"}, keyless=True) as answer:
                told = self._json(answer)
        except _Later as later:
            raise later.error from None
        if not isinstance(told, dict) or told.get("status") != "ok":
            raise NotBarledger(url=self.url, detail="/health tells something else")

    # --- how it is asked -----------------------------------------------------------------------

    def _persist(self, attempt: Callable[[], Answer]) -> Answer:
        """Try until it succeeds, fails for good, or patience ends."""
        deadline = time.monotonic() + self.patience

        def judge(error: Exception) -> bool | float:
            if not isinstance(error, _Later) or error.seconds > deadline - time.monotonic():
                return False
            _log.info("%s; it is asked again", str(error.error).splitlines()[0])
            return max(error.seconds, _FIRST_WAIT) if error.seconds else True

        waits = {"wait_initial": _FIRST_WAIT, "wait_max": _LONGEST_WAIT, "wait_jitter": _FIRST_WAIT}
        leave_out_told()
        before = TOLD.set(True)
        try:
            for one in stamina.retry_context(on=judge, attempts=None, timeout=self.patience, **waits):
                with one:
                    return attempt()
        except _Later as later:
            raise later.error from None
        finally:
            TOLD.reset(before)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    @contextmanager
    def _sent(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None, *, keyless: bool = False
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give an answer whose status is right; its connection is used again only if all of it was read."""
        if self._pool is None:
            raise Closed
        shown = {} if keyless else {"Authorization": self._secret}
        try:
            answer = self._pool.request(
                method,
                self.url + target,
                body=body,
                headers={**self._headers, **headers, **shown},
                timeout=urllib3.Timeout(connect=min(_CONNECT, self.timeout), read=self.timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except HTTPError as error:
            raise self._failed(error) from None
        try:
            self._check(answer, f"{method} {target.partition('?')[0]}")
            yield answer
            # What is left is little or nothing, and the next answer must not begin with it.
            answer.drain_conn()
            answer.release_conn()
        except HTTPError as error:
            answer.close()
            raise self._failed(error) from None
        except BaseException:
            answer.close()
            raise

    def broken(self, detail: str) -> Exception:
        """Return what to raise for an answer that ends too early, so that it is asked for again."""
        return _Later(StoreUnavailable(url=self.url, detail=detail), 0.0)

    def _json(self, answer: urllib3.BaseHTTPResponse) -> Any:
        try:
            return json.loads(answer.read())
        except ValueError:
            raise NotBarledger(url=self.url, detail="what should be JSON cannot be read") from None

    def _check(self, answer: urllib3.BaseHTTPResponse, asked: str) -> None:
        """Raise what an answer says that is none of those that are wanted."""
        if answer.status in _WANTED:
            return
        body = answer.read(_LARGEST_PROBLEM)
        error = error_of(self.url, asked, answer.status, answer.headers.get("Content-Type", ""), body)
        pending = isinstance(error, IdempotencyPending)
        # A store that has lost bars has to be mended by somebody, which no patience of a request outlasts.
        lasting = isinstance(error, StoreDiverged | LedgerMismatch)
        if pending or (answer.status in _AGAIN and not lasting):
            raise _Later(error, _seconds(answer.headers.get("Retry-After", "")))
        raise error

    def _failed(self, error: HTTPError) -> Exception:
        cause = error.args[0] if error.args else None
        # A server that goes away in the middle of TLS is one that went away.
        if isinstance(error, SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return TlsFailed(url=self.url, detail=_reason(error))
        if isinstance(error, ReadTimeoutError):
            return _Later(StoreTimeout(url=self.url, detail=f"nothing came for {self.timeout:g} s"), 0.0)
        return _Later(StoreUnavailable(url=self.url, detail=_reason(error)), 0.0)


def _target(path: str, query: Mapping[str, Any] | None) -> str:
    """Return a path with its query; what is None is left out."""
    told = {name: _spelled(value) for name, value in (query or {}).items() if value is not None}
    return path + (f"?{urlencode(told, doseq=True)}" if told else "")


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


target_of: Final = _target


def _pool_for(address: ServerAddress) -> urllib3.PoolManager:
    """Return a pool that goes through the environment's proxy, but never on the way to this machine itself."""
    options: dict[str, Any] = {"maxsize": 8, "block": False}
    if address.scheme == "https":
        options["ssl_context"] = ssl.create_default_context()
    proxy = "" if address.is_loopback or proxy_bypass(address.host) else getproxies().get(address.scheme, "")
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _seconds(told: str) -> float:
    """Return how long to wait, 0 where it is not told in seconds."""
    try:
        seconds = float(told)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _reason(error: HTTPError) -> str:
    """Return the innermost cause in words; a URL that an exception shows is left out, whatever it holds."""
    cause: BaseException = error
    while True:
        inner = getattr(cause, "reason", None) or cause.__cause__
        inner = inner or next((one for one in cause.args if isinstance(one, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        cause = inner
    if isinstance(cause, ssl.SSLError):
        return str(cause.reason or cause)
    return str(getattr(cause, "strerror", None) or "") or type(cause).__name__
