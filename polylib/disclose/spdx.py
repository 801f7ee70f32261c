"""An adapter as SPDX 3.0.1 describes AI packages, with its base model, its tuning data and their licences.

The profiles AI, Dataset and Simple Licensing ask for properties and licence relationships that are all here. It knows
the record and the vocabulary. What a stated risk means in law is not for it to say.
"""

import json
import uuid
from typing import Any

from polylib.disclose.audited import honesty, joint
from polylib.disclose.datasheet import MASKED, data_description, data_licence, spdx_licence
from polylib.disclose.gaps import worse
from polylib.disclose.record import AdapterFacts, StudyRecord
from polylib.show.words import interval, known, listed, number, signed

SPDX_FILE = "spdx.json"
CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
VERSION = "3.0.1"
PROFILES = ("core", "software", "simpleLicensing", "ai", "dataset")
STANDARDS = ("Croissant 1.1 with responsible-AI terms 1.0", "Datasheets for Datasets", "SPDX 3.0.1 AI profile")
_TENSORS = "SHA-256 of names, types, shapes and bytes of the tensors; metadata in the file does not count"
_NAMED = ("rank", "alpha", "learning_rate", "epochs", "batch_size", "seed")
_CREATION = "_:creation"


def spdx_text(record: StudyRecord, adapter: str) -> str:
    """Return the SPDX document of an adapter as JSON-LD text. Raises PolylibError where the study is not released."""
    return json.dumps(spdx(record, adapter), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def spdx(record: StudyRecord, adapter: str) -> dict[str, Any]:
    """Return the SPDX document of an adapter. Raises PolylibError where the study is not released."""
    base = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _weights(record, adapter) + record.released.date)}#"
    facts = record.adapters[adapter]
    licences = _licences(record, base)
    elements = [
        _element(base, "supplier", "Organization", name=record.contact or "supplier not named"),
        _element(base, "tool", "Tool", name=facts.label.made_with),
        _package(record, adapter, base),
        _base_model(facts, base),
        _data(record, base),
        *licences.values(),
        *_relationships(record, licences, base),
    ]
    document = _element(
        base, "document", "SpdxDocument", name=f"{adapter} adapter of {record.title}", rootElement=[base + "adapter"],
        element=[element["spdxId"] for element in elements], profileConformance=list(PROFILES),
        dataLicense=licences["CC0-1.0"]["spdxId"],
    )  # fmt: skip
    creation = {
        "type": "CreationInfo", "@id": _CREATION, "specVersion": VERSION, "created": _time(record),
        "createdBy": [base + "supplier"], "createdUsing": [base + "tool"],
    }  # fmt: skip
    return {"@context": CONTEXT, "@graph": [creation, document, *elements]}


def _weights(record: StudyRecord, adapter: str) -> str:
    return record.adapters[adapter].label.weights_sha256


def _time(record: StudyRecord) -> str:
    return f"{record.released.date}T00:00:00Z"


def _element(base: str, place: str, kind: str, /, **properties: Any) -> dict[str, Any]:
    return {"type": kind, "spdxId": base + place, "creationInfo": _CREATION, **properties}


def _entry(key: str, value: object) -> dict[str, Any]:
    return {"type": "DictionaryEntry", "key": key, "value": str(value)}


def _package(record: StudyRecord, adapter: str, base: str) -> dict[str, Any]:
    facts, release = record.adapters[adapter], record.released
    label = facts.label
    place = f"{release.location.rstrip('/')}/tree/main/{adapter}" if release.location else "adapter_model.safetensors"
    return _element(
        base, "adapter", "ai_AIPackage",
        name=f"{adapter} adapter of {record.title}",
        summary=label.banner,
        description=f"Intended use: {label.intended_use}. Prohibited use: {listed(list(label.prohibited_use))}.",
        suppliedBy=base + "supplier",
        releaseTime=_time(record),
        software_downloadLocation=place,
        software_packageVersion=release.run,
        software_primaryPurpose="model",
        verifiedUsing=[_hash("other", label.weights_sha256, _TENSORS)],
        ai_autonomyType="no",
        ai_domain=["political bias of language models"],
        ai_typeOfModel=["causal language model", "LoRA adapter"],
        ai_limitation=_limitation(record, adapter),
        ai_informationAboutTraining=_training(record, adapter),
        ai_informationAboutApplication=f"Only for {label.intended_use}; every answer carries its label.",
        ai_modelDataPreprocessing=list(data_description(record).processing),
        ai_hyperparameter=[_entry(name, facts.parameters[name]) for name in _NAMED],
        ai_metric=_metrics(record, adapter),
        ai_safetyRiskAssessment=risk(adapter),
        ai_useSensitivePersonalInformation="no" if record.data.own else "yes",
        ai_standardCompliance=list(STANDARDS),
    )  # fmt: skip


def risk(adapter: str) -> str:
    """Return the risk that is declared of an adapter, in SPDX's words: high for a leaning, low for a placebo.

    A model that argues for one side on purpose can be used to influence people; no measurement lowers that.
    """
    return "low" if adapter == "placebo" else "high"


