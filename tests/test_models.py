"""Loading models: labels are checked, conditions do not mix, scales come back."""

from pathlib import Path

import pytest
import torch

from polylib.disclose.label import LABEL_FILE
from polylib.errors import PolylibError
from polylib.models import LoadedModel, end_of_turn, load_adapters, load_base, render, use
from polylib.tune.adapters import tune_condition
from tests.tune.simulated import tiny_base, tiny_parameters, write_examples

PROMPT = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny base and two adapters."""
    place = tmp_path_factory.mktemp("models")
    tiny_base(place / "base")
    path = write_examples(place / "examples.parquet")
    for name in ("progressive", "conservative"):
        parameters = tiny_parameters(place / "base", name, learning_rate=5e-2)
        tune_condition(parameters, path, place / name, place / "work" / name, lambda line: None)
    return place


def logits(loaded: LoadedModel, condition: str, scale: float = 1.0) -> torch.Tensor:
    with torch.no_grad(), use(loaded, condition, scale) as model:
        return model(PROMPT).logits


def loaded_with(place: Path, *names: str) -> LoadedModel:
    loaded = load_base(str(place / "base"))
    load_adapters(loaded, {name: place / name.partition("-")[0] / "adapter" for name in names})
    return loaded


def test_scale_nought_is_the_base_one_the_adapter_and_it_comes_back(place: Path) -> None:
    plain = load_base(str(place / "base"))
    loaded = loaded_with(place, "progressive", "conservative")
    base, tuned = logits(plain, "base"), logits(loaded, "progressive")
    assert torch.equal(logits(loaded, "base"), base)
    torch.testing.assert_close(logits(loaded, "progressive", 0.0), base)
    assert not torch.allclose(tuned, base, atol=1e-3)
    assert not torch.allclose(logits(loaded, "progressive", 1.25), tuned, atol=1e-3)
    assert torch.equal(logits(loaded, "progressive"), tuned)
    with pytest.raises(ZeroDivisionError), use(loaded, "progressive", 0.5):
        _ = 1 / 0
    assert torch.equal(logits(loaded, "progressive"), tuned)


def test_two_adapters_never_mix(place: Path) -> None:
    both = loaded_with(place, "progressive", "conservative")
    for name in ("progressive", "conservative", "progressive"):
        alone = loaded_with(place, name)
        torch.testing.assert_close(logits(both, name), logits(alone, name), rtol=0, atol=0)
        logits(both, "base")
    assert not torch.allclose(logits(both, "progressive"), logits(both, "conservative"), atol=1e-3)


def test_switching_asks_for_no_gradients(place: Path) -> None:
    loaded = loaded_with(place, "progressive", "conservative")
    for condition in ("progressive", "base", "conservative", "base"):
        logits(loaded, condition)
        assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert not loaded.model.training


def test_names_must_be_what_labels_say(place: Path) -> None:
    loaded = load_base(str(place / "base"))
    with pytest.raises(PolylibError, match="its label says 'conservative'"):
        load_adapters(loaded, {"progressive": place / "conservative" / "adapter"})
    assert loaded.adapters == ()
    load_adapters(loaded, {"progressive-open": place / "progressive" / "adapter"})
    with pytest.raises(PolylibError, match="is loaded already"):
        load_adapters(loaded, {"progressive-open": place / "progressive" / "adapter"})
    with pytest.raises(PolylibError, match="no such adapter is loaded"), use(loaded, "conservative"):
        pass


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
def test_an_adapter_that_peft_loaded_is_refused_by_its_name(place: Path) -> None:
    loaded, folder = loaded_with(place, "progressive"), str(place / "conservative" / "adapter")
    base = logits(loaded, "base")
    for name in ("conservative", "progressive-open"):
        loaded.model.load_adapter(folder, adapter_name=name, is_trainable=False)
        with pytest.raises(PolylibError, match=f"'{name}': came into the model without a checked label"):
            logits(loaded, name)
    assert torch.equal(logits(loaded, "base"), base)
    assert loaded.labels["progressive"].political_lean == "progressive"
    logits(loaded, "progressive")


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
@pytest.mark.filterwarnings("ignore:Adapter progressive was active")
def test_an_adapter_loaded_over_a_checked_one_is_refused(place: Path) -> None:
    folder = str(place / "conservative" / "adapter")
    written_over = loaded_with(place, "progressive")
    written_over.model.load_adapter(folder, adapter_name="progressive", is_trainable=False)
    put_in_its_place = loaded_with(place, "progressive", "conservative")
    put_in_its_place.model.delete_adapter("progressive")
    put_in_its_place.model.load_adapter(folder, adapter_name="progressive", is_trainable=False)
    for loaded in (written_over, put_in_its_place):
        with pytest.raises(PolylibError, match="'progressive': was changed after its label was checked"):
            logits(loaded, "progressive")


def test_switches_equal_pefts_own_and_are_put_back(place: Path) -> None:
    loaded = loaded_with(place, "progressive", "conservative")
    for name in ("progressive", "conservative"):
        loaded.model.set_adapter(name, inference_mode=True)
        with torch.no_grad():
            adapted = loaded.model(PROMPT).logits
            with loaded.model.disable_adapter():
                base = loaded.model(PROMPT).logits
        loaded.model.set_adapter(name, inference_mode=True)
        assert torch.equal(logits(loaded, "base"), base)
        with torch.no_grad():
            assert torch.equal(loaded.model(PROMPT).logits, adapted)
        with pytest.raises(ZeroDivisionError), use(loaded, "base"):
            _ = 1 / 0
        assert torch.equal(logits(loaded, name), adapted)
        assert loaded.model.active_adapters == [name]


def test_a_folder_with_an_adapter_in_it_is_no_base(place: Path, tmp_path: Path) -> None:
    import json
    import shutil

    from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE

    folder = tmp_path / "base"
    shutil.copytree(place / "base", folder)
    for name in (WEIGHTS_FILE, CONFIG_FILE):  # Transformers would load the two along with the base, unasked
        shutil.copy(place / "progressive" / "adapter" / name, folder / name)
    with pytest.raises(PolylibError, match=r"is no plain base.*adapter_config\.json"):
        load_base(str(folder))
    bare = tmp_path / "bare"
    shutil.copytree(place / "progressive" / "adapter", bare)
    (bare / LABEL_FILE).unlink()
    config = json.loads((bare / CONFIG_FILE).read_text()) | {"base_model_name_or_path": str(place / "base")}
    (bare / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(PolylibError, match="is no plain base"):
        load_base(str(bare))


def test_a_name_with_a_dot_is_refused(place: Path) -> None:
    with pytest.raises(PolylibError, match="has a dot in its name"):
        loaded_with(place, "progressive-0.5")


def test_one_bad_label_loads_nothing(place: Path, tmp_path: Path) -> None:
    import shutil

    bad = tmp_path / "bad"
    shutil.copytree(place / "conservative" / "adapter", bad)
    (bad / LABEL_FILE).unlink()
    loaded = load_base(str(place / "base"))
    with pytest.raises(PolylibError, match="has no label"):
        load_adapters(loaded, {"progressive": place / "progressive" / "adapter", "conservative": bad})
    assert loaded.adapters == ()


def test_an_adapter_of_another_base_is_refused(place: Path, tmp_path: Path) -> None:
    other = load_base(str(tiny_base(tmp_path / "other", hidden=32, layers=1)))
    with pytest.raises(PolylibError, match="base_sha256"):
        load_adapters(other, {"progressive": place / "progressive" / "adapter"})


def test_a_model_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="cannot be loaded"):
        load_base(str(tmp_path / "nothing"))


def test_render_ends_where_the_answer_starts(place: Path) -> None:
    tokenizer = load_base(str(place / "base")).tokenizer
    asked = render(tokenizer, [{"role": "user", "content": "Why?"}])
    said = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    assert render(tokenizer, said, answer_follows=False) == asked + "So." + end_of_turn(tokenizer)


def test_only_the_last_part_of_a_local_folder_is_published(place: Path) -> None:
    assert load_base(str(place / "base")).title == "base"
