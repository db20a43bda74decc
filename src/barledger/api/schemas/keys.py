"""Access keys: who may ask what, and until when; never their secrets."""

from typing import Annotated, Final

from pydantic import Field

from barledger.api.schemas.reasons import Note
from barledger.api.schemas.values import TIME, Instant, Name, Schema, Wish, stamp
from barledger.domain.access import AccessKey, Scope, State
from barledger.services.access import NewKey

_DURATION: Final = "[1-9][0-9]{0,5}[smhdw]"


class KeyWish(Wish):
    """A key that is to be made."""

    name: Annotated[Name, Field(description="Whose or what for; the audit log tells it.", examples=["desk"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=5, examples=[["read"]])]
    instruments: Annotated[
        list[Name],
        Field(
            default_factory=list,
            max_length=1_000,
            description="Instruments or globs that it is for; none is all.",
            examples=[["BTC*"]],
        ),
    ]
    expires: Annotated[
        str | None,
        Field(
            max_length=40,
            pattern=f"^({_DURATION}|{TIME})$",
            description="A time, or a duration from now.",
            examples=["90d"],
        ),
    ] = None
    reason: Note = ""


class KeyAnswer(Schema):
    """A key, without its secret."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, Field(examples=["desk"])]
    scopes: list[Scope]
    instruments: Annotated[list[str], Field(description="What it is for; none is all.")]
    state: State
    made_at: Instant | None
    made_by: str
    rotated_at: Instant | None
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None

    @classmethod
    def of(cls, key: AccessKey, state: State) -> "KeyAnswer":
        """Show a key."""
        return cls(
            id=key.id,
            name=key.name,
            scopes=list(key.scopes),
            instruments=list(key.instruments),
            state=state,
            made_at=stamp(key.made_at),
            made_by=key.made_by,
            rotated_at=stamp(key.rotated_at),
            expires_at=stamp(key.expires_at),
            revoked_at=stamp(key.revoked_at),
            used_at=stamp(key.used_at),
        )


class KeysAnswer(Schema):
    """Every key by name, expired and revoked ones too."""

    items: list[KeyAnswer]


class NewKeyAnswer(KeyAnswer):
    """A key with its text, which is shown here and never again."""

    key: Annotated[
        str, Field(pattern=r"^bl_[0-9a-f]{12}_[0-9a-f]{64}$", description="What its owner shows; keep it safe.")
    ]

    @classmethod
    def made(cls, one: NewKey, state: State) -> "NewKeyAnswer":
        """Show a key that was just made."""
        return cls(**KeyAnswer.of(one.key, state).model_dump(), key=one.text)
