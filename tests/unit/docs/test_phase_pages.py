"""A phase's data names things that exist."""

import re
from pathlib import Path

import pytest

from stacks.phases.registry import phase_named, phase_names
from tools.docs.phase_pages import page_name, render

ROOT = Path(__file__).resolve().parents[3]
GATES = [(name, gate) for name in phase_names() for gate in phase_named(name).success_criteria]


@pytest.mark.parametrize(("phase", "gate"), GATES, ids=[gate.name for _, gate in GATES])
def test_a_gate_is_measured_by_a_test_or_program_that_exists(phase: str, gate: object) -> None:
    program, _, test = str(gate.test).partition(" ")[0].partition("::")  # type: ignore[attr-defined]
    assert (ROOT / program).is_file()
    assert f"def {test.partition('[')[0]}(" in (ROOT / program).read_text(encoding="utf-8") or not test


@pytest.mark.parametrize("name", phase_names())
def test_a_phases_page_has_every_part_of_its_data(name: str) -> None:
    phase = phase_named(name)
    page = render()[page_name(phase)]
    headings = re.findall(r"^## (.+)$", page, re.M)
    wanted = ["Prerequisites", "Deliverables", "Success criteria", "Roll back", "Dashboards", "Alerts"]
    assert headings == [*wanted, "Troubleshooting", "Configuration"]
    for deliverable in phase.deliverables:
        assert f"| `{deliverable.name}` |" in page
    for setting in phase.configuration_reference():
        assert f"| `{setting.key}` |" in page


@pytest.mark.parametrize("name", phase_names())
def test_every_setting_of_a_phase_says_what_it_means(name: str) -> None:
    silent = [setting.key for setting in phase_named(name).configuration_reference() if not setting.description]
    assert silent == []
