"""The database's tables, brought to the newest migration. It makes no database: that is Postgres's work."""

from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict

from components.contracts import DatabaseEndpoint, SchemaState
from components.local.providers.schema import Migrations
from components.local.supervisor import Supervisor


class SchemaArgs(BaseModel):
    """A local schema has no settings of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schema(pulumi.ComponentResource):
    """Migrate the database, and put back tables, columns, constraints and indexes that were dropped.

    Output: revision. Its deletion leaves the data alone.
    """

    Args: ClassVar[type[SchemaArgs]] = SchemaArgs
    state: SchemaState

    def __init__(
        self,
        name: str,
        args: SchemaArgs,
        *,
        platform: Supervisor,
        database: DatabaseEndpoint,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Schema", name, {}, opts)
        migrations = Migrations(
            f"{name}-migrations", dsn_file=database.dsn.reference, opts=pulumi.ResourceOptions(parent=self)
        )
        self.state = SchemaState(revision=migrations.revision)
        self.register_outputs({"revision": migrations.revision})
