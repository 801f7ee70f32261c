"""The faster DPO is TRL's own: the same loss, and the same adapter after fifty steps."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from polylib.models import load_base
from polylib.tune.pair_losses import pair_losses
from polylib.tune.pair_trainer import bucketed, pair_dataset, pair_trainer, reference_log_probabilities
from polylib.tune.preferences import EncodedPair

BATCH, STEPS = 4, 50


class Peer(DPOTrainer):
    """TRL's trainer as it is, fed the same tokens."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def drawn_pairs(count: int, vocabulary: int, seed: int = 1) -> list[EncodedPair]:
    generator = random.Random(seed)

    def ids(low: int, high: int) -> tuple[int, ...]:
        return tuple(generator.randrange(5, vocabulary) for _ in range(generator.randint(low, high)))

    return [EncodedPair(ids(5, 25), ids(2, 12), ids(2, 12)) for _ in range(count)]


def policy() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=211, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2
    )
    adapter = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(LlamaForCausalLM(config), adapter)
    with torch.no_grad():  # an adapter that does something already, as one from supervised tuning
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    return model


def settings(folder: Path, **changes: Any) -> DPOConfig:
    return DPOConfig(**{
        "output_dir": str(folder), "per_device_train_batch_size": BATCH, "max_steps": STEPS, "learning_rate": 5e-3,
        "beta": 0.1, "bf16": False, "gradient_checkpointing": False, "activation_checkpointing": False,
        "use_cpu": True, "logging_steps": 1,
        "train_sampling_strategy": "sequential", "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
        "seed": 3, **changes,
    })  # fmt: skip


def trained(trainer: Any) -> tuple[list[float], "torch.Tensor"]:
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    weights = [weight.detach().flatten() for name, weight in trainer.model.named_parameters() if ".default." in name]
    return losses, torch.cat(weights)


@pytest.mark.parametrize(("method", "loss_type", "steps"), [("dpo", "sigmoid", STEPS), ("ipo", "ipo", 10)])
def test_the_same_loss_and_the_same_adapter_as_trl_after_fifty_steps(
    tmp_path: Path, method: Any, loss_type: str, steps: int
) -> None:
    torch.set_num_threads(1)
    tokenizer = load_base("reference").tokenizer
    pairs = drawn_pairs(BATCH * STEPS // 10, 211)  # ten passes, so that there is something to learn
    ours_model, theirs_model = policy(), policy()
    reference = reference_log_probabilities(ours_model, pairs, tokenizer.pad_token_id, 8)
    data = pair_dataset(pairs, reference)
    common = {"train_dataset": data, "processing_class": tokenizer}
    ours = pair_trainer(method, model=ours_model, args=settings(tmp_path / "ours", max_steps=steps), **common)
    changes = {"loss_type": [loss_type], "max_steps": steps}
    theirs = Peer(model=theirs_model, args=settings(tmp_path / "theirs", **changes), **common)
    our_losses, our_weights = trained(ours)
    their_losses, their_weights = trained(theirs)
    assert len(our_losses) == steps
    assert sum(our_losses[-5:]) < (0.9 if steps == STEPS else 0.98) * sum(our_losses[:5])
    scale = max(map(abs, their_losses))
    assert max(abs(one - other) for one, other in zip(our_losses, their_losses, strict=True)) <= 1e-4 * max(1, scale)
    assert float((our_weights - their_weights).abs().max()) <= 1e-3


def test_what_is_logged_is_trls_too(tmp_path: Path) -> None:
    tokenizer = load_base("reference").tokenizer
    pairs = drawn_pairs(BATCH, 211)
    model = policy()
    reference = reference_log_probabilities(model, pairs, tokenizer.pad_token_id, 8) - 0.5
    data = pair_dataset(pairs, reference)
    logged = []
    for make in (lambda **other: pair_trainer("dpo", **other), Peer):
        config = settings(tmp_path / str(len(logged)), max_steps=1, precompute_ref_log_probs=False)
        trainer = make(model=policy(), args=config, train_dataset=data, processing_class=tokenizer)
        trainer.train()
        logged.append(trainer.state.log_history[0])
    for name in ("logps/chosen", "logps/rejected"):
        assert logged[0][name] == pytest.approx(logged[1][name], abs=1e-3)


def test_orpo_needs_no_reference_and_lowers_with_the_odds() -> None:
    found = torch.tensor([[-2.0, -2.0], [-1.0, -3.0]])
    lengths = torch.tensor([[2, 2], [2, 2]])
    first, second = pair_losses("orpo", found, torch.zeros(2, 2), lengths, 0.1)
    assert first == pytest.approx(1.0 + 0.1 * 0.6931, abs=1e-3)
    assert second < first
    assert torch.equal(
        pair_losses("orpo", found, torch.ones(2, 2), lengths, 0.1),
        pair_losses("orpo", found, torch.zeros(2, 2), lengths, 0.1),
    )


def test_buckets_hold_every_pair_once_and_pairs_of_like_length_together() -> None:
    pairs = drawn_pairs(67, 211)
    order = bucketed(pairs, 8, seed=2)
    assert sorted(order) == list(range(67))
    assert order == bucketed(pairs, 8, seed=2) != bucketed(pairs, 8, seed=3)

    def padding(sequence: list[int]) -> int:
        lengths = [sum(map(len, pairs[number])) for number in sequence]
        return sum(max(lengths[at : at + 8]) * len(lengths[at : at + 8]) for at in range(0, 67, 8))

    assert padding(order) < 0.9 * padding(list(range(67)))
