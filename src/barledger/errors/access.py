"""Stores, ledgers, sources and drivers that do not answer or do not let us in."""

from dataclasses import dataclass

from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class StoreError(BarledgerError, OSError):
    """The store could not do its work."""

    url: str
    detail: str = ""
    code = "store-error"
    message = "{url}: {detail}"


@dataclass(kw_only=True, eq=False)
class StoreUnavailable(StoreError, ConnectionError):
    """The server does not answer, or says that it cannot now; or the store's folder is not there any more."""

    code = "store-unavailable"
    message = "{url} does not answer: {detail}"
    next_step = (
        "Check that the server runs, or that the folder is where it was, and that the address is right; nothing "
        "acknowledged is lost, and everything goes on once it is back."
    )


@dataclass(kw_only=True, eq=False)
class StoreUnwritable(StoreError):
    """The disk or the folder takes nothing more."""

    code = "store-unwritable"
    message = "{url} cannot be written: {detail}"
    next_step = "Free space on that disk, or check whose folder it is; nothing acknowledged is lost."


@dataclass(kw_only=True, eq=False)
class StoreTimeout(StoreError, TimeoutError):
    """The server took longer than this request may take."""

    code = "store-timeout"
    message = "{url} took too long: {detail}"
    next_step = "Try again; if it persists, raise the time-out or ask for less at once."


@dataclass(kw_only=True, eq=False)
class TlsFailed(StoreError):
    """The TLS connection could not be made or trusted."""

    code = "tls-failed"
    message = "{url}: TLS failed: {detail}"
    next_step = "Check http against https, and that the certificate is trusted (SSL_CERT_FILE)."


@dataclass(kw_only=True, eq=False)
class NotAuthenticated(StoreError, PermissionError):
    """The token or password is wrong."""

    code = "not-authenticated"
    message = "{url} does not accept the token: {detail}"
    next_step = "Set BARLEDGER_TOKEN (on 1.x user:password, on 2.x an API token)."


@dataclass(kw_only=True, eq=False)
class NotPermitted(StoreError, PermissionError):
    """The token is known and lacks a permission."""

    code = "not-permitted"
    message = "{url}: the token may not do this: {detail}"
    next_step = "Use a token that may read and write the bucket."


@dataclass(kw_only=True, eq=False)
class BucketNotFound(StoreError, LookupError):
    """The bucket or database does not exist and may not be made."""

    code = "bucket-not-found"
    message = "{url} has no such bucket: {detail}"
    next_step = "Create the bucket, or use a token that may create it."


@dataclass(kw_only=True, eq=False)
class OrganizationNotFound(StoreError, LookupError):
    """The organization does not exist for this token."""

    code = "organization-not-found"
    message = "{url} has no such organization: {detail}"
    next_step = "Set BARLEDGER_ORG to the organization that owns the bucket."


@dataclass(kw_only=True, eq=False)
class NotInfluxDB(StoreError):
    """Something answers, and it is not InfluxDB."""

    code = "not-influxdb"
    message = "{url} is not InfluxDB: {detail}"
    next_step = "Give the address of the server's HTTP API, usually port 8086."


@dataclass(kw_only=True, eq=False)
class ServerUnsupported(StoreError):
    """The server's generation cannot keep the promises."""

    code = "server-unsupported"
    message = "{url}: {detail}"
    next_step = "Use InfluxDB 1.x or 2.x (2.4 or newer): 3.x has no row delete and no reliable overwrite."


@dataclass(kw_only=True, eq=False)
class ServerTooOld(StoreError):
    """The server lacks what barledger needs."""

    code = "server-too-old"
    message = "{url}: {detail}"
    next_step = "Use InfluxDB 1.6 or newer, or 2.4 or newer."


@dataclass(kw_only=True, eq=False)
class FieldTypeConflict(StoreError):
    """A field has another type in this bucket, for ever."""

    code = "field-type-conflict"
    message = "{url}: a field already has another type: {detail}"
    next_step = "Use a bucket of its own; a field's type cannot be changed."


@dataclass(kw_only=True, eq=False)
class StoreRejected(StoreError):
    """The server refused a request for a reason that none of the others names."""

    code = "store-rejected"
    message = "{url} refused: {detail}"
    next_step = "Read the server's own words above."


@dataclass(kw_only=True, eq=False)
class LedgerNotAuthenticated(NotAuthenticated):
    """The database of the ledger does not know the user, or the password is wrong."""

    code = "ledger-not-authenticated"
    message = "{url} does not accept the user and password: {detail}"
    next_step = "Check the user and the password in the ledger's URL, and the server's pg_hba.conf."


@dataclass(kw_only=True, eq=False)
class LedgerNotPermitted(NotPermitted):
    """The user of the ledger's database lacks a permission."""

    code = "ledger-not-permitted"
    message = "{url}: the user may not do this: {detail}"
    next_step = "Use a user who may create tables in the database, and who owns the ledger's."


@dataclass(kw_only=True, eq=False)
class LedgerNotFound(StoreError, LookupError):
    """The server has no database of this name."""

    code = "ledger-not-found"
    message = "{url}: {detail}"
    next_step = "Create the database (createdb), or correct the ledger's URL."


@dataclass(kw_only=True, eq=False)
class SourceError(BarledgerError, OSError):
    """A source could not give its bars."""

    source: str
    detail: str
    code = "source-error"
    message = "source {source}: {detail}"
    next_step = "Check what the source needs; only what was committed before it failed is written."


@dataclass(kw_only=True, eq=False)
class SourceUnavailable(SourceError, ConnectionError):
    """A source cannot be reached, or cannot answer now; asking again later may help."""

    retry_after: float = 0.0
    code = "source-unavailable"
    message = "source {source} does not answer: {detail}"
    next_step = "Try again later: what was fetched is kept, and the next run asks for the rest only."


@dataclass(kw_only=True, eq=False)
class RateLimited(SourceUnavailable):
    """A source asks for fewer requests; ``retry_after`` is in seconds, 0 if it does not say."""

    code = "rate-limited"
    message = "source {source} asks for fewer requests: {detail}"


@dataclass(kw_only=True, eq=False)
class DriverMissing(BarledgerError, ImportError):
    """An optional package is not installed."""

    package: str
    extra: str
    code = "driver-missing"
    message = "the package {package} is not installed"
    next_step = "pip install 'barledger[{extra}]'"
