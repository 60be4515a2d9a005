from pathlib import Path

import pytest

from inferloop.errors import ProjectError
from inferloop.project import Home, Project, check_stack_name, find_project


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("INFERLOOP_HOME", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: inferloop\nruntime: python\n")
    return tmp_path


def test_the_checkout_is_found_from_a_folder_inside_it(checkout: Path) -> None:
    inside = checkout / "docs" / "deep"
    inside.mkdir(parents=True)
    assert find_project(inside).checkout == checkout


def test_another_pulumi_project_is_no_checkout(checkout: Path) -> None:
    other = checkout / "other"
    other.mkdir()
    (other / "Pulumi.yaml").write_text("name: inferloop-fork\n")
    assert find_project(other).checkout == checkout


def test_without_a_checkout_above_the_installed_one_is_used(tmp_path: Path) -> None:
    assert find_project(tmp_path).checkout == Path(__file__).parents[3]


def test_no_checkout_anywhere_is_an_error_that_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inferloop.project.__file__", str(tmp_path / "a" / "b" / "project.py"))
    with pytest.raises(ProjectError, match="change into the cloned repository"):
        find_project(tmp_path)


def test_the_home_lies_in_the_checkout_unless_the_environment_names_another(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Project(checkout).home == Home(checkout / ".inferloop")
    assert Project(checkout).home_is_default
    monkeypatch.setenv("INFERLOOP_HOME", str(tmp_path / "elsewhere"))
    assert Project(checkout).home == Home(tmp_path / "elsewhere")
    assert not Project(checkout).home_is_default


@pytest.mark.parametrize("name", ["", "Dev", "-dev", "a/b", "..", "backend", "pulumi", "x" * 60])
def test_a_name_that_no_stack_can_have_is_refused(name: str) -> None:
    with pytest.raises(ProjectError, match="cannot be a stack's name"):
        check_stack_name(name)


@pytest.mark.parametrize("name", ["dev", "staging-aws", "a1"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    check_stack_name(name)
