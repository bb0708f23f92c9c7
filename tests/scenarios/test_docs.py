"""The tables of docs/scenarios.md are those of the code, and its examples are valid.

The failing assertion shows the text that belongs there; ``python -m tests.scenarios.test_docs`` writes it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scenarios
from scenarios.faults import FAULTS, FaultKind
from scenarios.weather import CARLA_PRESETS, CLEAR, DESCRIPTIONS, Weather

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def parameters() -> str:
    fields = Weather.model_fields.items()
    rows = [
        (f"`{key}`", f"{getattr(CLEAR, key):g}", " ".join((field.description or "").split())) for key, field in fields
    ]
    return table(("Parameter", "`clear`", "What it is"), rows)


def presets() -> str:
    return table(("Preset", "What it looks like"), [(f"`{name}`", text) for name, text in DESCRIPTIONS.items()])


def carla() -> str:
    return ", ".join(f"`{name}`" for name in CARLA_PRESETS) + "."


def level(kind: FaultKind, number: int) -> str:
    return "<br>".join(f"{value:g}" for value in kind.levels[number].values())


def faults() -> str:
    rows = [
        (
            f"`{kind.name}`",
            kind.description,
            "<br>".join(f"`{key}`" for key in kind.identity),
            *(level(kind, number) for number in range(5)),
        )
        for kind in FAULTS.values()
    ]
    return table(("Fault", "What happens", "Parameter", "1", "2", "3", "4", "5"), rows)


TABLES = {"parameters": parameters, "presets": presets, "carla": carla, "faults": faults}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_the_code(name: str) -> None:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found.group(1) == TABLES[name](), "run `python -m tests.scenarios.test_docs`"


def test_examples_are_valid() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    flights = [example for example in examples if example.startswith("kind: flight")]
    assert len(flights) == 2
    for text in flights:
        assert isinstance(scenarios.parse(text), scenarios.FlightScenario)
    whole, *parts = (example for example in examples if example not in flights)
    assert scenarios.parse(whole).faults[0].severity == 3.0
    assert len(parts) == 3
    for part in parts:
        scenarios.parse(f"description: x\nroad: {{map: country-1}}\n{part}")


def write() -> None:
    """Put the tables of the code into the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, make in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?\n?(<!-- end -->)"
        text = re.sub(pattern, lambda found, made=make(): f"{found[1]}{made}\n{found[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
