"""Plots of a report as inline SVG; colours come from the page's CSS variables, so that they follow its theme."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH = 980
_ROW = 26
_LABEL = 290
_VALUE = 70


def bars(rows: Sequence[tuple[str, float, str, str]], *, title: str) -> str:
    """Return horizontal bars; a row is (label, size, text behind the bar, CSS class of the bar)."""
    longest = max((size for _, size, _, _ in rows), default=0.0) or 1.0
    room = _WIDTH - _LABEL - _VALUE
    parts = []
    for index, (label, size, text, kind) in enumerate(rows):
        y = index * _ROW
        width = max(2.0, size / longest * room)
        bar = f'x="{_LABEL}" y="{y + 5}" width="{width:.1f}" height="{_ROW - 10}" rx="3"'
        parts.append(
            f'<text class="label" x="{_LABEL - 10}" y="{y + 17}" text-anchor="end">{escape(_shortened(label))}'
            f"<title>{escape(label)}</title></text>"
            f'<rect class="bar {escape(kind)}" {bar}/>'
            f'<text class="value" x="{_LABEL + width + 8:.1f}" y="{y + 17}">{escape(text)}</text>'
        )
    return _svg("".join(parts), height=max(_ROW, len(rows) * _ROW), title=title)


def ring(shares: Mapping[str, int], *, title: str, unit: str) -> str:
    """Return a ring of shares with the whole in its middle; the key is the CSS class of the share, too."""
    whole = sum(shares.values())
    radius, width, size = 74, 26, 200
    around = 2 * math.pi * radius
    parts = [f'<circle class="track" cx="100" cy="100" r="{radius}" stroke-width="{width}" fill="none"/>']
    turned = 0.0
    for name, count in shares.items():
        if not count:
            continue
        length = count / whole * around
        parts.append(
            f'<circle class="arc {escape(css_class(name))}" cx="100" cy="100" r="{radius}" fill="none" '
            f'stroke-width="{width}" stroke-dasharray="{length:.2f} {around - length:.2f}" '
            f'stroke-dashoffset="{-turned:.2f}" transform="rotate(-90 100 100)">'
            f"<title>{count} {escape(name)}</title></circle>"
        )
        turned += length
    parts.append(f'<text class="whole" x="100" y="102" text-anchor="middle">{whole}</text>')
    parts.append(f'<text class="unit" x="100" y="122" text-anchor="middle">{escape(unit)}</text>')
    return _svg("".join(parts), width=size, height=size, title=title)


def curve(samples: Sequence[tuple[float, float]], *, title: str, limit: float | None = None) -> str:
    """Return a curve of (seconds, value) with its area, axes in round steps and, where given, a line for a limit."""
    height, left, bottom, top = 220, 56, 28, 12
    if len(samples) < 2:
        return _svg("", height=1, title=title)
    last = samples[-1][0] or 1.0
    step = _round_step(max(max(value for _, value in samples), limit or 0) / 4)
    highest = step * math.ceil(max(max(value for _, value in samples), limit or 0) / step)

    def x(seconds: float) -> float:
        return left + seconds / last * (_WIDTH - left - 12)

    def y(value: float) -> float:
        return top + (1 - value / highest) * (height - top - bottom)

    points = " ".join(f"{x(seconds):.1f},{y(value):.1f}" for seconds, value in samples)
    parts = []
    for number in range(round(highest / step) + 1):
        value = number * step
        parts.append(
            f'<line class="grid" x1="{left}" x2="{_WIDTH - 12}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            f'<text class="tick" x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    every = _round_step(last / 6)
    for number in range(int(last / every) + 1):
        at = number * every
        parts.append(f'<text class="tick" x="{x(at):.1f}" y="{height - 8}" text-anchor="middle">{at:g} s</text>')
    parts.append(
        f'<polygon class="area" points="{left:.1f},{y(0):.1f} {points} {x(samples[-1][0]):.1f},{y(0):.1f}"/>'
        f'<polyline class="line" points="{points}" fill="none"/>'
    )
    if limit is not None:
        parts.append(
            f'<line class="limit" x1="{left}" x2="{_WIDTH - 12}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>'
            f'<text class="tick" x="{_WIDTH - 14}" y="{y(limit) - 6:.1f}" text-anchor="end">goal {limit:g}</text>'
        )
    return _svg("".join(parts), height=height, title=title)


def css_class(name: str) -> str:
    """Return a word as the name of a CSS class."""
    return name.replace(" ", "-")


def _svg(body: str, *, height: float, title: str, width: float = _WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{width:g}px">{body}</svg>'
    )


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not less."""
    power = 10 ** math.floor(math.log10(least)) if least > 0 else 1
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def _shortened(label: str) -> str:
    return label if len(label) <= 42 else f"…{label[-41:]}"
