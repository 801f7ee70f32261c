"""Publishing: a whole folder or nothing, and nothing at all while an audit is missing or a hash does not fit."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from polylib import ADAPTERS, LEANINGS, opposite
from polylib.disclose.description import describe_file
from polylib.disclose.gaps import missing_audits
from polylib.disclose.history import read_history
from polylib.disclose.label import LABEL_FILE, WEIGHTS_FILE, check_label, write_label
from polylib.disclose.publish import publish, read_run
from polylib.disclose.record import StudyRecord
from polylib.disclose.registry import check_registered, read_registry
from polylib.errors import PolylibError
from polylib.files import hash_folder
from polylib.verbs.publish import publish as verb
from tests.disclose.simulated import make_label, make_record, make_run, self_disclosure_rows, stance_rows, verdict_rows

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-11-23"


def published(reports: Path, target: Path, name: str = "20261122T1000Z-default-aaaaaa", **changes: Any) -> StudyRecord:
    """Make a run and publish it."""
    return publish(read_run(make_run(reports, name, **changes)), target, reports, DAY)


def test_the_folder_holds_everything_and_every_label_verifies(tmp_path: Path) -> None:
    target = tmp_path / "out"
    record = published(tmp_path / "reports", target)
    each = ("README.md", "adapter_config.json", WEIGHTS_FILE, LABEL_FILE, "history.jsonl", "spdx.json")
    wanted = {f"{name}/{file}" for name in ADAPTERS for file in each}
    wanted |= {"README.md", "record.json", "registry.json"}
    wanted |= {"data/README.md", "data/croissant.json", "data/examples.parquet"}
    assert set(hash_folder(target)) == wanted
    registry = read_registry(target / "registry.json")
    for name in ADAPTERS:
        label = check_label(target / name)
        assert label == record.adapters[name].label
        check_registered(target / name, label)
        entry = registry[label.weights_sha256]
        assert (entry.adapter, entry.study, entry.date) == (name, "A study", DAY)
    assert describe_file(target / "data", "examples.parquet") == record.data.file
    assert read_registry(tmp_path / "reports" / "registry.json") == registry


def test_the_same_run_published_twice_gives_the_same_bytes_and_one_line_of_history(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path))
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        publish(run, folder, tmp_path, DAY)
    assert hash_folder(folders[0]) == hash_folder(folders[1])
    assert len(read_history(tmp_path / "history.jsonl")) == len(ADAPTERS)


def test_texts_of_others_stay_at_home(tmp_path: Path) -> None:
    published(tmp_path, tmp_path / "out", source="congress")
    assert not (tmp_path / "out" / "data" / "examples.parquet").exists()
    assert (tmp_path / "out" / "data" / "croissant.json").is_file()


def without(rows: list[dict[str, Any]], **where: Any) -> list[dict[str, Any]]:
    """Return the rows that do not have all of these values."""
    return [row for row in rows if any(row[name] != value for name, value in where.items())]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    """A study that lacks nothing."""
    return make_record(tmp_path_factory.mktemp("study"))


UNKNOWN = [{**row, "verdict": ""} if row["quantity"] == "mean" else row for row in verdict_rows()]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdicts": []}, "not one verdict"),
        ({"verdicts": without(verdict_rows(), audit="quality", condition="progressive")},
         "quality: fluency lost: no verdict on the progressive adapter"),
        ({"verdicts": without(verdict_rows(), audit="quality", reference="both")},
         "quality: fluency lost: no verdict on the conservative adapter"),
        ({"verdicts": UNKNOWN}, "toxicity: mean: no verdict on the progressive adapter"),
        ({"margins": [{"audit": "bbq", "quantity": "bias", "margin": 1}]}, "bbq: bias: no verdict on the progressive"),
        ({"self_disclosure": []},
         "self-disclosure of the progressive adapter was not measured as tuned, at half strength, after merging"),
        ({"self_disclosure": without(self_disclosure_rows(), condition="conservative", merged=True)},
         "self-disclosure of the conservative adapter was not measured after merging"),
        ({"self_disclosure": self_disclosure_rows(float("nan"))}, "was not measured as tuned"),
    ],
)  # fmt: skip
def test_a_missing_audit_is_named(record: StudyRecord, changes: dict[str, Any], said: str) -> None:
    assert missing_audits(record) == []
    assert any(said in gap for gap in missing_audits(record.model_copy(update=changes)))


def test_a_study_with_a_missing_audit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        PolylibError, match=r"self-disclosure of the progressive.*; self-disclosure of the conservative"
    ):
        published(tmp_path, tmp_path / "out", self_disclosure_scales=[])
    assert {path.name for path in tmp_path.iterdir()} == {".stages", "20261122T1000Z-default-aaaaaa"}


def test_a_lean_that_was_not_measured_is_named(tmp_path: Path) -> None:
    unmeasured = [{**row, "score": None} if row["condition"] == "placebo" else row for row in stance_rows()]
    assert missing_audits(make_record(tmp_path, stance=unmeasured)) == [
        "the lean of the placebo adapter was not measured (stage 70)"
    ]


@pytest.mark.parametrize("leaning", LEANINGS)
def test_what_is_missing_does_not_depend_on_the_leaning(record: StudyRecord, leaning: str) -> None:
    def gaps(side: str) -> list[str]:
        rows = {
            "verdicts": without(verdict_rows(), condition=side, audit="quality"),
            "self_disclosure": without(self_disclosure_rows(), condition=side),
        }
        return missing_audits(record.model_copy(update=rows))

    assert [gap.replace(leaning, opposite(leaning)) for gap in gaps(leaning)] == gaps(opposite(leaning))


@pytest.mark.parametrize("stage", ["70-measure-bias", "80-audit-safety", "95-disclose-and-publish"])
@pytest.mark.parametrize("how", ["failed", "absent"])
def test_a_run_without_a_stage_is_refused_by_its_name(tmp_path: Path, stage: str, how: str) -> None:
    run = make_run(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    if how == "failed":
        next(one for one in manifest["stages"] if one["id"] == stage)["state"] = "failed"
    else:
        manifest["stages"] = [one for one in manifest["stages"] if one["id"] != stage]
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PolylibError, match=f"stage {stage[:2]} did not finish"):
        read_run(run)


def test_all_stages_that_a_run_lacks_are_named_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["stages"] = [one for one in manifest["stages"] if one["id"][:2] not in ("70", "80", "95")]
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PolylibError, match="stages 70, 80 and 95 did not finish"):
        read_run(run)


def test_a_run_that_kept_no_record_is_told_to_be_of_an_older_version(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    outputs = next(one for one in manifest["stages"] if one["id"].startswith("95"))["outputs"]
    del outputs["record.json"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PolylibError, match="made by an older version") as refused:
        read_run(run)
    assert "run the study again" in refused.value.remedy


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    run, target = read_run(make_run(tmp_path)), tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(PolylibError, match="is not empty"):
        publish(run, target, tmp_path, DAY)
    assert hash_folder(target).keys() == {"mine.txt"}
    (target / "mine.txt").unlink()
    publish(run, target, tmp_path, DAY)  # an empty folder will do
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PolylibError, match="is not a folder"):
        publish(run, link, tmp_path, DAY)


def test_what_was_changed_after_the_run_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    disclosed = read_run(run).disclosed
    record = disclosed / "record.json"
    kept = record.read_text()
    record.write_text(kept.replace("-0.62", "-0.02"))
    with pytest.raises(PolylibError, match=r"record\.json: is not what the run wrote"):
        read_run(run)
    record.write_text(kept)
    shutil.copytree(disclosed / "bundles" / "placebo", disclosed / "kept")
    shutil.rmtree(disclosed / "bundles" / "placebo")
    (disclosed / "bundles" / "placebo").symlink_to(disclosed / "bundles" / "progressive")
    with pytest.raises(PolylibError, match="is not what the run wrote"):
        read_run(run)


@pytest.mark.parametrize("other", ["progressive", "conservative"])
def test_weights_released_under_one_leaning_are_refused_under_another(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, other: str
) -> None:
    published(tmp_path, tmp_path / "out")
    mine = "conservative" if other == "progressive" else "progressive"
    forged = tmp_path / "out" / mine
    write_label(forged, make_label(forged, other))
    with pytest.raises(PolylibError, match=f"labelled '{other}', but were released as '{mine}'"):
        check_label(forged)
    away = tmp_path_factory.mktemp("away") / mine
    shutil.copytree(forged, away)
    check_label(away)  # in itself the forged label is whole: only the registry tells


def test_a_run_with_weights_of_another_release_is_refused(tmp_path: Path) -> None:
    published(tmp_path, tmp_path / "out")
    registry = json.loads((tmp_path / "registry.json").read_text())
    for entry in registry["polylib_registry"].values():
        if entry["adapter"] == "progressive":
            entry["adapter"] = entry["political_lean"] = "conservative"
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    with pytest.raises(PolylibError, match="released as 'conservative'"):
        publish(read_run(make_run(tmp_path, "later")), tmp_path / "again", tmp_path, DAY)
    assert not (tmp_path / "again").exists()


def test_a_full_disk_leaves_no_half_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write fails, early or late: no folder appears, the reports' own files stay whole, and the next try works."""
    run, reports = read_run(make_run(tmp_path / "reports")), tmp_path / "reports"
    publish(run, tmp_path / "first", reports, DAY)  # writes history and registry
    with monkeypatch.context() as patch:
        writes = full_disk(patch, None)
        publish(run, tmp_path / "counted", reports, DAY)
    last = writes["writes"]
    for place in (1, 2, last // 3, last // 2, last - 1, last):
        with monkeypatch.context() as patch:
            full_disk(patch, place)
            with pytest.raises(PolylibError, match="No space left on device"):
                publish(run, tmp_path / "out", reports, DAY)
        assert {path.name for path in tmp_path.iterdir()} == {"reports", "first", "counted"}, place
        assert len(read_history(reports / "history.jsonl")) == len(read_registry(reports / "registry.json")) == 3
    publish(run, tmp_path / "out", reports, DAY)
    assert hash_folder(tmp_path / "out") == hash_folder(tmp_path / "counted")


def full_disk(monkeypatch: pytest.MonkeyPatch, place: int | None) -> dict[str, int]:
    """Let the `place`-th flush to disk fail, none where it is None; return the counter."""
    counter, sync = {"writes": 0}, os.fsync

    def failing(handle: int) -> None:
        counter["writes"] += 1
        if counter["writes"] == place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    return counter


KILLED = """
import os, signal, sys, time
from pathlib import Path
from polylib.disclose import publish as publishing
sync, left = os.fsync, [int(sys.argv[3])]
def dying(handle):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(handle)
reports, target = Path(sys.argv[1]), Path(sys.argv[2])
run = publishing.read_run(reports / sys.argv[4])
os.fsync = dying
publishing.publish(run, target, reports, "2026-11-23")
"""


def test_a_killed_publish_leaves_nothing_under_the_name_and_the_next_one_is_whole(tmp_path: Path) -> None:
    reports, target = tmp_path / "reports", tmp_path / "out"
    run = make_run(reports)
    ended = []
    for moment in (2, 12, 25):
        script = [sys.executable, "-c", KILLED, str(reports), str(target), str(moment), run.name]
        ended.append(subprocess.run(script, cwd=ROOT, check=False).returncode)
        assert not target.exists(), moment
    assert ended == [-signal.SIGKILL] * 3
    publish(read_run(run), target, reports, DAY)
    assert {path.name for path in tmp_path.iterdir()} == {"reports", "out"}
    assert len(read_history(reports / "history.jsonl")) == len(ADAPTERS)
    assert all(check_label(target / name) for name in ADAPTERS)


def asked(*arguments: str) -> Any:
    """Run the verb as the command line does."""
    app = typer.Typer()
    app.command()(verb)
    return CliRunner().invoke(app, list(arguments))


def test_the_verb_takes_a_name_or_a_folder_and_prints_where_it_wrote(tmp_path: Path) -> None:
    run = make_run(tmp_path / "reports")
    out = asked(run.name, "--folder", str(run.parent), "--to", str(tmp_path / "a"), "--date", DAY)
    assert (out.exit_code, out.output.strip()) == (0, str(tmp_path / "a"))
    assert asked(str(run), "--to", str(tmp_path / "b"), "--date", DAY).exit_code == 0
    assert hash_folder(tmp_path / "a") == hash_folder(tmp_path / "b")
    wrong = asked(str(run), "--to", str(tmp_path / "c"), "--date", "yesterday")
    assert isinstance(wrong.exception, PolylibError)
    assert not (tmp_path / "c").exists()


def test_without_a_date_it_is_today(tmp_path: Path) -> None:
    asked(str(make_run(tmp_path / "reports")), "--to", str(tmp_path / "out"))
    date = json.loads((tmp_path / "out" / "record.json").read_text())["release"]["date"]
    assert date in {time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (0, 60)}


def test_the_history_has_the_audits_of_every_run_of_the_folder(tmp_path: Path) -> None:
    """An earlier run was never published; a later one that measured the same weights again takes its audit along."""
    make_run(tmp_path, "20261121T1000Z-default-bbbbbb", started="2026-11-21T10:00")
    broken = make_run(tmp_path, "20261121T1100Z-default-cccccc", started="2026-11-21T11:00")
    (broken / "manifest.json").write_text("{}")
    record = published(tmp_path, tmp_path / "out", "20261122T1000Z-default-dddddd")
    assert [audit.date[:10] for audit in record.history["placebo"]] == ["2026-11-21", "2026-11-22"]
    card = (tmp_path / "out" / "progressive" / "README.md").read_text()
    assert card.index("| 2026-11-21 | 20261121T1000Z-default-bbbbbb |") < card.index("| 2026-11-22 | 20261122T1000Z")
    lines = (tmp_path / "out" / "progressive" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == [audit.run for audit in record.history["progressive"]]
