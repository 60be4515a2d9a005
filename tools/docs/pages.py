"""Every generated file (pages of docs/, and the end of Pulumi.yaml): its path and what it must hold."""

from pathlib import Path

from tools.docs import (
    command_reference,
    error_reference,
    metric_reference,
    phase_pages,
    policy_reference,
    project_declaration,
    settings_reference,
    stack_settings,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def generated() -> dict[Path, str]:
    """Give the content of every generated file, from the code as it is now."""
    pages = {
        DOCS / "reference" / "cli.md": command_reference.render(),
        DOCS / "reference" / "configuration.md": settings_reference.render(),
        DOCS / "reference" / "errors.md": error_reference.render(),
        DOCS / "reference" / "policies.md": policy_reference.render(),
        DOCS / "reference" / "metrics.md": metric_reference.render(),
        DOCS / "reference" / "settings.md": stack_settings.render(),
    }
    for name, text in settings_reference.schemas().items():
        pages[DOCS / "reference" / "schemas" / name] = text
    for name, text in phase_pages.render().items():
        pages[DOCS / "phases" / name] = text
    pages[ROOT / "Pulumi.yaml"] = project_declaration.render(ROOT / "Pulumi.yaml")
    return {path: text.rstrip("\n") + "\n" for path, text in pages.items()}


def differing() -> list[Path]:
    """Give the files that are missing, not what the code says, or that nothing generates any more."""
    wanted = generated()
    wrong = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return wrong + [path for path in (DOCS / "reference" / "schemas").glob("*.json") if path not in wanted]


def write() -> list[Path]:
    """Write what differs, atomically, and return it."""
    wanted, changed = generated(), differing()
    for path in changed:
        if path not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(wanted[path], encoding="utf-8")
        temporary.replace(path)
    return changed
