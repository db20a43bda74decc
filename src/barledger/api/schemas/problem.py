"""Problems: errors as RFC 9457 has them, with the library's code, next step and typed fields."""

from typing import Annotated

from pydantic import Field

from barledger.api.schemas.values import Plain, Schema


class FieldProblem(Schema):
    """What is wrong with one field of a request."""

    location: Annotated[
        str,
        Field(description="path, query, header or body; request where it is not known.", examples=["query"]),
    ]
    field: Annotated[str, Field(description="The field; of a body with dots, as in ranges.0.start_date.")]
    code: Annotated[str, Field(examples=["string_pattern_mismatch"])]
    message: Annotated[str, Field(examples=["this is not what is expected: a date or time, such as 2024-01-31"])]


class Problem(Schema):
    """What went wrong, for programs (``code``, ``fields``) and for people (``detail``, ``next_step``)."""

    type: Annotated[str, Field(examples=["urn:barledger:problem:series-not-found"])]
    title: Annotated[str, Field(examples=["No bars of this series were ever written."])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(examples=["there are no bars of AAPL 1d"])]
    code: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["series-not-found"])]
    next_step: Annotated[str, Field(examples=["Ingest them first; `barledger series` lists what there is."])]
    request_id: Annotated[str, Field(description="By which the server's log tells of it.", examples=["8c1f0a"])]
    fields: Annotated[
        dict[str, Plain], Field(description="The error's typed fields.", examples=[{"series": "AAPL 1d"}])
    ]
    errors: Annotated[list[FieldProblem], Field(description="Of a 422, every field that is wrong.")]
