import re

import pytest
from inferloop_runtime.serving.settings import ServeSettings
from pydantic import ValidationError

from components.kubernetes.serving_engines import render
from components.kubernetes.serving_spec import EngineKind, ServingSpec

# Flags as the engines' own references list them; see serving_engines.py for the addresses.
DOCUMENTED = {
    EngineKind.TGI: {
        "model-id", "num-shard", "hostname", "port", "max-input-tokens", "max-total-tokens", "max-batch-prefill-tokens",
        "max-batch-size", "max-concurrent-requests", "usage-stats", "dtype", "json-output",
    },
    EngineKind.VLLM: {
        "served-model-name", "host", "port", "tensor-parallel-size", "max-model-len", "max-num-seqs", "dtype",
    },
    EngineKind.SGLANG: {
        "model-path", "served-model-name", "host", "port", "tensor-parallel-size", "context-length",
        "max-running-requests", "max-queued-requests", "dtype", "enable-metrics",
    },
    EngineKind.EMBEDDED: {"config"},
}  # fmt: skip


def _spec(engine: EngineKind, **more: object) -> ServingSpec:
    return ServingSpec.model_validate({"engine": engine, "model_id": "owner/model", "shards": 4, **more})


@pytest.mark.parametrize("engine", EngineKind)
def test_an_engine_is_given_only_flags_of_its_reference(engine: EngineKind) -> None:
    given = {
        match[1] for word in render(_spec(engine, dtype="bfloat16")).args if (match := re.match(r"--([\w-]+)", word))
    }
    assert given == DOCUMENTED[engine]


@pytest.mark.parametrize(
    ("engine", "flag"),
    [
        (EngineKind.TGI, "--num-shard=4"),
        (EngineKind.VLLM, "--tensor-parallel-size=4"),
        (EngineKind.SGLANG, "--tensor-parallel-size=4"),
    ],
)
def test_an_engine_is_split_over_the_shards(engine: EngineKind, flag: str) -> None:
    assert flag in render(_spec(engine)).args


@pytest.mark.parametrize("engine", EngineKind)
def test_an_engine_looks_for_no_model_outside(engine: EngineKind) -> None:
    assert render(_spec(engine)).env["HF_HUB_OFFLINE"] == "1"


def test_tgi_listens_at_the_pods_address_and_not_at_its_name() -> None:
    assert "--hostname=0.0.0.0" in render(_spec(EngineKind.TGI)).args


def test_tgi_prefills_the_longest_prompt() -> None:
    rendered = render(_spec(EngineKind.TGI, max_input_tokens=30_000, max_total_tokens=32_000))
    assert "--max-batch-prefill-tokens=30000" in rendered.args


def test_the_embedded_engines_settings_are_those_of_the_runtime() -> None:
    rendered = render(_spec(EngineKind.EMBEDDED, device="cpu"), "/etc/inferloop/model-server.json")
    settings = ServeSettings.model_validate(rendered.settings)
    assert (settings.shards, settings.port, settings.host) == (4, rendered.port, "0.0.0.0")
    assert rendered.args == ("--config", "/etc/inferloop/model-server.json")


def test_a_model_name_that_an_entry_point_would_split_is_refused() -> None:
    with pytest.raises(ValidationError, match="model_id"):
        _spec(EngineKind.TGI, model_id="owner/model --trust-remote-code")


def test_a_number_format_that_tgi_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValidationError, match="choose float16, bfloat16 or auto"):
        _spec(EngineKind.TGI, dtype="float32")


def test_an_engine_for_gpus_is_refused_on_processors() -> None:
    with pytest.raises(ValidationError, match="choose engine embedded"):
        _spec(EngineKind.VLLM, device="cpu")


def test_a_prompt_that_leaves_no_room_for_an_answer_is_refused() -> None:
    with pytest.raises(ValidationError, match="no token is left"):
        _spec(EngineKind.TGI, max_input_tokens=100, max_total_tokens=100)


@pytest.mark.parametrize(
    ("engine", "flag"),
    [
        (EngineKind.TGI, "--quantize=awq"),
        (EngineKind.VLLM, "--quantization=awq"),
        (EngineKind.SGLANG, "--quantization=awq"),
    ],
)
def test_an_engine_is_told_how_weights_are_quantised(engine: EngineKind, flag: str) -> None:
    assert flag in render(_spec(engine, quantization="awq")).args


@pytest.mark.parametrize("more", [{"dtype": "float16"}, {"engine": "embedded"}])
def test_quantised_weights_have_no_number_format_of_their_own(more: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="remove quantization"):
        ServingSpec.model_validate({"model_id": "owner/model", "quantization": "awq", **more})
