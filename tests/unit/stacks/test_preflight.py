import json
from pathlib import Path

import pytest

from components.errors import PreflightError
from stacks.phases.preflight import _KNOWN_CONFIGS, check_model
from stacks.settings import ModelSettings


def test_a_degree_that_divides_the_heads_is_accepted() -> None:
    check_model(ModelSettings(shards=3))


def test_a_degree_that_does_not_is_refused_with_those_that_do() -> None:
    with pytest.raises(PreflightError, match=r"inferloop:model\.shards.*9 attention heads.*one of 1, 3"):
        check_model(ModelSettings(shards=2))


def test_more_positions_than_the_model_knows_are_refused() -> None:
    with pytest.raises(PreflightError, match=r"max_total_tokens: 9000 is more than the 2048 positions"):
        check_model(ModelSettings(source="tiny", max_total_tokens=9000))


def test_a_local_folder_is_judged_by_its_own_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 8, "intermediate_size": 64}))
    check_model(ModelSettings(source=str(tmp_path), shards=8))
    with pytest.raises(PreflightError, match="one of 1, 2, 4, 8"):
        check_model(ModelSettings(source=str(tmp_path), shards=3))


def test_a_folder_without_a_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"holds no readable config\.json"):
        check_model(ModelSettings(source=str(tmp_path)))
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(PreflightError, match="is no JSON object"):
        check_model(ModelSettings(source=str(tmp_path)))


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="does not exist"):
        check_model(ModelSettings(source=str(tmp_path / "nothing")))


def test_an_unknown_sample_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PreflightError, match=r"known: sample:smollm2-135m-instruct"):
        check_model(ModelSettings(source="sample:gpt-9"))


def test_a_model_of_the_hub_is_judged_once_its_files_are_here() -> None:
    check_model(ModelSettings(source="owner/name", shards=7))


def test_what_is_known_of_the_tiny_model_is_what_it_is(tmp_path: Path) -> None:
    from inferloop_runtime.serving.weights.tiny import generate_tiny_model

    generate_tiny_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert {key: config[key] for key in _KNOWN_CONFIGS["tiny"]} == _KNOWN_CONFIGS["tiny"]
