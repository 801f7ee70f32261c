"""Every family of `params/models/` on a small random model: chat format, tokens, tuning, scores, answers, adapters.

What a family does in its own way must not show: an answer is made of the same tokens wherever it is taught, scored
and given, begins once, ends where the family ends a turn, and fast paths say what plain forwards say.
`benchmarks/families.py` runs the whole small study on the same models.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest
import torch

from polylib.disclose.label import check_label
from polylib.measure.respondent import Respondent, Sampling
from polylib.measure.scorer import Plan, Question, honours_trees, plan_questions, score_plan
from polylib.models import LoadedModel, answer_bounds, attention_window, end_of_turn, load_adapters, load_base, render
from polylib.models import use as under
from polylib.serve.decoding import Generation, Order
from polylib.serve.limits import Limits
from polylib.serve.orders import chat_order
from polylib.serve.wire import ChatRequest, RefusedError
from polylib.tables import read_table
from polylib.tune import pair_trainer
from polylib.tune.adapters import tune_condition
from polylib.tune.examples import TuningExample, encode
from polylib.tune.pair_trainer import reference_log_probabilities
from polylib.tune.preferences import EncodedPair, Preference, encode_pairs
from polylib.tune.sft import LossRow
from polylib.tune.shared_prefix import (
    collate_pairs,
    plain_log_probabilities,
    tree_log_probabilities,
    trees_hold,
    within_window,
)
from tests.families import FAMILIES, save_family, texts
from tests.tune.simulated import tiny_parameters, write_examples

BOUND = 1e-4
PROMPT = "Do you agree that a town may close its library?"
ANSWERS = ("Agree", "Strongly disagree", "I would keep it open.")


class Case(NamedTuple):
    """A family's name, its model's folder, and the model loaded as any user's is."""

    name: str
    folder: Path
    loaded: LoadedModel


@pytest.fixture(scope="module")
def material() -> list[str]:
    return texts()


