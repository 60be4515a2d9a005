import json
from pathlib import Path

import pytest

from inferloop.errors import StateLocationError
from inferloop.project import Project
from inferloop.state_location import locate_state, logged_in_backend


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("INFERLOOP_HOME", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: inferloop\n")
    return Project(tmp_path)


def keep_here(project: Project) -> None:
    path = project.home.state_file("pilot")
    path.parent.mkdir(parents=True)
    path.write_text("{}")


def test_the_backend_is_looked_for_where_pulumi_looks(project: Project, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert logged_in_backend(project, environ) is None
    assert logged_in_backend(project, {**environ, "PULUMI_ACCESS_TOKEN": "pul-x"}) == "https://api.pulumi.com"
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "credentials.json").write_text(json.dumps({"current": "gs://login"}))
    assert logged_in_backend(project, environ) == "gs://login"
    other = tmp_path / "other"
    other.mkdir()
    (other / "credentials.json").write_text(json.dumps({"current": "azblob://other"}))
    assert logged_in_backend(project, {**environ, "PULUMI_HOME": str(other)}) == "azblob://other"
    (tmp_path / "Pulumi.yaml").write_text("name: inferloop\nbackend:\n  url: s3://project\n")
    assert logged_in_backend(project, environ) == "s3://project"
    assert logged_in_backend(project, {**environ, "PULUMI_BACKEND_URL": "s3://env"}) == "s3://env"


def test_damaged_credentials_and_project_files_are_no_login(project: Project, tmp_path: Path) -> None:
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "credentials.json").write_text("{")
    (tmp_path / "Pulumi.yaml").write_text("name: [")
    assert logged_in_backend(project, {"HOME": str(tmp_path)}) is None


def test_a_backends_credentials_are_not_shown(project: Project) -> None:
    url = "postgres://user:hunter2@db.example/state?sslmode=require&password=hunter2&region=x"
    shown = logged_in_backend(project, {"PULUMI_BACKEND_URL": url})
    assert shown == "postgres://db.example/state?sslmode=require&password=***&region=x"


def test_without_a_login_the_message_says_how_to_log_in_or_keep_the_state_here(
    project: Project, tmp_path: Path
) -> None:
    with pytest.raises(StateLocationError, match=r"pulumi login s3://BUCKET(.|\n)*--local-state") as refused:
        locate_state(project, "pilot", local_state=False, environ={"HOME": str(tmp_path)})
    assert refused.value.exit_code == 2
    found = locate_state(project, "pilot", local_state=True, environ={"HOME": str(tmp_path)})
    assert found.in_home
    assert found.url == project.home.backend.as_uri()


def test_a_state_that_is_kept_here_is_gone_on_with_unless_somebody_is_logged_in_too(
    project: Project, tmp_path: Path
) -> None:
    keep_here(project)
    login = {"PULUMI_BACKEND_URL": "s3://team"}
    assert locate_state(project, "pilot", local_state=False, environ={"HOME": str(tmp_path)}).in_home
    assert locate_state(project, "pilot", local_state=True, environ=login).in_home
    with pytest.raises(StateLocationError, match="say which one is meant"):
        locate_state(project, "pilot", local_state=False, environ=login)
    assert locate_state(project, "other", local_state=False, environ=login).url == "s3://team"
