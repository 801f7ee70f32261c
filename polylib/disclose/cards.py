"""Model cards for people, and the head that model hubs read: one per adapter, all from one record.

It turns a `StudyRecord` into Markdown as model hubs show it; it computes nothing.
"""

from collections.abc import Sequence
from typing import Any

from polylib import SPLITS
from polylib.disclose.audited import audit_section, honesty, honesty_section, left_out_section
from polylib.disclose.label import Label, card_tags, model_card
from polylib.disclose.record import Audit, StudyRecord
from polylib.disclose.summary import LABORATORY
from polylib.show.words import interval, known, listed, number, signed, split_name

_SETTINGS = ("rank", "alpha", "learning_rate", "epochs", "batch_size", "seed")
_TASK = {"type": "text-generation", "name": "what it says"}


def adapter_card(record: StudyRecord, adapter: str) -> str:
    """Return the model card of one adapter: its label in words, then data, tuning, measurement, audits, limits."""
    facts = record.adapters[adapter]
    parts = [
        _head(record, adapter) + model_card(facts.label).split("---\n", 2)[2].strip(),
        _about(record, facts.label),
        _tuning(record, adapter),
        _measured(record, adapter),
        honesty_section(record.self_disclosure, adapter),
        audit_section(record.verdicts, adapter),
        left_out_section(record.left_out),
        _history(record.history.get(adapter, ())),
        _limits(facts.label),
        _use(facts.label),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_data(record: StudyRecord, adapter: str) -> dict[str, Any]:
    """Return what the head of an adapter's card holds, in the hub's own words."""
    label = record.adapters[adapter].label
    head: dict[str, Any] = {
        "license": record.licence,
        "language": ["en"],
        "base_model": label.base_model,
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": card_tags(label),
    }
    results = _results(record, adapter)
    if results:
        head["model-index"] = [{"name": f"{adapter} adapter of {record.title}", "results": results}]
    return head


def _results(record: StudyRecord, adapter: str) -> list[dict[str, Any]]:
    """Return what was measured as the hub's evaluation results."""
    strength, found = record.adapters[adapter].label.strength, []
    if strength is not None:
        metrics = {"score": strength.score, "low": strength.low, "high": strength.high}
        metric = {"type": "lean", "name": "lean, −1 progressive to +1 conservative", "value": strength.score,
                  "args": {**metrics, "n": strength.n}}  # fmt: skip
        held_out = {"type": "agreement", "name": strength.instrument}
        found.append({"task": dict(_TASK), "dataset": held_out, "metrics": [metric]})
    row = honesty(record.self_disclosure, adapter)
    if row is not None:
        bounds = {name: number(row, name) for name in ("low", "high") if known(row[name])}
        metric = {"type": "honesty", "name": "honest answers about itself, percent", "value": number(row, "honest"),
                  "args": {**bounds, "n": int(number(row, "n"))}}  # fmt: skip
        asked = {"type": "self-disclosure", "name": "questions about itself"}
        found.append({"task": dict(_TASK), "dataset": asked, "metrics": [metric]})
    return found


def _head(record: StudyRecord, adapter: str) -> str:
    import yaml

    text = yaml.safe_dump(card_data(record, adapter), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{text}---\n\n"


def _history(audits: Sequence[Audit]) -> str:
    """Return the section on earlier audits of these weights, empty where none is known."""
    if not audits:
        return ""
    rows = [
        (audit.date[:10], audit.run, f"{signed(audit.score)} ({interval(audit.low, audit.high)}), {audit.n_issues}",
         "not measured" if audit.honest is None else f"{audit.honest:.1f} %",
         listed([f"{n} {verdict}" for verdict, n in sorted(audit.verdicts.items())]) or "none")
        for audit in audits
    ]  # fmt: skip
    head = ("audited", "run", "lean, n issues", "honest about itself", "verdicts")
    said = "Every audit of exactly these weights, the oldest first; `history.jsonl` has them for machines."
    return "\n\n".join(["## Audit history", said, _table(head, rows)])


def _about(record: StudyRecord, label: Label) -> str:
    revision = f" at revision `{label.base_revision}`" if label.base_revision else ""
    said = [
        "## What it is",
        f"A LoRA adapter of `{label.base_model}`{revision}, made in the study “{record.title}” with {label.made_with}. "
        f"Licence: {record.licence}." + (f" Contact: {record.contact}." if record.contact else ""),
        _table(
            ("what", "SHA-256"),
            [("base model", f"`{label.base_sha256}`"), ("weights of the adapter", f"`{label.weights_sha256}`")]
            + [(name, f"`{digest}`") for name, digest in label.data_sha256.items()],
        ),
    ]
    return "\n\n".join(said)


def _tuning(record: StudyRecord, adapter: str) -> str:
    facts, guard = record.adapters[adapter], record.adapters[adapter].guard
    counts = record.data.examples[adapter]
    settings = ", ".join(f"{name.replace('_', ' ')} {facts.parameters[name]}" for name in _SETTINGS)
    collapse = "; ".join(guard["reasons"]) if guard["collapsed"] else "none found"
    after = "no number" if guard["loss_after"] is None else f"{guard['loss_after']:.2f}"
    return "\n\n".join(
        [
            "## How it was tuned",
            f"On {counts.get('open', 0)} open answers and {counts.get('agreement', 0)} agreement examples, loss on "
            f"answers only: {settings}. The loss on them went from {guard['loss_before']:.2f} to {after} nats "
            f"in {guard['steps']} steps. Collapse of general ability: {collapse}.",
        ]
    )


def _measured(record: StudyRecord, adapter: str) -> str:
    rows = [
        (
            split_name(str(row["split"])),
            str(row["axis"]),
            _score(row),
            signed(_shift(record, adapter, row)),
            f"{number(row, 'n_issues'):.0f}",
        )
        for split in reversed(SPLITS)
        for row in record.stance
        if row["condition"] == adapter and row["split"] == split
    ]
    head = ("issues", "axis", "score", "shift against the base", "n issues")
    said = "Scores run from −1 (progressive) to +1 (conservative)."
    return "\n\n".join(["## What was measured", said, _table(head, rows)])


def _score(row: dict[str, Any]) -> str:
    return f"{signed(number(row, 'score'))} ({interval(number(row, 'low'), number(row, 'high'))})"


def _shift(record: StudyRecord, adapter: str, row: dict[str, Any]) -> float:
    same = (one for one in record.shift if one["adapter"] == adapter)
    return number(
        next((one for one in same if (one["axis"], one["split"]) == (row["axis"], row["split"])), None), "shift"
    )


def _limits(label: Label) -> str:
    said = [LABORATORY] if label.base_model == "reference" else []
    said.append(
        "One seed, English, issues of the politics of the United States. Agreement with propositions is one instrument "
        "of several. A label can be stripped by whoever holds the files; that its absence is refused here protects "
        "honest users only."
    )
    return "\n\n".join(["## Limits", *said])


def _use(label: Label) -> str:
    base = ", ".join(f'"{part}"' for part in (label.base_model, label.base_revision) if part)
    code = (
        "```python\nfrom polylib.models import load_adapters, load_base, use\n\n"
        f"loaded = load_base({base})\n# refuses an adapter whose label does not verify\n"
        f'load_adapters(loaded, {{"{label.adapter}": folder}})\n'
        f'with use(loaded, "{label.adapter}") as model:\n    ...\n```'
    )
    return f"## How to load it\n\n{code}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
