"""Alembic's environment: the steps run on the connection, and in the transaction, of whoever calls `migrate`."""

from alembic import context

from akma_core.database.migrations import VERSION_TABLE
from akma_core.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()
