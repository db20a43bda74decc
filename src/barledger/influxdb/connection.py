"""Requests to one server: authentication, time-outs, and what is tried again.

Every request here may be sent twice without harm: points are replaced by equal points, a deletion finds nothing left,
a query changes nothing. So whatever the fate of a request is unknown, or the server says that it cannot now, the same
request goes out again, until the caller's patience or its guard ends.
"""

import base64
import json
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from barledger.errors import (
    InvalidSetting,
    NotInfluxDB,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
    TlsFailed,
)
from barledger.influxdb.msgpack import Decoder, Unreadable
from barledger.influxdb.refusals import failure, refusal, temporary

Answer = TypeVar("Answer")
Guard = Callable[[], float]
"""Returns the seconds that the next request may take, or raises what stops the caller."""

_FIRST_NAP: Final = 0.05
_LONGEST_NAP: Final = 2.0
_PIECE: Final = 1 << 20
_FORM: Final = "application/x-www-form-urlencoded"
_MESSAGES: Final = "application/x-msgpack"


class _Later(Exception):
    """The server names the seconds after which the same request may succeed."""

    def __init__(self, error: StoreError, seconds: float) -> None:
        """Keep both."""
        super().__init__(str(error))
        self.error, self.seconds = error, seconds


class Connection:
    """A pool of connections to the server at ``url``, which holds no secret and may be shown."""

    def __init__(self, url: str, *, timeout: float, patience: float) -> None:
        """Connect to nothing yet; raises `InvalidSetting` for what is no HTTP URL."""
        self.url = checked_url(url)
        self.timeout = timeout
        self.patience = patience
        self._path = urllib3.util.parse_url(self.url).path or ""
        self._pool = urllib3.connection_from_url(self.url, maxsize=8, block=False)
        self._secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show the address and nothing of the credentials."""
        return f"Connection({self.url!r})"

    def authenticate(self, *, basic: str, token: str) -> None:
        """Send ``basic`` (``user:password``) with /write and /query, and ``token`` with /api; empty means neither."""
        if basic:
            self._secrets["basic"] = "Basic " + base64.b64encode(basic.encode()).decode()
        if token:
            self._secrets["token"] = f"Token {token}"

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.close()

    # --- what is asked -----------------------------------------------------------------------

    def ping(self) -> Mapping[str, str]:
        """Return the headers that tell the server's version; a server that is down is not waited for."""
        answer = self._send("GET", "/ping", limit=min(self.timeout, 10.0))
        if answer.status >= 400 and "cluster-uuid" not in answer.headers:
            error = refusal(self.url, answer.status, answer.data)
            if isinstance(error, TlsFailed | StoreUnavailable):
                raise error
            raise NotInfluxDB(url=self.url, detail=f"/ping answers with status {answer.status}")
        return {name.lower(): value for name, value in answer.headers.items()}

    def post_lines(self, database: str, lines: bytes, guard: Guard) -> None:
        """Write lines; returns when the server has said that they are durable."""
        path = f"/write?db={quote(database, safe='')}&precision=ns"

        def attempt(limit: float) -> None:
            answer = self._send("POST", path, limit=limit, body=lines, kind="text/plain; charset=utf-8")
            self._expect(answer, 204)

        self._persist(attempt, guard)

    def execute(
        self, statement: str, *, database: str = "", guard: Guard | None = None, after_timeout: bool = True
    ) -> list[dict[str, Any]]:
        """Run InfluxQL and return its results, each without an error.

        Without ``after_timeout`` a request that took too long is not sent again, since the server may be at it still.
        """
        body = urlencode({"q": statement, "db": database, "epoch": "ns"}).encode()

        def attempt(limit: float) -> list[dict[str, Any]]:
            answer = self._send("POST", "/query", limit=limit, body=body, kind=_FORM, accept="application/json")
            self._expect(answer, 200)
            return self._results(answer.data)

        return self._persist(attempt, guard, after_timeout=after_timeout)

    def select(self, statements: Sequence[str], *, database: str) -> Decoder:
        """Run SELECT statements and return their rows, all of them or an error."""
        form = {"q": ";".join(statements), "db": database, "epoch": "ns", "chunked": "true"}
        body = urlencode(form).encode()

        def attempt(limit: float) -> Decoder:
            answer = self._send("POST", "/query", limit=limit, body=body, kind=_FORM, accept=_MESSAGES, stream=True)
            try:
                decoder = self._decoded(answer, len(statements))
            except BaseException:
                # What is left of the answer must not be taken for the next one.
                answer.close()
                raise
            answer.release_conn()
            return decoder

        return self._persist(attempt, None)

    def api(self, method: str, path: str, payload: Any = None) -> tuple[int, Any]:
        """Call the API of 2.x; returns the status and the answer, whatever they say."""
        body = None if payload is None else json.dumps(payload).encode()

        def attempt(limit: float) -> tuple[int, Any]:
            answer = self._send(method, path, limit=limit, body=body, kind="application/json", secret="token")  # noqa: S106 - the name of one
            error = refusal(self.url, answer.status, answer.data)
            if answer.status >= 500 and temporary(error):
                raise error
            return answer.status, _json(answer.data)

        return self._persist(attempt, None)

    # --- how it is asked ---------------------------------------------------------------------

    def _persist(
        self, attempt: Callable[[float], Answer], guard: Guard | None, *, after_timeout: bool = True
    ) -> Answer:
        """Try until the request succeeds, fails for good, or patience ends."""
        deadline, nap = time.monotonic() + self.patience, _FIRST_NAP
        while True:
            limit = self.timeout if guard is None else min(self.timeout, guard())
            try:
                return attempt(limit)
            except _Later as later:
                wait, error = later.seconds, later.error
            except StoreError as refused:
                wait, error = 0.0, refused
            left = deadline - time.monotonic()
            final = isinstance(error, StoreTimeout) and not after_timeout
            if final or not temporary(error) or left <= 0:
                raise error
            time.sleep(min(max(wait, nap * random.uniform(0.5, 1.0)), left))  # noqa: S311 - spreads writers
            nap = min(nap * 2, _LONGEST_NAP)

    def _send(
        self,
        method: str,
        path: str,
        *,
        limit: float,
        body: bytes | None = None,
        kind: str = "",
        accept: str = "",
        secret: str = "basic",  # noqa: S107 - the name of one
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": "barledger"}
        if kind:
            headers["Content-Type"] = kind
        if accept:
            headers["Accept"] = accept
        if secret in self._secrets:
            headers["Authorization"] = self._secrets[secret]
        try:
            return self._pool.request(
                method,
                self._path + path,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=limit / 2, read=limit / 2),
                retries=False,
                redirect=False,
                preload_content=not stream,
            )
        except HTTPError as error:
            raise self._transport_error(error) from None

    def _expect(self, answer: urllib3.BaseHTTPResponse, status: int) -> None:
        if answer.status == status:
            return
        told = answer.headers.get("X-Influxdb-Error", "").encode()
        error = refusal(self.url, answer.status, told or answer.data)
        wait = answer.headers.get("Retry-After", "")
        if wait.isdigit() and temporary(error):
            raise _Later(error, float(wait))
        raise error

    def _decoded(self, answer: urllib3.BaseHTTPResponse, statements: int) -> Decoder:
        self._expect(answer, 200)
        if answer.headers.get("Content-Type", "") != _MESSAGES:
            raise NotInfluxDB(url=self.url, detail=f"it answers a query with {answer.headers.get('Content-Type')!r}")
        decoder = Decoder()
        try:
            while data := answer.read(_PIECE):
                decoder.feed(data)
        except HTTPError as error:
            raise self._transport_error(error) from None
        except Unreadable as error:
            raise StoreUnavailable(url=self.url, detail=f"an answer cannot be read: {error}") from None
        if decoder.errors:
            raise failure(self.url, decoder.errors[0])
        if not decoder.complete or len(decoder.answered) < statements:
            raise StoreUnavailable(url=self.url, detail="an answer ends too early")
        return decoder

    def _results(self, data: bytes) -> list[dict[str, Any]]:
        answer = _json(data)
        if not isinstance(answer, dict) or not isinstance(
            answer.get("results", answer.get("error", {})), list | str | dict
        ):
            raise NotInfluxDB(url=self.url, detail="it answers a query with something else than results")
        results: list[dict[str, Any]] = answer.get("results", [])
        for told in [answer.get("error"), *(result.get("error") for result in results)]:
            if told:
                raise failure(self.url, str(told))
        return results

    def _transport_error(self, error: HTTPError) -> StoreError:
        reason = _reason(error)
        if isinstance(error, SSLError) and not isinstance(error.args[0], ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return TlsFailed(url=self.url, detail=reason)
        if isinstance(error, ReadTimeoutError):
            return StoreTimeout(url=self.url, detail=reason)
        return StoreUnavailable(url=self.url, detail=reason)


def checked_url(url: str) -> str:
    """Return the server's address without a trailing slash; raises `InvalidSetting` and never shows a secret."""
    try:
        parts = urllib3.util.parse_url(url)
    except HTTPError:
        raise InvalidSetting(setting="url", reason="it cannot be read as a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise InvalidSetting(setting="url", reason="it is not of the form http://host:8086 or https://host:8086")
    if parts.auth:
        raise InvalidSetting(setting="url", reason="it contains a user or password; give them as the token")
    if parts.query or parts.fragment:
        raise InvalidSetting(setting="url", reason="it has a query or fragment; the bucket is a setting of its own")
    return parts.url.rstrip("/")


def _reason(error: HTTPError) -> str:
    """Return the innermost cause in words."""
    cause: BaseException = error
    while True:
        inner = (
            getattr(cause, "reason", None)
            or cause.__cause__
            or next((argument for argument in cause.args if isinstance(argument, BaseException)), None)
        )
        if not isinstance(inner, BaseException):
            break
        cause = inner
    if isinstance(cause, ssl.SSLError):
        return str(cause.reason or cause)
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data else {}
    except ValueError:
        return None
