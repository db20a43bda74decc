"""The app: layers around routes, over one library."""

from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from barledger.api import documentation, problems
from barledger.api.compression import Compression
from barledger.api.feed import Feed
from barledger.api.metrics import Metrics
from barledger.api.options import Options
from barledger.api.requests import Requests
from barledger.api.routes import availability, bars, events, health, jobs, metrics, snapshots
from barledger.api.security.callers import Sessions
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
    jobs.ingestion,
    jobs.router,
    events.router,
)
"""What is served under `ROOT`; every route of these needs a key."""

_SHOWN: Final = ["ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Barledger-Revision", "Barledger-Digest"]


def build(bl: BarLedger, options: Options | None = None) -> FastAPI:
    """Return the app that serves a library; closing the library stays the caller's."""
    chosen = options or Options()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.options, app.state.sessions = chosen, Sessions(bl)
    app.state.rates = Rates(rate=chosen.rate, burst=chosen.burst)
    app.state.feed = Feed(bl, followers=chosen.followers, most=chosen.event_queue)
    app.state.metrics = Metrics(bl)
    for router in ROUTERS:
        app.include_router(router, prefix=ROOT)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(documentation.router)
    documentation.describe(app)
    problems.install(app, chosen)
    # The last one stands outermost.
    if chosen.compress_bytes:
        app.add_middleware(Compression, least=chosen.compress_bytes)
    if chosen.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=chosen.origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
            expose_headers=_SHOWN,
        )
    app.add_middleware(Limits, options=chosen)
    app.add_middleware(Hosts, hosts=chosen.hosts)
    app.add_middleware(SecurityHeaders, tls=chosen.tls)
    app.add_middleware(Requests, metrics=app.state.metrics)
    return app
