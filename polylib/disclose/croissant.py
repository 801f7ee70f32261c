"""A data set's documents for machines: Croissant 1.1 and the head of the hub's data-set card.

Both are made from one `DatasetDescription`, so they cannot disagree. Croissant (January 2026) carries
the responsible-AI terms 1.0. It knows the two forms, not whether what they say is true.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polylib.disclose.description import LICENCES, Column, DataFile, DatasetDescription, describe_file
from polylib.errors import PolylibError
from polylib.files import write_text

CROISSANT_FILE = "croissant.json"
CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5",
    "name": {"@container": "@language"}, "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
SIZES = (("n<1K", 10**3), ("1K<n<10K", 10**4), ("10K<n<100K", 10**5), ("100K<n<1M", 10**6), ("1M<n<10M", 10**7),
         ("10M<n<100M", 10**8), ("100M<n<1B", 10**9))  # fmt: skip
FORMATS = {
    ".parquet": "application/x-parquet", ".json": "application/json", ".jsonl": "application/jsonlines",
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".txt": "text/plain",
}  # fmt: skip


def croissant(description: DatasetDescription) -> dict[str, Any]:
    """Return the Croissant 1.1 document (JSON-LD) with the responsible-AI terms."""
    facts = description
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": facts.name,
        "description": facts.description,
        "conformsTo": list(CONFORMS_TO),
        "license": f"https://spdx.org/licenses/{facts.spdx}" if facts.spdx else facts.licence,
        "creator": {"@type": "sc:Organization", "name": facts.creator},
        "datePublished": facts.date,
        "version": facts.version,
        "citeAs": citation(facts),
        "inLanguage": _each(facts.languages),
        "keywords": _each(facts.tags),
        "rai:dataCollection": facts.collection,
        "rai:dataAnnotationProtocol": _each(f"{one.name}: {one.label_origin}" for one in facts.sources),
        "rai:dataBiases": _each([sides(facts), *facts.biases]),
        "rai:dataLimitations": _each(facts.limitations),
        "rai:personalSensitiveInformation": facts.personal_information,
        "rai:dataUseCases": _each(f"{kind}: {use}" for kind, uses in _uses(facts) for use in uses),
        "distribution": [_file_object(file) for file in facts.files],
        "recordSet": [_record_set(facts)],
    }
    if facts.processing:
        document["rai:dataPreprocessingProtocol"] = _each(facts.processing)
    if facts.url:
        document["url"] = facts.url
    return document


def _uses(description: DatasetDescription) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("Intended", description.intended_uses), ("Prohibited", description.prohibited_uses)


def _each(values: Iterable[str]) -> list[str]:
    """Return each value once, in order: to JSON-LD the values of a term are a set."""
    return list(dict.fromkeys(values))


def sides(description: DatasetDescription) -> str:
    """Say how many texts each side has, over all and per source."""
    each = "; ".join(
        f"{one.name} ({one.label_origin}; {one.licence}): {one.progressive:,}, {one.conservative:,}, {one.unlabelled:,}"
        for one in description.sources
    )
    unlabelled = description.total - description.progressive - description.conservative
    return (
        f"Texts labelled progressive, labelled conservative, without a label: {description.progressive:,}, "
        f"{description.conservative:,}, {unlabelled:,}. By source: {each}."
    )


def citation(description: DatasetDescription) -> str:
    """Return a BibTeX entry; braces and backslashes inside a value are left out, since they would break it."""
    values = {"title": description.name, "author": f"{{{_unbraced(description.creator)}}}"}
    values |= {"year": description.date[:4], "version": description.version}
    if description.url:
        values["url"] = description.url
    inner = ", ".join(
        f"{name} = {{{value if name == 'author' else _unbraced(value)}}}" for name, value in values.items()
    )
    key = re.sub(r"[^a-z0-9]+", "-", description.name.lower()).strip("-") or "dataset"
    return f"@misc{{{key}, {inner}}}"


def _unbraced(text: str) -> str:
    return re.sub(r"[{}\\]", "", text)


def _file_object(file: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.size} B",
        "encodingFormat": FORMATS.get(Path(file.name).suffix.lower(), "application/octet-stream"),
        "sha256": file.sha256,
    }


def _record_set(description: DatasetDescription) -> dict[str, Any]:
    name = Path(description.records).stem
    fields = [_field(column, name, description.records) for column in description.columns]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"One text per record: {description.total:,} in all.",
        "field": fields,
    }


def _field(column: Column, record_set: str, file: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column.name}",
        "name": column.name,
        "description": column.description,
        "dataType": column.type,
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
    }
    return field | ({"isArray": True, "arrayShape": "-1"} if column.array else {})


def card_header(description: DatasetDescription) -> dict[str, Any]:
    """Return what the head of a hub's data-set card holds, in the hub's own words."""
    header: dict[str, Any] = {"pretty_name": description.name}
    if description.spdx:
        header["license"] = LICENCES[description.spdx]
    else:
        header |= {"license": "other", "license_name": "see-license-details", "license_details": description.licence}
    foreign = [source.name for source in description.sources if not source.own]
    own = any(source.own for source in description.sources)
    return header | {
        "language": _each(description.languages),
        "size_categories": [next((name for name, top in SIZES if description.total < top), "n>1B")],
        "task_categories": list(description.tasks),
        "tags": list(description.tags),
        "annotations_creators": list(description.annotators),
        "source_datasets": ["original"] * own + list(dict.fromkeys(f"extended|{name}" for name in foreign)),
        "configs": [{"config_name": "default", "data_files": description.records}],
    }


def card_head(description: DatasetDescription) -> str:
    """Return the YAML block that a data-set card begins with, `---` lines included."""
    import yaml

    text = yaml.safe_dump(card_header(description), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{text}---\n"


def write_croissant(folder: Path, description: DatasetDescription) -> Path:
    """Write `croissant.json` into `folder`, beside the files it describes, and return its path.

    Raises PolylibError where a file is missing or is not the one described, or where writing fails.
    """
    for file in description.files:
        if describe_file(folder, file.name) != file:
            raise PolylibError(
                f"{Path(folder) / file.name}", "is not the file described", remedy="describe the files again"
            )
    path = Path(folder) / CROISSANT_FILE
    write_text(path, croissant_text(description))
    return path


def croissant_text(description: DatasetDescription) -> str:
    """Return the Croissant document as text."""
    return json.dumps(croissant(description), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
