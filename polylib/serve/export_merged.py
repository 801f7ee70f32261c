"""Whole models with adapters merged into the base: for engines that know no adapters.

A merged model looks like any other, so its label goes into all places that a model has: `disclosure.json`, the
metadata of its weights, its configuration, and its card; Polylib refuses it as a base. It knows models and folders;
not the engines' commands.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polylib.blend.dial import check_blend
from polylib.disclose.label import (
    MODEL_CONFIG_FILE,
    MODEL_WEIGHTS_FILE,
    Label,
    check_model,
    config_hash,
    derive_label,
    weights_hash,
    write_label,
)
from polylib.models import LoadedModel, activate, load_adapters, load_base, set_scale, without_bars
from polylib.serve.export_adapters import blended, logits, same_logits

ONE_FILE = "1000TB"  # weights are never split, so that one label covers them all


def write_merged(base: LoadedModel, adapters: Mapping[str, Path], weights: Mapping[str, float], folder: Path) -> Label:
    """Write base + Σ weight · ΔW as one model with its tokenizer and label to `folder`; return the checked label.

    base: the base that the labels are checked against; a fresh one is loaded, since merging changes it. weights: by
    adapter. Raises PolylibError where a label does not verify, or the model does not say what the dial says.
    """
    import torch

    fresh = load_base(base.name, base.revision, torch.get_num_threads())
    load_adapters(fresh, {name: adapters[name] for name in weights})
    parts, wanted = check_blend(fresh, weights), blended(fresh, weights)
    activate(fresh, tuple(weights))
    for name, weight in weights.items():
        set_scale(fresh, name, weight)
    model = fresh.model.merge_and_unload(safe_merge=True, adapter_names=list(weights))
    with without_bars():
        model.save_pretrained(str(folder), max_shard_size=ONE_FILE)
        fresh.tokenizer.save_pretrained(str(folder))
    label = derive_label(
        parts, "merged into the base's weights", "merged", weights_hash(folder / MODEL_WEIGHTS_FILE),
        config_hash(folder / MODEL_CONFIG_FILE),
    )  # fmt: skip
    write_label(folder, label)
    same_logits(base, logits(fresh, _read(folder)), wanted, folder)
    return check_model(folder)


def _read(folder: Path) -> Any:
    """Return the model in `folder` as any program reads it."""
    import torch
    from transformers import AutoModelForCausalLM

    with without_bars():
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), use_safetensors=True, trust_remote_code=False)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
