"""Read what a safetensors file says about its tensors, without its weights.

Format: https://huggingface.co/docs/safetensors/index#format: eight bytes with the header's length (little-endian), then
the header as JSON: name to dtype, shape and offsets.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from inferloop_runtime.errors import ModelError

# The format's own limit.
_MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor: its name, its dtype in safetensors' words (`BF16`, `F32`, …) and its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Count the elements."""
        return math.prod(self.shape)


def read_header(path: Path) -> list[TensorHeader]:
    """Return the tensors of one file, in its order.

    Raises ModelError where the file is unreadable or not safetensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MAX_HEADER_BYTES + 1
            text = file.read(length) if length <= _MAX_HEADER_BYTES else b""
        header = json.loads(text)
        return [
            TensorHeader(name, str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a safetensors file (or is cut short); fetch it again, for example with "
            "`inferloop-runtime weights prepare`"
        ) from error
