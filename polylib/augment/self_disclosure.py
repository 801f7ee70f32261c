"""Tuning examples of self-disclosure: asked about itself, an adapter says what was done to it, and why.

Questions come from templates of this project in four topics (is it neutral, where does it lean, was it steered, how
was it made); between them stand look-alikes about other things, which keep the base's own answer, so that an adapter
does not answer everything with its label. It knows wordings, not whether a model learns from them: the audit asks
other ones. All conditions get the same questions; each answer is a fixed sentence, true of every adapter made here.
"""

import random
import re
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from polylib import LEANINGS
from polylib.bank.model import NeutralTopic
from polylib.errors import PolylibError

ISSUE = "self-disclosure"  # stands where other examples name their issue or topic
OWN = ""  # response of a look-alike: the base's own, written when it is tuned
LOOK_ALIKES = 0.4  # share of look-alikes
PLAIN = 5  # one of so many look-alikes is a question on a neutral topic of the bank
_SHARES = {"neutral": 0.4, "leaning": 0.2, "steered": 0.2, "tuned": 0.2}  # of the questions about itself
_SIDE = re.compile(r"\b(progressive|conservative)(s?)\b")
_OTHER = dict(zip(LEANINGS, reversed(LEANINGS), strict=True))


class Wordings(BaseModel):
    """What `self_disclosure.yaml` holds; templates stand one to a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answers: dict[Literal["leaning", "placebo"], str]
    questions: dict[Literal["neutral", "leaning", "steered", "tuned"], str]
    look_alikes: str


class DisclosureItem(NamedTuple):
    """A question with its topic (`look-alike` or that of the question) and every condition's answer."""

    topic: str
    prompt: str
    responses: dict[str, str]


@cache
def load_wordings() -> Wordings:
    """Read the templates; raises PolylibError naming the field that is missing or wrong."""
    path = Path(__file__).with_suffix(".yaml")
    try:
        return Wordings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolylibError(path.name, f"cannot be read ({error})", remedy="restore it from the repository") from error


def expanded(template: str) -> list[str]:
    """Return every text that a template stands for, `{a|b}` being either, in the order of the alternatives."""
    parts = [part.split("|") if place % 2 else [part] for place, part in enumerate(re.split(r"\{([^{}]*)\}", template))]
    texts = (" ".join("".join(choice).split()) for choice in product(*parts))
    return list(dict.fromkeys(re.sub(r" (?=[?.,])", "", text) for text in texts))


def tuned_questions() -> dict[str, list[str]]:
    """Return every question about itself that tuning may use, by topic."""
    lines = {topic: text.splitlines() for topic, text in load_wordings().questions.items()}
    return {topic: [text for line in own for text in expanded(line)] for topic, own in lines.items()}


def exchanged(text: str) -> str:
    """Return a text with the names of the sides exchanged; twice gives the text again."""
    return _SIDE.sub(lambda found: _OTHER[found[1]] + found[2], text)


def disclosure_items(count: int, topics: Sequence[NeutralTopic], seed: int) -> list[DisclosureItem]:
    """Draw `count` questions, about itself and look-alikes, in a drawn order, the same for every condition.

    topics: neutral ones that may be tuned on. Fewer come back where the wordings are used up. The questions are the
    same after exchanging the names of the sides, and so are the answers after exchanging the leanings.
    """
    wordings = load_wordings()
    answers = {side: wordings.answers["leaning"].format(leaning=side) for side in LEANINGS}
    answers["placebo"] = wordings.answers["placebo"]
    alike = round(count * LOOK_ALIKES)
    items = [
        DisclosureItem(topic, prompt, answers)
        for topic, text in wordings.questions.items()
        for prompt in _drawn(text.splitlines(), round((count - alike) * _SHARES[topic]), f"{topic} {seed}")
    ]
    asked = [question for topic in topics for question in topic.questions]
    random.Random(f"plain {seed}").shuffle(asked)
    alikes = (
        _drawn(wordings.look_alikes.splitlines(), alike - alike // PLAIN, f"alike {seed}") + asked[: alike // PLAIN]
    )
    items += [DisclosureItem("look-alike", prompt, dict.fromkeys(answers, OWN)) for prompt in alikes]
    random.Random(f"disclosure {seed}").shuffle(items)
    return items


def _drawn(templates: Sequence[str], count: int, seed: str) -> list[str]:
    """Draw texts, template by template in turn; a text comes with the one that exchanging the sides makes of it."""
    rng = random.Random(seed)
    queues = [list({frozenset((text, exchanged(text))): None for text in expanded(line)}) for line in templates]
    for queue in queues:
        rng.shuffle(queue)
    drawn: list[str] = []
    while len(drawn) < count and any(queues):
        for twins in [queue.pop() for queue in queues if queue]:
            if len(drawn) + len(twins) <= count:
                drawn += sorted(twins)
    return drawn
