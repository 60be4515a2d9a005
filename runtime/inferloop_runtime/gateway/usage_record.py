"""What one metered request used, as the journal and the database hold it."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One row of the table `usage`; `started_at_us` is microseconds since the epoch, the other times milliseconds."""

    request_id: str
    tenant_id: uuid.UUID
    api_key_id: uuid.UUID | None
    model: str
    endpoint: str
    status: int
    prompt_tokens: int
    completion_tokens: int
    started_at_us: int
    latency_ms: float
    time_to_first_token_ms: float | None

    def to_line(self) -> bytes:
        """Return the record as one line of JSON with its line break."""
        return orjson.dumps(self, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_line(cls, line: bytes) -> "UsageRecord":
        """Read a line that `to_line` wrote; raises ValueError for anything else."""
        try:
            fields: dict[str, Any] = orjson.loads(line)
            fields["tenant_id"] = uuid.UUID(fields["tenant_id"])
            if fields["api_key_id"] is not None:
                fields["api_key_id"] = uuid.UUID(fields["api_key_id"])
            return cls(**fields)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"not a usage record: {error}") from error
