"""The dynamic resources behind what is known of the served model: its catalog row and its shard plan."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.catalog_queries import fetch
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.runtime_command import run_runtime, run_runtime_json


class ModelRegistrationInputs(ResourceInputs):
    """The model that is registered. `revision` and `schema_revision` are what a change is noticed by."""

    dsn_file: Path
    model_path: Path
    model_id: str
    revision: str
    schema_revision: str


class ModelRegistrationProvider(LocalProvider[ModelRegistrationInputs]):
    """Keep the served model's row of `models`. The row stays when the stack goes: usage refers to it by name."""

    inputs = ModelRegistrationInputs

    def identify(self, inputs: ModelRegistrationInputs) -> str:
        """Return the model's id."""
        return inputs.model_id

    def ensure(self, inputs: ModelRegistrationInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Insert or update the row."""
        arguments = ["model", "register", "--dsn-file", str(inputs.dsn_file), "--model-path", str(inputs.model_path)]
        run_runtime([*arguments, "--model-id", inputs.model_id], secrets_dir=inputs.dsn_file.parent)
        return {}

    def drift(self, inputs: ModelRegistrationInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Look for the row."""
        try:
            known = fetch(inputs.dsn_file, "SELECT 1 FROM models WHERE name = $1", inputs.model_id)
        except CommandError as error:
            return [str(error)]
        return [] if known else [f"model {inputs.model_id} is not registered"]


class ModelRegistration(Resource, module="local", name="ModelRegistration"):
    """The served model's catalog row."""

    def __init__(self, name: str, *, inputs: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions) -> None:
        super().__init__(ModelRegistrationProvider(), name, dict(inputs), opts)


class ShardPlanInputs(ResourceInputs):
    """The model that is planned for, and its degree."""

    model_path: Path
    revision: str
    shards: int
    secrets_dir: Path


class ShardPlanProvider(LocalProvider[ShardPlanInputs]):
    """Plan a model's shards from its config and safetensors index."""

    inputs = ShardPlanInputs

    def identify(self, inputs: ShardPlanInputs) -> str:
        """Return the model's folder."""
        return str(inputs.model_path)

    def ensure(self, inputs: ShardPlanInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Ask the planner."""
        arguments = ["plan", str(inputs.model_path), "--shards", str(inputs.shards), "--json"]
        return {"plan": run_runtime_json(arguments, secrets_dir=inputs.secrets_dir)}


class ShardPlan(Resource, module="local", name="ShardPlan"):
    """A model's shard plan. Output: plan."""

    plan: pulumi.Output[Mapping[str, Any]]

    def __init__(self, name: str, *, inputs: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions) -> None:
        super().__init__(ShardPlanProvider(), name, {**inputs, "plan": None}, opts)
