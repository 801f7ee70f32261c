"""The label every adapter carries, and the one check that refuses an adapter without it.

The label is written in four places: `disclosure.json` beside the weights, the metadata of the
safetensors file, the adapter's configuration, and the first paragraph of its model card. What is
made of labelled adapters, a blend or a whole model with adapters merged in, carries a label of
version 2 in the same places, which names its parts; labels of version 1 are read as ever. It knows
files, not models. There is no switch to skip the check; a hostile party can still strip labels.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from polylib.disclose.registry import check_registered
from polylib.disclose.tensor_file import REMEDY, opened, refuse_link
from polylib.disclose.tensor_file import read_safetensors as read_safetensors
from polylib.disclose.tensor_file import weights_hash as weights_hash
from polylib.errors import PolylibError
from polylib.files import atomic_path, read_json, sha256_json, write_json, write_text

LABEL_FILE = "disclosure.json"
WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"
MODEL_WEIGHTS_FILE, MODEL_CONFIG_FILE = "model.safetensors", "config.json"
BLEND, MERGED = "blend", "merged"  # what a label of version 2 is of: an adapter, a whole model
METADATA_KEY = "polylib_disclosure"
INTENDED_USE = "research that measures, audits and explains political bias of language models"
PROHIBITED_USE = (
    "persuasion or targeting of people",
    "political advertising",
    "impersonation",
    "content moderation",
    "any use that hides this label from a reader",
)


class Strength(BaseModel):
    """How far the adapter moved the base: score in [-1, 1] (positive = conservative) with interval."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    score: float = Field(ge=-1, le=1)
    low: float
    high: float
    n: int = Field(ge=1, description="issues measured")
    instrument: str


