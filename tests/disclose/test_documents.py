"""All documents of a study come from one record: they never disagree, and their own validators take them."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib import ADAPTERS, LEANINGS
from polylib.disclose.audited import joint
from polylib.disclose.description import DataFile
from polylib.disclose.documents import documents
from polylib.disclose.gather import gather
from polylib.disclose.history import audits_of, with_history
from polylib.disclose.record import Release, StudyRecord
from polylib.disclose.spdx import risk, spdx
from polylib.errors import PolylibError
from tests.disclose.simulated import (
    make_record,
    make_study,
    self_disclosure_rows,
    shift_rows,
    stance_rows,
    tables,
    verdict_rows,
)

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:rdflib|mlcroissant")
RELEASE = Release(date="2026-11-23", location="https://hub.example/me/study", run="run-one", commit="c0ffee")
MANIFEST = {"run": "run-one", "stages": [
    {"id": name, "key": name, "started": f"2026-11-22T10:00:0{number}+00:00"}
    for number, name in enumerate(("70-measure-bias", "80-audit-safety"))
]}  # fmt: skip
CARDS = tuple(f"{name}/README.md" for name in ADAPTERS)
SPDX = tuple(f"{name}/spdx.json" for name in ADAPTERS)
DATA = ("data/README.md", "data/croissant.json")
Folders = tuple[Path, Path, Path, dict[str, Path]]


def released(record: StudyRecord) -> StudyRecord:
    """Return the record as `publish` completes it."""
    return with_history(record, audits_of(record, MANIFEST)).model_copy(update={"release": RELEASE})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders of a made-up study."""
    return make_study(tmp_path_factory.mktemp("study"))


def record_of(study: Folders, title: str = "Title one", contact: str = "contact-one", licence: str = "apache-2.0",
              **changes: Any) -> StudyRecord:  # fmt: skip
    """Gather a released record; changes: other rows by table."""
    return released(gather(*study, tables(**changes), title, contact, licence))


class Fact(NamedTuple):
    """One fact: what it may be, the record with it, how documents write it, and which of them carry it."""

    values: st.SearchStrategy[Any]
    first: Any
    record: Callable[[Folders, Any], StudyRecord]
    written: Callable[[Any], str]
    carried_by: tuple[str, ...]


def data_changed(record: StudyRecord, **changes: Any) -> StudyRecord:
    return record.model_copy(update={"data": record.data.model_copy(update=changes)})


def scored(study: Folders, score: float) -> StudyRecord:
    return record_of(study, stance=stance_rows(conservative=score), shift=shift_rows(conservative=score))


def judged(study: Folders, name: str) -> StudyRecord:
    rows = [{**row, "quantity": name} if row["audit"] == "quality" else row for row in verdict_rows()]
    return record_of(study, verdicts=rows)


