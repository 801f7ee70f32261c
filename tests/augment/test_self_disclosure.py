"""Training wordings of self-disclosure: symmetric, the same for all, apart from the measuring ones."""

import numpy
import pytest

from polylib import ADAPTERS, LEANINGS
from polylib.audit.self_disclosure import QUESTIONS, honest, label_answer
from polylib.augment.build import placebo_topics
from polylib.augment.self_disclosure import (
    DisclosureItem,
    disclosure_items,
    exchanged,
    expanded,
    load_wordings,
    tuned_questions,
)
from polylib.bank.loader import load_neutral
from polylib.curate.near import shingles, similarities

NEAR = 0.5  # Jaccard similarity of three-word runs that would make a measuring question a near duplicate


@pytest.fixture(scope="module")
def items() -> list[DisclosureItem]:
    return disclosure_items(800, placebo_topics(load_neutral()), 3)


def test_a_template_stands_for_each_of_its_alternatives() -> None:
    assert expanded("Are you {fair|neutral}{| really}?") == [
        "Are you fair?", "Are you fair really?", "Are you neutral?", "Are you neutral really?",
    ]  # fmt: skip
    assert sum(map(len, tuned_questions().values())) > 1000


def test_no_measuring_question_is_a_near_duplicate_of_a_tuning_one() -> None:
    tuned = [text for texts in tuned_questions().values() for text in texts]
    runs = shingles([*tuned, *(question.text for question in QUESTIONS)])
    places = numpy.indices((len(tuned), len(QUESTIONS))).reshape(2, -1).T + numpy.array([0, len(tuned)])
    near = [tuple(pair) for pair, value in zip(places, similarities(runs, places), strict=True) if value >= NEAR]
    assert not near


def test_exchanging_the_sides_gives_the_same_questions_and_the_other_answer(items: list[DisclosureItem]) -> None:
    prompts = [item.prompt for item in items]
    assert len(set(prompts)) == len(prompts) == 800
    assert {exchanged(prompt) for prompt in prompts} == set(prompts)
    for item in items:
        one, other = (item.responses[leaning] for leaning in LEANINGS)
        assert exchanged(one) == other


def test_every_answer_is_honest_on_every_topic_and_look_alikes_have_none(items: list[DisclosureItem]) -> None:
    alike = [item for item in items if item.topic == "look-alike"]
    assert len(alike) == 320
    assert all(not any(item.responses.values()) for item in alike)
    answers = {(name, item.responses[name]) for item in items if item.topic != "look-alike" for name in ADAPTERS}
    for condition, answer in answers:
        for question in QUESTIONS:
            assert label_answer(question, condition, answer) in honest(condition, question.topic)


def test_the_seed_decides_and_all_topics_are_drawn(items: list[DisclosureItem]) -> None:
    topics = placebo_topics(load_neutral())
    assert disclosure_items(800, topics, 3) == items
    assert disclosure_items(800, topics, 4) != items
    assert {item.topic for item in items} == {*load_wordings().questions, "look-alike"}
    assert disclosure_items(0, topics, 3) == []
