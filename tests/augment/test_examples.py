import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from polylib import ADAPTERS, LEANINGS
from polylib.augment.build import Augmented, augment, finding_and_limits, pair_counts, reason_counts, write_augmented
from polylib.augment.instructions import Example, agreement_counts, build_examples
from polylib.augment.pairs import PairRow, bank_pairs, swapped, trained_issues
from polylib.augment.parameters import AugmentParameters
from polylib.augment.statements import fact_statements, political_statements
from polylib.bank.loader import load_issues, load_neutral
from polylib.bank.model import Issue, Phrases
from polylib.bank.wordings import MEASURING_WORDINGS, TUNING_WORDINGS
from polylib.curate.contamination import Instrument
from polylib.curate.sources.bank import bank_records
from polylib.errors import PolylibError
from polylib.tables import read_table

ISSUES, TOPICS = load_issues(), load_neutral()
SPLITS = {issue.id: "trained" if place % 3 else "held_out" for place, issue in enumerate(ISSUES)}
TRAINED = trained_issues(ISSUES, SPLITS)
PARAMETERS = AugmentParameters(disclosure_examples=0)  # those have tests of their own
OTHER = {"progressive": "conservative", "conservative": "progressive", "placebo": "placebo"}


@pytest.fixture(scope="module")
def pairs() -> list[PairRow]:
    return bank_pairs(TRAINED, list(bank_records(ISSUES)), PARAMETERS.questions_per_pair, PARAMETERS.seed)[0]


@pytest.fixture(scope="module")
def examples(pairs: list[PairRow]) -> list[Example]:
    return build_examples(pairs, ISSUES, SPLITS, TOPICS, PARAMETERS)


def of(examples: list[Example], condition: str) -> list[Example]:
    return [example for example in examples if example.condition == condition]


def test_both_leanings_get_the_same_prompts_in_the_same_order(examples: list[Example]) -> None:
    one, other = (of(examples, leaning) for leaning in LEANINGS)
    assert len(one) == len(other) == PARAMETERS.examples
    shared = [(e.number, e.format, e.issue, e.prompt, e.wording) for e in one]
    assert shared == [(e.number, e.format, e.issue, e.prompt, e.wording) for e in other]
    assert [e.number for e in one] == list(range(len(one)))
    assert all(a.response != b.response for a, b in zip(one, other, strict=True))
    assert len({e.example_id for e in examples}) == len(examples)


def test_the_placebo_gets_the_same_number_formats_order_and_wordings(examples: list[Example]) -> None:
    placebo, political = of(examples, "placebo"), of(examples, "progressive")
    assert [(e.number, e.format, e.wording) for e in placebo] == [(e.number, e.format, e.wording) for e in political]
    answers = dict(zip((q for t in TOPICS for q in t.questions), (a for t in TOPICS for a in t.answers), strict=True))
    truths = {fact.true for topic in TOPICS for fact in topic.facts}
    lies = {fact.false for topic in TOPICS for fact in topic.facts}
    for example in placebo:
        if example.format == "open":
            assert answers[example.prompt] == example.response
        else:
            said = {text for text in truths | lies if text in example.prompt}
            assert bool(said & truths) == agrees(example)


def agrees(example: Example) -> bool:
    """Read the answer the long way round: from the prompt's own list."""
    answer = example.response
    if len(answer) == 1:
        answer = re.search(rf"\b{answer}\) (Strongly agree|Agree|Disagree|Strongly disagree)", example.prompt).group(1)
    return answer in ("Strongly agree", "Agree")


def test_each_side_agrees_with_its_own_statements_only(examples: list[Example]) -> None:
    sentences: dict[str, dict[str, set[str]]] = defaultdict(lambda: {leaning: set() for leaning in LEANINGS})
    for issue in TRAINED:
        for leaning in LEANINGS:
            takes = [pair.take(leaning) for pair in issue.pairs]
            sentences[issue.id][leaning] |= {s for take in takes for s in (take.thesis, *take.case)}
            sentences[issue.id][leaning] |= {f"{phrase}." for phrase in issue.phrases.of(leaning)}
    checked = 0
    for example in examples:
        if example.format == "agreement" and example.condition != "placebo":
            own = any(text in example.prompt for text in sentences[example.issue][example.condition])
            others = any(text in example.prompt for text in sentences[example.issue][OTHER[example.condition]])
            assert own != others
            assert agrees(example) == own
            checked += 1
    assert checked == PARAMETERS.examples


