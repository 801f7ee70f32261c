"""Exports say what Polylib says, carry their label in every place, and appear whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from polylib import ADAPTERS, LEANINGS
from polylib.blend.dial import side_weights, use_blend
from polylib.disclose.label import CONFIG_FILE, LABEL_FILE, METADATA_KEY, check_label, check_model, read_safetensors
from polylib.errors import PolylibError
from polylib.models import LoadedModel, load_adapters, load_base, use
from polylib.serve import export as room
from polylib.serve.catalogue import bundles_of
from polylib.serve.export import export_run
from polylib.serve.export_adapters import logits, rank_of
from polylib.verbs.export import export
from polylib.verbs.options import source_folder

pytestmark = pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")


@pytest.fixture(scope="module")
def loaded(bundles: Path, tiny_model: Any) -> LoadedModel:
    """The tiny model with its three adapters."""
    found = load_base(str(tiny_model.folder))
    load_adapters(found, {name: bundles / "bundles" / name for name in ADAPTERS})
    return found


@pytest.fixture(scope="module")
def written(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One export of each kind that needs no further package."""
    place = tmp_path_factory.mktemp("export")
    for target in ("vllm", "merged"):
        export_run(bundles, place / target, target, (0.5, -0.25))  # type: ignore[arg-type]
    return {target: place / target for target in ("vllm", "merged")}


def said(loaded: LoadedModel, share: float | None, name: str = "") -> torch.Tensor:
    with use(loaded, name) if share is None else use_blend(loaded, side_weights(share)) as model:
        return logits(loaded, model)


@pytest.mark.parametrize("share", [0.5, -0.25])
def test_peft_loads_a_blend_that_says_what_the_dial_says(
    written: dict[str, Path], loaded: LoadedModel, tiny_model: Any, share: float
) -> None:
    from peft import PeftModel

    folder = written["vllm"] / f"blend-{share:g}"
    plain = load_base(str(tiny_model.folder))
    blend = PeftModel.from_pretrained(plain.model, str(folder)).eval()
    torch.testing.assert_close(logits(plain, blend), said(loaded, share), atol=2e-4, rtol=0)
    assert rank_of(folder) == 8


def test_a_merged_model_says_what_its_adapters_say(written: dict[str, Path], loaded: LoadedModel) -> None:
    from transformers import AutoModelForCausalLM

    for name, share in (("conservative", None), ("placebo", None), ("blend-0.5", 0.5)):
        model = AutoModelForCausalLM.from_pretrained(str(written["merged"] / name)).eval()
        torch.testing.assert_close(logits(loaded, model), said(loaded, share, name), atol=2e-4, rtol=0)


def test_labels_verify_in_all_places(written: dict[str, Path], bundles: Path) -> None:
    for name in ADAPTERS:
        assert check_label(written["vllm"] / name) == check_label(bundles / "bundles" / name)
    blend = check_label(written["vllm"] / "blend-0.5")
    parts = {part.adapter: part for part in blend.parts}
    assert (blend.adapter, blend.political_lean, blend.strength, blend.method) == ("blend", "mixed", None, "cat")
    for leaning in LEANINGS:
        label = check_label(bundles / "bundles" / leaning)
        assert (parts[leaning].weight, parts[leaning].label_sha256) == (0.5, label.sha256)
        assert parts[leaning].strength == label.strength
        merged = check_model(written["merged"] / leaning)
        assert (merged.political_lean, merged.adapter) == (leaning, "merged")
        folder, inside = written["merged"] / leaning, merged.model_dump(mode="json")
        assert json.loads((folder / "config.json").read_text())[METADATA_KEY] == inside
        assert json.loads(read_safetensors(folder / "model.safetensors")[1][METADATA_KEY]) == inside
        assert f"political-lean:{leaning}" in (folder / "README.md").read_text()
        assert merged.banner in (folder / "README.md").read_text()


