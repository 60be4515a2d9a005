import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
from inferloop_runtime.serving.planner.plan_size import PlanSize

from components.catalog.machines import load_catalog
from components.errors import SettingsError
from tests.support.model_files import LLAMA_3_8B, write_model


def test_the_four_sizes_are_the_machines_that_were_agreed() -> None:
    catalog = load_catalog()
    machines = {name: catalog.size(name) for name in catalog.sizes}
    assert {name: (entry.type, entry.count, entry.accelerator) for name, entry in machines.items()} == {
        "small": ("g4dn.xlarge", 1, "T4"),
        "medium": ("g4dn.2xlarge", 1, "T4"),
        "large": ("p3.2xlarge", 1, "V100"),
        "xlarge": ("p4d.24xlarge", 8, "A100-40GB"),
    }


def test_every_machine_has_a_known_accelerator_and_every_figure_a_source() -> None:
    catalog = load_catalog()
    kinds = [entry.kind for entry in catalog.accelerators]
    types = [entry.type for entry in catalog.machines]
    assert len(set(kinds)) == len(kinds)
    assert len(set(types)) == len(types)
    assert {"T4", "V100", "A100-40GB", "A100-80GB", "A10G", "L4", "L40S", "H100", "H200", "B200"} <= set(kinds)
    for entry in catalog.accelerators:
        assert entry.source.startswith("https://")
        assert 0.9 < entry.memory_mib * 2**20 / (entry.nominal_memory_gb * 1e9) < 1.08
    for machine in catalog.machines:
        assert catalog.accelerator(machine.accelerator)
        assert machine.retired == (machine.replaced_by is not None)
        if machine.replaced_by is not None:
            assert not catalog.machine(machine.replaced_by).retired
    assert catalog.price_source.startswith("https://aws.amazon.com/")
    assert catalog.price_read <= datetime.date.today()


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    catalog = load_catalog()
    with pytest.raises(SettingsError, match=r"unknown size 'huge'; known are small, medium, large, xlarge"):
        catalog.size("huge")
    with pytest.raises(SettingsError, match="unknown accelerator 'B1000'; known are T4, V100"):
        catalog.accelerator("B1000")
    with pytest.raises(SettingsError, match=r"unknown machine type 'x'; known are g4dn\.xlarge"):
        catalog.machine("x")
    with pytest.raises(SettingsError, match=r"sizes are small.*machine types g4dn\.xlarge"):
        catalog.planner_input("huge")


def test_sizes_and_machine_types_are_plain_data_that_the_planner_takes() -> None:
    catalog = load_catalog()
    for name in [*catalog.sizes, *(machine.type for machine in catalog.machines)]:
        size = PlanSize.model_validate_json(json.dumps(catalog.planner_input(name)))
        assert size.name == name
    large = PlanSize.model_validate(catalog.planner_input("large"))
    assert large.retired
    assert not large.bfloat16
    assert "p3.2xlarge is retired; take g5.xlarge" in large.note
    xlarge = PlanSize.model_validate(catalog.planner_input("xlarge"))
    assert (xlarge.count, xlarge.memory_bytes, xlarge.bfloat16) == (8, 40960 * 2**20, True)
    # S3's limit for one machine, not the 400 Gbit/s of its adapters.
    assert xlarge.fetch_bytes_per_s == 12.5e9


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferloop.main", "plan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_inferloop_plan_shows_the_four_sizes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "llama", LLAMA_3_8B, files=2)
    table = run(model)
    assert table.returncode == 0, table.stderr
    for text in ("8 x A100-40GB", "p4d.24xlarge", "1 (8 replicas)", "does not fit", "xlarge would do", "retired"):
        assert text in table.stdout
    data = json.loads(run(model, "--json").stdout)
    assert data["parameters"] == 8_030_261_248
    assert data["allowed_degrees"] == [1, 2, 4, 8]
    assert [entry["size"] for entry in data["sizes"]] == ["small", "medium", "large", "xlarge"]
    assert [entry["fits"] for entry in data["sizes"]] == [False, False, False, True]
    assert data["sizes"][3]["usd_per_hour"] == pytest.approx(21.957642)


def test_inferloop_plan_takes_other_machines_and_refuses_unknown_ones(tmp_path: Path) -> None:
    model = write_model(tmp_path / "llama", LLAMA_3_8B, files=2)
    data = json.loads(run(model, "--size", "g5.xlarge", "--size", "p5.48xlarge", "--json").stdout)
    assert [entry["accelerator"] for entry in data["sizes"]] == ["A10G", "H100"]
    unknown = run(model, "--size", "huge")
    assert unknown.returncode == 2
    assert "unknown size 'huge'" in unknown.stderr
    missing = run(tmp_path / "nothing")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: there is no model folder")
