"""Keep the row of the served model in the table `models`."""

from dataclasses import dataclass
from pathlib import Path

from inferloop_runtime.db.connect import connect, database_errors
from inferloop_runtime.serving.planner.memory import kv_bytes_per_token_per_shard
from inferloop_runtime.serving.planner.model_shape import shape_of_folder
from inferloop_runtime.serving.settings import ServeSettings
from inferloop_runtime.serving.weights.manifest import read_manifest

# GPUs serve in 16 bits, whatever the weights are stored in.
_GPU_BYTES_PER_ELEMENT = 2

_UPSERT = """
INSERT INTO models (name, version, type, size_bytes, gpu_memory_required) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name, version) DO UPDATE SET type = $3, size_bytes = $4, gpu_memory_required = $5, updated_at = now()
WHERE (models.type, models.size_bytes, models.gpu_memory_required) IS DISTINCT FROM ($3, $4, $5)
"""


@dataclass(frozen=True)
class ModelFacts:
    """A row of `models`, without its id and times; both sizes are in bytes."""

    name: str
    version: str
    type: str
    size_bytes: int
    gpu_memory_required: int


def model_facts(model_path: Path, model_id: str) -> ModelFacts:
    """Read what a prepared model's row says from its manifest, config and safetensors headers.

    `version` is the manifest's revision, `size_bytes` the weights as stored; `gpu_memory_required` is the weights in 16
    bits and the cache for as many full-length requests as the model server runs at once by default. Raises ModelError
    where the folder holds no prepared model.
    """
    manifest = read_manifest(model_path)
    shape = shape_of_folder(model_path)
    defaults = ServeSettings.model_fields
    tokens = (
        min(defaults["max_total_tokens"].default, shape.max_position_embeddings) * defaults["max_batch_size"].default
    )
    cache = tokens * kv_bytes_per_token_per_shard(shape, 1, _GPU_BYTES_PER_ELEMENT)
    stored = sum(entry.size for name, entry in manifest.files.items() if name.endswith(".safetensors"))
    return ModelFacts(
        model_id, manifest.revision, "text-generation", stored, shape.size_bytes(_GPU_BYTES_PER_ELEMENT) + cache
    )


async def register_model(dsn: str, facts: ModelFacts) -> None:
    """Insert the model's row, or correct it; a row that is right is not touched. Raises DatabaseError."""
    connection = await connect(dsn)
    try:
        with database_errors():
            await connection.execute(
                _UPSERT, facts.name, facts.version, facts.type, facts.size_bytes, facts.gpu_memory_required
            )
    finally:
        await connection.close(timeout=5)
