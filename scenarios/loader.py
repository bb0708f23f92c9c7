"""Scenario files: YAML read with line numbers, so that a mistake is named by file, line and the nearest known key."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scenarios.document import Document
from scenarios.errors import ScenarioError, UnknownScenario
from scenarios.flight import FlightScenario
from scenarios.names import unknown
from scenarios.schema import Scenario

CATALOGUE = Path(__file__).parent / "catalogue"
"""The folder of the scenarios that we ship."""
MAX_BYTES = 1_000_000
"""Larger files are refused: no scenario is that long, and YAML aliases can make a small text a huge value."""

Key = str | int
Node = yaml.Node | None
AnyScenario = Scenario | FlightScenario
"""A drive on a road, or a flight of the drone."""
Kind = Literal["driving", "flight"]
D = TypeVar("D", bound=Document)


def catalogue(split: str | None = None, kind: Kind | None = None) -> list[str]:
    """Sorted names of the shipped scenarios.

    Args:
        split: only those of this split (train, heldout, weather, fly-train...).
        kind: only drives on roads, or only flights of the drone.
    """
    names = sorted(path.stem for path in CATALOGUE.glob("*.yaml"))
    if split is not None:
        names = [name for name in names if load(name).split == split]
    if kind is not None:
        names = [name for name in names if load(name).kind == kind]
    return names


def load_drive(name_or_path: str | os.PathLike[str] | AnyScenario) -> Scenario:
    """As `load`, for those who have a road to drive on. Raises ScenarioError for a flight, too."""
    scenario = load(name_or_path)
    if not isinstance(scenario, Scenario):
        what = f"a flight of the drone, and a drive on a road is wanted here; drives are {_others(Scenario)}"
        raise ScenarioError(_place(scenario), what)
    return scenario


def load_flight(name_or_path: str | os.PathLike[str] | AnyScenario) -> FlightScenario:
    """As `load`, for those who have a drone to fly. Raises ScenarioError for a drive on a road, too."""
    scenario = load(name_or_path)
    if not isinstance(scenario, FlightScenario):
        what = f"a drive on a road, and a flight of the drone is wanted here; flights are {_others(FlightScenario)}"
        raise ScenarioError(_place(scenario), what)
    return scenario


def _place(scenario: AnyScenario) -> str:
    return f"scenario {scenario.name!r}"


def _others(model: type[AnyScenario]) -> str:
    """Two examples from the catalogue."""
    return ", ".join(catalogue(kind="driving" if model is Scenario else "flight")[:2]) + " ..."


def load(name_or_path: str | os.PathLike[str] | AnyScenario) -> AnyScenario:
    """The scenario of a catalogue name or of a YAML file (a Path, or a text that ends in .yaml or .yml or holds a /).

    A file that says ``kind: flight`` is a `FlightScenario`, every other one a `Scenario`. A scenario is given back as
    it is, so that every function that takes "a scenario" can begin with ``load``.
    Raises UnknownScenario (no such name or file) or ScenarioError (not valid).
    """
    if isinstance(name_or_path, Scenario | FlightScenario):
        return name_or_path
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and not _looks_like_a_path(text):
        path = CATALOGUE / f"{text}.yaml"
        # Compared with the listing: a file system that ignores case must not make "Train-Mixed" another scenario.
        if text not in catalogue():
            raise UnknownScenario(text, tuple(difflib.get_close_matches(text, catalogue(), n=3, cutoff=0.5)))
    else:
        path = Path(text)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ScenarioError(str(path), f"larger than {MAX_BYTES} bytes, so hardly a scenario")
        return parse(path.read_text(encoding="utf-8"), source=path)
    except FileNotFoundError as error:
        nearest = tuple(difflib.get_close_matches(path.stem, catalogue(), n=3, cutoff=0.5))
        raise UnknownScenario(text, nearest) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(str(path), f"not UTF-8 text at byte {error.start}") from error
    except OSError as error:
        raise ScenarioError(str(path), f"{error.strerror}; give a YAML file or a name of the catalogue") from error


def parse(text: str, source: str | os.PathLike[str] | None = None, name: str | None = None) -> AnyScenario:
    """The scenario of a YAML text; ``source`` is the file it came from (for messages, relative maps and the name).

    Raises ScenarioError with ``file:line``.
    """
    path = Path(source) if source is not None else None
    place = str(path) if path is not None else "<text>"
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ScenarioError(place, "a scenario is a mapping with at least `description` and `road`")
        _refuse_repeated_keys(root, place)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = error.problem or error.context or "unreadable"
        hint = "; a text with `: ` in it needs quotes" if "mapping values" in problem else ""
        raise ScenarioError(f"{place}{line}", f"not YAML: {problem}{hint}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ReaderError (forbidden characters), 2001-13-45 as a date, or brackets nested without end.
        raise ScenarioError(place, f"not YAML: {' '.join(str(error).split())}") from error
    finally:
        if loader is not None:
            loader.dispose()
    return _of_any_kind(data, name or (path.stem if path is not None else "unnamed"), path, root)


def from_dict(data: dict[str, Any], name: str = "unnamed") -> AnyScenario:
    """A scenario of either kind from what its ``to_dict`` gave. Raises ScenarioError naming the key, no line."""
    return _of_any_kind(data, name, None, None)


def _of_any_kind(data: Any, name: str, source: Path | None, root: Node) -> AnyScenario:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "flight":
        return validated(FlightScenario, data, name, source, root)
    place = str(source) if source is not None else f"scenario {name!r}"
    if kind is not None:
        line = _line(root, ("kind",))
        what = f"{unknown('kind', str(kind), ['flight'])}; leave it out for a drive on a road"
        raise ScenarioError(f"{place}:{line}" if line else place, what)
    if isinstance(data, dict) and "target" in data and "road" not in data:
        line = _line(root, ("target",))
        what = "a target and no road: for a flight of the drone write `kind: flight`"
        raise ScenarioError(f"{place}:{line}" if line else place, what)
    return validated(Scenario, data, name, source, root)


def validated(model: type[D], data: Any, name: str, source: Path | None, root: Node = None) -> D:
    """A scenario of plain data; ``root`` is the YAML node it was made of, for the line numbers."""
    try:
        scenario = model.model_validate(data)
    except ValidationError as error:
        raise _first_error(model, error, name, source, root) from error
    scenario._name, scenario._source = name, source
    return scenario


def _looks_like_a_path(text: str) -> bool:
    return text.endswith((".yaml", ".yml")) or "/" in text or os.sep in text


def _refuse_repeated_keys(node: Node, place: str) -> None:
    # PyYAML silently keeps the last of two equal keys; a scenario that ignores half of what it says is a trap.
    waiting, seen = [node], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    line = key.start_mark.line + 1
                    raise ScenarioError(f"{place}:{line}", f"key {key.value!r} is given twice")
                keys.add(str(key.value))
                waiting.append(value)


def _first_error(
    model: type[BaseModel], error: ValidationError, name: str, source: Path | None, root: Node
) -> ScenarioError:
    """The first unknown key of the file, or else the first mistake; one line is wanted, so the others are counted."""
    mistakes: dict[str, list[ErrorDetails]] = {}
    for details in error.errors():
        # A mistake in a list as a whole may be the fault of one of its members.
        details["loc"] += getattr(details.get("ctx", {}).get("error"), "inside", ())
        mistakes.setdefault(_path(model, details), []).append(details)
    # Of `seed: {first: 1, cout: 2}` pydantic also says that it is no integer; the deeper mistake is the news.
    for path in list(mistakes):
        if any(other.startswith(f"{path}.") for other in mistakes):
            del mistakes[path]
    lines = {path: _line(root, tuple(found[0]["loc"])) for path, found in mistakes.items()}
    # A misspelt key before a missing one: the latter is mostly its shadow.
    first = min(mistakes, key=lambda path: (mistakes[path][0]["type"] != "extra_forbidden", lines[path]))
    place = str(source) if source is not None else f"scenario {name!r}"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    what = _explain(model, first, mistakes[first]) + more
    return ScenarioError(f"{place}:{lines[first]}" if lines[first] else place, what)


def _explain(model: type[BaseModel], key: str, found: list[ErrorDetails]) -> str:
    loc, kind, given = tuple(found[0]["loc"]), found[0]["type"], found[0]["input"]
    if kind == "extra_forbidden":
        known = _known_keys(model, loc)
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        return f"unknown key {key!r}; {guess}known here: {', '.join(known)}"
    if kind == "missing":
        return f"key {key!r} is missing"
    if kind == "value_error":
        message = found[0]["msg"].removeprefix("Value error, ")
    else:
        # Several for a union: "should be 'target' or a valid number".
        wanted = [e["msg"] if e["type"] != "model_type" else "Input should be a mapping" for e in found]
        message = " or ".join([wanted[0], *(text.removeprefix("Input should be ") for text in wanted[1:])])
        message = message.removeprefix("Input ").replace("\n", " ").replace("valid tuple", "list")
        # A mapping as a whole is no help in a message of one line, and a long text would not be one.
        message += "" if isinstance(given, dict | list) else f", got {given!r:.60}"
        message = message[:1].lower() + message[1:]
    return f"{key}: {message}" if key else message


def _path(model: type[BaseModel], details: ErrorDetails) -> str:
    """``road.generate.seed`` of pydantic's location, without the names of the union members in it."""
    *around, last = details["loc"] or ("",)
    names = _names(model)
    kept = [part for part in around if part in names or isinstance(part, int)]
    if last in names or isinstance(last, int) or details["type"] in ("extra_forbidden", "missing"):
        kept.append(last)
    return ".".join(str(part) for part in kept)


def _names(model: type[BaseModel]) -> set[str]:
    """All field names of the model and of those inside it."""
    inner = (_names(part) for field in model.model_fields.values() for part in _models(field.annotation))
    return set(model.model_fields).union(*inner)


def _known_keys(model: type[BaseModel], loc: tuple[Key, ...]) -> list[str]:
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _line(node: Node, loc: tuple[Key, ...]) -> int:
    """The 1-based line of the key at ``loc``, or of the nearest mapping around it; 0 when there is no file."""
    line = 0 if node is None else node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
