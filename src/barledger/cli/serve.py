"""The command that serves a library over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from barledger.api.address import Address
from barledger.api.server import Serving
from barledger.api.server import serve as run
from barledger.cli.output import Output
from barledger.cli.session import Json, Ledger, Store, library
from barledger.errors import InvalidSetting
from barledger.services.access.owner import owner_key


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
    store: Store = "",
    ledger: Ledger = "",
    json: Json = False,
) -> None:
    """Serve the library over HTTP until interrupted; requests that have begun are finished.

    Every request needs a key (`barledger keys`). On 127.0.0.1 the first start makes one for everything, in a file that
    only you can read.
    """
    if (tls_certificate is None) != (tls_key is None):
        raise InvalidSetting(setting="--tls-key", reason="certificate and key are given together")
    address = Address(host=host, port=port, encrypted=tls_certificate is not None or bool(proxy))
    address.check()
    serving = Serving(
        address=address,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        proxy=proxy,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        open_docs=open_docs,
    )
    output = Output(as_json=json)
    with library(store, ledger) as opened, address.bind() as listening:
        told = {"url": address.url, "store": opened.vault.store.describe().location}
        if address.is_loopback:
            file, made = owner_key(opened.keys, opened.settings.home, port)
            told |= {"key_file": str(file)}
            output.note(f"{'a key for everything is made' if made else 'the key is kept'} in {file}")
        elif not any(opened.keys.state(one) == "active" for one in opened.keys.list()):
            step = "Make one first: barledger keys create NAME --scope admin."
            raise InvalidSetting(setting="--host", reason=f"nobody has a key to {address.url}", advised=step)
        output.say(f"serving {told['store']} on {address.url}, its API at {address.url}/docs; Ctrl-C stops it", told)
        run(opened, serving, listening)
