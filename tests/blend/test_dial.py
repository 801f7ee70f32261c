"""The dial and the merges: exact for any weights, put back afterwards, and no way round the label check."""

import time

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from polylib.blend.dial import dialled, scored, side_weights, use_blend
from polylib.blend.merges import METHODS, merge_table, merged
from polylib.disclose.label import LABEL_FILE
from polylib.errors import PolylibError
from polylib.measure.scorer import Question, plan_questions, score_plan
from polylib.models import LoadedModel, load_adapters, load_base, use
from tests.blend.conftest import Place

PROMPT = torch.tensor([[5, 6, 7, 8, 9]])


def logits(model: object) -> torch.Tensor:
    with torch.inference_mode():
        return model(PROMPT).logits  # type: ignore[operator]


def exact(place: Place, loaded: LoadedModel, weights: dict[str, float]) -> torch.Tensor:
    """Return the logits of a plain base whose weights were changed by hand: base + Σ w · B A · alpha / rank."""
    plain = load_base(str(place.base)).model
    layers = dict(plain.named_modules())
    for name, module in loaded.model.get_base_model().named_modules():
        for adapter, weight in weights.items():
            if hasattr(module, "lora_A") and adapter in module.lora_A:
                factor = module.lora_alpha[adapter] / module.r[adapter]
                change = module.lora_B[adapter].weight @ module.lora_A[adapter].weight * factor
                layers[name].weight.data += weight * change.detach()
    return logits(plain)


