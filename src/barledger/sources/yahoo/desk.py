"""The desk: the edge to yfinance, which asks Yahoo.

yfinance keeps cookies and zones in files of the user's cache folder, remembers answers for as long as the process
lives, and hides errors unless a setting of the whole process says otherwise. None of that is wanted where answers are
compared with earlier ones, and none of it is changed for others in the process: the desk has a connection of its own
and looks at Yahoo's answer before yfinance does. Only what yfinance is warned of, that pandas will change, is kept from
everybody: nobody but its authors can do anything about it.
"""

import json
import logging
import threading
import warnings
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd

from barledger.errors import BarledgerError, DriverMissing, RateLimited, SourceError, SourceUnavailable
from barledger.sources.yahoo.refusals import NAME, result_in, short

_UNTRUSTED: Final = frozenset({"SSLError", "CertificateVerifyError"})

_asking: ContextVar[bool] = ContextVar("asking", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Yahoo said: yfinance's frame (times in the venue's zone), and Yahoo's own ``meta``, events and quotes."""

    frame: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """Asks Yahoo, or the server at ``url`` that speaks as Yahoo does; several threads may ask at once."""

    def __init__(self, *, url: str, timeout: float) -> None:
        """Connect to nothing yet."""
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._lock = threading.Lock()
        self._heard = threading.local()

    def ask(self, symbol: str, interval: str, start: int, end: int) -> Answer:
        """Return the bars from second ``start`` to ``end``, as Yahoo has them.

        Raises `DriverMissing`, `DataNotFound`, `SourceUnavailable`, `RateLimited` and `SourceError`.
        """
        with self._lock:
            data = self._data
        call = _Call(data, symbol)
        self._heard.wait = 0.0
        for kind in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", category=kind, module=r"yfinance\.")
        token = _asking.set(True)
        try:
            frame = self._frame(call, symbol, interval, start or 1, end)
        except BarledgerError:
            raise
        except Exception as error:
            raise self._translated(call.error or error) from error
        finally:
            _asking.reset(token)
        if call.error is not None:
            raise self._translated(call.error) from call.error
        return Answer(frame=frame, meta=call.result.get("meta") or {}, result=call.result)

    def close(self) -> None:
        """Close the connection, if there is one."""
        made = self.__dict__.pop("_data", None)
        if made is not None:
            made._session.close()  # noqa: SLF001 - yfinance has no other way to close it

    def _frame(self, call: "_Call", symbol: str, interval: str, start: int, end: int) -> pd.DataFrame:
        from yfinance.scrapers.history import PriceHistory  # noqa: PLC0415 - only where something is asked

        # The zone only serves to read starts and ends that have none; asking for it would be one more request.
        history = PriceHistory(call, symbol, "UTC", session=call.session)
        try:
            frame = history.history(
                interval=interval,
                start=start,
                end=end,
                prepost=False,
                actions=False,
                auto_adjust=False,
                back_adjust=False,
                repair=False,
                # What is no bar is decided here, not by a rule that also drops prices of zero.
                keepna=True,
                timeout=self._timeout,
            )
        except Exception:
            if call.error is None and call.empty:
                return pd.DataFrame()
            raise
        return pd.DataFrame(frame)

    @cached_property
    def _data(self) -> Any:
        """Return a connection of yfinance's that writes nothing to disk, made for this desk alone."""
        try:
            from yfinance.data import YfData  # noqa: PLC0415 - an optional package
        except ModuleNotFoundError as error:
            raise DriverMissing(package="yfinance", extra=NAME) from error

        class Data(YfData):  # type: ignore[misc] # yfinance has no types
            def _load_cookie_curlCffi(self) -> bool:  # noqa: N802 - yfinance's name
                return False

            def _save_cookie_curlCffi(self) -> bool:  # noqa: N802 - yfinance's name
                # Without a file to find it in, yfinance would fetch the cookie anew for every request.
                self._cookie = True
                return True

        logging.getLogger("yfinance").addFilter(_without_our_warnings)
        # Calling the class would give the one connection that all of the process shares.
        made = Data.__new__(Data)
        Data.__init__(made)
        self._listen(made._session)  # noqa: SLF001 - yfinance makes it, and takes no other than its own kinds
        return made

    def _listen(self, session: Any) -> None:
        """Keep what yfinance throws away, and ask another server if one is named."""
        send = session.request

        def request(method: str, url: str, *arguments: Any, **options: Any) -> Any:
            answer = send(method, self._redirected(url), *arguments, **options)
            wait = answer.headers.get("Retry-After") or ""
            self._heard.wait = float(wait) if wait.isdigit() else 0.0
            return answer

        session.request = request

    def _redirected(self, url: str) -> str:
        if not self._url:
            return url
        parts = urlsplit(url)
        return f"{self._url}{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"

    def _translated(self, error: Exception) -> BarledgerError:
        """Return the error of ours that one of yfinance's or of its HTTP client's means."""
        if isinstance(error, BarledgerError):
            return error
        told = short(str(error)) or type(error).__name__
        if type(error).__name__ == "YFRateLimitError":
            return RateLimited(source=NAME, detail=told, retry_after=getattr(self._heard, "wait", 0.0))
        if isinstance(error, OSError) and type(error).__name__ not in _UNTRUSTED:
            return SourceUnavailable(source=NAME, detail=told)
        return SourceError(source=NAME, detail=f"{library()} cannot use Yahoo's answer: {type(error).__name__}: {told}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bars:
    """An answer as yfinance is to see it: without the events, which it would spread over rows and lose the dates of."""

    text: str

    def json(self) -> Any:
        body = json.loads(self.text)
        for result in body["chart"].get("result") or ():
            result.pop("events", None)
        return body


class _Call:
    """One question: what yfinance's history needs of a connection, without its memory, and with Yahoo's answer kept."""

    def __init__(self, data: Any, symbol: str) -> None:
        self._data = data
        self._symbol = symbol
        self.error: Exception | None = None
        self.empty = False
        self.result: Mapping[str, Any] = {}

    @property
    def session(self) -> Any:
        return self._data._session  # noqa: SLF001 - as above

    def get(self, url: str, params: Any = None, timeout: float = 30) -> Any:
        try:
            answer = self._data.get(url, params, timeout)
            self.result = result_in(self._symbol, int(answer.status_code), str(answer.text))
        except Exception as error:
            # yfinance swallows what is raised here.
            self.error = error
            raise
        self.empty = not self.result.get("timestamp")
        return _Bars(text=str(answer.text))

    cache_get = get


def library() -> str:
    """Return yfinance with its version, or nothing if it is not installed."""
    try:
        return f"yfinance {metadata.version('yfinance')}"
    except metadata.PackageNotFoundError:
        return ""


def _without_our_warnings(record: logging.LogRecord) -> bool:
    """Whether a record is somebody else's: what yfinance warns of while we ask is raised as an error of ours."""
    return record.levelno < logging.WARNING or not _asking.get()
