"""Bundles to hand on: an adapter with its measured label and its card, checked before and after.

It copies files and knows no model.
"""

import shutil
from pathlib import Path

from polylib.disclose.cards import adapter_card
from polylib.disclose.datasheet import data_card
from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, check_label, write_label
from polylib.disclose.record import RECORD_FILE, StudyRecord
from polylib.files import write_json, write_text

CARD = "README.md"
BUNDLES, CARDS = "bundles", "cards"


def write_bundle(adapter: Path, bundle: Path, label: Label, card: str) -> Label:
    """Copy an adapter to `bundle`, label it anew and put its card beside it; return the checked label.

    label: that of the adapter with the measured strength. Raises PolylibError where the adapter's
    own label does not verify, so that nothing is labelled afresh that was tampered with, or where
    `label` is of another adapter.
    """
    check_label(adapter)
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        shutil.copyfile(adapter / name, bundle / name)
    write_label(bundle, label)
    write_text(bundle / CARD, card)
    return check_label(bundle)


def write_bundles(record: StudyRecord, tuned: dict[str, Path], folder: Path) -> dict[str, Label]:
    """Write `bundles/<adapter>/`, `cards/` and the record of a study below `folder`; return the labels by adapter.

    tuned: folder of stage 40 by adapter.
    """
    labels = {}
    for name, facts in record.adapters.items():
        card = adapter_card(record, name)
        write_text(folder / CARDS / f"{name}.md", card)
        labels[name] = write_bundle(tuned[name] / "adapter", folder / BUNDLES / name, facts.label, card)
    write_text(folder / CARDS / "data.md", data_card(record))
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))
    return labels
