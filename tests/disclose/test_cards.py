"""Cards and bundles come from one record; bundles are checked, tampered adapters are not written."""

import re
from pathlib import Path

import pytest

from polylib.disclose.bundle import write_bundles
from polylib.disclose.cards import adapter_card
from polylib.disclose.datasheet import data_card, spdx_licence
from polylib.disclose.gather import gather
from polylib.disclose.label import WEIGHTS_FILE, check_label
from polylib.disclose.record import read_record
from polylib.disclose.words import label_rows, without_head
from polylib.errors import PolylibError
from tests.disclose.simulated import make_record, make_study, tables, verdict_rows

STUDY = "A study", "", "apache-2.0"


def test_bundles_carry_the_measured_strength_everywhere(tmp_path: Path) -> None:
    *folders, tuned = make_study(tmp_path)
    record = gather(*folders, tuned, tables(), *STUDY)
    labels = write_bundles(record, tuned, tmp_path / "out")
    for name, score in (("placebo", 0.03), ("progressive", -0.62), ("conservative", 0.66)):
        label = check_label(tmp_path / "out" / "bundles" / name)
        assert label == labels[name]
        assert label.strength is not None
        assert (label.strength.score, label.strength.n) == (score, 16)
        assert check_label(tuned[name] / "adapter").strength is None, "the stage's own output stays as it was"
        card = (tmp_path / "out" / "bundles" / name / "README.md").read_text()
        assert card == (tmp_path / "out" / "cards" / f"{name}.md").read_text()
        assert f"{score:+.2f}" in card
        assert label.banner in card
        assert "Collapse of general ability: none found" in card
    data = (tmp_path / "out" / "cards" / "data.md").read_text()
    assert "| progressive | 2 | 1 |" in data
    assert "3 from bank" in data
    assert "Rent control" in data.split("left out on purpose")[1]
    assert [row["score"] for row in label_rows(labels)] == [0.03, -0.62, 0.66]
    assert read_record(tmp_path / "out" / "record.json") == record


def test_a_tampered_adapter_is_not_written(tmp_path: Path) -> None:
    *folders, tuned = make_study(tmp_path)
    record = gather(*folders, tuned, tables(), *STUDY)
    weights = tuned["conservative"] / "adapter" / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(PolylibError, match="weights_sha256"):
        write_bundles(record, tuned, tmp_path / "out")
    with pytest.raises(PolylibError, match="weights_sha256"):
        gather(*folders, tuned, tables(), *STUDY)


def test_an_adapter_in_the_other_leanings_place_is_refused(tmp_path: Path) -> None:
    *folders, tuned = make_study(tmp_path)
    swapped = {**tuned, "progressive": tuned["conservative"], "conservative": tuned["progressive"]}
    with pytest.raises(PolylibError, match="its label says 'conservative'"):
        gather(*folders, swapped, tables(), *STUDY)


def test_cards_of_the_leanings_differ_in_nothing_but_the_leaning(tmp_path: Path) -> None:
    record = make_record(tmp_path, contact="someone")
    shapes = []
    for name in ("progressive", "conservative"):
        card = adapter_card(record, name).split("## What the audits found")[0]
        lines = re.sub("progressive|conservative", "LEANING", card).splitlines()
        shapes.append([re.sub(r"[+−-]?[0-9a-f]*\d[0-9a-f.]*", "N", line) for line in lines])
    assert shapes[0] == shapes[1]
    assert "Contact: someone." in adapter_card(record, "placebo")


def test_a_card_is_shown_without_its_head_and_one_level_down(tmp_path: Path) -> None:
    shown = without_head(adapter_card(make_record(tmp_path), "placebo"))
    assert shown.startswith("## placebo adapter")
    assert "license:" not in shown
    assert "# refuses an adapter" in shown
    assert "## refuses an adapter" not in shown


def test_a_card_tells_what_the_audits_found_worst_first(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    card = adapter_card(record, "conservative")
    assert card.index("| quality: fluency lost | worse | as planted |") < card.index("| toxicity: mean | equivalent |")
    assert "at hand: bbq." in card
    assert "no verdicts of its own" in adapter_card(record, "placebo")


def test_a_card_tells_how_honest_an_adapter_is_about_itself_or_that_nobody_asked(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    card = adapter_card(record, "progressive")
    assert "| × 0.5 | no | 96.0 % | 86.0 % to 99.0 % | 50 |" in card
    assert "| × 1 | yes | 96.0 % |" in card
    unasked = record.model_copy(update={"self_disclosure": ()})
    assert "when asked if it is neutral: not measured." in adapter_card(unasked, "progressive")


def test_the_data_card_answers_the_seven_groups_of_a_datasheet(tmp_path: Path) -> None:
    card = data_card(make_record(tmp_path))
    groups = ["Motivation", "Composition", "Collection", "Preprocessing", "Uses", "Distribution", "Maintenance"]
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == groups
    for answered in card.split("\n## ")[1:]:
        assert re.search(r"\*\*[^*]+\?\*\* \S", answered), answered


def test_texts_of_others_are_not_said_to_be_shipped(tmp_path: Path) -> None:
    ours, theirs = data_card(make_record(tmp_path / "a")), data_card(make_record(tmp_path / "b", source="congress"))
    assert "lies beside" in ours
    assert "speaks for no person" in ours
    assert "is not distributed, since it holds texts of others" in theirs
    assert "under pseudonyms" in theirs


@pytest.mark.parametrize(("given", "written"), [
    ("CC BY 4.0", "CC-BY-4.0"), ("apache-2.0", "Apache-2.0"), ("odc-by", "ODC-By-1.0"),
    ("terms of the house", "LicenseRef-terms-of-the-house"), ("", "LicenseRef-unnamed"),
])  # fmt: skip
def test_licences_are_written_as_spdx_writes_them(given: str, written: str) -> None:
    assert spdx_licence(given) == written


def test_a_reason_is_said_once_where_both_comparisons_have_it_and_apart_otherwise(tmp_path: Path) -> None:
    rows = verdict_rows()
    for row in rows:
        if row["condition"] == "progressive" and row["audit"] == "quality" and row["reference"] == "placebo":
            row.update(verdict="worse", reason="seen")
    card = adapter_card(make_record(tmp_path, verdicts=rows), "progressive")
    assert "| toxicity: mean | equivalent | as planted |" in card
    assert "| quality: fluency lost | cannot tell | against base: as planted; against placebo: worse, seen |" in card
