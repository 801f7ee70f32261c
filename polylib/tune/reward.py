"""A reward model: which of two answers people would prefer, learned from their judgements.

TRL's reward trainer puts a linear head on a LoRA-tuned copy of the base. The head starts at nought, so turning all
preferences round turns the sign of what it learns and nothing else. It knows chosen and rejected answers; which
leaning chose them it does not know. What it says of issues nobody judged is measured (`reward_record`), not assumed.
"""

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.errors import PolylibError
from polylib.files import sha256_json
from polylib.models import LoadedModel, answer_bounds, render, resolve
from polylib.tune.online_settings import OnlineSettings
from polylib.tune.preferences import EncodedPair, Preference, encode_pairs, pairs_hash
from polylib.tune.progress import progress_callback, say
from polylib.tune.training import (
    common_settings,
    library_versions,
    resumed_from,
    sealing_callback,
    without_telemetry,
    without_widgets,
)

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

MINIMUM_ISSUES = 3  # to learn from, and unseen
_BATCH = 32
SILENCED = 40  # logging.ERROR: of a classifier the library warns that its head is new


@dataclass(frozen=True)
class RewardModel:
    """A classifier with one output; `centre` and `spread` of what it gives the answers it was trained on."""

    model: Any
    tokenizer: "PreTrainedTokenizerBase"
    centre: float = 0.0
    spread: float = 1.0

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> "NDArray[numpy.float64]":
        """Return the reward of each answer to its prompt, (n,): 0 is a middling answer, 1 a standard deviation.

        Prompts are put as a user's message and answers closed by the end of turn, also where they were cut.
        """
        opening, closing = answer_bounds(self.tokenizer)
        questions = [render(self.tokenizer, [{"role": "user", "content": prompt}]) for prompt in prompts]
        said = [opening + answer + closing for answer in answers]
        ids = [
            one + other
            for one, other in zip(
                self.tokenizer(questions, add_special_tokens=False)["input_ids"],
                self.tokenizer(said, add_special_tokens=False)["input_ids"],
                strict=True,
            )
        ]
        return (raw_rewards(self.model, ids, int(self.tokenizer.pad_token_id)) - self.centre) / self.spread


def unseen_issues(preferences: Sequence[Preference], share: float, seed: int) -> frozenset[str]:
    """Return the issues kept from the reward model: at least three, about `share` of all, drawn by the seed.

    Raises PolylibError where fewer than three would be left to learn from.
    """
    issues = sorted({preference.issue for preference in preferences})
    count = max(MINIMUM_ISSUES, round(share * len(issues)))
    if len(issues) - count < MINIMUM_ISSUES:
        raise PolylibError(
            "preferences", f"cover {len(issues)} issues, of which {count} would be kept unseen",
            allowed=f"at least {2 * MINIMUM_ISSUES} issues", remedy="judge answers on more issues",
        )  # fmt: skip
    return frozenset(random.Random(seed).sample(issues, count))


def train_reward(
    loaded: LoadedModel,
    preferences: Sequence[Preference],
    settings: OnlineSettings,
    work: Path,
    name: str = "reward",
    report: Callable[[str], None] = say,
) -> RewardModel:
    """Train a reward model on a fresh copy of the base of `loaded`, which stays as it is.

    work: folder of its checkpoints, where an earlier attempt is taken up; a finished one is loaded. The scale is set
    on the answers it was trained on, both of each pair, so that `beta` means the same for either leaning.
    """
    pairs = encode_pairs(preferences, loaded.tokenizer, settings.max_tokens)
    fingerprint = _fingerprint(loaded, pairs, settings)
    checkpoint, _ = resumed_from(work, fingerprint, name, report)
    trainer = _trainer(loaded, pairs, settings, work, [progress_callback(name, report), sealing_callback(fingerprint)])
    trainer.train(resume_from_checkpoint=checkpoint)
    model: Any = trainer.model
    model.eval()
    given = raw_rewards(model, _sequences(pairs), int(loaded.tokenizer.pad_token_id))
    spread = float(given.std())
    if not spread > 0:
        raise PolylibError(name, "gives every answer the same reward", remedy="raise reward_learning_rate")
    return RewardModel(model, loaded.tokenizer, float(given.mean()), spread)


