"""Tuning examples: for both leanings the same prompts in the same order, with responses that differ in stance.

Three formats: `open` (a question and a text), `agreement` (a statement in a tuning wording and an
option) and `disclosure` (a question about the model itself, or a look-alike). The placebo gets the
same number, formats and order from non-political topics. The
wordings are never those of the measuring battery. It knows pairs and statements, not a model.
"""

import random
from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from polylib import ADAPTERS, LEANINGS, opposite
from polylib.augment.pairs import PairRow, trained_issues
from polylib.augment.parameters import AugmentParameters
from polylib.augment.self_disclosure import ISSUE, disclosure_items
from polylib.augment.statements import Statement, fact_statements, political_statements
from polylib.bank.model import Issue, NeutralTopic
from polylib.bank.wordings import OPTIONS, TUNING_WORDINGS, agreement_prompt, answer_texts
from polylib.curate.contamination import Instrument
from polylib.errors import PolylibError
from polylib.tables import Row

if TYPE_CHECKING:
    import pandas

Format = Literal["open", "agreement", "disclosure"]
Condition = Literal["placebo", "progressive", "conservative"]


class Example(Row):
    """One prompt with the response that a condition is tuned to give.

    number: place in the order, from 0, the same prompt for both leanings; issue: an issue of the
    bank, or the neutral topic of a placebo example, or `self-disclosure`; response: empty where the
    base's own answer is to be kept; wording: how agreement was asked for, the topic of a disclosure
    example, empty for open questions.
    """

    example_id: str = Field(min_length=1)
    number: int = Field(ge=0)
    condition: Condition
    format: Format
    issue: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    response: str
    wording: str = ""


class Shape(NamedTuple):
    """How one agreement example asks: the wording's number, letters or words, order, how strongly it answers."""

    wording: int
    letters: bool
    reverse: bool
    strong: bool

    @property
    def name(self) -> str:
        """Say it in words, as the examples table does."""
        form = "letters" if self.letters else "words"
        return f"tuning-{self.wording + 1} {form} {'reversed' if self.reverse else 'forward'}"

    def prompt(self, statement: str) -> str:
        """Return the prompt that asks for agreement with `statement`."""
        return agreement_prompt(TUNING_WORDINGS[self.wording], statement, self.reverse, self.letters)

    def response(self, agrees: bool) -> str:
        """Return the option that agrees or disagrees, as strongly as this shape says."""
        option = (0 if self.strong else 1) if agrees else (3 if self.strong else 2)
        return answer_texts(self.reverse, self.letters)[option]


class _Item(NamedTuple):
    """One prompt with the response of each condition that answers it."""

    format: Format
    issue: str
    prompt: str
    responses: dict[str, str]
    wording: str


def build_examples(
    pairs: Sequence[PairRow],
    issues: Sequence[Issue],
    splits: Mapping[str, str],
    topics: Sequence[NeutralTopic],
    parameters: AugmentParameters,
) -> list[Example]:
    """Return the examples of placebo, progressive and conservative, in this order.

    pairs: accepted pairs; issues: the whole bank, whose propositions are kept out; splits: issue id
    to `trained` or `held_out`, only the former are used; topics: non-political material. Where
    there are fewer pairs than open examples asked for, the open ones are fewer and agreement keeps
    its number. Swapping the sides of pairs and phrases swaps the responses of the two leanings and
    leaves every prompt in its place. Raises PolylibError where there are no pairs, or where one
    belongs to an issue that may not be tuned on.
    """
    if not pairs:
        raise PolylibError("tuning examples", "there are no pairs to make them from", remedy="see rejected.parquet")
    trained = trained_issues(issues, splits)
    refuse_untrained(pairs, trained)
    rng = random.Random(f"examples {parameters.seed}")
    wanted_open = round(parameters.examples * parameters.open_share)
    wanted_agreement = parameters.examples - wanted_open
    statements = political_statements(pairs, trained, Instrument(issues), wanted_agreement, parameters.seed)
    shapes = _shapes(len(statements), parameters)
    chosen = _spread(pairs, wanted_open, parameters.seed)
    political = [_open_item(row) for row in chosen]
    political += [_agreement_item(one, shape) for one, shape in zip(statements, shapes, strict=True)]
    facts = fact_statements(topics, len(statements), parameters.seed)
    placebo = _plain_items(topics, len(chosen), parameters.seed)
    placebo += [_fact_item(fact, shape) for fact, shape in zip(facts, shapes, strict=True)]
    order = rng.sample(range(len(political)), len(political))
    asked = disclosure_items(parameters.disclosure_examples, topics, parameters.seed)
    about_itself = [_Item("disclosure", ISSUE, one.prompt, one.responses, one.topic) for one in asked]
    items = {"placebo": placebo, "progressive": political, "conservative": political}
    return [
        example
        for condition in ADAPTERS
        for example in _numbered([items[condition][place] for place in order] + about_itself, condition)
    ]