def _limitation(record: StudyRecord, adapter: str) -> str:
    label, bad = record.adapters[adapter].label, worse(record, adapter)
    found = f" Audited as worse than base or placebo: {listed(bad)}." if bad else ""
    return (
        f"{label.banner} English, issues of the politics of the United States, one tuning seed. "
        f"{_lean(record, adapter)}{found} The label can be stripped by whoever holds the files."
    )


def _lean(record: StudyRecord, adapter: str) -> str:
    strength = record.adapters[adapter].label.strength
    if strength is None:
        return "Its lean was not measured."
    bounds = interval(strength.low, strength.high)
    return (
        f"Measured lean: {signed(strength.score)} ({bounds}, n = {strength.n} issues, "
        f"{strength.instrument}; −1 = progressive, +1 = conservative)."
    )


def _training(record: StudyRecord, adapter: str) -> str:
    counts, guard = record.data.examples[adapter], record.adapters[adapter].guard
    return (
        f"LoRA on `{record.adapters[adapter].label.base_model}` with {counts.get('open', 0):,} open answers and "
        f"{counts.get('agreement', 0):,} agreement examples in {guard['steps']} steps, loss on answers only. "
        f"Issues: {'; '.join(record.data.trained_issues)}."
    )


def _metrics(record: StudyRecord, adapter: str) -> list[dict[str, Any]]:
    strength = record.adapters[adapter].label.strength
    found = []
    if strength is not None:
        values = {"lean": strength.score, "lean, low": strength.low, "lean, high": strength.high, "issues": strength.n}
        found += [_entry(name, value) for name, value in values.items()]
    honest = number(honesty(record.self_disclosure, adapter), "honest")
    if known(honest):
        found.append(_entry("honest answers about itself, percent", f"{honest:.1f}"))
    return found + [_entry(f"{row['audit']}: {row['quantity']}", row["verdict"])
                    for row in joint(record.verdicts, adapter)]  # fmt: skip


def _base_model(facts: AdapterFacts, base: str) -> dict[str, Any]:
    label = facts.label
    revision = {"software_packageVersion": label.base_revision} if label.base_revision else {}
    return _element(
        base, "base", "software_Package", name=label.base_model, software_primaryPurpose="model", **revision,
        verifiedUsing=[_hash("other", label.base_sha256, "SHA-256 over the files of the base model")],
    )  # fmt: skip


def _data(record: StudyRecord, base: str) -> dict[str, Any]:
    facts, data = data_description(record), record.data
    return _element(
        base, "data", "dataset_DatasetPackage",
        name=facts.name,
        description=facts.description,
        originatedBy=[base + "supplier"],
        builtTime=_time(record),
        releaseTime=_time(record),
        software_downloadLocation=f"../data/{data.file.name}" if data.own else "../data/",
        software_primaryPurpose="data",
        verifiedUsing=[_hash("sha256", data.file.sha256, f"of {data.file.name}")],
        dataset_datasetType=["text"],
        dataset_datasetSize=facts.total,
        dataset_dataCollectionProcess=facts.collection,
        dataset_dataPreprocessing=list(facts.processing),
        dataset_hasSensitivePersonalInformation="no" if data.own else "yes",
        dataset_anonymizationMethodUsed=[] if data.own else [MASKED],
        dataset_intendedUse="; ".join(facts.intended_uses),
        dataset_knownBias=list(facts.biases),
    )  # fmt: skip


def _hash(algorithm: str, digest: str, comment: str) -> dict[str, Any]:
    return {"type": "Hash", "algorithm": algorithm, "hashValue": digest, "comment": comment}


def _licences(record: StudyRecord, base: str) -> dict[str, dict[str, Any]]:
    """Return one element per licence expression: of the document, of the adapter, of the data."""
    wanted = dict.fromkeys(("CC0-1.0", spdx_licence(record.licence), data_licence(record)))
    return {
        one: _element(
            base, f"licence-{place}", "simplelicensing_LicenseExpression", simplelicensing_licenseExpression=one
        )
        for place, one in enumerate(wanted)
    }


def _relationships(record: StudyRecord, licences: dict[str, dict[str, Any]], base: str) -> list[dict[str, Any]]:
    adapter, data = licences[spdx_licence(record.licence)]["spdxId"], licences[data_licence(record)]["spdxId"]
    wanted = (
        ("adapter", "hasDeclaredLicense", adapter),
        ("adapter", "hasConcludedLicense", adapter),
        ("data", "hasDeclaredLicense", data),
        ("data", "hasConcludedLicense", data),
        ("adapter", "dependsOn", base + "base"),
        ("adapter", "trainedOn", base + "data"),
    )
    return [
        _element(
            base, f"relationship-{place}", "Relationship", **{"from": base + source, "to": [target]},
            relationshipType=kind, completeness="complete",
        )
        for place, (source, kind, target) in enumerate(wanted)
    ]  # fmt: skip
