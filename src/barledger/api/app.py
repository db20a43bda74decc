"""The app: layers around routes, over one library."""

from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from barledger.api import documentation, problems
from barledger.api.allowed import Allowed
from barledger.api.compression import Compression
from barledger.api.feed import Feed
from barledger.api.metrics import Metrics
from barledger.api.options import Options
from barledger.api.remembering import Remembering
from barledger.api.requests import Requests
from barledger.api.routes import (
    actions,
    audit,
    availability,
    bars,
    discrepancies,
    events,
    health,
    indicators,
    instruments,
    jobs,
    keys,
    metrics,
    notifications,
    quality,
    retention,
    rules,
    schedule,
    snapshots,
    sources,
    values,
    versions,
)
from barledger.api.security.callers import Sessions
from barledger.api.security.encrypted import Encrypted
from barledger.api.security.headers import SecurityHeaders
from barledger.api.security.hosts import Hosts
from barledger.api.security.limits import Limits
from barledger.api.security.rates import Rates
from barledger.barledger import BarLedger

ROOT: Final = "/api/v1"
ROUTERS: Final[tuple[APIRouter, ...]] = (
    bars.router,
    availability.router,
    snapshots.router,
    versions.router,
    quality.router,
    indicators.router,
    values.router,
    instruments.router,
    sources.router,
    discrepancies.router,
    rules.router,
    actions.router,
    audit.router,
    notifications.router,
    schedule.router,
    retention.router,
    keys.router,
    jobs.ingestion,
    jobs.router,
    events.router,
)
"""What is served under `ROOT`; every route of these needs a key."""

_SHOWN: Final = [
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "X-Request-Id",
    "Barledger-Version",
    "Barledger-Revision",
    "Barledger-Digest",
    "Barledger-Bars-Digest",
    "Barledger-Adjustment",
    "Barledger-Adjusted",
    "Barledger-Sources",
    "Barledger-Rows",
    "Barledger-Warning",
    "Barledger-Warmup-Complete",
    "Idempotency-Replayed",
]


def build(bl: BarLedger, options: Options | None = None) -> FastAPI:
    """Return the app that serves a library; closing the library stays the caller's."""
    chosen = options or Options()
    app = routed()
    app.state.options, app.state.sessions = chosen, Sessions(bl)
    app.state.rates = Rates(rate=chosen.rate, burst=chosen.burst)
    app.state.feed = Feed(bl, followers=chosen.followers, most=chosen.event_queue)
    app.state.metrics = Metrics(bl)
    plain = (("", health.router), ("", metrics.router))
    problems.install(app, chosen, Allowed([*((ROOT, one) for one in ROUTERS), *plain]))
    # The last one stands outermost.
    app.add_middleware(
        Remembering, root=f"{ROOT}/", prefix=f"{ROOT}{bars.router.prefix}/", limit=chosen.remembered_bytes
    )
    if chosen.compress_bytes:
        app.add_middleware(Compression, least=chosen.compress_bytes)
    if chosen.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=chosen.origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "Last-Event-ID",
            ],
            expose_headers=_SHOWN,
        )
    app.add_middleware(Limits, options=chosen)
    if chosen.proxied:
        app.add_middleware(Encrypted)
    app.add_middleware(Hosts, hosts=chosen.hosts)
    app.add_middleware(SecurityHeaders, tls=chosen.tls)
    app.add_middleware(Requests, metrics=app.state.metrics)
    return app


def routed() -> FastAPI:
    """Return the app with its routes and their description, and nothing behind them."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for router in ROUTERS:
        app.include_router(router, prefix=ROOT)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(documentation.router)
    documentation.describe(app)
    return app
