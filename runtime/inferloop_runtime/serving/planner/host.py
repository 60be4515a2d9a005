"""This machine as a size to plan for: its CPU and memory."""

import os
import platform
from pathlib import Path

from inferloop_runtime.serving.planner.plan_size import PlanSize


def host_size(shards: int) -> PlanSize:
    """Describe this machine's CPU for `shards` processes; memory is the machine's or its control group's limit."""
    return PlanSize(
        name="host",
        instance_type=platform.machine(),
        accelerator="CPU",
        device="cpu",
        count=shards,
        memory_bytes=host_memory_bytes(),
        bfloat16=cpu_has_bfloat16(),
    )


def host_memory_bytes(limit_file: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the memory that this process may use at most, in bytes."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = limit_file.read_text().strip()
    except OSError:
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory


def cpu_has_bfloat16(cpu_file: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether torch computes bfloat16 on this CPU: AVX-512 (oneDNN's `avx512_core`) or Arm's bf16 extension.

    torch's own answer is `torch.ops.mkldnn._is_mkldnn_bf16_supported()`; the planner does without importing torch.
    """
    try:
        text = cpu_file.read_text()
    except OSError:
        return False
    flags: set[str] = set()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            flags.update(value.split())
            break
    return {"avx512bw", "avx512vl", "avx512dq"} <= flags or "bf16" in flags
