"""Addresses: where the server listens, and whether that is safe."""

import errno
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from barledger.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a port; ``encrypted`` says that TLS, or a proxy that has it, stands before it."""

    host: str
    port: int
    encrypted: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host.casefold() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Return it as clients name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.encrypted else 'http'}://{host}:{self.port}"

    def check(self) -> None:
        """Raise `InvalidSetting` where keys would cross a network in the clear."""
        if not self.is_loopback and not self.encrypted:
            reason = f"on {self.host} others reach it, and keys would travel unencrypted"
            step = (
                "Give --tls-certificate and --tls-key, or --proxy ADDRESS if a proxy with TLS stands before it; "
                "else stay on 127.0.0.1."
            )
            raise InvalidSetting(setting="--host", reason=reason, advised=step)

    def bind(self) -> socket.socket:
        """Return a socket that listens there; raises `InvalidSetting` where that is not possible."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((self.host.strip("[]"), self.port))
            made.listen(2_048)
        except OSError as error:
            made.close()
            reason = f"cannot listen on {self.url}: {error.strerror}"
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                step = "Give an address of this machine, such as 127.0.0.1."
                raise InvalidSetting(setting="--host", reason=reason, advised=step) from None
            step = "Choose another --port, or stop what listens there."
            raise InvalidSetting(setting="--port", reason=reason, advised=step) from None
        return made


def check_certificate(certificate: Path, key: Path) -> None:
    """Raise `InvalidSetting` unless a server could show this certificate, and has its private key."""
    import ssl  # noqa: PLC0415 - for who serves by TLS alone

    advised = "Give PEM files: the certificate with those that sign it, and its private key without a password."
    for setting, file in (("--tls-certificate", certificate), ("--tls-key", key)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise InvalidSetting(setting=setting, reason=f"{file}: {error.strerror}", advised=advised) from None
    try:
        # Without a password that is given, one would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        told = getattr(error, "reason", "") or "it is not what it should be"
        reason = f"{certificate} and {key} are no certificate with its key ({told})"
        raise InvalidSetting(setting="--tls-certificate", reason=reason, advised=advised) from None
