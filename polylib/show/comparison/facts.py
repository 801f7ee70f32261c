"""What differs between runs before anything is measured: parameters, environment, stages, bytes of outputs.

It knows manifests. A value that a run did not record is said to be missing and counts as a difference.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polylib.show.comparison.sides import Side, mapping
from polylib.show.words import listed, plain

ABSENT = "not recorded"
LETTERS = 1000  # of one value or reason


@dataclass(frozen=True)
class Fact:
    """One thing with its text in each run."""

    name: str
    values: tuple[str, ...]
    where: str = ""

    @property
    def differs(self) -> bool:
        """Tell whether the runs disagree."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class StageFact:
    """One stage: how it ended in each run, its seconds, whether its outputs are the same bytes, and which are not."""

    id: str
    states: tuple[str, ...]
    seconds: tuple[float | None, ...]
    outputs: str
    files: tuple[str, ...] = ()


def parameters(sides: Sequence[Side]) -> tuple[list[Fact], int]:
    """Return the parameters that differ, and the number of all.

    Stages of one notebook that differ in the same way share a line.
    """
    lines: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    total = 0
    for stage in _stage_ids(sides):
        values = [mapping(side.stages[stage].parameters) if stage in side.stages else {} for side in sides]
        notebook = next(str(side.stages[stage].notebook) for side in sides if stage in side.stages)
        for name in dict.fromkeys(name for one in values for name in one):
            total += 1
            texts = tuple(_literal(one[name]) if name in one else ABSENT for one in values)
            # A run that never had the stage is not one that set another value.
            if len({text for text, one in zip(texts, values, strict=True) if one}) > 1:
                lines.setdefault((notebook, name, texts), []).append(stage)
    return [Fact(name, texts, ", ".join(stages)) for (_, name, texts), stages in lines.items()], total


def environment(sides: Sequence[Side]) -> list[Fact]:
    """Return commit, uncommitted changes, study, command, machine and versions of packages."""
    manifests = [side.manifest for side in sides]
    facts = [
        Fact("study", tuple(_text(one.get("study")) for one in manifests)),
        Fact("command", tuple(_command(one.get("command")) for one in manifests)),
        Fact("commit", tuple(_text(one.get("commit")) for one in manifests)),
        Fact("uncommitted changes", tuple(_changes(one) for one in manifests)),
    ]
    for group, words in (("machine", "machine: {}"), ("versions", "version of {}")):
        tables = [mapping(one.get(group)) for one in manifests]
        names = sorted({str(name) for table in tables for name in table})
        facts += [Fact(words.format(name), tuple(_text(table.get(name)) for table in tables)) for name in names]
    return facts


def stages(sides: Sequence[Side]) -> list[StageFact]:
    """Return how every stage of any run went in each, and whether it wrote the same bytes."""
    return [_stage(stage, sides) for stage in _stage_ids(sides)]


def _stage(stage: str, sides: Sequence[Side]) -> StageFact:
    entries = [side.stages.get(stage) for side in sides]
    hashes = [mapping(entry.outputs) if entry else {} for entry in entries]
    states = tuple(str(entry.state or "unknown") if entry else "not in this run" for entry in entries)
    seconds = tuple(_seconds(entry.seconds) if entry else None for entry in entries)
    without = [side.letter for side, one in zip(sides, hashes, strict=True) if not one]
    if without:
        return StageFact(stage, states, seconds, f"nothing kept in {', '.join(without)}")
    names = sorted({str(name) for one in hashes for name in one})
    changed = tuple(name for name in names if len({str(one.get(name)) for one in hashes}) > 1)
    words = f"{len(changed)} of {len(names)} files differ" if changed else "same bytes"
    return StageFact(stage, states, seconds, words, changed)


def missing(sides: Sequence[Side]) -> list[str]:
    """Return one sentence for each thing that a run lacks: stages that did not finish, a commit, a summary."""
    sentences = []
    for side in sides:
        for entry in side.run.failures:
            why = mapping(entry.error).get("message") or entry.why or "no reason was recorded"
            sentences.append(f"Run {side.letter}: stage {entry.id} is {entry.state or 'unknown'}: {_text(why)}")
        if not side.run.stages:
            sentences.append(f"Run {side.letter} lists no stage.")
        elif side.run.state != "finished" and not side.run.failures:
            sentences.append(f"Run {side.letter} is {side.run.state}; its later stages did not run.")
    for side in sides:
        without = [stage for stage in _stage_ids(sides) if stage not in side.stages]
        if without and side.run.stages:
            sentences.append(f"Run {side.letter} is without {listed(without)}.")
    return sentences


def _stage_ids(sides: Sequence[Side]) -> list[str]:
    """Return the ids of all stages, in their numbers' order."""
    return sorted({stage for side in sides for stage in side.stages}, key=lambda stage: (stage.split("-")[0], stage))


def _literal(value: Any) -> str:
    return _text(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if 0 < len(text) <= LETTERS else f"{text[:LETTERS]} …" if text else ABSENT


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _command(value: Any) -> str:
    return _text(" ".join(str(part) for part in value) if isinstance(value, list) else value)


def _changes(manifest: dict[str, Any]) -> str:
    if "dirty" not in manifest:
        return ABSENT
    return f"yes ({str(manifest.get('diff') or 'not hashed')[:16]})" if manifest["dirty"] else "none"


def changed_words(facts: Sequence[Fact], most: int = 4) -> str:
    """Name the first few facts that differ, as `rank, epochs and 3 more`."""
    names = list(dict.fromkeys(plain(fact.name) for fact in facts))
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
