"""What every dynamic provider of the local cloud shares: ensure, look for drift, audit, remove.

The engine calls create, update, diff, read and delete; a subclass writes four simpler methods. `pulumi up` asks `diff`,
which also looks at the real thing (cheaply), so a repair needs no `pulumi refresh` before it. `pulumi refresh` asks
`read`, which looks thoroughly and notes what it found in the state's `drift`, where the next `up` finds it.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult
from pydantic import BaseModel, ConfigDict

from components.errors import InferloopError

_BOOKKEEPING = {"__provider", "drift"}


class _ExpectedFailures(logging.Filter):
    """Keep the traceback of an expected failure out of the engine's output: its message is reported anyway."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], InferloopError))


logging.getLogger("grpc._server").addFilter(_ExpectedFailures())


class ResourceInputs(BaseModel):
    """What a resource is given; the engine hands numbers over as floats, which validation undoes."""

    model_config = ConfigDict(frozen=True, extra="ignore")


InputsT = TypeVar("InputsT", bound=ResourceInputs)


class LocalProvider(ResourceProvider, Generic[InputsT]):
    """Map the engine's calls to `ensure`, `drift`, `audit` and `remove`.

    `inputs` is the model of what the resource is given; a change of an input named in `replaced_by` replaces the
    resource, its old form being removed first.
    """

    # The provider holds no state, so its serialised form is a plain reference to an importable class.
    serialize_as_secret_always = False
    inputs: ClassVar[type[ResourceInputs]]
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def identify(self, inputs: InputsT) -> str:
        """Return the resource's id."""
        raise NotImplementedError

    def ensure(self, inputs: InputsT, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make the real thing as `inputs` want it, whatever is there already, and return the outputs.

        `old` is the last known state, None for a new resource. Must be safe to run again after an interruption, and
        leave nothing running where it raises for a new resource.
        """
        raise NotImplementedError

    def drift(self, inputs: InputsT, state: Mapping[str, Any]) -> Sequence[str]:
        """Say what of the real thing differs from the state, within some milliseconds."""
        return ()

    def audit(self, inputs: InputsT, state: Mapping[str, Any]) -> Sequence[str]:
        """Say the same thoroughly, taking the time that it needs."""
        return self.drift(inputs, state)

    def remove(self, inputs: InputsT, state: Mapping[str, Any]) -> None:
        """Remove the real thing; one that is already gone is no failure."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Answer the engine's create."""
        inputs = self._parse(props)
        return CreateResult(self.identify(inputs), {**_plain(props), **self.ensure(inputs, None), "drift": []})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Answer the engine's update, which is also how drift is repaired."""
        return UpdateResult({**_plain(_news), **self.ensure(self._parse(_news), _olds), "drift": []})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Answer the engine's diff: changed inputs, or drift of the real thing."""
        changed = {key for key, value in _plain(_news).items() if _olds.get(key) != value}
        replaced = sorted(changed & self.replaced_by)
        needed = bool(changed) or bool(_olds.get("drift")) or bool(self.drift(self._parse(_olds), _olds))
        return DiffResult(changes=needed, replaces=replaced, delete_before_replace=True)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Answer the engine's read with the state and what was found to differ from it."""
        return ReadResult(id_, {**_plain(props), "drift": list(self.audit(self._parse(props), props))})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Answer the engine's delete."""
        self.remove(self._parse(_props), _props)

    def _parse(self, props: Mapping[str, Any]) -> InputsT:
        return self.inputs.model_validate(dict(props))  # type: ignore[return-value]


def _plain(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key not in _BOOKKEEPING}