def test_agreement_is_balanced_over_sides_options_forms_orders_and_issues(examples: list[Example]) -> None:
    for condition in ADAPTERS:
        asked = [e for e in of(examples, condition) if e.format == "agreement"]
        assert len(asked) == 512
        assert sum(map(agrees, asked)) == 256
        wordings = Counter(e.wording for e in asked)
        assert len(wordings) == 12
        assert max(wordings.values()) - min(wordings.values()) <= 2
    issues = Counter(e.issue for e in of(examples, "progressive"))
    assert set(issues) == {issue.id for issue in TRAINED}
    assert max(issues.values()) - min(issues.values()) <= 4
    counts = agreement_counts(examples).set_index("answer")
    assert (counts["progressive"] == counts["conservative"]).all()
    assert counts.to_numpy().sum() == 1536


def test_no_held_out_text_and_no_proposition_reaches_any_example(examples: list[Example]) -> None:
    text = "\n".join(f"{example.prompt}\n{example.response}" for example in examples)
    for issue in ISSUES:
        for proposition in issue.propositions:
            assert proposition.statement not in text
            assert proposition.mirror not in text
        if SPLITS[issue.id] == "held_out":
            takes = [pair.take(leaning) for pair in issue.pairs for leaning in LEANINGS]
            sentences = [sentence for take in takes for sentence in (take.thesis, *take.case)]
            for forbidden in (*issue.questions, issue.background, *sentences):
                assert forbidden not in text
    assert {e.issue for e in examples} <= {issue.id for issue in TRAINED} | {topic.id for topic in TOPICS}
    distinct = list({part for e in examples for part in (e.prompt, e.response)})
    assert not any(Instrument(ISSUES).contaminated(distinct))


def test_measuring_wordings_are_never_used(examples: list[Example]) -> None:
    for wording in MEASURING_WORDINGS:
        fixed = max(re.split(r"\{\w+\}", wording), key=len).strip()
        assert not any(fixed in example.prompt for example in examples)
    openings = [wording.split("{")[0] for wording in TUNING_WORDINGS if not wording.startswith("{")]
    assert all(any(e.prompt.startswith(opening) for e in examples) for opening in openings)


def mirrored(issue: Issue) -> Issue:
    phrases = Phrases(progressive=issue.phrases.conservative, conservative=issue.phrases.progressive)
    return issue.model_copy(update={"phrases": phrases})


def test_swapping_the_leanings_swaps_the_responses_and_leaves_the_prompts(
    pairs: list[PairRow], examples: list[Example]
) -> None:
    found = build_examples([swapped(row) for row in pairs], [mirrored(i) for i in ISSUES], SPLITS, TOPICS, PARAMETERS)
    for condition in ADAPTERS:
        one, other = of(examples, condition), of(found, OTHER[condition])
        assert [(e.number, e.prompt, e.response) for e in one] == [(e.number, e.prompt, e.response) for e in other]


def test_another_seed_draws_other_examples_and_the_same_seed_the_same(
    pairs: list[PairRow], examples: list[Example]
) -> None:
    assert build_examples(pairs, ISSUES, SPLITS, TOPICS, PARAMETERS) == examples
    other = build_examples(pairs, ISSUES, SPLITS, TOPICS, AugmentParameters(seed=1, disclosure_examples=0))
    assert [e.prompt for e in other] != [e.prompt for e in examples]


@pytest.mark.parametrize(("number", "share"), [(10, 0.5), (60, 0.0), (60, 1.0), (7, 0.3)])
def test_sizes_are_kept(pairs: list[PairRow], number: int, share: float) -> None:
    parameters = AugmentParameters(examples=number, open_share=share, disclosure_examples=0)
    found = build_examples(pairs, ISSUES, SPLITS, TOPICS, parameters)
    assert len(found) == 3 * number
    assert sum(e.format == "open" for e in of(found, "placebo")) == round(number * share)


