"""What a model may be planned for: accelerators of one kind in one machine, as plain data."""

from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from inferloop_runtime.errors import SettingsError


class PlanSize(BaseModel):
    """One machine. `memory_bytes` is one accelerator's; bandwidths are in bytes a second.

    `fetch_bytes_per_s` is how fast weights arrive at the machine, `copy_bytes_per_s` how fast they go on to one
    accelerator. `usd_per_hour` is the whole machine's; None where it costs nothing by the hour.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    instance_type: str
    accelerator: str
    device: Literal["cuda", "cpu"] = "cuda"
    count: PositiveInt
    memory_bytes: PositiveInt
    bfloat16: bool = True
    fetch_bytes_per_s: PositiveFloat | None = None
    copy_bytes_per_s: PositiveFloat | None = None
    usd_per_hour: NonNegativeFloat | None = None
    retired: bool = False
    note: str = Field(default="", description="shown with the plan, for example where a price is from")


_SIZES = TypeAdapter(tuple[PlanSize, ...])


def load_sizes(path: Path) -> tuple[PlanSize, ...]:
    """Read a JSON list of sizes.

    Raises SettingsError that names the file and what is wrong in it.
    """
    try:
        sizes = _SIZES.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read sizes file {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SettingsError(f"sizes file {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if not sizes:
        raise SettingsError(f"sizes file {path} is an empty list")
    return sizes
