"""Alembic's migration environment; `inferloop_runtime.db.migrate` runs it, without an alembic.ini."""
