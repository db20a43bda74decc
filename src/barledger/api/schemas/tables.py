"""Tables: how an answer that is one is written."""

from typing import Annotated

from pydantic import Field

from barledger.api.formats.contract import Orient, Times
from barledger.api.formats.negotiation import FormatName
from barledger.api.schemas.values import Wish


class TableWish(Wish):
    """In which form a table is wanted."""

    format: Annotated[FormatName | None, Field(description="Instead of the header Accept.")] = None
    orient: Annotated[Orient, Field(description="Of JSON: an object for each row, or a list for each column.")] = (
        "records"
    )
    times: Annotated[Times, Field(description="Of text formats: RFC 3339, or the time since 1970.")] = "rfc3339"