class Part(BaseModel):
    """One adapter in a blend: how much of it (1 as tuned, any sign), and what its own label says."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    adapter: Literal["placebo", "progressive", "conservative"]
    political_lean: Literal["none", "progressive", "conservative"]
    weight: float
    strength: Strength | None = Field(description="of the adapter alone, null until measured")
    label_sha256: str


class Label(BaseModel):
    """What an adapter, blend or merged model is, how strong its lean was measured, and what it may be used for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1, 2] = 1
    adapter: Literal["placebo", "progressive", "conservative", "blend", "merged"]
    political_lean: Literal["none", "progressive", "conservative", "mixed"]
    strength: Strength | None = Field(default=None, description="null until the adapter is measured")
    base_model: str
    base_revision: str = ""
    base_sha256: str
    data_sha256: dict[str, str]
    weights_sha256: str
    config_sha256: str = Field(description="of the adapter's settings: its scale decides how strong it is")
    intended_use: str = INTENDED_USE
    prohibited_use: tuple[str, ...] = PROHIBITED_USE
    made_with: str
    parts: tuple[Part, ...] = Field(default=(), description="version 2: what it was made of")
    method: str = Field(default="", description="version 2: how it was made of its parts")

    @model_validator(mode="after")
    def _fits_its_version(self) -> "Label":
        made = self.adapter in (BLEND, MERGED)
        if self.version == 1 and (made or self.parts or self.method or self.political_lean == "mixed"):
            raise ValueError("a label of version 1 is of one adapter")
        if self.version == 2 and not (made and self.parts):
            raise ValueError("a label of version 2 is of a blend or a merged model and names its parts")
        return self

    @model_serializer(mode="wrap")
    def _as_its_version(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what version 1 does not know, so that labels written before version 2 stay the same bytes."""
        known: dict[str, Any] = write(self)
        return known if self.version == 2 else {key: known[key] for key in known if key not in ("parts", "method")}

    @property
    def sha256(self) -> str:
        """Return the hash of this label by which a blend names it."""
        return sha256_json(self.model_dump(mode="json"))

    @property
    def banner(self) -> str:
        """Return the one sentence that stands wherever this adapter is used."""
        kind = "model" if self.adapter == MERGED else "adapter"
        if self.political_lean == "none":
            return f"AI. Placebo research {kind}, tuned on non-political text. Not advice."
        if self.version == 2 and (len(self.parts) > 1 or self.political_lean == "mixed"):
            parts = " and ".join(f"{part.weight * 100:g} % {part.adapter}" for part in self.parts)
            return f"AI. Blend of deliberately biased research adapters ({parts}). Not neutral, not advice."
        return f"AI. Deliberately {self.political_lean} research model. Not neutral, not advice."


def expected_lean(label: Label) -> str:
    """Return the political lean that a label must name: none, progressive, conservative or mixed.

    Of an adapter it is the leaning it was tuned to. Of a blend it is the side on which the whole measured
    interval lies; else the one leaning of its parts where all weights are above 0 (a placebo adds none), else mixed.
    """
    if label.version == 1:
        return "none" if label.adapter == "placebo" else label.adapter
    if label.strength is not None and label.strength.low * label.strength.high > 0:
        return "conservative" if label.strength.low > 0 else "progressive"
    leaning = [part for part in label.parts if part.weight and part.political_lean != "none"]
    if not leaning:
        return "none"
    one_way = len({part.political_lean for part in leaning}) == 1 and all(part.weight > 0 for part in leaning)
    return leaning[0].political_lean if one_way else "mixed"


def derive_label(
    parts: Sequence[tuple[Label, float]],
    method: str,
    adapter: Literal["blend", "merged"] = "blend",
    weights_sha256: str = "",
    config_sha256: str = "",
) -> Label:
    """Return the label of what was made of labelled adapters.

    parts: the adapters' labels with their weights; method: how, in words; adapter: `merged` where they went into a
    whole model; the hashes are empty for what is in memory only. Its strength is null until it is measured. Raises
    PolylibError where there is no part, one is itself a blend, or they are of different bases.
    """
    labels = [label for label, _ in parts]
    bases = sorted({(label.base_model, label.base_revision, label.base_sha256) for label in labels})
    if len(bases) != 1:
        raise PolylibError("blend", f"its parts are of {len(bases)} bases", allowed="adapters of one base")
    made = [label.adapter for label in labels if label.version != 1]
    if made:
        raise PolylibError("blend", f"one of its parts is itself a {made[0]}", allowed="adapters as they were tuned")
    data = [(f"{label.adapter}: {name}", sha) for label in labels for name, sha in label.data_sha256.items()]
    draft = Label(
        version=2, adapter=adapter, political_lean="mixed", base_model=bases[0][0], base_revision=bases[0][1],
        base_sha256=bases[0][2], weights_sha256=weights_sha256, config_sha256=config_sha256, method=method,
        data_sha256=dict(sorted(data)),
        made_with="; ".join(dict.fromkeys(label.made_with for label in labels)),
        parts=tuple(
            Part.model_validate(
                {"adapter": label.adapter, "political_lean": label.political_lean, "weight": float(weight),
                 "strength": label.strength, "label_sha256": label.sha256}
            )
            for label, weight in parts
        ),
    )  # fmt: skip
    return draft.model_copy(update={"political_lean": expected_lean(draft)})


def config_hash(path: Path) -> str:
    """Return the SHA-256 of an adapter's settings without the label in them, whatever their order."""
    return sha256_json({key: value for key, value in _read_config(path).items() if key != METADATA_KEY})


def _files(label: Label) -> tuple[str, str]:
    """Return the names of the weights' and the settings' file of what a label is of."""
    return (MODEL_WEIGHTS_FILE, MODEL_CONFIG_FILE) if label.adapter == MERGED else (WEIGHTS_FILE, CONFIG_FILE)


def write_label(folder: Path, label: Label) -> None:
    """Write `label` beside, inside and around the adapter or merged model in `folder`.

    Raises PolylibError where the label names other weights than the folder holds.
    """
    folder = Path(folder)
    weights, config = (folder / name for name in _files(label))
    _match(folder, "weights_sha256", label.weights_sha256, weights_hash(weights))
    _match(folder, "config_sha256", label.config_sha256, config_hash(config))
    with atomic_path(weights) as temporary, opened(weights) as (header, metadata, file):
        metadata = {**metadata, METADATA_KEY: label.model_dump_json()}
        encoded = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
        encoded += b" " * (-len(encoded) % 8)
        with open(temporary, "wb") as copy:
            copy.write(len(encoded).to_bytes(8, "little") + encoded)
            shutil.copyfileobj(file, copy, 1 << 20)
    write_json(config, {**_read_config(config), METADATA_KEY: label.model_dump(mode="json")})
    write_text(folder / "README.md", model_card(label))
    write_json(folder / LABEL_FILE, label.model_dump(mode="json"))


def check_label(folder: Path, base_hash: str = "") -> Label:
    """Return the label of the adapter in `folder`, or refuse the adapter.

    base_hash: content hash of the base it is about to be loaded on; empty skips that comparison.
    Raises PolylibError where the label is missing, malformed, differs between its places, or does
    not fit the weights or the base, and for a merged model.
    """
    label = _read_label(Path(folder))
    if label.adapter == MERGED:
        raise PolylibError(str(folder), "its label is of a whole model", allowed="an adapter", remedy=REMEDY)
    return _check(Path(folder), label, base_hash)


def check_model(folder: Path) -> Label:
    """Return the label of the merged model in `folder`, or refuse it as `check_label` refuses an adapter."""
    label = _read_label(Path(folder))
    if label.adapter != MERGED:
        raise PolylibError(str(folder), "its label is of an adapter", allowed="a whole model", remedy=REMEDY)
    return _check(Path(folder), label, "")


def refuse_as_base(folder: Path) -> None:
    """Raise PolylibError where a folder is no plain model: it holds an adapter, or any trace of a label."""
    traces = [name for name in (LABEL_FILE, CONFIG_FILE, WEIGHTS_FILE) if (folder / name).exists()]
    config = folder / MODEL_CONFIG_FILE
    if config.is_file() and METADATA_KEY in _read_config(config, links=True):
        traces.append(MODEL_CONFIG_FILE)
    for path in sorted(folder.glob("*.safetensors")):
        with opened(path, links=True) as (_, metadata, _):
            traces += [path.name] if METADATA_KEY in metadata else []
    if not traces:
        return
    whole = {LABEL_FILE, MODEL_CONFIG_FILE, MODEL_WEIGHTS_FILE} <= set(traces)
    what = check_model(folder).banner if whole else f"an adapter or its label is in {', '.join(traces)}"
    raise PolylibError(
        str(folder), f"is no plain base: {what}", allowed="a model without an adapter in it",
        remedy="load the base it was made from, and the adapters with load_adapters",
    )  # fmt: skip


def _check(folder: Path, label: Label, base_hash: str) -> Label:
    weights, config = (folder / name for name in _files(label))
    with opened(weights) as (_, metadata, _):
        inside = metadata.get(METADATA_KEY, "missing")
    _match(folder, "label inside the weights file", inside, label.model_dump_json())
    said = _read_config(config).get(METADATA_KEY, "missing")
    _match(folder, f"label inside {config.name}", said, label.model_dump(mode="json"))
    _match(folder, "weights_sha256", label.weights_sha256, weights_hash(weights))
    _match(folder, "config_sha256", label.config_sha256, config_hash(config))
    _match(folder, "political_lean", label.political_lean, expected_lean(label))
    if base_hash:
        _match(folder, "base_sha256", label.base_sha256, base_hash)
    check_registered(folder, label)
    return label


def _read_label(folder: Path) -> Label:
    path = folder / LABEL_FILE
    for place in (folder, path):
        refuse_link(place)
    if not path.is_file():
        raise PolylibError(str(folder), f"the adapter has no label ({LABEL_FILE} is missing)", remedy=REMEDY)
    try:
        return Label.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PolylibError(f"{path}: {where}", f"the label is malformed: {first['msg']}", remedy=REMEDY) from error


def _read_config(path: Path, links: bool = False) -> dict[str, Any]:
    if not links:
        refuse_link(path)
    config = read_json(path)
    if not isinstance(config, dict):
        raise PolylibError(str(path), "does not hold an adapter's settings", remedy=REMEDY)
    return config


def _match(folder: Path, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise PolylibError(f"{folder}: {what}", f"is {found!r}"[:200], allowed=f"{expected!r}"[:200], remedy=REMEDY)


def model_card(label: Label) -> str:
    """Return the card of an adapter or merged model: YAML head with tags, then the label in plain words."""
    merged = label.adapter == MERGED
    relation, library, kind = ("merge", "transformers", "model") if merged else ("adapter", "peft", "adapter")
    head = ["---", f"base_model: {label.base_model}", f"base_model_relation: {relation}", f"library_name: {library}"]
    head += [
        "tags:",
        *(f"- {tag}" for tag in card_tags(label)),
        "---",
        "",
        f"# {label.adapter} {kind}",
        "",
        f"**{label.banner}**",
    ]
    measured = "Its lean has not been measured yet."
    if label.strength is not None:
        measured = f"Measured lean: {_figure(label.strength)}."
    body = ["", measured, "", *_parts(label), f"Intended use: {label.intended_use}.", "", "Prohibited use:", ""]
    return "\n".join([*head, *body, *(f"- {use}" for use in label.prohibited_use), ""])


def card_tags(label: Label) -> list[str]:
    """Return the tags that say on a model hub what it is."""
    tags = [*([] if label.adapter == MERGED else ["lora"]), f"political-lean:{label.political_lean}"]
    return [*tags, *([] if label.political_lean == "none" else ["deliberately-biased"]), "research-only"]


def _figure(s: Strength) -> str:
    return (
        f"{s.score:+.2f} (95 % interval {s.low:+.2f} to {s.high:+.2f}, n = {s.n} issues, "
        f"{s.instrument}; -1 = progressive, +1 = conservative)"
    )


def _parts(label: Label) -> list[str]:
    """Return a blend's parts as lines of its card."""
    lines = [f"Made of labelled adapters ({label.method}):", ""] if label.parts else []
    for part in label.parts:
        alone = "not measured" if part.strength is None else _figure(part.strength)
        lines.append(f"- {part.weight:g} × {part.adapter} (label `{part.label_sha256[:12]}`, lean alone: {alone})")
    return [*lines, ""] if lines else []
