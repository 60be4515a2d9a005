"""A report as one HTML page that needs nothing else: styles and plots are in it, and it follows dark and light."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from stacks.rehearsal.report import FaultSeen, Outcome, Report, Standing, Step
from stacks.rehearsal.report_plots import bars, css_class, curve, ring

# What a rehearsal of staging-aws may take (docs/benchmarks.md).
_MEMORY_GOAL_MIB = 1536
_MEANINGS = {
    Standing.REAL: "made in a real API server",
    Standing.EMULATED: "made by real calls to moto, and read back",
    Standing.TYPED: "checked against the SDK's types and kept; moto has no such type",
    Standing.REPRESENTED: "charts, stood in for by their definitions and checked values",
}
_PLOTTED_TYPES = 24


def as_page(report: Report) -> str:
    """Return the page; every text of the report is escaped in it."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Rehearsal of {escape(report.stack)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, _parts(report)))
        + "\n</main>\n</body>\n</html>\n"
    )


def _parts(report: Report) -> Iterable[str]:
    yield _head(report)
    yield _figures(report)
    yield _section("Time of each step", _step_plot(report.steps))
    yield _section("Steps", _steps(report.steps))
    yield _section("What there was", _standings(report)) if report.types else ""
    yield _section("Resources by type", _types(report)) if report.types else ""
    yield _section(
        "Memory over time, MiB, all processes",
        curve(report.samples, title="memory over time", limit=_MEMORY_GOAL_MIB),
    )
    yield _changes(report)
    yield _findings(report)


def _head(report: Report) -> str:
    verdict = "as it must be" if report.ok else "not as it must be"
    return (
        f'<header><h1>Rehearsal of {escape(report.stack)}</h1><span class="verdict{"" if report.ok else " bad"}">'
        f'{verdict}</span><p class="said">{escape(report.started)}, with {escape(report.engine)}</p></header>'
    )


def _figures(report: Report) -> str:
    checked = report.secrets
    figures = (
        (str(report.resources), f"resources of {len(report.types)} types"),
        (f"{report.duration_s:.0f} s", f"in {len(report.steps)} steps"),
        (f"{report.peak_memory_mib:.0f} MiB", "most memory over all processes"),
        (f"{sum(item.repaired for item in report.drift)} of {len(report.drift)}", "drifts seen and repaired"),
        (str(len(checked.found)), f"places with a secret in plain text ({checked.values} looked for)"),
        (str(len(report.leftovers)), "things left behind"),
    )
    items = "".join(f'<div class="figure"><b>{value}</b><span>{escape(label)}</span></div>' for value, label in figures)
    return f'<div class="figures">{items}</div>'


def _step_plot(steps: Sequence[Step]) -> str:
    rows = [
        (step.title, step.duration_s, f"{step.duration_s:.1f} s", str(step.outcome))
        for step in steps
        if step.outcome is not Outcome.SKIPPED
    ]
    return bars(rows, title="time of each step in seconds")


def _steps(steps: Sequence[Step]) -> str:
    rows = []
    for step in steps:
        counts = ", ".join(f"{count} {operation}" for operation, count in step.counts().items())
        lines = step.detail.splitlines()
        detail = escape(lines[0]) if len(lines) == 1 else f"<pre>{escape(step.detail)}</pre>" if lines else ""
        mark = f'<span class="mark {step.outcome}">{step.outcome}</span>'
        rows.append((escape(step.title), mark, f"{step.duration_s:.1f}", escape(counts), detail))
    return _table(("step", "outcome", "#seconds", "changes", "found"), rows)


def _standings(report: Report) -> str:
    counts = {str(standing): count for standing, count in report.standings().items()}
    rows = [
        (
            f'<span class="dot {css_class(standing)}"></span>{standing}',
            str(counts[standing]),
            escape(_MEANINGS[standing]),
        )
        for standing in Standing
    ]
    providers = "".join(f"<li>{escape(name)}: {escape(what)}</li>" for name, what in report.providers.items())
    return (
        f'<div class="side">{ring(counts, title="resources by standing", unit="resources")}'
        f"<div>{_table(('standing', '#resources', 'meaning'), rows)}</div></div><ul>{providers}</ul>"
    )


def _types(report: Report) -> str:
    shown = report.types[:_PLOTTED_TYPES]
    plot = bars(
        [(use.type, use.count, f"{use.count}", css_class(use.standing)) for use in shown], title="resources by type"
    )
    rows = [
        (f"<code>{escape(use.type)}</code>", str(use.count), str(use.standing), f"{use.create_s:.1f}")
        for use in report.types
    ]
    whole = _table(("type", "#resources", "standing", "#seconds to make"), rows)
    return f"{plot}<details><summary>all {len(rows)} types</summary>{whole}</details>"


def _changes(report: Report) -> str:
    parts = []
    for step in report.steps:
        if step.name in ("drift", "repair", "update", "rollback") and step.changes:
            rows = [
                (
                    escape(item.operation),
                    escape(item.name),
                    f"<code>{escape(item.type)}</code>",
                    escape(", ".join(item.properties)),
                )
                for item in step.changes
            ]
            parts.append(
                _section(f"Changed by the {step.title}", _table(("operation", "name", "type", "properties"), rows))
            )
    return "".join(parts)


def _findings(report: Report) -> str:
    drift = [
        f"{escape(item.what)}: {'seen' if item.seen else 'not seen'}, {'repaired' if item.repaired else 'not repaired'}"
        for item in report.drift
    ]
    faults = [f"<code>{escape(item.spec)}</code>: {_fate(item)}" for item in report.faults]
    stand_ins = [f"<code>{escape(key)}</code> = {escape(str(value))}" for key, value in report.stand_ins.items()]
    endpoints = [f"{escape(name)}: <code>{escape(value)}</code>" for name, value in report.endpoints.items()]
    lists = (
        ("Drift", drift),
        ("Faults", faults),
        ("Represented", [escape(item) for item in report.represented]),
        ("Stand-ins", stand_ins),
        ("Left behind", [f"<code>{escape(item)}</code>" for item in report.leftovers]),
        ("Secrets in plain text", [f"<code>{escape(item)}</code>" for item in report.secrets.found]),
        ("Endpoints", endpoints),
    )
    return "".join(
        _section(title, f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>") for title, items in lists if items
    )


def _fate(fault: FaultSeen) -> str:
    if not fault.step:
        return "never happened"
    recovered = "recovered" if fault.recovered else "not recovered"
    return f"struck {escape(fault.step)}, {recovered}<pre>{escape(fault.said)}</pre>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out cells that are HTML already; a head that begins with # is one of numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in head]
    top = "".join(f"<th{kind}>{escape(name.lstrip('#'))}</th>" for name, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
