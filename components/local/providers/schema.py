"""The dynamic resource behind the database's migrations."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.catalog_queries import table_revisions
from components.local.files import digest_of
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.runtime_command import run_runtime, run_runtime_json

_VERSION_TABLE = "alembic_version"


class SchemaInputs(ResourceInputs):
    """Which database is migrated; `migrations` is a digest of the migration scripts."""

    dsn_file: Path
    migrations: str

    @property
    def options(self) -> dict[str, Any]:
        """How its commands run."""
        return {"secrets_dir": self.dsn_file.parent}


class SchemaProvider(LocalProvider[SchemaInputs]):
    """Bring the database to the newest migration, and put back what was dropped since."""

    inputs = SchemaInputs
    replaced_by = frozenset({"dsn_file"})

    def identify(self, inputs: SchemaInputs) -> str:
        """Return the DSN file's path."""
        return str(inputs.dsn_file)

    def ensure(self, inputs: SchemaInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Repair first, so that the migrations start from a whole schema; do neither where it is not needed."""
        found = _check(inputs)
        if found["current"] is None and table_revisions(inputs.dsn_file):
            run_runtime(["migrate", "repair", "--dsn-file", str(inputs.dsn_file)], **inputs.options)
            found = _check(inputs)
        if found["current"] != found["head"]:
            run_runtime(["migrate", "up", "--dsn-file", str(inputs.dsn_file)], **inputs.options)
            found = _check(inputs)
        if found["drift"]:
            run_runtime(["migrate", "repair", "--dsn-file", str(inputs.dsn_file)], **inputs.options)
            found = _check(inputs)
        if found["drift"]:
            raise CommandError(
                f"the database still lacks {', '.join(found['drift'])} after a repair; "
                f"see `inferloop-runtime migrate check --dsn-file {inputs.dsn_file}`"
            )
        return {"revision": found["current"], "tables": table_revisions(inputs.dsn_file)}

    def drift(self, inputs: SchemaInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare every table with what the last migration left."""
        try:
            actual = table_revisions(inputs.dsn_file)
        except CommandError as error:
            return [str(error)]
        expected: Mapping[str, str] = state.get("tables") or {_VERSION_TABLE: ""}
        return [
            f"table {table} {'differs' if table in actual else 'is missing'}"
            for table, revision in expected.items()
            if actual.get(table) != revision
        ]

    def audit(self, inputs: SchemaInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the database with the models, too."""
        problems = self.drift(inputs, state)
        if problems:
            return problems
        found = _check(inputs)
        behind = [] if found["current"] == found["head"] else [f"the database is at {found['current']}"]
        return [*behind, *(f"missing: {name}" for name in found["drift"])]


def _check(inputs: SchemaInputs) -> Mapping[str, Any]:
    return run_runtime_json(["migrate", "check", "--dsn-file", str(inputs.dsn_file), "--json"], **inputs.options)


def migrations_revision() -> str:
    """Return a digest of the runtime's migration scripts, found without importing the runtime."""
    found = importlib.util.find_spec("inferloop_runtime")
    if found is None or not found.submodule_search_locations:
        raise CommandError("the runtime is not installed: run `uv sync`")
    scripts = Path(found.submodule_search_locations[0]) / "db" / "migrations"
    return digest_of(
        "".join(f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(scripts.rglob("*.py")))
    )


class Migrations(Resource, module="local", name="Schema"):
    """A database at its newest migration. Output: revision."""

    revision: pulumi.Output[str]

    def __init__(self, name: str, *, dsn_file: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        props = {"dsn_file": dsn_file, "migrations": migrations_revision(), "revision": None, "tables": None}
        super().__init__(SchemaProvider(), name, props, opts)
