"""The reference is what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tools.docs import command_reference, pages
from tools.docs.command_reference import PROGRAMS
from tools.docs.markdown import paragraph, table

ROOT = Path(__file__).resolve().parents[3]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/docs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_generated_pages_are_what_the_code_says() -> None:
    done = _run("check")
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_shows_the_usage() -> None:
    done = _run("publish")
    assert done.returncode == 1
    assert "generate | check" in done.stderr


@pytest.fixture
def copied_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    wanted = {tmp_path / path.relative_to(pages.ROOT): text for path, text in pages.generated().items()}
    docs = tmp_path / "docs"
    monkeypatch.setattr(pages, "DOCS", docs)
    monkeypatch.setattr(pages, "generated", lambda: wanted)
    assert set(pages.write()) == set(wanted)
    return docs


def test_pages_that_were_just_written_do_not_differ(copied_docs: Path) -> None:
    assert pages.differing() == []
    assert pages.write() == []


def test_an_edited_page_differs_until_it_is_written_again(copied_docs: Path) -> None:
    page = copied_docs / "reference" / "cli.md"
    page.write_text(page.read_text() + "edited\n")
    assert pages.differing() == [page]
    assert pages.write() == [page]
    assert pages.differing() == []


def test_a_schema_of_a_model_that_is_gone_is_removed(copied_docs: Path) -> None:
    stale = copied_docs / "reference" / "schemas" / "gone.schema.json"
    stale.write_text("{}")
    assert pages.differing() == [stale]
    pages.write()
    assert not stale.exists()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_command_reference_has_every_command_of_a_program(program: str) -> None:
    text = command_reference.render()
    done = subprocess.run(
        [Path(sys.executable).with_name(program), "--help"], capture_output=True, text=True, check=True
    )
    module, _, attribute = PROGRAMS[program].partition(":")
    application = typer.main.get_command(getattr(__import__(module, fromlist=["app"]), attribute))
    names = [name for name, command in application.commands.items() if not command.hidden]  # type: ignore[attr-defined]
    assert names
    for name in names:
        assert f"### {program} {name}" in text
        assert name in done.stdout


def test_a_bar_in_a_cell_does_not_split_it() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[-1] == r"| x\|y |"


def test_a_table_without_rows_is_nothing() -> None:
    assert table(("a",), []) == ""


def test_line_breaks_inside_a_paragraph_are_removed_and_paragraphs_kept() -> None:
    assert paragraph("one\n    two\n\n    three") == "one two\n\nthree"


def test_angle_brackets_are_escaped_outside_code_only() -> None:
    assert paragraph("Pulumi.<stack>.yaml and `<code>`") == "Pulumi.&lt;stack>.yaml and `<code>`"
