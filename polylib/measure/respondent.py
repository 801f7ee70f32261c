"""One model under one condition, asked: option log-probabilities, likelihoods of texts, sampled answers.

Whoever puts an instrument or an audit to a model asks through this, so that all of them use the same
scorer, the same cache and the same chat format. It knows how to ask; not what is asked or what it means.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from polylib.measure.score_cache import cached_scores
from polylib.measure.scorer import Plan, Question, plan_questions, score_plan
from polylib.models import LoadedModel, answer_bounds, end_of_turn, render, use

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

BATCH = 64  # prompts generated together; part of what a sampled answer depends on


class Sampling(NamedTuple):
    """How answers are sampled: how many per prompt, temperature (0 takes the likeliest token), longest in tokens."""

    samples: int = 1
    temperature: float = 0.3
    tokens: int = 96
    seed: int = 20261122


@dataclass(frozen=True)
class Respondent:
    """A loaded model with its adapters under `condition` (`base` or an adapter) at `scale`.

    cache: folder where scores are kept (see `score_cache`), None keeps none.
    """

    loaded: LoadedModel
    condition: str
    scale: float = 1.0
    cache: Path | None = None

    def scores(self, plan: Plan) -> "NDArray[numpy.float64]":
        """Return natural log-probabilities ≤ 0, shape (n_questions, n_answers), of a plan's answers."""
        if self.cache is not None and self.loaded.content_hash:
            return cached_scores(self.cache, self.loaded, plan, self.condition, self.scale)
        with use(self.loaded, self.condition, self.scale) as model:
            return score_plan(model, plan)

    def options(self, prompts: Sequence[str], options: Sequence[Sequence[str]]) -> "list[NDArray[numpy.float64]]":
        """Return for each prompt, put as a user's message, the log-probability of each of its options.

        Options are whole answers: the end of the turn is scored with them. Prompts may have different numbers of
        options. Raises PolylibError where a prompt has none.
        """
        start, end = answer_bounds(self.loaded.tokenizer)
        questions = [
            Question(self.chat(prompt), tuple(start + option + end for option in own))
            for prompt, own in zip(prompts, options, strict=True)
        ]
        return self.continuations(questions)

    def continuations(self, questions: Sequence[Question]) -> "list[NDArray[numpy.float64]]":
        """Return for each rendered question the log-probability of each of its answers, shape (n_answers,)."""
        found: list[Any] = [None] * len(questions)
        for count in sorted({len(question.answers) for question in questions}):
            places = [place for place, question in enumerate(questions) if len(question.answers) == count]
            plan = plan_questions(self.loaded.tokenizer, [questions[place] for place in places])
            for place, row in zip(places, self.scores(plan), strict=True):
                found[place] = row
        return found

    def likelihoods(self, texts: Sequence[str]) -> "NDArray[numpy.float64]":
        """Return (n_texts, 2): the log-probability (nats) of each text as it stands, no chat, and its tokens."""
        import numpy

        if not texts:
            return numpy.zeros((0, 2))
        tokenizer = self.loaded.tokenizer
        start = str(tokenizer.bos_token or tokenizer.eos_token)
        plan = plan_questions(tokenizer, [Question(start, (text,)) for text in texts])
        return numpy.column_stack([self.scores(plan)[:, 0], plan.lengths[:, 0]])

    def answers(self, prompts: Sequence[str], sampling: Sampling) -> list[list[str]]:
        """Return `sampling.samples` answers to each prompt, put as a user's message.

        Every batch starts from the seed, whatever the condition, so that differences come from the condition; equal
        calls give equal answers. The caller's random state is left as it was.
        """
        made: list[list[str]] = []
        with use(self.loaded, self.condition, self.scale) as model:
            for start in range(0, len(prompts), BATCH):
                rendered = [self.chat(prompt) for prompt in prompts[start : start + BATCH]]
                made += generate(model, self.loaded.tokenizer, rendered, sampling)
        return made

    def chat(self, prompt: str) -> str:
        """Return a user's message in the model's chat format, up to where the answer starts."""
        return render(self.loaded.tokenizer, [{"role": "user", "content": prompt}])


def generate(model: Any, tokenizer: Any, rendered: Sequence[str], sampling: Sampling) -> list[list[str]]:
    """Return `sampling.samples` answers, stripped, to each rendered prompt, all in one batch."""
    import torch

    batch = tokenizer(list(rendered), add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    stops = {tokenizer.eos_token_id, tokenizer(end_of_turn(tokenizer), add_special_tokens=False)["input_ids"][0]}
    drawing: dict[str, Any] = {"do_sample": False}
    if sampling.temperature > 0:
        drawing = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
    with _seeded(sampling.seed), torch.inference_mode():
        made = model.generate(
            input_ids=batch["input_ids"].to(model.device), attention_mask=batch["attention_mask"].to(model.device),
            max_new_tokens=sampling.tokens, num_return_sequences=sampling.samples,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=sorted(stops - {None}), **drawing,
        )  # fmt: skip
    texts = tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    answers = [text.strip() for text in texts]
    size = sampling.samples
    return [answers[place : place + size] for place in range(0, len(answers), size)]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
