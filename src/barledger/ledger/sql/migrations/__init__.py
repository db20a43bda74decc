"""Migrations of the ledger's schema, by Alembic and without its command."""

from pathlib import Path

from sqlalchemy.engine import Connection

from barledger.ledger.sql import schema


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest schema, in the transaction that the caller has begun.

    An empty database gets the newest tables at once, without Alembic, which is slow to import.
    """
    found = schema.found_version(connection)
    if found is None:
        schema.create(connection)
    elif found != schema.SCHEMA_VERSION:
        run(connection)


def run(connection: Connection, *, to: str = "head") -> None:
    """Run the steps that the database lacks, one after the other."""
    from alembic.config import Config  # noqa: PLC0415 - slow, and rarely needed
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(revision: object, _: object) -> object:
        return script._upgrade_revs(to, revision)  # type: ignore[arg-type]  # noqa: SLF001 - Alembic offers no other way

    with EnvironmentContext(config, script, fn=steps) as context:
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()
