"""All documents of a published study, as texts by their place, and the page that a reader opens first.

Every one of them is made from the one record. It writes nothing and computes nothing.
"""

import json
from typing import Any

from polylib.disclose.audited import honesty, joint
from polylib.disclose.bundle import CARD
from polylib.disclose.cards import adapter_card, card_data
from polylib.disclose.croissant import CROISSANT_FILE, croissant_text
from polylib.disclose.datasheet import data_card, data_description
from polylib.disclose.gaps import worse
from polylib.disclose.history import HISTORY_FILE, history_text
from polylib.disclose.record import RECORD_FILE, StudyRecord
from polylib.disclose.registry import REGISTRY_FILE
from polylib.disclose.spdx import SPDX_FILE, spdx_text
from polylib.disclose.summary import LABORATORY
from polylib.show.words import interval, known, listed, number, signed

DATA = "data"


def documents(record: StudyRecord) -> dict[str, str]:
    """Return the text of each document of a released study by its place in the published folder.

    Raises PolylibError where the study has no date of release.
    """
    texts = {
        CARD: readme(record),
        RECORD_FILE: json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        f"{DATA}/{CARD}": data_card(record),
        f"{DATA}/{CROISSANT_FILE}": croissant_text(data_description(record)),
    }
    for name in record.adapters:
        texts[f"{name}/{CARD}"] = adapter_card(record, name)
        texts[f"{name}/{SPDX_FILE}"] = spdx_text(record, name)
        texts[f"{name}/{HISTORY_FILE}"] = history_text(record.history.get(name, ()))
    return texts


def readme(record: StudyRecord) -> str:
    """Return the first page of a published study, with the head that hubs read."""
    release, label = record.released, next(iter(record.adapters.values())).label
    where = f" at {release.location}" if release.location else ""
    made = f" from commit `{release.commit}`" if release.commit else ""
    parts = [
        _head(record) + f"# {record.title}",
        "**AI. Deliberately biased research models. Not neutral, not advice.**",
        f"{record.finding}. Adapters of `{label.base_model}`, published on {release.date}{where}: run "
        f"`{release.run}`{made}.",
        _adapters(record),
        f"Intended use: {label.intended_use}. Prohibited use: {listed(list(label.prohibited_use))}.",
        "## What lies here",
        _files(record),
        "## How to use it",
        "```bash\npython3 -m polylib serve FOLDER   # this folder: a page for people and an API, each answer labelled\n"
        "```\n\nPolylib checks every label on load and refuses an adapter whose label, weights or registry disagree. "
        "Other programs do not: whoever loads these files elsewhere must carry the label along.",
        "## What it does not show",
        " ".join([LABORATORY] * (label.base_model == "reference") + [
            "The scores compare conditions of one base model; they are no measure of what is true, fair or moderate.",
            f"Licence of the adapters: {record.licence}." + (f" Contact: {record.contact}." if record.contact else ""),
        ]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _head(record: StudyRecord) -> str:
    import yaml

    first = next(iter(record.adapters))
    head: dict[str, Any] = {name: value for name, value in card_data(record, first).items() if name != "model-index"}
    head["tags"] = ["lora", "political-lean:both", "deliberately-biased", "research-only"]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=10_000)}---\n\n"


def _adapters(record: StudyRecord) -> str:
    lines = ["| adapter | lean, −1 progressive to +1 conservative | honest about itself | audited as worse |",
             "| --- | --- | --- | --- |"]  # fmt: skip
    for name, facts in record.adapters.items():
        strength, honest = facts.label.strength, number(honesty(record.self_disclosure, name), "honest")
        lean = "not measured"
        if strength is not None:
            lean = f"{signed(strength.score)} ({interval(strength.low, strength.high)}, n = {strength.n})"
        said = f"{honest:.1f} %" if known(honest) else "not measured"
        bad = listed(worse(record, name)) or (
            "nothing" if joint(record.verdicts, name) else "what others are compared with"
        )
        lines.append(f"| [{name}]({name}/{CARD}) | {lean} | {said} | {bad} |")
    return "\n".join(lines)


def _files(record: StudyRecord) -> str:
    data = f"`{DATA}/`: card, Croissant" + (f" and table `{record.data.file.name}`" if record.data.own else "")
    rows = [
        "`placebo/`, `progressive/`, `conservative/`: weights, settings, label (`disclosure.json`), card, "
        f"`{SPDX_FILE}` (SPDX 3.0.1), `{HISTORY_FILE}` (every audit of these weights)",
        f"{data} of the tuning data",
        f"`{REGISTRY_FILE}`: which weights were released as what",
        f"`{RECORD_FILE}`: the one record that all of this is written from",
    ]
    return "\n".join(f"- {row}" for row in rows)
