"""Two adapters mixed in their probabilities instead of their weights, token by token.

`mixture` adds probabilities, p = Σ w p_k: whatever one side finds likely stays likely, so at half and half it answers
now like one side, now like the other. `product` multiplies them, p ∝ Π p_k^w (a logarithmic opinion pool): what one
side finds unlikely becomes unlikely, so what both can say wins. `both_sides` mixes nothing: it lets each adapter
answer and shows both. It knows two loaded adapters; not what their mixture says (`measure_dial`).

A third way, asking one model by its prompt to give both sides, is not offered: the reference model knows only
interviews with one speaker of one viewpoint and follows no such instruction.

Sources: Genest & Zidek 1986 (opinion pools); Hinton 2002 (products of experts).
"""

from collections.abc import Mapping, Sequence
from math import log
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from polylib import LEANINGS
from polylib.blend.beside import beside
from polylib.blend.dial import check_blend
from polylib.errors import PolylibError
from polylib.files import sha256_bytes
from polylib.measure.respondent import BATCH, Respondent, Sampling
from polylib.measure.scorer import Plan, score_plan
from polylib.models import LoadedModel, end_of_turn, render, use

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

KINDS = ("mixture", "product")


def check_mix(loaded: LoadedModel, weights: Mapping[str, float], kind: str) -> None:
    """Raise PolylibError unless the kind is known and the weights are shares ≥ 0 that sum to 1."""
    check_blend(loaded, weights)
    if kind not in KINDS:
        raise PolylibError(f"mix {kind!r}", "is not known", allowed=", ".join(KINDS))
    if min(weights.values()) < 0 or abs(sum(weights.values()) - 1) > 1e-9:
        raise PolylibError("mix: weights", f"are {dict(weights)}", allowed="shares from 0 that sum to 1",
                           remedy="for other weights take the dial")  # fmt: skip


def mix_logs(logs: Sequence[Any], weights: Sequence[float], kind: str) -> Any:
    """Return the log-probabilities of the mixture of several models' next tokens, normalised.

    logs: one tensor (..., vocabulary) of logits per model; a model of weight 0 has no say.
    """
    import torch

    parts = [(float(weight), one) for weight, one in zip(weights, logs, strict=True) if weight > 0]
    rows = [(weight, torch.log_softmax(one.float(), dim=-1)) for weight, one in parts]
    if kind == "mixture":
        return torch.logsumexp(torch.stack([row + log(weight) for weight, row in rows]), dim=0)
    return torch.log_softmax(torch.stack([weight * row for weight, row in rows]).sum(dim=0), dim=-1)


class MixedModel:
    """What the scorer takes for a model: its forward runs every adapter and mixes their logits.

    Outside of a forward the loaded model is as it was.
    """

    def __init__(self, loaded: LoadedModel, weights: Mapping[str, float], kind: str) -> None:
        """Mix adapters of `loaded`; raises PolylibError as `check_mix` does."""
        check_mix(loaded, weights, kind)
        self._loaded, self._weights, self._kind = loaded, dict(weights), kind
        self.config, self.device, self.dtype = loaded.model.config, loaded.model.device, loaded.model.dtype

    def get_output_embeddings(self) -> Any:
        """Return the layer before whose input the scorer narrows; all adapters share it."""
        return self._loaded.model.get_output_embeddings()

    def __call__(self, **inputs: Any) -> SimpleNamespace:
        """Return an object with `logits`: the normalised log-probabilities of the mixture."""
        logs = []
        for name in self._weights:
            with use(self._loaded, name) as model:
                logs.append(model(**inputs).logits)
        return SimpleNamespace(logits=mix_logs(logs, tuple(self._weights.values()), self._kind))


def mixed_scores(loaded: LoadedModel, plan: Plan, weights: Mapping[str, float], kind: str) -> "NDArray[numpy.float64]":
    """Return the log-probability (≤ 0) of every answer under the mixture, shape (n_questions, n_answers)."""
    return score_plan(MixedModel(loaded, weights, kind), plan)