def at(**changes: str) -> Callable[[Folders, Any], StudyRecord]:
    """Return a maker of records whose release has the drawn value under this name."""
    (name,) = changes

    def made(study: Folders, value: Any) -> StudyRecord:
        record = record_of(study)
        return record.model_copy(update={"release": RELEASE.model_copy(update={name: value})})

    return made


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=16)
EVERYWHERE = ("README.md", "record.json")
FACTS = {
    "title": Fact(WORDS, "firsttitle", lambda study, value: record_of(study, title=value), str,
                  (*EVERYWHERE, *CARDS, *SPDX, *DATA)),
    "contact": Fact(WORDS, "firstcontact", lambda study, value: record_of(study, contact=value), str,
                    (*EVERYWHERE, *CARDS, *SPDX, *DATA)),
    "licence of the adapters": Fact(
        st.sampled_from(["MIT", "CC0-1.0", "BSD-3-Clause"]), "apache-2.0",
        lambda study, value: record_of(study, licence=value.lower()), str.lower, (*EVERYWHERE, *CARDS, *SPDX)),
    "licence of the data": Fact(
        st.sampled_from(["CC0-1.0", "ODbL-1.0", "PDDL-1.0"]), "CC-BY-4.0",
        lambda study, value: data_changed(record_of(study), licences=(value,)), str.lower,
        ("record.json", *SPDX, "data/README.md", "data/croissant.json")),
    "measured lean": Fact(
        st.sampled_from([0.23, 0.34, 0.47, 0.78, 0.83]), 0.66, scored, "{:.2f}".format,
        (*EVERYWHERE, "conservative/README.md", "conservative/spdx.json", "conservative/history.jsonl")),
    "honesty": Fact(
        st.integers(700, 999).map(lambda n: n / 10).filter(lambda x: x != 86.0 and x % 1), 91.7,
        lambda study, value: record_of(study, self_disclosure_scales=self_disclosure_rows(value)), "{:.1f}".format,
        (*EVERYWHERE, *CARDS, *SPDX, *(f"{name}/history.jsonl" for name in ADAPTERS))),
    "what was found worse": Fact(
        WORDS, "firstquantity", judged, str,
        (*EVERYWHERE, "conservative/README.md", "conservative/spdx.json", "conservative/history.jsonl")),
    "hash of the data": Fact(
        st.text("0123456789abcdef", min_size=64, max_size=64), "ab" * 32,
        lambda study, value: data_changed(
            record_of(study), file=DataFile(name="examples.parquet", sha256=value, size=10)), str,
        ("record.json", *SPDX, *DATA)),
    "held-out issue": Fact(
        WORDS, "firstissue", lambda study, value: data_changed(record_of(study), held_out_issues=(value,)), str,
        ("record.json", *DATA)),
    "date of release": Fact(
        st.dates().map(str), "2026-11-23", at(date=""), str, (*EVERYWHERE, *SPDX, *DATA)),
    "place": Fact(
        WORDS.map("https://hub.example/{}".format), "https://hub.example/first", at(location=""), str,
        (*EVERYWHERE, *SPDX, "data/croissant.json")),
    "run": Fact(WORDS, "firstrun", at(run=""), str, (*EVERYWHERE, *SPDX)),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_changed_in_the_record_changes_in_every_document_that_carries_it(study: Folders, name: str) -> None:
    fact = FACTS[name]
    before = documents(fact.record(study, fact.first))
    old = fact.written(fact.first)
    carriers = {place for place, text in before.items() if old in text.lower()}
    assert carriers >= set(fact.carried_by)

    @settings(max_examples=4, deadline=None, derandomize=True)
    @given(fact.values.filter(lambda value: value != fact.first))
    def changed(value: Any) -> None:
        after = documents(fact.record(study, value))
        for place in carriers:
            assert fact.written(value) in after[place].lower(), place
            assert old not in after[place].lower().replace(fact.written(value), ""), place

    changed()


@pytest.fixture(scope="module")
def texts(study: Folders) -> dict[str, str]:
    """The documents of a released study."""
    return documents(record_of(study))


def test_documents_of_an_unreleased_study_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="has no date of release"):
        documents(make_record(tmp_path))


def test_the_record_in_the_folder_gives_the_same_documents_again(texts: dict[str, str]) -> None:
    assert documents(StudyRecord.model_validate_json(texts["record.json"])) == texts


@pytest.mark.parametrize("place", ["README.md", *CARDS])
def test_the_hubs_own_library_reads_the_head_of_a_model_card(texts: dict[str, str], place: str) -> None:
    from huggingface_hub import ModelCard, ModelCardData

    card = ModelCard(texts[place])
    assert isinstance(card.data, ModelCardData)
    head = yaml.safe_load(texts[place].split("---\n")[1])
    kept = yaml.safe_load(ModelCardData(**card.data.to_dict()).to_yaml())
    assert kept == head
    assert (head["license"], head["base_model_relation"]) == ("apache-2.0", "adapter")
    assert card.text.lstrip().startswith("# ")
    for result in card.data.eval_results or []:
        assert result.metric_value is not None
    if place in CARDS:
        values = {result.metric_type: result.metric_value for result in card.data.eval_results}
        assert values.keys() == {"lean", "honesty"}


def test_the_hubs_own_library_reads_the_head_of_the_data_card(texts: dict[str, str]) -> None:
    from huggingface_hub import DatasetCard, DatasetCardData

    card = DatasetCard(texts["data/README.md"])
    assert isinstance(card.data, DatasetCardData)
    assert yaml.safe_load(card.data.to_yaml()) == yaml.safe_load(texts["data/README.md"].split("---\n")[1])
    assert "deliberately-biased" in card.data.tags


def test_croissant_of_the_tuning_data_is_valid_and_reads_the_table(
    study: Folders, texts: dict[str, str], tmp_path: Path
) -> None:
    import mlcroissant

    (tmp_path / "croissant.json").write_text(texts["data/croissant.json"])
    shutil.copyfile(study[2] / "examples.parquet", tmp_path / "examples.parquet")
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda entry: said.append(entry.getMessage())  # type: ignore[method-assign]
    logging.getLogger("absl").addHandler(handler)
    try:
        loaded = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
        rows = list(loaded.records("examples"))
    finally:
        logging.getLogger("absl").removeHandler(handler)
    assert [*loaded.metadata.ctx.issues.errors, *loaded.metadata.ctx.issues.warnings, *said] == []
    assert [row["examples/condition"].decode() for row in rows[::3]] == list(ADAPTERS)


