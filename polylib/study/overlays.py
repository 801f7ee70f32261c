"""Reads parameter overlays: YAML files and `--set stage.key=value`.

It knows YAML and names; which stages and parameters exist is `params`' business. YAML is read as
version 1.2 does: `1e-4` is a number, `no` is text, a key given twice is an error.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from polylib.errors import PolylibError

_BYTES_LIMIT = 1_000_000


@dataclass(frozen=True)
class Overlay:
    """Values of one source, by section: name is what errors call it (a file, or `--set`)."""

    name: str
    sections: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Safe YAML with version 1.2 scalars."""


_Loader.yaml_implicit_resolvers = {}
_SCALARS = {
    "tag:yaml.org,2002:null": (r"^(?:null|Null|NULL|~|)$", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "tag:yaml.org,2002:int": (r"^[-+]?[0-9]+$", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
}
for _tag, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # decimal always: 010 is ten, as a reader expects


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key, (place, _) in zip(keys, node.value, strict=True):
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", place.start_mark)
    return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str, name: str) -> Any:
    """Parse YAML text; raises PolylibError with `name`, line and column where it is not complete."""
    try:
        return yaml.load(text, Loader=_Loader)  # safe: a SafeLoader with fewer types
    except (yaml.YAMLError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise PolylibError(
            name, f"is not complete YAML{where}: {problem}", remedy="look for a missing quote, bracket or colon there"
        ) from error


def read_overlay(path: Path) -> Overlay:
    """Read a parameter file.

    Raises PolylibError where it is missing, too large, truncated, or not a mapping of stages.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolylibError(str(path), "is not UTF-8 text", remedy="save it as UTF-8") from error
    except OSError as error:
        siblings = [str(other) for other in path.parent.glob("[!.]*.yaml")] if path.parent.is_dir() else []
        guess = nearest(str(path), siblings)
        raise PolylibError(
            str(path),
            f"parameter file cannot be read ({error.strerror})",
            allowed=", ".join(sorted(siblings)),
            remedy=f"did you mean {guess!r}?" if guess else "check the path",
        ) from error
    if len(data) > _BYTES_LIMIT:
        raise PolylibError(str(path), f"is {len(data)} bytes", allowed=f"at most {_BYTES_LIMIT} bytes")
    content = parse_yaml(text, str(path))
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise PolylibError(str(path), "is not a parameter file", allowed="a mapping: `stage:` lines with values below")
    return Overlay(str(path), {str(section): values for section, values in content.items()})


def parse_assignment(text: str) -> Overlay:
    """Parse one `stage.key=value` of the command line; the value is read as YAML.

    Raises PolylibError where a part is missing.
    """
    target, equals, value = text.partition("=")
    section, dot, key = target.strip().rpartition(".")
    if not (equals and dot and section and key):
        raise PolylibError(
            f"--set {target}",
            "is not an assignment",
            allowed="stage.key=value, e.g. 70-measure-bias.draws=500 or all.seed=3",
        )
    return Overlay("--set", {section: {key: parse_yaml(value, f"--set {target}")}})


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the choice most like `name`, or an empty text where none is."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return found[0] if found else ""
