"""Folders that other engines serve: adapters for vLLM, GGUF files for llama.cpp, whole merged models.

Every label is checked before anything is written and on what was written; the folder appears whole or not at all. It
knows which parts an export has; how they are written is `export_adapters`, `export_gguf` and `export_merged`, the
commands are `export_words`.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Literal

from polylib import LEANINGS
from polylib.blend.dial import side_weights
from polylib.disclose.label import Label, check_label
from polylib.errors import PolylibError
from polylib.files import whole_folder, write_json, write_text
from polylib.models import REFERENCE_NAME, LoadedModel, load_adapters, load_base
from polylib.serve.catalogue import bundles_of
from polylib.serve.export_adapters import blend_name, check_plain, copy_adapter, copy_base, rank_of, write_blend
from polylib.serve.export_gguf import gguf_library, write_adapter, write_base
from polylib.serve.export_merged import write_merged
from polylib.serve.export_words import llama_page, merged_page, vllm_page

Target = Literal["vllm", "llama.cpp", "merged"]
PAGE = "README.md"


def export_run(
    folder: Path, to: Path, target: Target, blends: Sequence[float] = (), model: str = "", threads: int = 1
) -> Path:
    """Write what `target` serves of a run or a folder of bundles to `to`, and return the page with the commands.

    blends: shares of the conservative adapter, the rest progressive (0.5 is half of each; any finite number); model:
    the base, where the labels name it by its last part only. Raises PolylibError where a label is missing, malformed
    or does not fit, where the target cannot take an adapter, and where `to` is there and not an empty folder.
    """
    _refuse_filled(to)
    if target == "llama.cpp":
        gguf_library()
    folders = bundles_of(folder)
    labels = {name: check_label(place) for name, place in folders.items()}
    _check_blends(blends, labels)
    loaded = _base(labels, model, threads)
    with whole_folder(to) as staging:
        page = {"vllm": _vllm, "llama.cpp": _llama, "merged": _merged}[target](loaded, folders, blends, staging)
        write_text(staging / PAGE, page)
    return to / PAGE


def _refuse_filled(to: Path) -> None:
    if to.is_symlink() or (to.exists() and (not to.is_dir() or any(to.iterdir()))):
        raise PolylibError(str(to), "is there already", allowed="a new or an empty folder", remedy="name another one")


def _check_blends(blends: Sequence[float], labels: Mapping[str, Label]) -> None:
    for share in blends:
        if not isfinite(share):
            raise PolylibError(f"blend {share}", "is no share", allowed="any finite number, 0.5 for half of each")
        missing = set(LEANINGS) - set(labels)
        if missing:
            raise PolylibError(f"blend {share:g}", f"there is no adapter {', '.join(sorted(missing))}")
    if len(set(map(blend_name, blends))) < len(blends):
        raise PolylibError("blends", "two of them have one name", allowed="each share once")


def _base(labels: Mapping[str, Label], model: str, threads: int) -> LoadedModel:
    """Return the base, after checking that every label is of it and of the adapter that has its name."""
    named, revision = next(iter((label.base_model, label.base_revision) for label in labels.values()))
    loaded = load_base(model or named, revision if not model or model == named else "", threads)
    for name, label in labels.items():
        if label.adapter != name:
            raise PolylibError(f"adapter {name!r}", f"its label says {label.adapter!r}", allowed=name)
        if label.base_sha256 != loaded.content_hash:
            raise PolylibError(
                f"adapter {name!r}: base_sha256", f"is of the base {label.base_model!r} with other content",
                allowed=f"the content of {loaded.title!r}", remedy="name the base it was tuned on: --model",
            )  # fmt: skip
    return loaded


def _vllm(loaded: LoadedModel, folders: Mapping[str, Path], blends: Sequence[float], to: Path) -> str:
    for place in folders.values():
        check_plain(place, "vLLM")
    base = copy_base(loaded, to)
    labels = {name: copy_adapter(loaded, place, to / name) for name, place in folders.items()}
    load_adapters(loaded, {name: to / name for name in labels})
    labels |= {blend_name(share): write_blend(loaded, share, to / blend_name(share)) for share in blends}
    return vllm_page(base, loaded.revision, labels, max(rank_of(to / name) for name in labels))


def _llama(loaded: LoadedModel, folders: Mapping[str, Path], blends: Sequence[float], to: Path) -> str:
    own = loaded.name == REFERENCE_NAME
    if own:
        write_base(loaded, to / "base.gguf")
    labels = {name: write_adapter(loaded, place, to / f"{name}.gguf") for name, place in folders.items()}
    for name, label in labels.items():
        write_json(to / f"{name}.disclosure.json", label.model_dump(mode="json"))
    wanted = [side_weights(share) for share in blends or (0.5,)] if set(LEANINGS) <= set(labels) else []
    return llama_page("" if own else loaded.name, labels, wanted)


def _merged(loaded: LoadedModel, folders: Mapping[str, Path], blends: Sequence[float], to: Path) -> str:
    wanted = {name: {name: 1.0} for name in folders} | {blend_name(share): side_weights(share) for share in blends}
    labels = {name: write_merged(loaded, folders, weights, to / name) for name, weights in wanted.items()}
    return merged_page(labels)