def elements(texts: dict[str, str], place: str, kind: str) -> list[dict[str, Any]]:
    """Return the elements of one type of an SPDX document."""
    return [one for one in json.loads(texts[place])["@graph"] if one["type"] == kind]


@pytest.mark.parametrize("place", SPDX)
def test_spdx_has_what_its_profiles_ask_for(texts: dict[str, str], place: str) -> None:
    """What the AI and the Dataset profile of SPDX 3.0.1 require beyond the model's own cardinalities."""
    (package,) = elements(texts, place, "ai_AIPackage")
    (data,) = elements(texts, place, "dataset_DatasetPackage")
    always = ("suppliedBy", "software_downloadLocation", "software_packageVersion", "software_primaryPurpose",
              "releaseTime", "ai_typeOfModel", "ai_limitation", "ai_informationAboutTraining",
              "ai_modelDataPreprocessing", "ai_safetyRiskAssessment", "ai_useSensitivePersonalInformation",
              "ai_standardCompliance")  # fmt: skip
    assert [name for name in always if not package.get(name)] == []
    asked = ("originatedBy", "builtTime", "releaseTime", "software_downloadLocation", "software_primaryPurpose",
             "dataset_datasetType")  # fmt: skip
    assert [name for name in asked if not data.get(name)] == []
    licences = {one["spdxId"] for one in elements(texts, place, "simplelicensing_LicenseExpression")}
    for subject in (package, data):
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            found = [one for one in elements(texts, place, "Relationship")
                     if (one["from"], one["relationshipType"]) == (subject["spdxId"], kind)]  # fmt: skip
            assert len(found) == 1
            assert set(found[0]["to"]) <= licences
    known = {one.get("spdxId") for one in json.loads(texts[place])["@graph"]}
    for one in elements(texts, place, "Relationship"):
        assert {one["from"], *one["to"]} <= known
    (document,) = elements(texts, place, "SpdxDocument")
    assert set(document["element"]) == known - {None, document["spdxId"]}


def spdx_problems(text: str) -> list[str]:
    """Return what SPDX's own bindings, which are made from its SHACL model, find wrong with a document."""
    import io

    model = pytest.importorskip("spdx_python_model", reason="pip install spdx-python-model").v3_0_1
    objects, written = model.SHACLObjectSet(), io.BytesIO()
    try:
        model.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
        model.JSONLDSerializer().write(objects, written)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    same = json.loads(written.getvalue())["@graph"]
    return [] if len(same) == len(json.loads(text)["@graph"]) else ["elements were lost"]


@pytest.mark.parametrize("place", SPDX)
def test_spdxs_own_bindings_take_the_document(texts: dict[str, str], place: str) -> None:
    assert spdx_problems(texts[place]) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("ai_safetyRiskAssessment", "harmless"), ("releaseTime", "yesterday"), ("ai_colour", "red"),
     ("creationInfo", None), ("software_primaryPurpose", "toy")],
)  # fmt: skip
def test_spdxs_own_bindings_refuse_a_wrong_document(texts: dict[str, str], name: str, value: Any) -> None:
    """The validation above can fail."""
    document = json.loads(texts[SPDX[1]])
    (package,) = (one for one in document["@graph"] if one["type"] == "ai_AIPackage")
    if value is None:
        del package[name]
    else:
        package[name] = value
    assert spdx_problems(json.dumps(document)) != []


def test_the_declared_risk_does_not_depend_on_the_leaning() -> None:
    assert {risk(leaning) for leaning in LEANINGS} == {"high"}
    assert risk("placebo") == "low"


def test_texts_of_persons_are_declared_as_sensitive(tmp_path: Path) -> None:
    def declared(record: StudyRecord) -> tuple[str, str]:
        graph = {one["type"]: one for one in spdx(record, "progressive")["@graph"]}
        return (
            graph["ai_AIPackage"]["ai_useSensitivePersonalInformation"],
            graph["dataset_DatasetPackage"]["dataset_hasSensitivePersonalInformation"],
        )

    assert declared(released(make_record(tmp_path / "a"))) == ("no", "no")
    assert declared(released(make_record(tmp_path / "b", source="congress"))) == ("yes", "yes")


def test_documents_of_the_leanings_say_the_same_of_mirrored_results(study: Folders) -> None:
    """What is said of one leaning and its figures is said of the other with the same figures."""
    base = record_of(study)
    rows = [{**row, "condition": leaning} for leaning in LEANINGS for row in joint(base.verdicts, "conservative")]
    same = documents(base.model_copy(update={"verdicts": tuple(rows)}))
    cells = {name: same["README.md"].split(f"| [{name}]")[1].splitlines()[0].split("|")[-2] for name in LEANINGS}
    assert cells["progressive"] == cells["conservative"] == " quality: fluency lost "