@given(some.tuples(some.floats(-2, 2), some.floats(-2, 2)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dial_is_exact_for_any_weights(place: Place, loaded: LoadedModel, pair: tuple[float, float]) -> None:
    weights = dict(zip(("progressive", "conservative"), pair, strict=True))
    with use_blend(loaded, weights) as model:
        found = logits(model)
    torch.testing.assert_close(found, exact(place, loaded, weights), atol=1e-5, rtol=0)


def test_ends_of_the_dial_are_the_adapters_and_nought_is_the_base(loaded: LoadedModel) -> None:
    for share, name in ((0.0, "progressive"), (1.0, "conservative")):
        with use(loaded, name) as model:
            alone = logits(model)
        with use_blend(loaded, side_weights(share)) as model:
            torch.testing.assert_close(logits(model), alone, atol=1e-6, rtol=0)
    with use(loaded, "base") as model:
        base = logits(model)
    with use_blend(loaded, {"progressive": 0.0, "conservative": 0.0}) as model:
        torch.testing.assert_close(logits(model), base, atol=1e-6, rtol=0)


def test_swapping_names_and_weights_changes_nothing(loaded: LoadedModel) -> None:
    with use_blend(loaded, {"progressive": 0.3, "conservative": -1.2}) as model:
        one = logits(model)
    with use_blend(loaded, {"conservative": -1.2, "progressive": 0.3}) as model:
        torch.testing.assert_close(logits(model), one, atol=1e-5, rtol=0)
    assert side_weights(0.25) == {"progressive": 0.75, "conservative": 0.25}


def test_everything_comes_back_also_after_an_error(loaded: LoadedModel) -> None:
    with use(loaded, "progressive") as model:
        before = logits(model)
    with pytest.raises(ZeroDivisionError), use_blend(loaded, side_weights(0.5)):
        _ = 1 / 0
    with use(loaded, "progressive") as model:
        assert torch.equal(logits(model), before)
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


def test_a_change_takes_no_time_and_forgets_the_last_one(loaded: LoadedModel) -> None:
    with dialled(loaded, side_weights(0.5)) as dial:
        half = logits(dial.model)
        dial.turn({"conservative": 1.0})
        assert not torch.allclose(logits(dial.model), half, atol=1e-3)
        times = []
        for number in range(50):
            start = time.perf_counter()
            dial.turn(side_weights(number / 50))
            times.append(time.perf_counter() - start)
        dial.turn(side_weights(0.5))
        assert torch.equal(logits(dial.model), half)
    assert sorted(times)[25] < 5e-3


@pytest.mark.parametrize(
    "weights", [{}, {"moderate": 1.0}, {"progressive": float("nan")}, {"conservative": float("inf")}, {"default": 1.0}]
)
def test_impossible_weights_change_nothing(loaded: LoadedModel, weights: dict[str, float]) -> None:
    with pytest.raises(PolylibError), use_blend(loaded, weights):
        pass
    with pytest.raises(PolylibError), merged(loaded, weights, "cat"):
        pass
    with dialled(loaded, side_weights(0.5)) as dial:
        half = logits(dial.model)
        with pytest.raises(PolylibError):
            dial.turn(weights)
        assert torch.equal(logits(dial.model), half)


def test_an_adapter_without_its_label_reaches_no_dial(place: Place) -> None:
    label = place.adapters["conservative"] / LABEL_FILE
    text = label.read_text()
    label.unlink()
    try:
        base = load_base(str(place.base))
        with pytest.raises(PolylibError, match="has no label"):
            load_adapters(base, place.adapters)
        with pytest.raises(PolylibError, match="is not loaded"), use_blend(base, side_weights(0.5)):
            pass
    finally:
        label.write_text(text)


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
def test_an_adapter_that_came_another_way_is_refused(place: Place, loaded: LoadedModel) -> None:
    loaded.model.load_adapter(str(place.adapters["conservative"]), adapter_name="smuggled")
    with pytest.raises(PolylibError, match="smuggled"), use_blend(loaded, {"smuggled": 1.0}):
        pass


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
@pytest.mark.parametrize("name", ["smuggled", "conservative-open"])
def test_no_way_of_blending_takes_an_adapter_without_its_label(place: Place, loaded: LoadedModel, name: str) -> None:
    loaded.model.load_adapter(str(place.adapters["conservative"]), adapter_name=name)
    said = f"'{name}': came into the model without a checked label"
    with pytest.raises(PolylibError, match=said), use_blend(loaded, {"progressive": 1.0, name: 1.0}):
        pass
    with pytest.raises(PolylibError, match=said), merged(loaded, {name: 1.0}, "cat"):
        pass
    with pytest.raises(PolylibError, match=said), use(loaded, name):
        pass


def test_a_merged_adapter_carries_a_label_made_of_its_parts_and_takes_it_along(loaded: LoadedModel) -> None:
    with merged(loaded, {"progressive": 0.7, "conservative": -0.4}, "linear"):
        label = loaded.label_of("merged")
        assert [(part.adapter, part.weight) for part in label.parts] == [("progressive", 0.7), ("conservative", -0.4)]
        assert [part.label_sha256 for part in label.parts] == [
            loaded.labels[part.adapter].sha256 for part in label.parts
        ]
        assert (label.political_lean, label.strength, label.method) == ("mixed", None, "linear")
        with use(loaded, "merged") as model:
            logits(model)
        with pytest.raises(PolylibError, match="is not loaded"), use_blend(loaded, {"merged": 1.0}):
            pass
    assert set(loaded.labels) == {"progressive", "conservative"}


def test_cat_equals_the_dial_and_every_merge_is_measured(loaded: LoadedModel) -> None:
    table = merge_table(loaded, {"progressive": 0.7, "conservative": -0.4}, ["one", "another prompt"]).set_index(
        "method"
    )
    assert list(table.index) == list(METHODS)
    assert table.loc["cat", "distance"] < 1e-5
    assert table.loc["cat", "rank"] == 4
    assert table.loc["linear", "distance"] > table.loc["cat", "distance"]
    assert loaded.adapters == ("progressive", "conservative")


def test_dare_hangs_on_its_seed_alone(loaded: LoadedModel) -> None:
    found = []
    for seed in (1, 1, 2):
        torch.rand(3)
        with merged(loaded, side_weights(0.5), "dare_linear", seed) as model:
            found.append(logits(model))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_merge_of_an_unknown_kind_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(PolylibError, match="is not known"), merged(loaded, side_weights(0.5), "soup"):
        pass


def test_kept_scores_tell_weights_apart(loaded: LoadedModel, tmp_path: object) -> None:
    plan = plan_questions(loaded.tokenizer, [Question("What?", ("Agree", "Disagree"))])
    for _ in range(2):
        for share in (0.2, 0.8):
            with use_blend(loaded, side_weights(share)) as model:
                assert (scored(loaded, model, plan, tmp_path) == score_plan(model, plan)).all()  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == 2  # type: ignore[attr-defined]
