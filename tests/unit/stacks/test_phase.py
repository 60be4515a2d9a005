import ast
from pathlib import Path

import pytest

from stacks.phases.phase import Gate, Phase
from stacks.phases.registry import phase_named, phase_names
from stacks.settings import CHECKOUT


@pytest.fixture(params=phase_names())
def phase(request: pytest.FixtureRequest) -> Phase:
    return phase_named(request.param)


def test_the_program_only_reads_composes_and_exports() -> None:
    text = (CHECKOUT / "stacks" / "__main__.py").read_text()
    assert len(text.splitlines()) <= 60
    ast.parse(text)


def test_a_phase_says_everything_that_its_page_needs(phase: Phase) -> None:
    assert phase.summary
    assert all((phase.prerequisites, phase.deliverables, phase.success_criteria, phase.rollback, phase.troubleshooting))
    names = {item.name for item in phase.deliverables}
    assert {board.output for board in phase.dashboards} <= names


def test_every_gate_has_a_number_and_something_that_measures(phase: Phase) -> None:
    for gate in phase.success_criteria:
        assert gate.operator in ("<=", ">=", "==")
        assert gate.unit
        file = Path(gate.test.split("::")[0].split()[0])
        assert file.parts[0] in ("tests", "benchmarks")
        assert (CHECKOUT / file).is_file()


@pytest.mark.parametrize(
    ("operator", "measured", "met"), [("<=", 5, True), ("<=", 5.1, False), (">=", 5, True), ("==", 4, False)]
)
def test_a_gate_compares_what_was_measured(operator: str, measured: float, met: bool) -> None:
    gate = Gate(name="n", measures="m", test="t", operator=operator, threshold=5, unit="s")
    assert gate.is_met_by(measured) is met


def test_every_setting_is_described_in_the_reference(phase: Phase) -> None:
    assert [item.key for item in phase.configuration_reference() if not item.description] == []


def test_the_reference_has_sections_lists_choices_and_defaults() -> None:
    reference = {item.key: item for item in phase_named("development").configuration_reference()}
    assert reference["inferloop:model.shards"].default == "1"
    assert reference["inferloop:ports.gateway"].default == "8080"
    assert reference["inferloop:capture"].default == "stocks"
    assert reference["inferloop:capture[].columns[].privacy"].type == "keep | hash | mask | drop"
    assert reference["inferloop:model.name"].default == "none"
    assert reference["inferloop:capture[].dataset"].default == "required"
