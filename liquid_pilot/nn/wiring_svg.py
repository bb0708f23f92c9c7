"""Draws a wiring as SVG: one column per role, signals run from left (inputs) to right (motor neurons)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from liquid_pilot.nn.errors import BadWiring
from liquid_pilot.nn.wiring import Role, Wiring

# Blue and orange stay apart for colour-blind readers and in grey print.
EXCITES, INHIBITS = "#2563a8", "#e07b26"
FILLS: dict[Role | str, str] = {"sensory": "#c9ced6", "inter": "#7fb7be", "command": "#3f7f93", "motor": "#22313f"}
TITLES: dict[Role | str, str] = {"sensory": "inputs", "inter": "inter", "command": "command", "motor": "motor"}
HEADER, FOOTER, MARGIN, COLUMN = 64.0, 46.0, 30.0, 230.0
LABEL_WIDTH = 6.3
"""Width of one letter of a label, pixels (11 px sans serif, on the safe side)."""


class Dot(NamedTuple):
    """Where a neuron or an input is drawn, in pixels."""

    x: float
    y: float
    radius: float
    column: int


def draw(wiring: Wiring, input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None) -> str:
    """The picture as text; names label inputs and motor neurons. Raises `BadWiring` for a wrong number of names."""
    for names, size, what in (
        (input_names, wiring.input_size, "inputs"),
        (output_names, wiring.output_size, "outputs"),
    ):
        if names is not None and len(names) != size:
            raise BadWiring(f"{len(names)} names for {size} {what}: give one each, or none")
    left = MARGIN + LABEL_WIDTH * max((len(name) for name in input_names or ()), default=0)
    right = MARGIN + 24 + LABEL_WIDTH * max((len(name) for name in output_names or ()), default=0)
    columns: list[tuple[str, tuple[int, ...]]] = [("sensory", tuple(range(wiring.input_size)))]
    roles: tuple[Role, ...] = ("inter", "command", "motor")
    columns += [(role, wiring.neurons(role)) for role in roles if wiring.neurons(role)]

    tallest = max(18.0 * wiring.input_size, *(34.0 * len(members) for _, members in columns[1:]))
    width, height = left + COLUMN * (len(columns) - 1) + right, HEADER + tallest + FOOTER
    inputs: dict[int, Dot] = {}
    neurons: dict[int, Dot] = {}
    for place, (role, members) in enumerate(columns):
        radius = 4.5 if role == "sensory" else 9.0
        # Small layers stand closer together than the inputs: spread over the whole height they would look unrelated.
        pitch = tallest / len(members) if role == "sensory" else min(tallest / len(members), 62.0)
        top = HEADER + (tallest - pitch * len(members)) / 2
        for row, member in enumerate(members):
            dot = Dot(left + COLUMN * place, top + pitch * (row + 0.5), radius, place)
            (inputs if role == "sensory" else neurons)[member] = dot

    label = f"Wiring: {wiring.input_size} inputs, {wiring.units} neurons, {wiring.synapse_count} synapses"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{label}" font-family="system-ui, sans-serif">',
        f"<title>{label}</title>",
        _arrow("excites", EXCITES) + _arrow("inhibits", INHIBITS),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    parts += _synapses([(inputs[s], neurons[t], p) for s, t, p in wiring.sensory], 0.38)
    parts += _synapses([(neurons[s], neurons[t], p) for s, t, p in wiring.recurrent], 0.7)
    for place, (role, members) in enumerate(columns):
        x = left + COLUMN * place
        parts.append(_text(x, 26, TITLES[role], "middle", "#22313f", 14, bold=True))
        parts.append(_text(x, 43, str(len(members)), "middle", "#66707c", 12))
        for member in members:
            dot = inputs[member] if role == "sensory" else neurons[member]
            parts.append(
                f'<circle cx="{dot.x:.1f}" cy="{dot.y:.1f}" r="{dot.radius}" fill="{FILLS[role]}" '
                f'stroke="#ffffff" stroke-width="1.5"><title>{TITLES[role]} {member}</title></circle>'
            )
            if role == "sensory" and input_names is not None:
                parts.append(_text(dot.x - 10, dot.y + 4, input_names[member], "end", "#66707c", 11))
            elif role != "sensory":
                parts.append(_text(dot.x, dot.y + 3.2, str(member), "middle", "#ffffff", 9))
                if role == "motor" and output_names is not None and member < len(output_names):
                    parts.append(_text(dot.x + 24, dot.y + 4, output_names[member], "start", "#22313f", 12))
    parts.append(_legend(left, height - 18, wiring))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _synapses(lines: Iterable[tuple[Dot, Dot, int]], opacity: float) -> list[str]:
    """Curves between columns; arcs with an arrow head at the right of a column, loops for self connections."""
    parts = []
    for source, target, polarity in lines:
        colour, name = (EXCITES, "excites") if polarity > 0 else (INHIBITS, "inhibits")
        marker = ""
        if source is target:
            x, y, r = source.x, source.y, source.radius
            path = (
                f"M{x - 4:.1f} {y - r:.1f} C{x - 22:.1f} {y - r - 24:.1f} "
                f"{x + 22:.1f} {y - r - 24:.1f} {x + 5:.1f} {y - r - 2:.1f}"
            )
            marker = f' marker-end="url(#{name})"'
        elif source.column == target.column:
            bulge = 26 + 0.28 * abs(target.y - source.y)
            end = target.x + target.radius + 2.5
            path = (
                f"M{source.x + source.radius:.1f} {source.y:.1f} C{source.x + bulge:.1f} {source.y:.1f} "
                f"{end + bulge:.1f} {target.y:.1f} {end:.1f} {target.y:.1f}"
            )
            marker = f' marker-end="url(#{name})"'
        else:
            bend = 0.5 * (target.x - source.x)
            path = (
                f"M{source.x:.1f} {source.y:.1f} C{source.x + bend:.1f} {source.y:.1f} "
                f"{target.x - bend:.1f} {target.y:.1f} {target.x:.1f} {target.y:.1f}"
            )
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="{opacity}" stroke-width="1.1"{marker}/>'
        )
    return parts


def _arrow(name: str, colour: str) -> str:
    return (
        f'<defs><marker id="{name}" viewBox="0 0 6 6" refX="4.5" refY="3" markerWidth="5.5" markerHeight="5.5" '
        f'orient="auto"><path d="M0 0L6 3L0 6z" fill="{colour}"/></marker></defs>'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str, size: int, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-size="{size}"{weight}>{escape(text)}</text>'


def _legend(x: float, y: float, wiring: Wiring) -> str:
    every = [*wiring.sensory, *wiring.recurrent]
    exciting = sum(synapse.polarity > 0 for synapse in every)
    parts = []
    for offset, colour, text in (
        (0, EXCITES, f"{exciting} excite"),
        (120, INHIBITS, f"{len(every) - exciting} inhibit"),
    ):
        parts.append(f'<path d="M{x + offset:.1f} {y - 4:.1f}h26" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(_text(x + offset + 33, y, text, "start", "#22313f", 12))
    parts.append(_text(x + 240, y, f"{len(every)} synapses", "start", "#66707c", 12))
    return "\n".join(parts)
