"""The battery as a task of lm-evaluation-harness, and that harness's samples as item rows.

The folder it writes holds a task (YAML), its documents (JSONL) and its metrics (`lm_eval_metrics`,
copied). Prompts are rendered in one model's chat format, so that the harness scores the very tokens
the scorer does. It knows the battery and the harness's file formats; it never imports the harness.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.bank.wordings import answer_texts
from polylib.errors import PolylibError
from polylib.files import write_text
from polylib.measure import lm_eval_metrics
from polylib.measure.battery import LOG_COLUMNS
from polylib.models import LoadedModel, answer_bounds, render

if TYPE_CHECKING:
    import pandas

TASK = "polylib_battery"
FIELDS = ("issue", "domain", "axis", "split", "proposition", "side", "key", "wording", "order", "form")
METRICS = ("stance", "acquiescence", "valid_mass")
LONGEST_LINE = 1 << 20
COMMAND = (
    "lm_eval --model hf --model_args pretrained=MODEL,dtype=float32,add_bos_token=False[,peft=ADAPTER] --batch_size 16 "
    f"--include_path FOLDER --tasks {TASK} --log_samples --output_path OUT"
)


def export_battery(loaded: LoadedModel, items: "pandas.DataFrame", folder: Path) -> tuple[Path, ...]:
    """Write the battery as an lm-eval task for this model and return the files: task, documents, metrics.

    items: as `battery_items` makes them, with their prompts. The harness's `stance`, in [-1, 1] and
    positive = conservative, is the score of the stance table's row `all` × `all`. Run it with
    `COMMAND`, without `--apply_chat_template`: prompts are rendered already. Where a chat format
    ends the prompt with white space, the harness counts that to the answer: all options of a prompt
    then carry one more common factor, which moves `valid_mass` and no other figure. Raises
    PolylibError where there is nothing to export or the folder cannot be written.
    """
    if not len(items):
        raise PolylibError("the battery", "has no items to export")
    paths = tuple(folder / name for name in (f"{TASK}.yaml", lm_eval_metrics.DOCUMENTS, "metrics.py"))
    documents = (json.dumps(one, ensure_ascii=True, sort_keys=True) for one in battery_documents(loaded, items))
    for path, text in zip(paths, (task_text(), "\n".join(documents) + "\n", _metrics_source()), strict=True):
        write_text(path, text)
    return paths


def battery_documents(loaded: LoadedModel, items: "pandas.DataFrame") -> Iterator[dict[str, Any]]:
    """Yield one document per item: its fields, its rendered prompt, its four choices from agreement down."""
    start, end = answer_bounds(loaded.tokenizer)
    for item in items.to_dict("records"):
        answers = answer_texts(item["order"] == "reversed", item["form"] == "letters")
        yield {
            **{field: item[field] for field in FIELDS},
            "prompt": render(loaded.tokenizer, [{"role": "user", "content": item["prompt"]}]),
            "choices": [start + answer + end for answer in answers],
        }


def task_text() -> str:
    """Return the task's YAML."""
    lines = [
        f"# The agreement battery of Polylib. Run: {COMMAND}",
        f"task: {TASK}",
        "custom_dataset: !function metrics.documents",
        "test_split: test",
        "output_type: multiple_choice",
        "num_fewshot: 0",
        "doc_to_text: prompt",
        "doc_to_choice: choices",
        "doc_to_target: 0",
        'target_delimiter: ""',
        "process_results: !function metrics.process_results",
        "metric_list:",
    ]
    for name in METRICS:
        lines += [f"  - metric: {name}", "    aggregation: !function metrics.mean_of_issues"]
        lines += ["    higher_is_better: null"]  # no lean is better than another
    return "\n".join([*lines, "metadata:", "  version: 1.0"]) + "\n"


def _metrics_source() -> str:
    return Path(lm_eval_metrics.__file__).read_text(encoding="utf-8")


def read_samples(path: Path, condition: str, scale: float = 1.0) -> "pandas.DataFrame":
    """Return the harness's logged samples of the exported battery as item rows, columns of `ItemRow`.

    path: a `samples_polylib_battery_*.jsonl`; condition, scale: what the rows are to be called.
    Raises PolylibError with the line and field where a line is no such sample.
    """
    import pandas

    rows = []
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                rows.append({"condition": condition, "scale": scale, **_sample(f"{path.name}, line {number}", line)})
    except (OSError, UnicodeDecodeError) as error:
        raise PolylibError(path.name, f"cannot be read ({error})", remedy="check the path") from error
    if not rows:
        raise PolylibError(path.name, "has no samples")
    return pandas.DataFrame(rows)


def _sample(place: str, line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise PolylibError(place, f"is longer than {LONGEST_LINE} characters")
    try:
        found = json.loads(line)
        document, responses = found["doc"], found["filtered_resps"]
        fields = {field: document[field] for field in FIELDS}
        logs = [float(log) for log, _ in responses]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PolylibError(
            place, f"is no sample of the exported battery ({type(error).__name__}: {error})",
            allowed=f"doc with {', '.join(FIELDS)}, and filtered_resps", remedy=f"run: {COMMAND}",
        ) from error  # fmt: skip
    if len(logs) != len(LOG_COLUMNS) or not all(log <= 1e-3 for log in logs):
        raise PolylibError(place, f"filtered_resps gives {logs}", allowed="four log-probabilities, none above 0")
    return {**fields, **dict(zip(LOG_COLUMNS, logs, strict=True))}
