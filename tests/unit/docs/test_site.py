"""The documentation builds without a warning, needs nothing from outside, and every page can be reached."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
# Elements by which a browser loads something by itself; a link that a reader follows is not one.
LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}


class Assets(HTMLParser):
    """Collect the addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in LOADED and values.get("rel") != "canonical":
            self.addresses.append(values.get(LOADED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def _pages_of(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for part in nav.values():
            yield from _pages_of(part)
    elif isinstance(nav, list):
        for part in nav:
            yield from _pages_of(part)


def test_the_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file()


def test_the_site_loads_nothing_from_outside(site: Path) -> None:
    outside = {}
    for page in site.rglob("*.html"):
        assets = Assets()
        assets.feed(page.read_text(encoding="utf-8"))
        outside[page.name] = [address for address in assets.addresses if re.match(r"(https?:)?//", address)]
    for sheet in site.rglob("*.css"):
        outside[sheet.name] = re.findall(r"url\(['\"]?((?:https?:)?//[^)]+)", sheet.read_text(encoding="utf-8"))
    assert {name: found for name, found in outside.items() if found} == {}


def test_no_page_shows_markdown_that_was_not_understood(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "```" not in text, page
        assert "<p>| " not in text, page


def test_every_page_is_reachable_from_the_navigation() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert set(_pages_of(nav)) == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}


@pytest.mark.parametrize("folder", ["adr", "runbooks"])
def test_an_overview_links_every_page_of_its_folder(folder: str) -> None:
    text = (DOCS / folder / "index.md").read_text(encoding="utf-8")
    for page in (DOCS / folder).glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in text


def test_every_runbook_has_the_same_five_parts() -> None:
    for page in (DOCS / "runbooks").glob("*.md"):
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.M)
        assert page.name == "index.md" or headings == ["Symptom", "Check", "Act", "Verify", "Roll back"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "runtime/README.md"])
def test_a_top_level_documents_links_lead_to_files(name: str) -> None:
    document = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        assert target.startswith(("https://", "mailto:")) or (document.parent / target).exists(), target


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.name)
def test_a_drawing_is_well_formed_described_and_has_a_dark_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    drawing = ElementTree.fromstring(text)
    assert drawing.find("{http://www.w3.org/2000/svg}desc") is not None
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(href|src|url)\W+https?:", text)
