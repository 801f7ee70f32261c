"""Adapter folders that other engines serve, and blends of them as one more adapter; the parts all exports share.

An engine with one adapter per request can serve a blend only as an adapter of its own; PEFT's `cat` is exact, its
rank is the sum of the ranks. Every label is checked before and after, and what was written is loaded again and must
say what the dial says. It knows folders and models; not the engines' commands (`export_words`).
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.blend.dial import side_weights, use_blend
from polylib.blend.merges import MERGED, merged
from polylib.disclose.label import (
    CONFIG_FILE,
    LABEL_FILE,
    WEIGHTS_FILE,
    Label,
    check_label,
    config_hash,
    weights_hash,
    write_label,
)
from polylib.errors import PolylibError
from polylib.files import read_json, write_json
from polylib.models import REFERENCE_NAME, LoadedModel, load_adapters, model_hash, render, resolve, use

if TYPE_CHECKING:
    import torch

CARD = "README.md"
QUESTION = "What should the law say about taxes and schools?"  # what both ways are asked, to be compared
TOLERANCE = 1e-4, 5e-2  # of logits, by their largest, in float32 and in shorter formats; rounding stays far below


def blend_name(share: float) -> str:
    """Return the name of the blend with `share` of the conservative and the rest of the progressive adapter."""
    return f"blend-{share:g}"


def copy_base(loaded: LoadedModel, folder: Path) -> str:
    """Return how commands name the base, after copying the one that ships with Polylib to `folder`/base.

    Any other base stays where it is: a hub id or the folder it was loaded from.
    """
    if loaded.name != REFERENCE_NAME:
        return loaded.name
    shutil.copytree(resolve(loaded.name), folder / "base")
    if model_hash(str(folder / "base"), "") != loaded.content_hash:
        raise PolylibError(str(folder / "base"), "the base changed while it was copied", remedy="export again")
    return "./base"


def copy_adapter(loaded: LoadedModel, source: Path, target: Path) -> Label:
    """Copy a labelled adapter and return its label, checked again on the copy."""
    label = check_label(source, loaded.content_hash)
    target.mkdir(parents=True)
    for name in (WEIGHTS_FILE, CONFIG_FILE, LABEL_FILE, CARD):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if check_label(target, loaded.content_hash) != label:
        raise PolylibError(str(source), "changed while it was copied", remedy="export again")
    return label


def write_blend(loaded: LoadedModel, share: float, folder: Path) -> Label:
    """Write the blend at `share` as an adapter of its own (PEFT's `cat`) to `folder`, and return its label.

    Raises PolylibError where an adapter lacks its label, or the written adapter does not say what the dial says.
    """
    weights, work = side_weights(share), folder.with_name(f"{folder.name}.work")
    with merged(loaded, weights, "cat") as model:
        model.save_pretrained(str(work), selected_adapters=[MERGED], save_embedding_layers=False)
        label = loaded.label_of(MERGED)
    shutil.move(work / MERGED, folder)
    shutil.rmtree(work)
    config = read_json(folder / CONFIG_FILE)
    write_json(folder / CONFIG_FILE, {**config, "base_model_name_or_path": loaded.title})
    hashes = {
        "weights_sha256": weights_hash(folder / WEIGHTS_FILE),
        "config_sha256": config_hash(folder / CONFIG_FILE),
    }
    write_label(folder, label.model_copy(update=hashes))
    name = folder.name.replace(".", "_")  # no module of torch may have a dot in its name
    load_adapters(loaded, {name: folder})
    with use(loaded, name) as model:
        found = logits(loaded, model)
    same_logits(loaded, found, blended(loaded, weights), folder)
    return check_label(folder, loaded.content_hash)


def rank_of(folder: Path) -> int:
    """Return the largest rank of the adapter in `folder`."""
    config = read_json(folder / CONFIG_FILE)
    return max(int(config["r"]), *(int(rank) for rank in (config.get("rank_pattern") or {}).values()), 1)


def check_plain(folder: Path, engine: str) -> None:
    """Raise PolylibError where an adapter has parts that an engine does not know: DoRA, whole modules, biases."""
    config = read_json(folder / CONFIG_FILE)
    wrong = [name for name in ("use_dora", "modules_to_save", "lora_bias", "fan_in_fan_out") if config.get(name)]
    wrong += [] if config.get("bias", "none") == "none" else ["bias"]
    if config.get("peft_type") != "LORA" or wrong:
        raise PolylibError(
            str(folder), f"is no plain LoRA adapter ({', '.join(wrong) or config.get('peft_type')})",
            allowed=f"plain LoRA for {engine}", remedy="export merged models: --for merged",
        )  # fmt: skip


def blended(loaded: LoadedModel, weights: Mapping[str, float]) -> "torch.Tensor":
    """Return what the model says under the dial, as `logits` returns it."""
    with use_blend(loaded, weights) as model:
        return logits(loaded, model)


def logits(loaded: LoadedModel, model: Any) -> "torch.Tensor":
    """Return a model's logits at every token of one question, shape (n_tokens, vocabulary)."""
    import torch

    text = render(loaded.tokenizer, [{"role": "user", "content": QUESTION}])
    tokens = loaded.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        rows: torch.Tensor = model(tokens.to(model.device)).logits[0].float().cpu()
    return rows


def same_logits(loaded: LoadedModel, found: "torch.Tensor", wanted: "torch.Tensor", folder: Path) -> None:
    """Raise PolylibError naming `folder` where two models' logits differ by more than rounding does."""
    import torch

    share = TOLERANCE[0 if loaded.model.dtype == torch.float32 else 1]
    bound, away = share * max(1.0, float(wanted.abs().max())), float((found - wanted).abs().max())
    if not away <= bound:
        raise PolylibError(
            str(folder), f"says something else than the adapters it was made of (logits differ by {away:.2g})",
            allowed=f"at most {bound:.2g}", remedy="export plain LoRA adapters",
        )  # fmt: skip
