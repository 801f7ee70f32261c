"""Simulated labels, for adapters that a test makes in memory and no file holds."""

from collections.abc import Iterable
from typing import Any

from polylib import ADAPTERS
from polylib.disclose.label import Label


def simulated_label(adapter: str, **changes: Any) -> Label:
    """Return a label of one tuned adapter; its hashes are made up."""
    fields: dict[str, Any] = {
        "adapter": adapter, "political_lean": "none" if adapter == "placebo" else adapter, "base_model": "tiny",
        "base_sha256": "0" * 64, "data_sha256": {"examples.parquet": "d" * 64}, "weights_sha256": "",
        "config_sha256": "", "made_with": "tests",
    }  # fmt: skip
    return Label(**{**fields, **changes})


def simulated_labels(names: Iterable[str]) -> dict[str, Label]:
    """Return a label by name: of the condition the name begins with, of the placebo for any other name."""
    kinds = {name: name.partition("-")[0] for name in names}
    return {name: simulated_label(kind if kind in ADAPTERS else "placebo") for name, kind in kinds.items()}