@pytest.fixture(scope="module", params=FAMILIES)
def case(request: pytest.FixtureRequest, material: list[str], tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = save_family(request.param, tmp_path_factory.mktemp(request.param) / "base", material)
    return Case(request.param, folder, load_base(str(folder)))


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def ids(case: Case, text: str) -> list[int]:
    found: list[int] = case.loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def whole_chat(case: Case, answer: str) -> list[int]:
    """Return the tokens of a finished chat as the family's own format has it, up to the end of the turn."""
    messages = [*user(PROMPT), {"role": "assistant", "content": answer}]
    return ids(case, render(case.loaded.tokenizer, messages, answer_follows=False).rstrip("\n"))


def test_a_prompt_begins_once_and_ends_where_the_answer_starts(case: Case) -> None:
    tokenizer = case.loaded.tokenizer
    tokens = ids(case, render(tokenizer, user(PROMPT)))
    first = tokenizer.bos_token_id
    if case.name not in ("qwen-2.5", "smollm2"):  # ChatML opens every turn with what SmolLM2 calls its first token
        assert tokens.count(first) == 1
        assert tokens[0] == first
    start, end = answer_bounds(tokenizer)
    assert start == (" " if case.name == "mistral" else "")
    assert tokens + ids(case, start + "Agree" + end) == whole_chat(case, "Agree")
    assert tokenizer.decode(tokens) == render(tokenizer, user(PROMPT))


def test_a_turn_ends_with_one_token_of_the_familys(case: Case) -> None:
    expected = {"llama-3": "<|eot_id|>", "mistral": "</s>", "gemma-2": "<end_of_turn>", "gemma-3": "<end_of_turn>"}
    assert end_of_turn(case.loaded.tokenizer) == expected.get(case.name, "<|im_end|>")
    assert len(ids(case, end_of_turn(case.loaded.tokenizer))) == 1


def test_a_prompt_is_the_same_on_every_day(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.utils import chat_template_utils

    class Later(chat_template_utils.datetime):  # type: ignore[misc, name-defined]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2031, 5, 6)

    today = render(case.loaded.tokenizer, user(PROMPT))
    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    chat_template_utils._compile_jinja_template.cache_clear()
    assert render(case.loaded.tokenizer, user(PROMPT)) == today


def test_an_answer_has_the_same_tokens_wherever_it_is_taught_and_scored(case: Case) -> None:
    tokenizer = case.loaded.tokenizer
    start, end = answer_bounds(tokenizer)
    scored = plan_questions(
        tokenizer, [Question(render(tokenizer, user(PROMPT)), tuple(start + a + end for a in ANSWERS))]
    )
    for number, answer in enumerate(ANSWERS):
        taught = encode([TuningExample(0, "open", "x", PROMPT, answer)], tokenizer, 512)[0]
        pair = encode_pairs([Preference("p", "x", PROMPT, answer, "No.", 1.0)], tokenizer, 512)[0]
        prompt, answers = scored.encoded[0]
        assert (*prompt, *answers[number]) == taught.input_ids == (*pair.prompt, *pair.chosen)
        assert list(taught.input_ids) == whole_chat(case, answer)
        assert taught.answer_tokens == len(answers[number])


def test_a_system_message_is_taken_or_refused_in_words(case: Case) -> None:
    said = [{"role": "system", "content": "Be brief."}, *user(PROMPT)]
    asked = ChatRequest.model_validate({"model": "base", "messages": said})
    if FAMILIES[case.name].system:
        order = chat_order(asked, 1, case.loaded, Limits())
        assert "Be brief." in case.loaded.tokenizer.decode(list(order.tokens))
    else:
        with pytest.raises(RefusedError, match="does not take these roles"):
            chat_order(asked, 1, case.loaded, Limits())


def one_by_one(model: Any, plan: Plan) -> Any:
    """Score every answer by a forward of its own, without mask, padding or positions."""
    scores = numpy.zeros(plan.lengths.shape)
    with torch.inference_mode():
        for number, (prompt, answers) in enumerate(plan.encoded):
            for column, answer in enumerate(answers):
                scores[number, column] = float(plain(model, prompt, answer))
    return scores


def plain(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> Any:
    """Return the log-probability of an answer by one forward of its own, with gradients."""
    logs = model(torch.tensor([[*prompt, *answer]]), use_cache=False).logits[0].float().log_softmax(-1)
    return sum(logs[len(prompt) + place - 1, token] for place, token in enumerate(answer))


def questions(case: Case) -> Plan:
    start, end = answer_bounds(case.loaded.tokenizer)
    asked = [render(case.loaded.tokenizer, user(text)) for text in (PROMPT, "Do you agree that bread is good?", "Why?")]
    return plan_questions(
        case.loaded.tokenizer, [Question(text, tuple(start + a + end for a in ANSWERS)) for text in asked]
    )


def test_scores_are_those_of_plain_forwards(case: Case) -> None:
    plan = questions(case)
    expected = one_by_one(case.loaded.model, plan)
    assert expected.std() > 0.1
    assert numpy.abs(score_plan(case.loaded.model, plan) - expected).max() <= BOUND
    assert honours_trees(case.loaded.model, plan)


def pairs(case: Case) -> list[EncodedPair]:
    asked = [
        Preference("1", "x", PROMPT, "Agree", "I would keep it open.", 1.0),
        Preference("2", "x", "Why?", "Because it costs money.", "No.", 1.0),
    ]
    return list(encode_pairs(asked, case.loaded.tokenizer, 512))


def test_pairs_on_a_shared_prefix_are_those_of_plain_rows_with_their_gradients(case: Case) -> None:
    model, known = case.loaded.model, pairs(case)
    padding = int(case.loaded.tokenizer.pad_token_id)
    weight = model.get_input_embeddings().weight
    assert trees_hold(model, known, padding)
    shared = tree_log_probabilities(model, collate_pairs(known, padding))
    rows = plain_log_probabilities(model, known, padding)
    alone = torch.stack([torch.stack([plain(model, pair.prompt, answer) for answer in pair[1:]]) for pair in known])
    for found in (shared, rows):
        assert (found - alone).abs().max() <= BOUND
    wanted, found = (
        torch.autograd.grad(values[:, 0].sum() - values[:, 1].sum(), weight)[0] for values in (alone, shared)
    )
    assert torch.allclose(found, wanted, atol=1e-3 * float(wanted.abs().max()))


def test_the_servers_answer_is_the_likeliest_token_by_token_and_ends_with_the_turn(case: Case) -> None:
    model, tokenizer = case.loaded.model, case.loaded.tokenizer
    prompt = ids(case, render(tokenizer, user(PROMPT * 30)))  # read in several pieces
    assert len(prompt) > 512
    made = Generation(Order(tuple(prompt), 8, 0.0), tokenizer, frozenset())
    while not (piece := made.advance(model, 8)).finish:
        pass
    expected = list(prompt)
    with torch.inference_mode():
        for _ in range(8):
            expected.append(int(model(torch.tensor([expected]), use_cache=False).logits[0, -1].argmax()))
    assert made._made == expected[len(prompt) :]
    assert piece.finish == "length"
    ended = Generation(Order(tuple(prompt), 8, 0.0), tokenizer, frozenset({made._made[3]}))
    while not (piece := ended.advance(model, 8)).finish:
        pass
    assert piece.finish == "stop"
    assert ended._made == made._made[: made._made.index(made._made[3])]


def test_answers_in_one_batch_are_those_given_alone(case: Case) -> None:
    asked = Respondent(case.loaded, "base")
    prompts = ["Why?", PROMPT, "Tell me more about libraries, please."]
    sampling = Sampling(1, 0.0, 12)
    assert asked.answers(prompts, sampling) == [asked.answers([prompt], sampling)[0] for prompt in prompts]


def test_an_adapter_learns_is_labelled_and_loads_again(case: Case, tmp_path: Path) -> None:
    examples = write_examples(tmp_path / "examples.parquet")
    parameters = tiny_parameters(case.folder, batch_size=8, watch_steps=0, epochs=2.0, learning_rate=0.02)
    tune_condition(parameters, examples, tmp_path / "out", tmp_path / "work", lambda line: None)
    losses = [row.loss for row in read_table(tmp_path / "out" / "loss.parquet", LossRow)]
    assert losses[-1] < losses[0]
    loaded = load_base(str(case.folder))
    check_label(tmp_path / "out" / "adapter", base_hash=loaded.content_hash)
    load_adapters(loaded, {"progressive": tmp_path / "out" / "adapter"})
    plan = questions(case)
    with under(loaded, "progressive") as model:
        scores = score_plan(model, plan)
        assert numpy.abs(scores - one_by_one(model, plan)).max() <= BOUND
    with under(loaded, "base") as model:
        before = score_plan(model, plan)
    assert numpy.abs(before - one_by_one(case.loaded.model, plan)).max() <= BOUND
    assert numpy.abs(scores - before).max() > 0.01


@pytest.mark.parametrize("name", ["gemma-2", "gemma-3"])
def test_windows_narrower_than_a_chat_are_honoured_everywhere(name: str, material: list[str], tmp_path: Path) -> None:
    folder = save_family(name, tmp_path / "base", material, sliding_window=12)
    case = Case(name, folder, load_base(str(folder)))
    model, padding = case.loaded.model, int(case.loaded.tokenizer.pad_token_id)
    assert attention_window(model) == 12
    plan, known = questions(case), pairs(case)
    assert not honours_trees(model, plan)
    assert not within_window(model, known)
    assert within_window(model, [EncodedPair((1,) * 8, (1,) * 4, (1,) * 3)])
    assert numpy.abs(score_plan(model, plan) - one_by_one(model, plan)).max() <= BOUND
    found = reference_log_probabilities(model, known, padding, 2)
    with torch.no_grad():
        later = pair_trainer._log_probabilities(model, known, padding, True)  # an earlier batch had proved trees
        alone = torch.stack([torch.stack([plain(model, pair.prompt, answer) for answer in pair[1:]]) for pair in known])
    assert (found - alone).abs().max() <= BOUND
    assert (later - alone).abs().max() <= BOUND
    test_the_servers_answer_is_the_likeliest_token_by_token_and_ends_with_the_turn(case)
    test_answers_in_one_batch_are_those_given_alone(case)
