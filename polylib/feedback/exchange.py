"""Judgements to and from other tools: Argilla, Label Studio, plain JSON lines, and what TRL's trainers read.

To Argilla, Label Studio and plain lines go opaque ids, texts in the order shown, and answers; sources, gold
answers and issues stay here and are joined again from the tasks, so that judging elsewhere is as blind.
What comes back equals what went, but for times, sessions and self-reported leanings. Simulated judgements
do not leave for tools in which people judge. It knows files; `exchange_tools` and `exchange_trl` know formats.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from polylib.errors import PolylibError
from polylib.feedback.exchange_tools import (
    Imported,
    from_argilla,
    from_label_studio,
    from_plain,
    label_studio_configuration,
    to_argilla,
    to_label_studio,
    to_plain,
)  # fmt: skip
from polylib.feedback.exchange_trl import Wish, from_preference, to_kto, to_preference, to_reward
from polylib.feedback.judgements import SIMULATED, AnyJudgement, ComparisonJudgement, by_kind, standing
from polylib.feedback.tasks import ComparisonTask, LabelTask
from polylib.files import write_json, write_text

ToolFormat = Literal["argilla", "label-studio", "jsonl"]
TrainerFormat = Literal["dpo", "reward", "kto"]
MOST_BYTES = 1_000_000_000
_WRITERS: Mapping[str, Callable[..., Any]] = {
    "argilla": to_argilla, "label-studio": to_label_studio, "jsonl": to_plain, "dpo": to_preference,
    "reward": to_reward, "kto": to_kto,
}  # fmt: skip
_READERS: Mapping[str, Callable[..., Imported]] = {
    "argilla": from_argilla, "label-studio": from_label_studio, "jsonl": from_plain
}  # fmt: skip


class Counts(NamedTuple):
    """How many rows were written, and why how many judgements were left out."""

    rows: int
    left_out: Mapping[str, int]


def export_for_tool(
    path: Path, form: ToolFormat, tasks: Sequence[LabelTask | ComparisonTask], judgements: Sequence[AnyJudgement]
) -> Counts:
    """Write tasks, with the answers of people so far, to be judged in another tool; plain lines hold answers only.

    Beside a file for Label Studio lies its labelling configuration, `NAME.xml`. Raises PolylibError where tasks of
    both kinds are for Label Studio, which shows one kind in a project.
    """
    standing_ones: list[AnyJudgement] = list(standing(judgements))  # type: ignore[type-var]
    people = [one for one in standing_ones if not one.simulated and one.showing == 0]
    rows = _WRITERS[form](tasks, people)
    if form == "jsonl":
        _write_lines(path, rows)
    else:
        if form == "label-studio":
            _write_configuration(path, tasks)
        write_json(path, rows)
    left_out = {
        "simulated": sum(one.simulated for one in standing_ones),
        "repeat": sum(one.showing > 0 and not one.simulated for one in standing_ones),
    }
    return Counts(len(rows), {reason: count for reason, count in left_out.items() if count})


def import_from_tool(
    path: Path, form: ToolFormat, tasks: Sequence[LabelTask | ComparisonTask], annotators: Iterable[str] = ()
) -> Imported:
    """Return the judgements in another tool's export of these tasks.

    annotators: ids to recognise again; others get one from the tool's own, hashed. Raises PolylibError where
    the file is not of that form; rows that do not fit are left out and counted.
    """
    return _READERS[form](_read(path, form), tasks, tuple(annotators))


def export_for_trainer(path: Path, form: TrainerFormat, judgements: Sequence[AnyJudgement], wish: Wish) -> Counts:
    """Write what TRL's DPO, reward or KTO trainer reads, as JSON lines. wish: what makes an answer the chosen one.

    Raises PolylibError where no judgement makes a row, or where simulated ones do and the file's name hides it.
    """
    made = _WRITERS[form](standing(by_kind(judgements, ComparisonJudgement)), wish)
    if not made.rows:
        said = ", ".join(f"{count} {reason}" for reason, count in made.left_out.items())
        raise PolylibError(str(path), f"no row on {wish}", allowed=f"judged comparisons; left out: {said or 'none'}")
    if made.simulated and SIMULATED not in path.name:
        raise PolylibError(
            str(path), "its rows rest on simulated judgements", allowed=f"a name with {SIMULATED!r} in it",
            remedy=f"name it {SIMULATED}-{path.name}",
        )  # fmt: skip
    _write_lines(path, made.rows)
    return Counts(len(made.rows), made.left_out)


def import_preferences(path: Path, wish: Wish, annotator: str) -> list[ComparisonJudgement]:
    """Return the judgements in a preference or reward file (JSON lines), each counted as one by `annotator`.

    wish: what its chosen answers were chosen for. KTO files hold no pairs and cannot be read back as comparisons.
    An annotator with the word simulated makes simulated judgements; where the file's name has the word, the annotator
    must have it too. Raises PolylibError, naming the row, for one without prompt, chosen and rejected texts.
    """
    if SIMULATED in path.name and SIMULATED not in annotator:
        raise PolylibError(
            "annotator", f"{annotator!r} hides that {path.name} is simulated", remedy=f"call it {SIMULATED}-{annotator}"
        )
    return from_preference(_read(path, "jsonl"), wish, annotator)


def _write_configuration(path: Path, tasks: Sequence[LabelTask | ComparisonTask]) -> None:
    kinds = sorted({task.kind for task in tasks})
    if len(kinds) > 1:
        raise PolylibError(str(path), f"has tasks of {' and '.join(kinds)}", remedy="export one kind, with --tasks")
    options = dict.fromkeys(option for task in tasks if isinstance(task, LabelTask) for option in task.options)
    write_text(
        path.with_name(path.name + ".xml"), label_studio_configuration(kinds[0] if kinds else "label", [*options])
    )


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def _read(path: Path, form: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON list or of JSON lines."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PolylibError(str(path), f"has more than {MOST_BYTES:,} bytes")
        text = path.read_bytes().decode("utf-8-sig")
        rows = json.loads(text) if form != "jsonl" else [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise PolylibError(str(path), f"cannot be read ({error.strerror})", remedy="check the path") from error
    except (ValueError, RecursionError) as error:
        raise PolylibError(
            str(path), f"is not JSON in UTF-8 ({error})", remedy=f"export it again for {form}"
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolylibError(str(path), "is not a list of JSON objects", remedy=f"export it again for {form}")
    return rows
