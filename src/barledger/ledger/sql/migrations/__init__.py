"""Migrations of the ledger's schema, by Alembic and without its command."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest schema, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(revision: object, _: object) -> object:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001 - Alembic offers no other way

    writing = engine.execution_options(barledger_writes=True)
    with EnvironmentContext(config, script, fn=steps) as context, writing.connect() as connection:
        context.configure(connection=connection, transactional_ddl=True)
        with connection.begin():
            context.run_migrations()
