import pytest
from inferloop_runtime.errors import ShardingError
from inferloop_runtime.serving.planner.degrees import allowed_degrees, require_degree

SMOLLM2 = {"num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536}


@pytest.mark.parametrize(
    ("config", "degrees"),
    [
        (SMOLLM2, (1, 3)),
        ({"num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336}, (1, 2, 4, 8)),
        ({"num_attention_heads": 12, "intermediate_size": 4096}, (1, 2, 4)),
        ({"num_attention_heads": 8, "num_key_value_heads": 1, "intermediate_size": 64}, (1,)),
        ({"text_config": {"num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 6}}, (1, 2)),
        ({}, (1,)),
    ],
)
def test_a_degree_divides_heads_key_value_heads_and_intermediate_size(config, degrees):
    assert allowed_degrees(config) == degrees


def test_a_degree_that_cannot_be_is_refused_with_those_that_can():
    with pytest.raises(ShardingError, match=r"over 2 shards: it has 9 attention heads.*one of 1, 3"):
        require_degree(SMOLLM2, 2)


def test_a_degree_that_can_be_is_accepted():
    require_degree(SMOLLM2, 3)
