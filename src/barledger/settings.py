"""Settings: from options, the environment (``BARLEDGER_*``) and a TOML file, in this order of precedence."""

from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from barledger.errors import InvalidSetting


def config_file() -> Path:
    """Return where the TOML file is looked for; ``BARLEDGER_CONFIG`` names another."""
    import os  # noqa: PLC0415 - the only look at the environment that pydantic cannot make

    named = os.environ.get("BARLEDGER_CONFIG")
    return Path(named) if named else user_config_path("barledger") / "barledger.toml"


class Settings(BaseSettings):
    """What `connect` and the command use where the caller says nothing."""

    model_config = SettingsConfigDict(env_prefix="BARLEDGER_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("barledger"), description="The data folder.")
    url: str = Field(default="", description="What connect() opens; empty means the embedded store in the data folder.")
    token: SecretStr = Field(default=SecretStr(""), description="The store's token, on InfluxDB 1.x user:password.")
    org: str = Field(default="", description="The organization, on InfluxDB 2.x.")
    accept_expiry: bool = Field(default=False, description="Use a bucket that deletes its data by itself all the same.")
    ledger: str = Field(default="", description="The ledger's SQLAlchemy URL; empty means SQLite beside the data.")
    actor: str = Field(default="", description="Who acts, for the audit log; empty means user@host.")
    anchor: Path | None = Field(
        default=None, description="A file outside of the library, to which checkpoints of the audit log are added."
    )
    lease: float = Field(
        default=30.0, gt=0.5, description="Seconds that a writer may hold a series without a sign of life."
    )
    wait: float = Field(default=120.0, ge=0, description="Seconds that a writer waits for another one.")
    sample_dir: Path = Field(
        default_factory=lambda: user_cache_path("barledger") / "sample",
        description="Where the sample's wheels are kept.",
    )
    notice_window: float = Field(
        default=3600.0, ge=0, description="Seconds within which repeats of a notice are folded into one."
    )
    schedule_lease: float = Field(
        default=30.0, gt=0.5, description="Seconds after which another process takes over the schedule of a dead one."
    )
    queue: int = Field(default=200, ge=1, description="At most so many jobs wait or run, and as many ended are kept.")
    indicator_cache: int = Field(
        default=256 * 1024 * 1024, ge=0, description="At most so many bytes of indicators are kept in memory."
    )
    key: SecretStr = Field(default=SecretStr(""), description="The access key for a server of barledger, bl_….")
    remote_cache: int = Field(
        default=1024 * 1024 * 1024, ge=0, description="At most so many bytes of a server's answers are kept on disk."
    )
    remote_cache_dir: Path = Field(
        default_factory=lambda: user_cache_path("barledger") / "remote",
        description="Where a server's answers are kept.",
    )
    remote_timeout: float = Field(
        default=60.0, gt=0, description="Seconds that a server may be silent, and for which requests are tried again."
    )
    mirrored: int = Field(default=200, ge=0, description="At most so many snapshots are mirrored into data_audit.")

    def __init__(self, **given: Any) -> None:
        """Gather the settings; raises `InvalidSetting`, which names the setting and never its value."""
        file = config_file()
        try:
            unknown = sorted(_read(file).keys() - type(self).model_fields.keys())
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise InvalidSetting(setting=str(first["loc"][0]), reason=first["msg"]) from None
        if unknown:
            raise InvalidSetting(setting=unknown[0], reason=f"{file} has it, and there is no setting of that name")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look at options first, then at the environment, then at the file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, toml

    def origins(self) -> dict[str, str]:
        """Return for each setting where its value comes from: option, environment, file or default."""
        import os  # noqa: PLC0415 - as above

        given = self.model_fields_set
        toml = _read(config_file())
        return {
            name: "default"
            if name not in given
            else f"environment (BARLEDGER_{name.upper()})"
            if f"BARLEDGER_{name.upper()}" in {key.upper() for key in os.environ}
            else f"file ({config_file()})"
            if name in toml
            else "option"
            for name in type(self).model_fields
        }


def _read(file: Path) -> dict[str, Any]:
    """Return what the TOML file says; only a file that ``BARLEDGER_CONFIG`` names has to be there."""
    import os  # noqa: PLC0415 - as above
    import tomllib  # noqa: PLC0415 - most have no such file

    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        if "BARLEDGER_CONFIG" not in os.environ:
            return {}
        raise InvalidSetting(setting="BARLEDGER_CONFIG", reason=f"there is no file {file}") from None
    except (OSError, ValueError) as error:
        raise InvalidSetting(setting="BARLEDGER_CONFIG", reason=f"{file} cannot be read: {error}") from None
