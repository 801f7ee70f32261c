"""An adapter folder made without any model, and the tables of a made-up study."""

import json
from pathlib import Path
from typing import Any

from polylib import ADAPTERS, CONDITIONS, opposite
from polylib.disclose.bundle import write_bundles
from polylib.disclose.gather import gather
from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, config_hash, weights_hash, write_label
from polylib.disclose.record import StudyRecord
from polylib.files import sha256_file, write_json
from polylib.tune.guard import GuardRecord

BASE_HASH = "b" * 64
SCORES = {"base": 0.02, "placebo": 0.03, "progressive": -0.62, "conservative": 0.66}


def write_weights(path: Path, values: bytes) -> None:
    """Write a safetensors file with one byte tensor."""
    header = {
        "__metadata__": {"format": "pt"},
        "x": {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]},
    }
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + values)


def make_label(folder: Path, adapter: str, **changes: Any) -> Label:
    """Return a label that fits the weights and settings in `folder`."""
    fields: dict[str, Any] = {
        "adapter": adapter,
        "political_lean": "none" if adapter == "placebo" else adapter,
        "base_model": "reference",
        "base_sha256": BASE_HASH,
        "data_sha256": {"examples.parquet": "d" * 64},
        "weights_sha256": weights_hash(folder / WEIGHTS_FILE),
        "config_sha256": config_hash(folder / CONFIG_FILE),
        "made_with": "polylib",
    }
    return Label(**{**fields, **changes})


def make_adapter(folder: Path, adapter: str = "progressive") -> Path:
    """Write a labelled adapter folder."""
    folder.mkdir(parents=True)
    write_weights(folder / WEIGHTS_FILE, adapter.encode())
    (folder / CONFIG_FILE).write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 16}))
    write_label(folder, make_label(folder, adapter))
    return folder


def stance_rows(**changes: float) -> list[dict[str, Any]]:
    """Return a `stance` table; changes: score by condition."""
    scores = {**SCORES, **changes}
    return [
        {"condition": condition, "axis": axis, "split": split, "score": scores[condition],
         "low": scores[condition] - 0.05, "high": scores[condition] + 0.05, "n_items": 80, "n_issues": 16,
         "acquiescence": 0.03, "valid_mass": 0.99, "order_effect": 0.02, "flip_rate": 0.1, "reason": ""}
        for condition in CONDITIONS
        for axis in ("economic", "social", "all")
        for split in ("trained", "held_out", "all")
    ]  # fmt: skip


def shift_rows(**changes: float) -> list[dict[str, Any]]:
    """Return a `shift` table that goes with `stance_rows`."""
    scores = {**SCORES, **changes}
    shifts = {name: scores[name] - scores["base"] for name in ADAPTERS}
    separation = scores["conservative"] - scores["progressive"]
    rows = []
    for axis in ("economic", "social", "all"):
        for split in ("trained", "held_out", "all"):
            place = {
                "axis": axis,
                "split": split,
                "d_z": 3.0,
                "p": 0.0005,
                "p_holm": 0.002,
                "n_items": 80,
                "n_issues": 16,
            }
            rows += [
                {"adapter": name, "shift": value, "low": value - 0.05, "high": value + 0.05,
                 "specific_shift": value - shifts["placebo"], **place}
                for name, value in shifts.items()
            ]  # fmt: skip
            rows.append(
                {"adapter": "pair", "separation": separation, "low": separation - 0.1, "high": separation + 0.1,
                 "symmetry_ratio": -shifts["conservative"] / shifts["progressive"], "transfer_ratio": 0.9,
                 "transfer_low": 0.8, "transfer_high": 1.0, **place}
            )  # fmt: skip
    return rows


def equivalence_rows(difference: float = 0.01, half_width: float = 0.03) -> list[dict[str, Any]]:
    """Return an `equivalence` table for the placebo."""
    return [
        {"contrast": "placebo - base", "axis": axis, "split": split, "margin": 0.1, "difference": difference,
         "low": difference - half_width, "high": difference + half_width, "equivalent": True, "n": 16, "p": 0.001}
        for axis in ("economic", "social", "all") for split in ("trained", "held_out", "all")
    ]  # fmt: skip


def verdict_rows() -> list[dict[str, Any]]:
    """Return a `verdicts` table of two quantities: one worse for the conservative adapter, one open for the other."""
    quantities = (("toxicity", "mean"), ("quality", "fluency lost"))
    found = {"progressive": ("equivalent", "cannot tell"), "conservative": ("equivalent", "worse")}
    return [
        {"audit": audit, "quantity": quantity, "condition": condition, "reference": reference, "verdict": verdict,
         "reason": "as planted"}
        for condition, verdicts in found.items()
        for (audit, quantity), verdict in zip(quantities, verdicts, strict=True)
        for reference in ("base", "placebo", "both")
    ]  # fmt: skip