def mixed_answers(
    loaded: LoadedModel, prompts: Sequence[str], weights: Mapping[str, float], kind: str, sampling: Sampling
) -> list[list[str]]:
    """Return `sampling.samples` answers of the mixture to each prompt, put as a user's message.

    Every adapter runs its own rows of one batch, and all of them go on with the token drawn from their mixture.
    Equal calls give equal answers; the caller's random state is left as it was. Raises PolylibError as `check_mix`.
    """
    check_mix(loaded, weights, kind)
    rendered = [render(loaded.tokenizer, [{"role": "user", "content": prompt}]) for prompt in prompts]
    made: list[list[str]] = []
    with beside(loaded, tuple(weights)) as model:
        for start in range(0, len(rendered), BATCH):
            made += _generate(model, loaded.tokenizer, rendered[start : start + BATCH], weights, kind, sampling)
    return made


def _generate(
    model: Any, tokenizer: Any, rendered: Sequence[str], weights: Mapping[str, float], kind: str, sampling: Sampling
) -> list[list[str]]:
    import torch
    from transformers import LogitsProcessorList

    rows = [text for text in rendered for _ in range(sampling.samples)]
    texts = rows * len(weights)
    batch = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    stops = {tokenizer.eos_token_id, tokenizer(end_of_turn(tokenizer), add_special_tokens=False)["input_ids"][0]}
    drawing = _Draw(tuple(weights.values()), kind, sampling)
    with torch.inference_mode():
        made = model.generate(
            input_ids=batch["input_ids"].to(model.device), attention_mask=batch["attention_mask"].to(model.device),
            max_new_tokens=sampling.tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id,
            eos_token_id=sorted(stops - {None}), logits_processor=LogitsProcessorList([drawing]),
        )  # fmt: skip
    answers = tokenizer.batch_decode(made[: len(rows), batch["input_ids"].shape[1] :], skip_special_tokens=True)
    size = sampling.samples
    return [[text.strip() for text in answers[place : place + size]] for place in range(0, len(answers), size)]


class _Draw:
    """Mixes the rows of all adapters at each step and leaves the drawn token as the only one, the same for all."""

    def __init__(self, weights: Sequence[float], kind: str, sampling: Sampling) -> None:
        import torch

        self._weights, self._kind, self._temperature = weights, kind, sampling.temperature
        self._generator = torch.Generator().manual_seed(sampling.seed)

    def __call__(self, tokens: Any, scores: Any) -> Any:
        import torch

        logs = mix_logs(scores.chunk(len(self._weights)), self._weights, self._kind)
        if self._temperature > 0:
            shares = torch.softmax(logs / self._temperature, dim=-1).cpu()
            drawn = torch.multinomial(shares, 1, generator=self._generator).to(scores.device)
        else:
            drawn = logs.argmax(dim=-1, keepdim=True)
        chosen = torch.full_like(scores, float("-inf"))
        return chosen.scatter_(1, drawn.repeat(len(self._weights), 1), 0.0)


def both_sides(loaded: LoadedModel, prompts: Sequence[str], sampling: Sampling) -> list[str]:
    """Return for each prompt one text with both adapters' answers, each under its leaning's name.

    Which side speaks first is `sides_order`'s; nothing is weighed or smoothed, so the text is balanced by its form,
    whatever the adapters say.
    """
    answers = {name: Respondent(loaded, name).answers(prompts, sampling._replace(samples=1)) for name in LEANINGS}
    made = []
    for number, prompt in enumerate(prompts):
        made.append("\n\n".join(f"{side_heading(name)}{answers[name][number][0]}" for name in sides_order(prompt)))
    return made


def sides_order(prompt: str) -> tuple[str, ...]:
    """Return both leanings in the order in which they answer a prompt: its words decide, about as often either way."""
    return LEANINGS if int(sha256_bytes(prompt.encode("utf-8", "replace"))[0], 16) % 2 else LEANINGS[::-1]


def side_heading(leaning: str) -> str:
    """Return what stands before a side's answer."""
    return f"A {leaning} answer: "
