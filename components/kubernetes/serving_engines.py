"""A ServingSpec as each engine's command line, environment, settings, probes and metrics: pure functions.

Sources of the flags:
  tgi     https://huggingface.co/docs/text-generation-inference/reference/launcher
  vllm    https://docs.vllm.ai/en/latest/cli/serve.html
  sglang  https://docs.sglang.io/advanced_features/server_arguments.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.kubernetes.serving_spec import EngineKind, ServingSpec

# TGI's own default for tokens that are prefilled together; it must be at least the longest prompt.
_PREFILL_TOKENS = 4096

_LISTEN = "0.0.0.0"  # noqa: S104  # A pod's network is its own; policies decide who reaches it.

# The root file system is read-only, and no engine may look for a model or report its use outside.
_CACHES = {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": "/tmp/huggingface",  # noqa: S108
    "TRITON_CACHE_DIR": "/tmp/triton",  # noqa: S108
    "TORCHINDUCTOR_CACHE_DIR": "/tmp/inductor",  # noqa: S108
    "XDG_CACHE_HOME": "/tmp/cache",  # noqa: S108
}


@dataclass(frozen=True, kw_only=True)
class EngineMetrics:
    """Names of the engine's Prometheus series: waiting requests (a gauge) and generated tokens (a counter)."""

    waiting_requests: str
    generated_tokens: str


@dataclass(frozen=True, kw_only=True)
class RenderedServer:
    """How one engine is started and asked for its health. `settings` is its settings file's content, where it has one.

    `ready_path` answers 200 once requests are served; `live_path` once the process is worth keeping.
    """

    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    ready_path: str
    live_path: str
    metrics_path: str
    metrics: EngineMetrics
    working_dir: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


SETTINGS_FILE = "model-server.json"


def render(spec: ServingSpec, settings_path: str = "") -> RenderedServer:
    """Render a specification for its engine; `settings_path` is for engines that read a file."""
    return _RENDERERS[spec.engine](spec, settings_path)


def _tgi(spec: ServingSpec, _settings_path: str) -> RenderedServer:
    options = {
        "model-id": spec.model_path,
        "num-shard": spec.shards,
        # Kubernetes sets HOSTNAME to the pod's name, and TGI would take that as its address.
        "hostname": _LISTEN,
        "port": spec.port,
        "max-input-tokens": spec.max_input_tokens,
        "max-total-tokens": spec.max_total_tokens,
        "max-batch-prefill-tokens": max(_PREFILL_TOKENS, spec.max_input_tokens),
        "max-batch-size": spec.max_batch_size,
        "max-concurrent-requests": spec.max_concurrent_requests,
        "usage-stats": "off",
        **({} if spec.dtype == "auto" else {"dtype": spec.dtype}),
        **({"quantize": spec.quantization} if spec.quantization else {}),
    }
    return RenderedServer(
        command=("/tgi-entrypoint.sh",),
        args=(*_flags(options), "--json-output"),
        env=_CACHES,
        port=spec.port,
        ready_path="/health",
        live_path="/health",
        metrics_path="/metrics",
        metrics=EngineMetrics(waiting_requests="tgi_queue_size", generated_tokens="tgi_request_generated_tokens_sum"),
        # The entry point of TGI's image finds its environment relative to this folder.
        working_dir="/usr/src",
    )


def _vllm(spec: ServingSpec, _settings_path: str) -> RenderedServer:
    options = {
        "served-model-name": spec.model_id,
        "host": _LISTEN,
        "port": spec.port,
        "tensor-parallel-size": spec.shards,
        "max-model-len": spec.max_total_tokens,
        "max-num-seqs": spec.max_batch_size,
        "dtype": spec.dtype,
        **({"quantization": spec.quantization} if spec.quantization else {}),
    }
    return RenderedServer(
        command=("vllm", "serve", spec.model_path),
        args=_flags(options),
        env={**_CACHES, "VLLM_NO_USAGE_STATS": "1", "VLLM_CACHE_ROOT": "/tmp/vllm"},  # noqa: S108
        port=spec.port,
        # /health tells that the process runs; the model is listed once it is loaded.
        ready_path="/v1/models",
        live_path="/health",
        metrics_path="/metrics",
        metrics=EngineMetrics(
            waiting_requests="vllm:num_requests_waiting", generated_tokens="vllm:generation_tokens_total"
        ),
    )


def _sglang(spec: ServingSpec, _settings_path: str) -> RenderedServer:
    options = {
        "model-path": spec.model_path,
        "served-model-name": spec.model_id,
        "host": _LISTEN,
        "port": spec.port,
        "tensor-parallel-size": spec.shards,
        "context-length": spec.max_total_tokens,
        "max-running-requests": spec.max_batch_size,
        "max-queued-requests": spec.max_concurrent_requests,
        "dtype": spec.dtype,
        **({"quantization": spec.quantization} if spec.quantization else {}),
    }
    return RenderedServer(
        command=("python3", "-m", "sglang.launch_server"),
        args=(*_flags(options), "--enable-metrics"),
        env=_CACHES,
        port=spec.port,
        ready_path="/health",
        live_path="/health",
        metrics_path="/metrics",
        metrics=EngineMetrics(
            waiting_requests="sglang:num_queue_reqs", generated_tokens="sglang:generation_tokens_total"
        ),
    )


def _embedded(spec: ServingSpec, settings_path: str) -> RenderedServer:
    return RenderedServer(
        command=("/opt/inferloop/bin/inferloop-runtime", "serve"),
        args=("--config", settings_path),
        env=_CACHES,
        port=spec.port,
        ready_path="/health",
        live_path="/ping",
        metrics_path="/metrics",
        metrics=EngineMetrics(waiting_requests="tgi_queue_size", generated_tokens="inferloop_generated_tokens_total"),
        settings={
            "model_path": spec.model_path,
            "model_id": spec.model_id,
            "host": _LISTEN,
            "port": spec.port,
            "shards": spec.shards,
            "device": spec.device,
            "dtype": spec.dtype,
            "max_batch_size": spec.max_batch_size,
            "max_concurrent_requests": spec.max_concurrent_requests,
            "max_input_tokens": spec.max_input_tokens,
            "max_total_tokens": spec.max_total_tokens,
            "drain_timeout_s": spec.drain_timeout_s,
            "run_dir": "/tmp",  # noqa: S108  # The pod's own, in memory of no other.
        },
    )


def _flags(options: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())


_RENDERERS: Mapping[EngineKind, Callable[[ServingSpec, str], RenderedServer]] = {
    EngineKind.TGI: _tgi,
    EngineKind.VLLM: _vllm,
    EngineKind.SGLANG: _sglang,
    EngineKind.EMBEDDED: _embedded,
}
