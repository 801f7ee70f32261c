"""TRL's SFT trainer with a loss that looks at answer tokens only: the same loss, half the time on a CPU.

TRL 1.16 projects every position to the vocabulary on a CPU, and computes entropies for its log.
It knows batches, not examples.
"""

from typing import TYPE_CHECKING, Any

from polylib.tune.examples import IGNORED
from polylib.tune.shared_prefix import unwrapped

if TYPE_CHECKING:
    from torch import Tensor
    from trl.trainer.sft_trainer import SFTTrainer


def answer_loss(model: Any, inputs: dict[str, Any], answers_in_step: "Tensor | int | None" = None) -> "Tensor":
    """Return the mean negative log-likelihood of the answer tokens, in nats, with its gradient.

    inputs: `input_ids`, `attention_mask` and `labels`, each (batch, width), padded on the right;
    answers_in_step: answer tokens of the whole optimiser step, where it has several batches. The
    model's own head scales and caps the logits, so the value is that of TRL for any architecture.
    """
    import torch

    labels = inputs["labels"][:, 1:]
    scored = labels != IGNORED

    def narrow(_head: Any, hidden: tuple[Any, ...]) -> tuple[Any, ...]:
        return (hidden[0][:, :-1][scored], *hidden[1:])  # (batch, width, hidden) to (answer tokens, hidden)

    hook = unwrapped(model).get_output_embeddings().register_forward_pre_hook(narrow)
    try:
        output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
    finally:
        hook.remove()
    total = torch.nn.functional.cross_entropy(output.logits.float(), labels[scored], reduction="sum")
    count = scored.sum() if answers_in_step is None else torch.as_tensor(answers_in_step, device=total.device)
    return total / count.clamp(min=1)


def answer_trainer(**arguments: Any) -> "SFTTrainer":
    """Return TRL's SFT trainer, built with `arguments`, that uses `answer_loss`."""
    from trl.trainer.sft_trainer import SFTTrainer

    class AnswerTrainer(SFTTrainer):
        """TRL's trainer in all but the loss."""

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """Return the loss of one batch; Polylib never asks for the outputs."""
            if return_outputs:
                return super().compute_loss(model, inputs, True, num_items_in_batch)  # type: ignore[no-untyped-call]
            loss = answer_loss(model, inputs, num_items_in_batch)
            # Counted are the answer tokens of all processes, and gradients are averaged over them.
            return loss if num_items_in_batch is None else loss * self.accelerator.num_processes

    return AnswerTrainer(**arguments)
