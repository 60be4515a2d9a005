"""What is measured of GPUs, and when somebody is woken: DCGM's fields and alerts on them.

Fields: https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html. Xid errors and what they mean:
https://docs.nvidia.com/deploy/xid-errors/.
"""

from collections.abc import Mapping

from components.kubernetes.api_object import ApiObject

# Name: kind and help, as dcgm-exporter's list of counters writes them.
FIELDS: Mapping[str, tuple[str, str]] = {
    "DCGM_FI_DEV_GPU_UTIL": ("gauge", "GPU utilization (in %)."),
    "DCGM_FI_DEV_MEM_COPY_UTIL": ("gauge", "Memory utilization (in %)."),
    "DCGM_FI_DEV_FB_USED": ("gauge", "Framebuffer memory used (in MiB)."),
    "DCGM_FI_DEV_FB_FREE": ("gauge", "Framebuffer memory free (in MiB)."),
    "DCGM_FI_DEV_GPU_TEMP": ("gauge", "GPU temperature (in C)."),
    "DCGM_FI_DEV_MEMORY_TEMP": ("gauge", "Memory temperature (in C)."),
    "DCGM_FI_DEV_POWER_USAGE": ("gauge", "Power draw (in W)."),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("counter", "Total energy consumption since boot (in mJ)."),
    "DCGM_FI_DEV_SM_CLOCK": ("gauge", "SM clock frequency (in MHz)."),
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ("counter", "Total number of PCIe retries."),
    "DCGM_FI_DEV_XID_ERRORS": ("gauge", "Value of the last XID error encountered."),
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": ("counter", "Total number of single-bit volatile ECC errors."),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": ("counter", "Total number of double-bit volatile ECC errors."),
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": ("gauge", "Whether remapping of rows has failed."),
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": ("counter", "Total number of NVLink bandwidth counters for all lanes."),
}

# Errors after which a GPU, its memory or its links must be looked at: double-bit ECC, failed or pending remapping of
# rows, NVLink, off the bus, uncontained memory errors, and a system processor that does not answer.
_HARDWARE_XIDS = (48, 62, 64, 74, 79, 95, 119, 120, 140)


def counters() -> str:
    """Return dcgm-exporter's list of counters, in its format: field, kind, help."""
    return "".join(f"{name}, {kind}, {text}\n" for name, (kind, text) in FIELDS.items())


def gpu_rules(*, temperature_c: int, idle_percent: int, idle_hours: int) -> list[ApiObject]:
    """Return the alerts; a temperature in degrees Celsius, and a share of use below which a GPU counts as idle."""
    where = "GPU {{ $labels.gpu }} of {{ $labels.Hostname }}"

    def alert(name: str, expression: str, held: str, severity: str, summary: str) -> ApiObject:
        return {
            "alert": name,
            "expr": expression,
            "for": held,
            "labels": {"severity": severity},
            "annotations": {"summary": f"{where} {summary}"},
        }

    return [
        alert(
            "GpuHardwareFault",
            " or ".join(f"DCGM_FI_DEV_XID_ERRORS == {xid}" for xid in _HARDWARE_XIDS),
            "1m",
            "critical",
            "reports Xid {{ $value }}: drain the node and replace it",
        ),
        alert(
            "GpuXidError",
            "DCGM_FI_DEV_XID_ERRORS > 0 and changes(DCGM_FI_DEV_XID_ERRORS[10m]) > 0",
            "0m",
            "warning",
            "reports Xid {{ $value }}: see what its workload logs",
        ),
        alert(
            "GpuMemoryErrors",
            "increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL[10m]) > 0 or DCGM_FI_DEV_ROW_REMAP_FAILURE > 0",
            "0m",
            "critical",
            "has memory errors that were not corrected: answers may be wrong; drain the node",
        ),
        alert(
            "GpuTooHot",
            f"DCGM_FI_DEV_GPU_TEMP > {temperature_c}",
            "10m",
            "warning",
            f"is hotter than {temperature_c} degrees Celsius and will slow down",
        ),
        alert(
            "GpuIdle",
            f"avg_over_time(DCGM_FI_DEV_GPU_UTIL[1h]) < {idle_percent}",
            f"{idle_hours}h",
            "info",
            f"has been used less than {idle_percent} % for {idle_hours} hours: it costs and serves nobody",
        ),
    ]
