"""Reads a sweep file and says which runs it asks for, each with its resolved parameters.

It knows parameter names through `params` only and starts nothing. Layout of the file, all parts but one
of `grid` and `lists` may be left out:

    base: [params/smoke.yaml]            # parameter files under every run, from the repository's root
    set: {70-measure-bias.draws: 500}    # values of every run
    grid: {all.seed: [1, 2, 3]}          # one run for each value; several lines are multiplied
    lists:                               # named overlays; crossed with each other and with the grid
      model: [{name: small, params: [params/models/smollm2-135m.yaml], set: {}}]
    until: 70-measure-bias               # last stage wanted
    resources: {minutes: 240}            # what one run needs on a cluster

`gpus` keeps that many GPUs of one node free for each run; the cluster says which they are (CUDA_VISIBLE_DEVICES).
Every stage of a run is one process and trains on the first of them: ask for one. Alignment in several processes
(DDP, FSDP) is a command of its own, `polylib.tune.launch`, that no stage starts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polylib.errors import PolylibError
from polylib.files import sha256_json
from polylib.parameters import StageParameters
from polylib.study.overlays import Overlay, nearest, read_overlay
from polylib.study.params import resolve
from polylib.study.stages import Project

RUNS_LIMIT = 10_000
_NAME_LENGTH = 80  # letters: it becomes part of folder names


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Resources(_Strict):
    """What one run needs where a cluster asks for it; processes on this machine need none of it."""

    minutes: int = Field(240, ge=1, description="Slurm ends the run after this time")
    memory_gb: float = Field(8.0, gt=0, description="memory that Slurm keeps free for it")
    gpus: int = Field(0, ge=0, description="GPUs of one run, of which its stages use the first")
    partition: str = Field("", description="Slurm partition, empty for the cluster's default")
    account: str = Field("", description="Slurm account, empty for the user's default")


class Entry(_Strict):
    """One overlay of a list: its name, parameter files, and values by `stage.name`."""

    name: str = ""
    params: list[str] = Field(default_factory=list)
    set: dict[str, Any] = Field(default_factory=dict)


class SweepFile(_Strict):
    """The content of a sweep file."""

    base: list[str] = Field(default_factory=list)
    set: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    lists: dict[str, list[Entry]] = Field(default_factory=dict)
    until: str = ""
    resources: Resources = Resources.model_validate({})


@dataclass(frozen=True)
class SweepRun:
    """One run: its name, {factor: level} in words, its parameters by stage, and the hash that says both."""

    name: str
    levels: Mapping[str, str]
    parameters: Mapping[str, StageParameters]
    identity: str


@dataclass(frozen=True)
class Plan:
    """What a sweep file asks for: factors are {name: levels in the order of the file}, threads those of one run."""

    name: str
    file: Path
    until: str | None
    factors: Mapping[str, tuple[str, ...]]
    runs: tuple[SweepRun, ...]
    resources: Resources
    threads: int


@dataclass(frozen=True)
class _Level:
    """One level of a factor: what it is called, and its overlays."""

    label: str
    overlays: tuple[Overlay, ...]


def read_plan(project: Project, path: Path, threads: int) -> Plan:
    """Read a sweep file and resolve every run.

    threads: CPU threads that a stage of a run may have at most. Raises PolylibError naming file, key,
    nearest match and what is allowed, also where two runs would be the same.
    """
    file = _checked(path)
    factors = _factors(project, path, file)
    count = 1
    for levels in factors.values():
        count *= len(levels)
    if count > RUNS_LIMIT:
        raise PolylibError(str(path), f"asks for {count:,} runs", allowed=f"at most {RUNS_LIMIT:,}")
    default = project.root / "params" / "default.yaml"
    common = [read_overlay(default)] if default.is_file() else []
    common += _overlays(project, file.base) + _values(f"{path}: set", file.set)
    short = _short_names(factors)
    runs: list[SweepRun] = []
    for combination in product(*factors.values()):
        overlays = [*common, *(overlay for level in combination for overlay in level.overlays)]
        labels = dict(zip(factors, (level.label for level in combination), strict=True))
        runs.append(_run(project, file.until or None, overlays, labels, short, threads))
    _refuse_doubles(path, runs)
    names = {short[name]: tuple(level.label for level in levels) for name, levels in factors.items()}
    return Plan(path.stem, path, file.until or None, names, tuple(runs), file.resources, threads)


def _checked(path: Path) -> SweepFile:
    content = read_overlay(path).sections
    allowed = list(SweepFile.model_fields)
    for key in content:
        if key not in allowed:
            raise _unknown(f"{path}: {key}", "part of a sweep file", key, allowed)
    content = {key: value for key, value in content.items() if value is not None}
    if isinstance(content.get("until"), int):
        content["until"] = str(content["until"])  # `until: 70`, as on the command line
    try:
        file = SweepFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        fields = list((Resources if first["loc"][0] == "resources" else Entry).model_fields)
        if first["type"] == "extra_forbidden":
            raise _unknown(f"{path}: {where}", "known key", str(first["loc"][-1]), fields) from error
        raise PolylibError(f"{path}: {where}", f"{first['input']!r}: {first['msg']}") from error
    for part in ("grid", "lists"):
        for name, values in getattr(file, part).items():
            if not values:
                raise PolylibError(f"{path}: {part}: {name}", "is an empty list", remedy="name at least one value")
    if not file.grid and not file.lists:
        raise PolylibError(str(path), "asks for no runs", remedy="add `grid:` or `lists:`")
    return file


def _unknown(item: str, kind: str, name: str, allowed: Sequence[str]) -> PolylibError:
    guess = nearest(name, allowed)
    remedy = f"did you mean {guess!r}?" if guess else "remove it"
    return PolylibError(item, f"is no {kind}", allowed=", ".join(allowed), remedy=remedy)


def _factors(project: Project, path: Path, file: SweepFile) -> dict[str, list[_Level]]:
    """Return the levels of every factor: lists first, so that a value of the grid has the last word."""
    factors: dict[str, list[_Level]] = {}
    for name, entries in file.lists.items():
        factors[name] = []
        for number, entry in enumerate(entries):
            overlays = _overlays(project, entry.params) + _values(f"{path}: lists: {name}: {number + 1}", entry.set)
            said = ", ".join(f"{key.rpartition('.')[2]} {label(value)}" for key, value in entry.set.items())
            factors[name].append(_Level(entry.name or said or f"{number + 1}", tuple(overlays)))
    for key, values in file.grid.items():
        if key in factors:
            raise PolylibError(f"{path}: grid: {key}", "is also the name of a list", remedy="rename the list")
        factors[key] = [_Level(label(value), tuple(_values(f"{path}: grid", {key: value}))) for value in values]
    return factors


def _overlays(project: Project, names: Sequence[str]) -> list[Overlay]:
    return [read_overlay(project.root / name) for name in names]  # an absolute name stands for itself


def _values(item: str, values: Mapping[str, Any]) -> list[Overlay]:
    overlays = []
    for target, value in values.items():
        section, dot, key = target.rpartition(".")
        if not (dot and section and key):
            raise PolylibError(
                f"{item}: {target}", "names no parameter", allowed="stage.name, e.g. all.seed or 70-measure-bias.draws"
            )
        overlays.append(Overlay(item, {section: {key: value}}))
    return overlays


def _run(
    project: Project, until: str | None, overlays: Sequence[Overlay], labels: Mapping[str, str],
    short: Mapping[str, str], threads: int,
) -> SweepRun:  # fmt: skip
    parameters = {stage: values.within(threads) for stage, values in resolve(project.stages, overlays).items()}
    asked = identity(parameters, [stage.id for stage in project.upto(until)])
    levels = {short[name]: text for name, text in labels.items()}
    return SweepRun(_name(levels, asked), levels, parameters, asked)


def identity(parameters: Mapping[str, StageParameters], stages: Sequence[str]) -> str:
    """Return the hash of what a run was asked: the parameters of the stages that it executes."""
    return sha256_json({stage: parameters[stage].model_dump() for stage in stages})


def _refuse_doubles(path: Path, runs: Sequence[SweepRun]) -> None:
    seen: dict[str, SweepRun] = {}
    for run in runs:
        if other := seen.get(run.identity):
            raise PolylibError(
                f"{path}: {run.name}", f"asks for the same as {other.name}",
                remedy="remove a value that is given twice, is overridden, or belongs to a stage after `until`",
            )  # fmt: skip
        seen[run.identity] = run
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise PolylibError(f"{path}: {name}", "is the name of two runs", remedy="give the entries other names")


def label(value: Any) -> str:
    """Write a value of a grid as a level's name: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short_names(factors: Mapping[str, Any]) -> dict[str, str]:
    """Return {factor: short name}: the parameter's name, with its stage's number where another has the same."""
    ends = [name.rpartition(".")[2] for name in factors]
    short = {}
    for name, end in zip(factors, ends, strict=True):
        section = name.rpartition(".")[0]
        short[name] = end if ends.count(end) == 1 else f"{section.split('-')[0]}.{end}"
        if list(short.values()).count(short[name]) > 1:
            short[name] = name
    return short


def _name(levels: Mapping[str, str], asked: str) -> str:
    """Name a run by its levels, in letters that every file system takes."""
    parts = [re.sub(r"[^a-z0-9.]+", "-", f"{name}-{text}".lower()).strip("-.") for name, text in levels.items()]
    name = "_".join(parts)
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 7]}-{asked[:6]}"
