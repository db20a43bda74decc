"""The command that serves a library over HTTP."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from barledger.api.address import Address, check_certificate
from barledger.api.options import INDICATOR_BARS
from barledger.api.server import Serving
from barledger.api.server import serve as run
from barledger.api.workers import Library, Workers
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library
from barledger.errors import InvalidSetting
from barledger.opening import place_of
from barledger.remote.address import is_server
from barledger.services.access.owner import owner_key
from barledger.settings import Settings

_LOGS: Final[Mapping[str, Literal["json", "text"]]] = {"json": "json", "text": "text"}
_RATE: Final = 100.0


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65_535)] = 8321,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="A PEM file with the certificate.", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="A PEM file with its private key.", show_default=False)] = None,
    proxy: Annotated[
        str, typer.Option(help="The address of a proxy with TLS, whose X-Forwarded headers are believed.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that requests may use besides; may be repeated.", show_default=False),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may read answers.", show_default=False)
    ] = None,
    open_docs: Annotated[bool, typer.Option("--open-docs", help="Show /docs to who has no key.")] = False,
    open_metrics: Annotated[bool, typer.Option("--open-metrics", help="Show /metrics to who has no key.")] = False,
    workers: Annotated[int, typer.Option(help="So many processes share the port.", min=1, max=64)] = 1,
    jobs: Annotated[int, typer.Option(help="So many jobs at once in each; 0: none.", min=0)] = 2,
    schedule: Annotated[bool, typer.Option("--schedule", help="Run the schedule, too.")] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Requests a second of each key, 0 for any number; 100 if others than this machine reach it.",
            min=0,
            show_default=False,
        ),
    ] = None,
    compress: Annotated[bool, typer.Option(help="Compress text for clients that want it.")] = True,
    indicator_bars: Annotated[
        int, typer.Option(help="Bars of an instrument that one request has indicators of; 0: any number.", min=0)
    ] = INDICATOR_BARS,
    log_format: Annotated[str, typer.Option(help="Of the log on stderr: json or text.")] = "json",
    grace: Annotated[int, typer.Option(help="Seconds that requests and jobs have to end.", min=0)] = 30,
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Serve the library over HTTP until interrupted; requests that have begun are finished.

    Every request needs a key (`barledger keys`). On 127.0.0.1 the first start makes one for everything, in a file that
    only you can read.
    """
    given = store or Settings().url
    if is_server(given):
        step = "Serve the library itself: a folder, or influxdb+http://host:8086/bucket."
        raise InvalidSetting(setting="--store", reason=f"{given} is a server already", advised=step)
    if (tls_certificate is None) != (tls_key is None):
        raise InvalidSetting(setting="--tls-key", reason="certificate and key are given together")
    if tls_certificate is not None and tls_key is not None:
        check_certificate(tls_certificate, tls_key)
    address = Address(host=host, port=port, encrypted=tls_certificate is not None or bool(proxy))
    address.check()
    if log_format not in _LOGS:
        raise InvalidSetting(setting="--log-format", reason=f"{log_format!r} is none of {', '.join(_LOGS)}")
    serving = Serving(
        address=address,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        proxy=proxy,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        open_docs=open_docs,
        open_metrics=open_metrics,
        workers=workers,
        jobs=jobs,
        schedule=schedule,
        rate=(0.0 if address.is_loopback else _RATE) if rate is None else rate,
        compress=compress,
        indicator_bars=indicator_bars,
        logs=_LOGS[log_format],
        grace=grace,
    )
    output = Output(as_json=json)
    with library(store, ledger) as opened, address.bind() as listening:
        place = place_of(store or opened.settings.url, ledger or opened.settings.ledger, opened.settings)
        shared = Library(store=place.store, ledger=place.ledger)
        watch = Workers(shared, serving, listening) if workers > 1 else None
        told = {"url": address.url, "store": opened.vault.store.describe().location}
        if address.is_loopback:
            file, made = owner_key(opened.keys, opened.settings.home, port)
            told |= {"key_file": str(file)}
            output.note(f"{'a key for everything is made' if made else 'the key is kept'} in {file}")
        elif not any(opened.keys.state(one) == "active" for one in opened.keys.list()):
            step = "Make one first: barledger keys create NAME --scope admin."
            raise InvalidSetting(setting="--host", reason=f"nobody has a key to {address.url}", advised=step)
        output.say(f"serving {told['store']} on {address.url}, its API at {address.url}/docs; Ctrl-C stops it", told)
        if watch is None:
            run(opened, serving, listening)
        else:
            watch.run()