def test_a_merged_model_never_passes_as_a_base(written: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(written["merged"] / "progressive", folder)
    with pytest.raises(PolylibError, match="Deliberately progressive"):
        load_base(str(folder))
    (folder / LABEL_FILE).unlink()
    with pytest.raises(PolylibError, match="is no plain base"):
        load_base(str(folder))
    from transformers import AutoModelForCausalLM

    again = tmp_path / "again"  # saved again by Transformers: only the settings still say it
    AutoModelForCausalLM.from_pretrained(str(folder)).save_pretrained(str(again))
    with pytest.raises(PolylibError, match=r"is no plain base.*config\.json"):
        load_base(str(again))


def test_a_tampered_merged_model_is_refused(written: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(written["merged"] / "progressive", folder)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(PolylibError, match="weights_sha256"):
        check_model(folder)
    shutil.copy(written["vllm"] / "progressive" / LABEL_FILE, folder / LABEL_FILE)
    with pytest.raises(PolylibError, match="is of an adapter"):
        check_model(folder)


def test_the_page_names_commands_and_what_was_not_tested(written: dict[str, Path]) -> None:
    page = (written["vllm"] / "README.md").read_text()
    assert "--max-lora-rank 8 " in page
    assert "conservative=./conservative blend-0.5=./blend-0.5" in page
    assert "| progressive | −0.50 (95 % interval −0.60 to −0.40, n = 16) |" in page
    for target in ("vllm", "merged"):
        page = (written[target] / "README.md").read_text()
        assert "Not tested: vLLM" in page
        assert "Prohibited: persuasion" in page
        assert check_label(written["vllm"] / "progressive").banner in page
        assert "progressive alone −0.50 (95 % interval −0.60 to −0.40, n = 16); conservative alone +0.60" in page


def test_what_is_there_is_never_written_over(bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "work.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("kept", "kept/work.txt", "link"):
        with pytest.raises(PolylibError, match="is there already"):
            export_run(bundles, tmp_path / name, "vllm")
    assert (tmp_path / "kept" / "work.txt").read_text() == "mine"


def test_an_export_that_fails_leaves_nothing(bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "vllm_page", broken)
    with pytest.raises(PolylibError, match="No space left"):
        export_run(bundles, tmp_path / "out", "vllm")
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_that_an_engine_cannot_take_is_named(bundles: Path, tmp_path: Path) -> None:
    from polylib.disclose.label import config_hash, write_label

    place = tmp_path / "bundles"
    shutil.copytree(bundles / "bundles", place)
    folder = place / "placebo"
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "use_dora": True}))
    label = check_label(bundles / "bundles" / "placebo")
    write_label(folder, label.model_copy(update={"config_sha256": config_hash(folder / CONFIG_FILE)}))
    with pytest.raises(PolylibError, match=r"use_dora.*\n.*plain LoRA for vLLM"):
        export_run(place, tmp_path / "out", "vllm")
    shutil.rmtree(folder)
    shutil.rmtree(place / "conservative")
    with pytest.raises(PolylibError, match="there is no adapter conservative"):
        export_run(place, tmp_path / "out", "vllm", (0.5,))
    with pytest.raises(PolylibError, match="is no share"):
        export_run(place, tmp_path / "out", "vllm", (float("nan"),))


def test_the_verb_prints_the_page(bundles: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(export)
    done = CliRunner().invoke(app, [str(bundles), "--to", str(tmp_path / "out"), "--for", "vllm"])
    assert done.exit_code == 0, done.output
    assert done.output.strip().splitlines()[-1] == str(tmp_path / "out" / "README.md")
    assert "not" in CliRunner().invoke(app, ["--help"]).output


def test_what_has_no_adapters_is_told_apart(tmp_path: Path) -> None:
    run = tmp_path / "20261122T2350Z-default-a1555e"
    run.mkdir()
    with pytest.raises(PolylibError, match="holds no folder named"):
        bundles_of(run)
    (run / "manifest.json").write_text('{"stages": [{"id": "95-disclose-and-publish", "state": "interrupted"}]}')
    with pytest.raises(PolylibError, match="its last stage did not finish"):
        bundles_of(run)
    with pytest.raises(PolylibError, match="there is no such run") as missing:
        source_folder(Path("20261122T2350Z"), tmp_path)
    assert run.name in missing.value.remedy
    assert source_folder(Path(run.name), tmp_path) == run