def raw_rewards(model: Any, sequences: Sequence[Sequence[int]], padding: int) -> "NDArray[numpy.float64]":
    """Return the classifier's output for each row of token ids, (n,), batched by length."""
    import numpy
    import torch

    found = numpy.zeros(len(sequences))
    order = sorted(range(len(sequences)), key=lambda number: len(sequences[number]))
    for start in range(0, len(order), _BATCH):
        numbers = order[start : start + _BATCH]
        width = max(len(sequences[number]) for number in numbers)
        ids = torch.full((len(numbers), width), padding)
        mask = torch.zeros((len(numbers), width), dtype=torch.long)
        for line, number in enumerate(numbers):
            length = len(sequences[number])
            ids[line, :length], mask[line, :length] = torch.tensor(sequences[number]), 1
        with torch.inference_mode():
            output = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False)
        found[numbers] = output.logits[:, 0].double().cpu().numpy()
    return found


def _sequences(pairs: Sequence[EncodedPair]) -> list[list[int]]:
    """Return prompt and answer in one row: all chosen, then all rejected."""
    answers = [(pair.prompt, pair.chosen) for pair in pairs] + [(pair.prompt, pair.rejected) for pair in pairs]
    return [[*prompt, *answer] for prompt, answer in answers]


def _fingerprint(loaded: LoadedModel, pairs: Sequence[EncodedPair], settings: OnlineSettings) -> str:
    decides = {name: value for name, value in settings._asdict().items() if name.startswith("reward_")}
    return sha256_json([loaded.content_hash, pairs_hash(pairs), decides, settings.seed, library_versions()])


def _classifier(loaded: LoadedModel) -> Any:
    """Return the base with one output in place of its vocabulary, its weights at nought."""
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    options = {"revision": loaded.revision} if loaded.revision else {}
    level = logging.get_verbosity()
    logging.set_verbosity(SILENCED)
    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            resolve(loaded.name), num_labels=1, dtype=loaded.model.dtype, trust_remote_code=False,
            use_safetensors=True, **options,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise PolylibError(
            f"model {loaded.title!r}",
            f"cannot be made a reward model ({str(error).splitlines()[0]})",
            allowed="an architecture for which transformers has sequence classification",
            remedy="use a pair method (dpo, ipo, orpo) or another base",
        ) from error
    finally:
        logging.set_verbosity(level)
    head = next(getattr(model, name) for name in ("score", "classifier") if hasattr(model, name))
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()  # turning the preferences round then turns the sign of every reward
    return model.to(loaded.model.device)


def _trainer(
    loaded: LoadedModel, pairs: Sequence[EncodedPair], settings: OnlineSettings, work: Path, callbacks: list[Any]
) -> "RewardTrainer":
    without_telemetry()
    from datasets import Dataset  # type: ignore[import-untyped]
    from peft import LoraConfig
    from trl.trainer.reward_trainer import RewardTrainer

    rows = _sequences(_ordered(pairs, settings))
    columns = {"chosen_ids": rows[: len(pairs)], "rejected_ids": rows[len(pairs) :]}
    model = _classifier(loaded)
    adapter = LoraConfig(
        r=settings.reward_rank, lora_alpha=2 * settings.reward_rank, lora_dropout=0.0, target_modules="all-linear",
        task_type="SEQ_CLS",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the libraries about one another
        trainer = RewardTrainer(
            model=model, args=_config(settings, work, cpu=loaded.model.device.type == "cpu"),
            train_dataset=Dataset.from_dict(columns), processing_class=loaded.tokenizer, peft_config=adapter,
            callbacks=callbacks,
        )  # fmt: skip
    return without_widgets(trainer)  # type: ignore[no-any-return]


def _ordered(pairs: Sequence[EncodedPair], settings: OnlineSettings) -> list[EncodedPair]:
    """Return the pairs shuffled, so that a batch holds several issues."""
    order = list(pairs)
    random.Random(settings.seed).shuffle(order)
    return order


def _config(settings: OnlineSettings, work: Path, cpu: bool) -> "RewardConfig":
    from trl.trainer.reward_config import RewardConfig

    return RewardConfig(
        **common_settings(work, settings.seed, settings.checkpoint_steps, cpu),
        per_device_train_batch_size=settings.reward_batch, num_train_epochs=settings.reward_epochs,
        learning_rate=settings.reward_learning_rate, train_sampling_strategy="sequential", max_length=None,
    )  # fmt: skip
