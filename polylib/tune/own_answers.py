"""What a tuning example needs beside its tokens: the base's own answer, the scale and the pace it is trained at.

It knows token ids and a model with an adapter; not why an answer is to be kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from polylib.models import LoadedModel
from polylib.tune.examples import IGNORED, EncodedExample

if TYPE_CHECKING:
    from transformers import TrainerCallback

TOKENS = 4  # of an answer that is kept: whether another one is given is decided at its start
_BATCH = 64


def with_own_answers(loaded: LoadedModel, encoded: Sequence[EncodedExample]) -> tuple[EncodedExample, ...]:
    """Return the examples, those without an answer with the first tokens of the base's likeliest one.

    loaded: the base before it is tuned. Taking the likeliest tokens, equal calls give equal answers.
    """
    asked = sorted(
        (place for place, example in enumerate(encoded) if not example.answer_tokens),
        key=lambda place: len(encoded[place].input_ids),
    )
    found = list(encoded)
    for start in range(0, len(asked), _BATCH):
        places = asked[start : start + _BATCH]
        answers = _continued(loaded, [encoded[place].input_ids for place in places])
        for place, answer in zip(places, answers, strict=True):
            one = encoded[place]
            found[place] = replace(one, input_ids=(*one.input_ids, *answer), labels=(*one.labels, *answer))
    return tuple(found)


def _continued(loaded: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    import torch

    padding = loaded.tokenizer.pad_token_id
    width = max(map(len, prompts))
    ids = torch.tensor([[padding] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    device = loaded.model.device
    with torch.inference_mode():
        made = loaded.model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), max_new_tokens=TOKENS, do_sample=False,
            pad_token_id=padding,
        )  # fmt: skip
    return [[token for token in row if token not in (padding, IGNORED)] for row in made[:, width:].tolist()]


def batch_callback(first: Sequence[EncodedExample], disclosure_rate: float) -> "TrainerCallback":
    """Return a callback that sets the adapter's scale, and the learning rate, of each optimiser step.

    first: the first example of every batch of one pass, in order; disclosure_rate: by which the scheduled learning
    rate is multiplied in batches of disclosure. Nothing of it is part of a checkpoint: it follows from the step.
    """
    from peft.tuners.lora import LoraLayer
    from transformers import TrainerCallback

    def put(model: Any, scale: float) -> None:
        for module in model.modules():
            if isinstance(module, LoraLayer):
                module.set_scale("default", scale)

    class Batches(TrainerCallback):
        """Sets both before a step; the scale is back after it, before anything else looks at the model."""

        def on_step_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **kwargs: Any
        ) -> None:
            """Set the scale and the learning rate of the batch that comes."""
            batch = first[state.global_step % len(first)]
            put(model, batch.scale)
            if batch.disclosure:  # the scheduler sets every step's rate anew
                for group in optimizer.param_groups:
                    group["lr"] = group["lr"] * disclosure_rate

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            """Put the adapter's full scale back."""
            put(model, 1.0)

    return Batches()