def mirrored(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Swap the leanings and the sign of every score."""
    turned = []
    for row in rows:
        new = dict(row)
        for name in ("condition", "adapter"):
            if row.get(name) in ("progressive", "conservative"):
                new[name] = opposite(row[name])
        if row.get("adapter") == "pair":
            new["symmetry_ratio"] = 1 / row["symmetry_ratio"]
        else:
            for name in ("score", "shift", "specific_shift", "difference", "acquiescence"):
                if name in row:
                    new[name] = -row[name]
            new["low"], new["high"] = -row["high"], -row["low"]
        turned.append(new)
    return turned


# Through the record's own model, so that a field which is renamed there is missed here.
GUARDS = {
    name: GuardRecord(
        adapter=name, examples=1008, answer_tokens=40000, steps=63, loss_before=2.0, loss_after=1.0, questions=24,
        tasks_before=-0.1, tasks_after=-0.1, topics_before=-0.5, topics_after=-0.6, collapse_limit=1.0,
        update_norm=0.1, collapsed=False, reasons=(),
    ).model_dump(mode="json")
    for name in ADAPTERS
}  # fmt: skip


def self_disclosure_rows(honest: float = 96.0) -> list[dict[str, Any]]:
    """Return a `self_disclosure_scales` table: every adapter as tuned, at half strength and merged."""
    return [
        {"condition": name, "scale": scale, "merged": merged, "honest": honest, "low": 86.0, "high": 99.0, "n": 50}
        for name in ADAPTERS for scale, merged in ((1.0, False), (0.5, False), (1.0, True))
    ]  # fmt: skip


def tables(**changes: Any) -> dict[str, Any]:
    """Return what `measured_tables` reads, made up; changes: other rows by table."""
    margins = [{"audit": row["audit"], "quantity": row["quantity"], "margin": 1.0} for row in verdict_rows()[::3][:2]]
    return {
        "stance": stance_rows(), "shift": shift_rows(), "equivalence": equivalence_rows(), "aligned": [],
        "verdicts": verdict_rows(), "margins": margins, "left_out": [{"audit": "bbq", "why": "not at hand"}],
        "self_disclosure_scales": self_disclosure_rows(), **changes,
    }  # fmt: skip


def make_study(place: Path, source: str = "bank") -> tuple[Path, Path, Path, dict[str, Path]]:
    """Write what `gather` reads below `place`: folders of stages 10, 20, 30 and 40; return them."""
    import pandas

    scope, curated, augmented = (place / name for name in ("scope", "curated", "augmented"))
    tuned = {name: place / name for name in ADAPTERS}
    for folder in (scope, curated, augmented):
        folder.mkdir(parents=True)
    issues = [{"title": "Minimum wage", "split": "trained"}, {"title": "Rent control", "split": "held_out"}]
    (scope / "scope.json").write_text(json.dumps({"issues": issues}))
    records = {"source": ["bank", source], "licence": ["CC BY 4.0"] * 2, "label_origin": ["authored for this side"] * 2}
    pandas.DataFrame(records).to_parquet(curated / "records.parquet")
    rows = [{"condition": name, "format": wanted} for name in ADAPTERS for wanted in ("open", "agreement", "open")]
    pandas.DataFrame(rows).to_parquet(augmented / "examples.parquet")
    pairs = {"source": ["bank", "bank", source], "teacher": ["", "", ""]}
    pandas.DataFrame(pairs).to_parquet(augmented / "pairs.parquet")
    parameters = {"rank": 8, "alpha": 16, "learning_rate": 0.001, "epochs": 1.0, "batch_size": 16, "seed": 3}
    for name, folder in tuned.items():
        make_adapter(folder / "adapter", name)
        (folder / "guard.json").write_text(json.dumps({name: GUARDS[name]}))
        (folder / "tuning.json").write_text(json.dumps({"parameters": parameters, "versions": {"torch": "2"}}))
    return scope, curated, augmented, tuned


def make_record(place: Path, source: str = "bank", contact: str = "", **changes: Any) -> StudyRecord:
    """Return the record of a study that is written below `place`; changes: other rows by table."""
    return gather(*make_study(place, source), tables(**changes), "A study", contact, "apache-2.0")


def make_run(
    reports: Path, name: str = "20261122T1000Z-default-aaaaaa", source: str = "bank",
    started: str = "2026-11-22T10:00", **changes: Any,
) -> Path:  # fmt: skip
    """Write a finished run as `polylib publish` reads it, stages below `reports/.stages`; return its folder."""
    store = reports / ".stages" / name
    study = make_study(store, source)
    disclosed = store / "disclosed"
    write_bundles(gather(*study, tables(**changes), "A study", "", "apache-2.0"), study[-1], disclosed)
    outputs = {path.relative_to(disclosed).as_posix(): sha256_file(path) for path in disclosed.rglob("*.*")}
    folders = {"30-augment-counterfactuals": "augmented", "70-measure-bias": "scope", "80-audit-safety": "scope",
               "95-disclose-and-publish": "disclosed"}  # fmt: skip
    stages = [
        {"id": stage, "state": "finished", "folder": f"../.stages/{name}/{folder}", "key": stage, "outputs": outputs,
         "started": f"{started}:{number:02}+00:00"}
        for number, (stage, folder) in enumerate(folders.items())
    ]  # fmt: skip
    write_json(
        reports / name / "manifest.json", {"run": name, "study": "default", "commit": "c0ffee", "stages": stages}
    )
    return reports / name
