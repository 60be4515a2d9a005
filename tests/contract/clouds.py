"""What the contract suite needs to know of each cloud: settings of a whole stack, and what its resources answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from stacks.settings import parse_settings


@dataclass(frozen=True)
class CloudExample:
    """Settings of one stack, and outputs that the cloud's resources have only once they are made."""

    settings: Mapping[str, str]
    outputs: Mapping[str, Any]

    def parsed(self) -> Any:
        """Return the settings as a phase takes them."""
        return parse_settings(self.settings)


EXAMPLES: Mapping[str, CloudExample] = {
    "local": CloudExample(
        settings={"cloud": "local", "home": "/nowhere", "model": '{"source": "tiny"}'},
        outputs={
            "port": 40001,
            "value": "a-secret-value",
            "revision": "a-revision",
            "model_id": "tiny",
            "plan": {"shards": 1},
            "path": "/nowhere/dataset",
            "version": 1,
            "row_count": 560,
        },
    ),
}


class RecordingMocks(pulumi.runtime.Mocks):
    """Answers for the engine, and remembers what was registered."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self._outputs = outputs
        self.registered: list[pulumi.runtime.MockResourceArgs] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Answer with the inputs and the outputs that the cloud's example names."""
        self.registered.append(args)
        return f"{args.name}-id", {**self._outputs, **{key: it for key, it in args.inputs.items() if it is not None}}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        """Answer nothing: no component asks the engine for functions."""
        return {}
