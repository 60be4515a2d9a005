import datetime

import pytest

from components.catalog.availability import load_availability
from components.catalog.machines import load_catalog
from components.errors import SettingsError


def test_every_machine_has_its_regions_and_every_table_a_source() -> None:
    availability, catalog = load_availability(), load_catalog()
    assert [it.type for it in availability.offerings] == [it.type for it in catalog.machines]
    for it in availability.offerings:
        assert set(it.regions) <= set(availability.regions)
        assert bool(it.regions) != catalog.machine(it.type).retired
    assert availability.source.startswith("https://")
    assert availability.read <= datetime.date.today()


def test_a_size_that_the_region_has_is_given() -> None:
    assert load_availability().machine_in("eu-central-1", "small").type == "g4dn.xlarge"
    assert load_availability().machine_in("us-east-1", "p5.48xlarge").count == 8


def test_a_retired_type_is_refused_with_what_to_take_instead() -> None:
    with pytest.raises(SettingsError, match=r"large \(p3\.2xlarge\) is retired: .*; take g5\.xlarge or "):
        load_availability().machine_in("us-east-1", "large")


def test_a_type_that_a_region_lacks_is_refused_with_alternatives_and_other_regions() -> None:
    with pytest.raises(SettingsError, match=r"g6\.xlarge is not offered in eu-west-1; take g5\.xlarge.*eu-central-1"):
        load_availability().machine_in("eu-west-1", "g6.xlarge")
    with pytest.raises(SettingsError, match=r"nothing of that size, p4d\.24xlarge is its largest"):
        load_availability().machine_in("eu-west-1", "p5.48xlarge")


def test_unknown_regions_and_types_are_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="unknown region 'moon-1'; known are af-south-1"):
        load_availability().machine_in("moon-1", "small")
    with pytest.raises(SettingsError, match="unknown machine type 'x'; known are"):
        load_availability().offering("x")


def test_the_fabric_is_known_by_machine_and_only_offered_gpus_are_named() -> None:
    fabric = {it.type: it.fabric_interfaces for it in load_availability().offerings if it.fabric_interfaces}
    assert (fabric["p4d.24xlarge"], fabric["p5.48xlarge"]) == (4, 32)
    offered = {"T4", "A100-40GB", "A100-80GB", "A10G", "L4", "L40S", "H100", "H200", "B200"}
    assert load_availability().gpu_kinds() == offered


def test_time_on_the_largest_machines_can_be_reserved_ahead() -> None:
    reserved = {it.type for it in load_availability().offerings if it.capacity_blocks}
    machines = {"p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge"}
    assert reserved == machines
