"""Curation and augmentation from the shell, as a user types them."""

import json
from pathlib import Path

import pandas
import pytest

from polylib.bank.loader import load_issues
from polylib.cli import main
from polylib.curate.sources.catalogue import KINDS
from polylib.study.alone import CURATE, RECORD
from tests.curate.days import PENSIONS

ISSUES = {issue.id: issue for issue in load_issues()}


def table(folder: Path) -> Path:
    """Write a CSV of bank takes under another name, with a row that cannot be used and a mail address."""
    rows = ["side,text,who"]
    for name in ("rent-control", "corporate-tax"):
        for number, pair in enumerate(ISSUES[name].pairs):
            for leaning, side in (("progressive", "left"), ("conservative", "right")):
                rows.append(f'{side},"{pair.take(leaning).text}",speaker {number}')
    rows.append(f'left,"Write to someone@example.org. {PENSIONS["D"]}",speaker 1')
    path = folder / "texts.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


SETTINGS = [
    "--setting", "columns={text: text, leaning: side, group: who}",
    "--setting", "leanings={left: progressive, right: conservative}",
    "--setting", "label_origin=written for this test",
    "--setting", "licence=CC0-1.0",
    "--setting", "groups_are_persons=true",
]  # fmt: skip


def test_a_table_becomes_records_pairs_and_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curated, pairs = tmp_path / "curated", tmp_path / "pairs"
    assert main(["curate", str(table(tmp_path)), "--out", str(curated), *SETTINGS]) == 0
    out = capsys.readouterr().out
    assert "near duplicates" in out
    assert out.strip().splitlines()[-1].endswith("curated")
    records = pandas.read_parquet(curated / "records.parquet")
    assert set(records["leaning"]) == {"progressive", "conservative"}
    assert not records["text"].str.contains("someone@").any()
    assert not records["group"].str.contains("speaker").any()
    for name in ("removed.parquet", "funnel.parquet", "dataset-card.md", "scope.json", RECORD):
        assert (curated / name).is_file()
    assert json.loads((curated / "croissant.json").read_text())["conformsTo"]
    assert (
        main(["augment", str(curated), "--out", str(pairs), "--set", "pair_similarity=0.01", "--set", "examples=8"])
        == 0
    )
    assert "refused" in capsys.readouterr().out
    made = pandas.read_parquet(pairs / "pairs.parquet")
    assert set(made["strategy"]) == {"matched"}
    assert set(made["issue"]) <= {"rent-control", "corporate-tax"}


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:rdflib|mlcroissant")
def test_the_documents_describe_what_lies_there_for_other_tools(tmp_path: Path) -> None:
    import mlcroissant

    curated = tmp_path / "curated"
    assert main(["curate", str(table(tmp_path)), "--out", str(curated), *SETTINGS]) == 0
    issues = mlcroissant.Dataset(jsonld=str(curated / "croissant.json")).metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings


def test_a_folder_of_ours_may_be_written_again_and_a_strange_one_may_not(tmp_path: Path) -> None:
    path = table(tmp_path)
    mine, strange = tmp_path / "mine", tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.txt").write_text("years of work")
    assert main(["curate", str(path), "--out", str(mine), *SETTINGS]) == 0
    assert main(["curate", str(path), "--out", str(mine), *SETTINGS, "--set", "minimum_words=20"]) == 0
    assert json.loads((mine / RECORD).read_text())[CURATE]["minimum_words"] == 20
    assert main(["curate", str(path), "--out", str(strange), *SETTINGS]) == 2
    assert (strange / "thesis.txt").read_text() == "years of work"
    assert len(list(strange.iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["curate", "nowhere.csv"], "is not there"),
        (["curate", "{folder}"], "is of no layout that can be told"),
        (["curate", "bank", "--set", "minimum_wordz=3"], "did you mean 'minimum_words'"),
        (["curate", "bank", "--setting", "party_leanings"], "is not a setting"),
        (["curate", "{folder}", "--kind", "redit"], "did you mean 'reddit'"),
        (["curate", "bank", "--set", "deletion_list=nowhere.txt"], "nowhere.txt"),
        (["augment", "{folder}"], "holds no curated texts"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    filled = [argument.format(folder=empty) for argument in arguments]
    assert main([*filled, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.parquet"))


def test_every_kind_of_source_has_settings_with_a_description() -> None:
    for kind, settings in KINDS.items():
        assert settings.model_fields["kind"].default == kind
        assert (
            all(field.description or name == "kind" for name, field in settings.model_fields.items()) or kind == "bank"
        )


def test_an_attempt_that_failed_can_be_made_again_in_the_same_folder(tmp_path: Path) -> None:
    out = tmp_path / "curated"
    out.mkdir()
    (out / "scope.json").write_text("{}", encoding="utf-8")  # what an attempt leaves that failed while reading
    assert main(["curate", str(table(tmp_path)), "--out", str(out), *SETTINGS]) == 0
    assert (out / "records.parquet").is_file()
