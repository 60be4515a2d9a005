import pytest
from inferloop_runtime.serving.planner.memory import weights_bytes_per_shard
from inferloop_runtime.serving.planner.model_shape import shape_of_folder

from tests.support.tiny_model import tiny_model


def test_a_loaded_shard_holds_exactly_the_bytes_that_were_predicted() -> None:
    torch = pytest.importorskip("torch")
    from inferloop_runtime.serving.embedded.shard_loading import load_shard

    shape = shape_of_folder(tiny_model())
    for degree in shape.degrees:
        for rank in range(degree):
            shard = load_shard(
                tiny_model(),
                rank=rank,
                shards=degree,
                dtype=torch.float32,
                device=torch.device("cpu"),
                sequence_limit=64,
            )
            assert shard.parameter_bytes == weights_bytes_per_shard(shape, degree, 4)
