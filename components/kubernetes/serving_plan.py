"""A shard plan as plain data: what the planner found, in the keys of its JSON."""

import math

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt

_MIB = 2**20

# Beyond reading weights an engine compiles kernels, captures CUDA graphs and runs a warm-up: one to three minutes.
_WARM_UP_S = 180

# Fetching and loading vary with the network's and the disk's other users; a start is not given up before three times
# the predicted time.
_COLD_START_MARGIN = 3

# NCCL and torch's loaders exchange data through /dev/shm; 1 GiB is what TGI's own documentation gives a container
# (https://huggingface.co/docs/text-generation-inference/quicktour), and each further shard takes its share.
_SHARED_MEMORY_MIB_PER_SHARD = 1024

# Interpreter, libraries and CUDA's host side of one shard process.
_HOST_MEMORY_MIB_PER_SHARD = 4096


class ServingPlan(BaseModel):
    """The part of a shard plan that a deployment needs; other keys of the planner's JSON are ignored.

    Bytes are per accelerator. `accelerator` is `CPU` where the plan is for processors.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: str
    accelerator: str
    dtype: str
    tensor_parallel: PositiveInt
    context_tokens: PositiveInt
    weights_bytes_per_shard: PositiveInt
    memory_bytes_per_shard: PositiveInt
    cold_start_s: NonNegativeFloat | None = None

    @property
    def gpus(self) -> int:
        """Return how many GPUs one replica takes."""
        return 0 if self.accelerator == "CPU" else self.tensor_parallel

    @property
    def start_budget_s(self) -> int:
        """Return how long a replica may take from its container's start to its first answer, in seconds."""
        return math.ceil((self.cold_start_s or 0.0) * _COLD_START_MARGIN) + _WARM_UP_S

    @property
    def weights_mib(self) -> int:
        """Return the size of all weights, in MiB."""
        return math.ceil(self.weights_bytes_per_shard * self.tensor_parallel / _MIB)

    @property
    def shared_memory_mib(self) -> int:
        """Return the size of `/dev/shm`, in MiB."""
        return _SHARED_MEMORY_MIB_PER_SHARD * self.tensor_parallel

    @property
    def host_memory_mib(self) -> int:
        """Return the memory that one replica's container takes, in MiB, `/dev/shm` included.

        On GPUs one shard's weights pass through the host's memory at a time for each shard; on processors they stay.
        """
        per_shard = self.weights_bytes_per_shard if self.gpus else self.memory_bytes_per_shard
        weights = math.ceil(per_shard / _MIB) * self.tensor_parallel
        return weights + _HOST_MEMORY_MIB_PER_SHARD * self.tensor_parallel + self.shared_memory_mib