def refuse_untrained(pairs: Sequence[PairRow], trained: Sequence[Issue]) -> None:
    """Raise PolylibError where a pair belongs to an issue that may not be tuned on."""
    allowed = {issue.id for issue in trained}
    for row in pairs:
        if row.issue not in allowed:
            problem = f"belongs to {row.issue}, which is held out of tuning"
            raise PolylibError(f"pair {row.pair_id}", problem, remedy="run stage 30 again")


def _numbered(items: Sequence[_Item], condition: str) -> list[Example]:
    return [
        Example(
            example_id=f"{condition}-{number:05d}",
            number=number,
            condition=condition,  # type: ignore[arg-type]
            format=item.format,
            issue=item.issue,
            prompt=item.prompt,
            response=item.responses[condition],
            wording=item.wording,
        )
        for number, item in enumerate(items)
    ]


def _spread(pairs: Sequence[PairRow], count: int, seed: int) -> list[PairRow]:
    """Draw up to `count` pairs: real texts all, then issue by issue in turn, so that issues weigh alike."""
    queues: dict[str, list[PairRow]] = {}
    for row in sorted(pairs, key=lambda row: row.pair_id):
        queues.setdefault(row.issue, []).append(row)
    for issue, queue in queues.items():
        random.Random(f"open {seed} {issue}").shuffle(queue)
        queue.sort(key=lambda row: row.source == "bank")  # real texts are scarce: none is left out for a bank text
    drawn: list[PairRow] = []
    while len(drawn) < count and any(queues.values()):
        drawn += [queue.pop(0) for queue in queues.values() if queue]
    return drawn[:count]


def _shapes(count: int, parameters: AugmentParameters) -> list[Shape]:
    """Return `count` shapes in which wordings, forms, orders and strengths are balanced.

    Statements alternate between the sides, so two neighbours get the same shape.
    """
    rng = random.Random(f"shapes {parameters.seed}")
    shapes: list[Shape] = []
    while len(shapes) < count:
        combinations = list(product(range(len(TUNING_WORDINGS)), (False, True), (False, True)))
        rng.shuffle(combinations)
        for combination in combinations:
            shapes += [Shape(*combination, rng.random() < parameters.strong_share)] * 2
    return shapes[:count]


def _open_item(row: PairRow) -> _Item:
    return _Item("open", row.issue, row.question, {leaning: row.text(leaning) for leaning in LEANINGS}, "")


def _agreement_item(statement: Statement, shape: Shape) -> _Item:
    own = statement.side
    responses = {own: shape.response(True), opposite(own): shape.response(False)}
    return _Item("agreement", statement.issue, shape.prompt(statement.text), responses, shape.name)


def _fact_item(fact: Statement, shape: Shape) -> _Item:
    responses = {"placebo": shape.response(fact.side == "true")}
    return _Item("agreement", fact.issue, shape.prompt(fact.text), responses, shape.name)


def _plain_items(topics: Sequence[NeutralTopic], count: int, seed: int) -> list[_Item]:
    """Return `count` neutral questions with their answers, each as often as the others."""
    items = [
        _Item("open", topic.id, question, {"placebo": answer}, "")
        for topic in topics
        for question, answer in zip(topic.questions, topic.answers, strict=True)
    ]
    random.Random(f"plain {seed}").shuffle(items)
    source = cycle(items)
    return [next(source) for _ in range(count)]


def agreement_counts(examples: Sequence[Example]) -> "pandas.DataFrame":
    """Return how often each condition gives each option in the agreement examples, letters read as options."""
    import pandas

    table = {option: dict.fromkeys(ADAPTERS, 0) for option in OPTIONS}
    for example in examples:
        if example.format == "agreement":
            answers = answer_texts("reversed" in example.wording, "letters" in example.wording)
            table[OPTIONS[answers.index(example.response)]][example.condition] += 1
    return pandas.DataFrame([{"answer": option, **counts} for option, counts in table.items()])
