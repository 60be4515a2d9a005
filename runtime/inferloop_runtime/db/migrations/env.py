"""Run the migrations on the connection that `inferloop_runtime.db.migrate` hands over, each in its own transaction."""

from alembic import context

from inferloop_runtime.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
