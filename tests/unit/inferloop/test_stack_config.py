import json
from pathlib import Path

import pytest
import yaml

from inferloop.errors import ProjectError
from inferloop.project import Project
from inferloop.stack_config import configured_values, prepare_project, refresh_config, write_private


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("INFERLOOP_HOME", raising=False)
    project = Project(tmp_path)
    project.tracked_config("dev").parent.mkdir(parents=True)
    project.tracked_config("dev").write_text(
        "encryptionsalt: of-somebody-else\n"
        "config:\n  inferloop:model: {shards: 3}\n  inferloop:cloud: local\n  other:x: 1\n"
    )
    return project


def test_the_copy_takes_the_tracked_settings_and_leaves_the_tracked_salt(project: Project) -> None:
    copy = refresh_config(project, "dev")
    assert yaml.safe_load(copy.read_text()) == {
        "config": {"inferloop:model": {"shards": 3}, "inferloop:cloud": "local", "other:x": 1}
    }
    assert copy.stat().st_mode & 0o777 == 0o600


def test_the_copy_keeps_the_salt_that_the_engine_wrote_into_it(project: Project) -> None:
    copy = refresh_config(project, "dev")
    copy.write_text(copy.read_text() + "encryptionsalt: v1:own\n")
    assert yaml.safe_load(refresh_config(project, "dev").read_text())["encryptionsalt"] == "v1:own"


def test_the_salt_of_the_state_wins_and_survives_a_damaged_copy(project: Project) -> None:
    state = project.home.state_file("dev")
    state.parent.mkdir(parents=True)
    provider = {"type": "passphrase", "state": {"salt": "v1:state"}}
    state.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": provider}}}))
    copy = refresh_config(project, "dev")
    copy.write_text("[")
    assert yaml.safe_load(refresh_config(project, "dev").read_text())["encryptionsalt"] == "v1:state"


def test_a_home_from_the_environment_is_passed_to_the_stack(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERLOOP_HOME", str(tmp_path / "elsewhere"))
    elsewhere = Project(project.checkout)
    config = yaml.safe_load(refresh_config(elsewhere, "dev").read_text())["config"]
    assert config["inferloop:home"] == str(tmp_path / "elsewhere")


def test_another_configuration_file_may_be_used(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("")
    assert yaml.safe_load(refresh_config(project, "dev", other).read_text()) == {}


def test_an_unknown_stack_is_refused_with_the_known_ones(project: Project) -> None:
    with pytest.raises(ProjectError, match="known stacks: dev"):
        refresh_config(project, "prod")


@pytest.mark.parametrize("text", ["[1]", "config: 3", "a: ["])
def test_a_configuration_that_is_no_mapping_is_refused_with_its_path(project: Project, text: str) -> None:
    project.tracked_config("dev").write_text(text)
    with pytest.raises(ProjectError, match=r"Pulumi\.dev\.yaml"):
        refresh_config(project, "dev")


def test_a_configuration_that_cannot_be_read_is_refused_with_its_path(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot read stack configuration"):
        refresh_config(project, "dev", tmp_path)


def test_values_are_handed_over_as_the_engine_does_without_encrypted_ones(project: Project) -> None:
    project.tracked_config("dev").write_text(
        "config:\n  inferloop:model: {shards: 3}\n  inferloop:n: 2\n  inferloop:key: {secure: v1:x}\n  aws:region: eu\n"
    )
    assert configured_values(project, "dev") == {"model": '{"shards": 3}', "n": "2"}


def test_the_passphrase_is_made_once_and_is_private(project: Project) -> None:
    prepare_project(project)
    first = project.home.passphrase.read_text()
    assert len(first.strip()) >= 32
    assert project.home.passphrase.stat().st_mode & 0o777 == 0o600
    prepare_project(project)
    assert project.home.passphrase.read_text() == first


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
