"""A report as a table for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from stacks.rehearsal.report import Outcome, Report, Standing, Step

_MARKS = {Outcome.OK: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}
_CHANGES_SHOWN = 12
_DETAIL_WIDTH = 100


def as_text(report: Report) -> str:
    """Return the report as lines of text, widest first where it matters: steps, resources, findings."""
    verdict = "as it must be" if report.ok else "NOT as it must be"
    lines = [
        f"rehearsal of {report.stack}: {verdict}",
        f"{report.resources} resources of {len(report.types)} types in {report.duration_s:.1f} s, "
        f"at most {report.peak_memory_mib:.0f} MiB over all processes, with {report.engine}",
        "",
        *_table(
            ("step", "outcome", "seconds", "changes", "found"),
            [
                (step.title, _MARKS[step.outcome], f"{step.duration_s:.1f}", _counts(step), _short(step.detail))
                for step in report.steps
            ],
        ),
    ]
    for step in report.steps:
        if step.name in ("update", "repair") and step.changes:
            lines += ["", f"{step.title} changed:", *_changes(step)]
        if step.outcome is Outcome.FAILED and "\n" in step.detail:
            lines += ["", f"{step.title}:", *(f"  {line}" for line in step.detail.splitlines())]
    return "\n".join([*lines, *_resources(report), *_findings(report)])


def _resources(report: Report) -> Iterator[str]:
    if not report.types:
        return
    yield ""
    yield from _table(
        ("resource type", "count", "standing", "seconds"),
        [(use.type, str(use.count), str(use.standing), f"{use.create_s:.1f}") for use in report.types],
    )
    counts = report.standings()
    yield ""
    yield "standing: " + ", ".join(f"{counts[standing]} {standing}" for standing in Standing)
    for provider, what in report.providers.items():
        yield f"provider {provider}: {what}"


def _findings(report: Report) -> Iterator[str]:
    yield from ("", *_listed("represented", report.represented))
    yield from _listed("stand-ins", [f"{key} = {value}" for key, value in report.stand_ins.items()])
    yield from _listed(
        "drift",
        [
            f"{item.what}: {'seen' if item.seen else 'NOT SEEN'}, {'repaired' if item.repaired else 'NOT REPAIRED'}"
            for item in report.drift
        ],
    )
    yield from _listed(
        "faults",
        [
            f"{fault.spec}: {f'struck {fault.step}' if fault.step else 'NEVER HAPPENED'}"
            f"{', recovered by the next run' if fault.recovered else ''}"
            for fault in report.faults
        ],
    )
    checked = report.secrets
    if checked.values:
        found = f"found in {', '.join(checked.found)}" if checked.found else "none"
        yield f"secrets in plain text: {found} ({checked.values} values looked for in {checked.files} files)"
    if any(step.name == "leftovers" for step in report.steps):
        yield from _listed("left behind", report.leftovers, nothing="nothing")
    yield from _listed("endpoints", [f"{name} {value}" for name, value in report.endpoints.items()])


def _listed(title: str, items: Sequence[str], *, nothing: str = "") -> Iterator[str]:
    if items:
        yield f"{title}:"
        yield from (f"  {item}" for item in items)
    elif nothing:
        yield f"{title}: {nothing}"


def _changes(step: Step) -> Iterator[str]:
    for change in step.changes[:_CHANGES_SHOWN]:
        properties = f" ({', '.join(change.properties)})" if change.properties else ""
        yield f"  {change.operation} {change.name}, {change.type}{properties}"
    if len(step.changes) > _CHANGES_SHOWN:
        yield f"  and {len(step.changes) - _CHANGES_SHOWN} more (all of them with --json)"


def _counts(step: Step) -> str:
    return ", ".join(f"{count} {operation}" for operation, count in step.counts().items()) or "-"


def _short(detail: str) -> str:
    first = detail.splitlines()[0] if detail else ""
    return first if len(first) <= _DETAIL_WIDTH else f"{first[: _DETAIL_WIDTH - 1]}…"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