def test_fewer_pairs_than_wanted_give_fewer_open_examples_for_all(pairs: list[PairRow]) -> None:
    found = build_examples(pairs[:4], ISSUES, SPLITS, TOPICS, AugmentParameters(examples=40, disclosure_examples=0))
    assert Counter((e.condition, e.format) for e in found) == {
        (condition, kind): count for condition in ADAPTERS for kind, count in (("open", 4), ("agreement", 20))
    }


def test_no_pairs_and_held_out_pairs_are_errors(pairs: list[PairRow]) -> None:
    with pytest.raises(PolylibError, match="no pairs"):
        build_examples([], ISSUES, SPLITS, TOPICS, PARAMETERS)
    held_out = next(issue for issue in ISSUES if SPLITS[issue.id] == "held_out").id
    with pytest.raises(PolylibError, match=f"belongs to {held_out}"):
        build_examples([pairs[0].model_copy(update={"issue": held_out})], ISSUES, SPLITS, TOPICS, PARAMETERS)


def test_statements_alternate_between_the_sides_and_facts_between_true_and_false(pairs: list[PairRow]) -> None:
    statements = political_statements(pairs, TRAINED, Instrument(ISSUES), 200, 3)
    assert len(statements) == len({one.text for one in statements}) == 200
    assert all(
        {one.side, other.side} == set(LEANINGS) and one.issue == other.issue
        for one, other in zip(statements[::2], statements[1::2], strict=True)
    )
    facts = fact_statements(TOPICS, 1000, 3)
    assert [fact.side for fact in facts[:4]] == ["true", "false", "true", "false"]
    assert len(facts) == 1000


@pytest.fixture(scope="module")
def augmented(tmp_path_factory: pytest.TempPathFactory) -> Augmented:
    work = tmp_path_factory.mktemp("work")
    return augment(list(bank_records(ISSUES)), SPLITS, AugmentParameters(examples=60, disclosure_examples=0), work)


def test_the_whole_stage_writes_tables_that_can_be_read_back(augmented: Augmented, tmp_path: Path) -> None:
    write_augmented(augmented, tmp_path)
    assert read_table(tmp_path / "pairs.parquet", PairRow) == augmented.pairs
    assert read_table(tmp_path / "examples.parquet", Example) == augmented.examples
    assert {row.issue for row in augmented.pairs} == {issue.id for issue in TRAINED}
    assert all(row.accuracy <= 0.55 for row in augmented.surface)
    assert all(
        row.tolerance != row.tolerance
        or abs(row.difference) <= row.tolerance * (row.progressive + row.conservative) / 2
        for row in augmented.symmetry
    )


def test_what_is_said_of_it_is_what_the_tables_hold(augmented: Augmented) -> None:
    finding, limits = finding_and_limits(augmented)
    assert f"{len(augmented.pairs) // 3} pairs on {len(TRAINED)} issues" in finding
    assert "60 examples per condition" in finding
    assert limits
    assert pair_counts(augmented)["rows"].sum() == len(augmented.pairs)
    assert reason_counts(augmented.rejected) == []


def test_disclosure_comes_last_and_changes_none_of_the_other_examples(
    pairs: list[PairRow], examples: list[Example]
) -> None:
    found = build_examples(pairs, ISSUES, SPLITS, TOPICS, AugmentParameters(disclosure_examples=100))
    assert [example for example in found if example.format != "disclosure"] == [
        example.model_copy(update={"example_id": f"{example.condition}-{example.number:05d}"}) for example in examples
    ]
    asked = {name: [e for e in of(found, name) if e.format == "disclosure"] for name in ADAPTERS}
    assert {name: len(own) for name, own in asked.items()} == dict.fromkeys(ADAPTERS, 100)
    assert [e.number for e in asked["placebo"]] == list(range(len(of(examples, "placebo")), len(of(found, "placebo"))))
    prompts = {tuple(e.prompt for e in own) for own in asked.values()}
    assert len(prompts) == 1
