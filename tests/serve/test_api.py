"""The interface: what it answers, that the label is beside it, and that no two adapters ever mix."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from polylib.measure.scorer import Question, plan_questions, score_plan
from polylib.models import render
from polylib.serve.catalogue import Catalogue

MODELS = ("base", "placebo", "progressive", "conservative", "blend:0.5", "blend:0.25")
ALL = (*MODELS, "balanced", "routed")


def said(reply: Any) -> str:
    assert reply.status == 200, reply.text
    return str(reply.json["choices"][0]["message"]["content"])


def greedy(catalogue: Catalogue, name: str, question: str, count: int) -> str:
    """Return the likeliest answer, computed without a cache and without this room's code."""
    tokenizer = catalogue.loaded.tokenizer
    offer = catalogue.find(name)
    assert offer is not None
    tokens = tokenizer(render(tokenizer, [{"role": "user", "content": question}]), add_special_tokens=False).input_ids
    start = len(tokens)
    with torch.inference_mode(), catalogue.switched(offer) as model:
        for _ in range(count):
            best = int(model(torch.tensor([tokens])).logits[0, -1].argmax())
            if best == tokenizer.eos_token_id:
                break
            tokens.append(best)
    return str(tokenizer.decode(tokens[start:], skip_special_tokens=True))


def test_the_list_names_root_parent_and_label(server: Any) -> None:
    listed = server.ask("GET", "/v1/models").json
    by_name = {entry["id"]: entry for entry in listed["data"]}
    assert set(by_name) == {
        "base", "placebo", "progressive", "conservative", "blend:0.25", "blend:0.5", "blend:0.75", "balanced",
        "routed",
    }  # fmt: skip
    assert by_name["base"]["parent"] is None
    assert {entry["parent"] for name, entry in by_name.items() if name != "base"} == {"base"}
    assert {entry["root"] for entry in by_name.values()} == {"tiny"}, "a name, never a path"
    assert by_name["progressive"]["label"]["banner"].startswith("AI. Deliberately progressive")
    assert "-0.50 (95 % interval -0.60 to -0.40, n = 16 issues" in by_name["progressive"]["label"]["measured"]
    assert "not measured" in by_name["blend:0.5"]["label"]["measured"]
    assert server.ask("GET", "/v1/models/blend:0.3").json["label"]["weights"] == {
        "progressive": 0.7, "conservative": 0.3,
    }  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_every_answer_carries_its_label(server: Any, name: str) -> None:
    reply = server.chat(name, max_tokens=4, seed=1)
    label = reply.json["label"]
    assert reply.headers["x-ai-generated"] == "true"
    assert reply.headers["x-model-lean"].split(";")[0] == label["political_lean"]
    assert label["banner"].startswith("AI. ")
    assert reply.json["model"] == label["model"] == name
    assert reply.json["seed"] == 1
    streamed = server.chat(name, max_tokens=4, seed=1, stream=True)
    assert streamed.headers["x-model-lean"] == reply.headers["x-model-lean"]
    assert streamed.events[0]["label"] == label


def test_swapping_the_leanings_swaps_what_labels_say(catalogue: Catalogue) -> None:
    turn = {"progressive": "conservative", "conservative": "progressive"}
    for name, other in (("blend:0.25", "blend:0.75"), ("blend:0", "blend:1"), ("blend:0.5", "blend:0.5")):
        one, two = catalogue.find(name), catalogue.find(other)
        assert one is not None
        assert two is not None
        assert dict(one.weights) == {turn[side]: weight for side, weight in two.weights}
    left, right = catalogue.find("progressive"), catalogue.find("conservative")
    assert left is not None
    assert right is not None
    assert left.banner.replace("progressive", "conservative") == right.banner
    assert left.header.startswith("progressive; score=-0.50; interval=-0.60..-0.40")
    assert right.header.startswith("conservative; score=+0.60; interval=+0.50..+0.70")


@pytest.mark.parametrize("name", MODELS)
def test_the_likeliest_answer_is_the_models_own(server: Any, catalogue: Catalogue, name: str) -> None:
    question = "What about parks and schools?"
    assert said(server.chat(name, question, temperature=0, max_tokens=40)) == greedy(catalogue, name, question, 40)


def test_offers_differ_and_seeds_repeat(server: Any) -> None:
    answers = {name: said(server.chat(name, seed=5, max_tokens=30)) for name in MODELS}
    assert len(set(answers.values())) == len(MODELS)
    assert said(server.chat("base", seed=5, max_tokens=30)) == answers["base"]
    assert said(server.chat("base", seed=6, max_tokens=30)) != answers["base"]
    assert said(server.chat("blend:0", temperature=0, max_tokens=30)) == said(
        server.chat("progressive", temperature=0, max_tokens=30)
    )


def test_fifty_clients_at_once_get_what_they_would_get_alone(server: Any) -> None:
    asked = [(ALL[number % len(ALL)], f"Question {number % 7}?", number) for number in range(50)]

    def answer(one: tuple[str, str, int]) -> str:
        name, question, seed = one
        stream = seed % 3 == 0
        reply = server.chat(name, question, seed=seed, max_tokens=5 + seed % 20, stream=stream)
        assert reply.headers["x-model-lean"].split(";")[0] in (name, "none", "blend")
        if not stream:
            return said(reply)
        return "".join(event["choices"][0]["delta"].get("content", "") for event in reply.events)

    alone = [answer(one) for one in asked]
    with ThreadPoolExecutor(50) as together:
        assert list(together.map(answer, asked)) == alone


def test_a_stream_says_the_same_as_a_whole_answer(server: Any) -> None:
    settings: dict[str, Any] = {"seed": 11, "max_tokens": 60, "logprobs": True, "top_logprobs": 2}
    whole = server.chat("progressive", **settings).json
    events = server.chat("progressive", stream=True, stream_options={"include_usage": True}, **settings).events
    choices = [event["choices"][0] for event in events if event["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert "".join(choice["delta"].get("content", "") for choice in choices) == said_of(whole)
    assert [score for choice in choices for score in choice["logprobs"]["content"]] == (
        whole["choices"][0]["logprobs"]["content"]
    )
    assert choices[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert events[-1]["usage"] == whole["usage"]
    assert events[-1]["choices"] == []
    assert len(choices) > 3, "it comes in parts"


def said_of(body: Any) -> str:
    return str(body["choices"][0]["message"]["content"])


def test_a_stop_text_ends_an_answer_and_is_never_shown(server: Any) -> None:
    whole = said(server.chat("conservative", seed=2, max_tokens=60))
    for stop in (whole[10:14], whole[20]):
        cut = whole.index(stop)
        for stream in (False, True):
            reply = server.chat("conservative", seed=2, max_tokens=60, stop=["never said", stop], stream=stream)
            text = (
                "".join(event["choices"][0]["delta"].get("content", "") for event in reply.events)
                if stream else said(reply)
            )  # fmt: skip
            assert text == whole[:cut]
    assert reply.events[-1]["choices"][0]["finish_reason"] == "stop"


def test_scores_are_those_of_the_studys_own_scorer(server: Any, catalogue: Catalogue) -> None:
    tokenizer = catalogue.loaded.tokenizer
    context, answers = "The park is", (" a place for everybody.", " too dear.")
    for name in MODELS:
        offer = catalogue.find(name)
        assert offer is not None
        with catalogue.switched(offer) as model:
            expected = score_plan(model, plan_questions(tokenizer, [Question(context, answers)]))[0]
        start = len(tokenizer(context).input_ids)
        # as lm-evaluation-harness asks (`local-completions`) and as it reads the answer
        prompts = [tokenizer(context).input_ids + tokenizer(answer).input_ids for answer in answers]
        reply = server.complete(name, prompts, temperature=0, max_tokens=1, logprobs=1, seed=1234, echo=True)
        assert reply.status == 200, reply.text
        for choice, prompt, wanted in zip(reply.json["choices"], prompts, expected, strict=True):
            scores = choice["logprobs"]
            assert len(scores["token_logprobs"]) == len(prompt) + 1
            assert scores["token_logprobs"][0] is None
            assert sum(scores["token_logprobs"][start:-1]) == pytest.approx(wanted, abs=1e-4)
            tops = [max(top.values()) for top in scores["top_logprobs"][start:-1]]
            assert all(top >= own for top, own in zip(tops, scores["token_logprobs"][start:-1], strict=True))
            assert len({len(scores[key]) for key in scores}) == 1


def test_echo_as_text_and_offsets(server: Any) -> None:
    reply = server.complete("base", ["One two", "Three"], max_tokens=3, temperature=0, echo=True, logprobs=0).json
    for choice, prompt in zip(reply["choices"], ("One two", "Three"), strict=True):
        assert choice["text"].startswith(prompt)
        scores = choice["logprobs"]
        assert scores["text_offset"][0] == 0
        for token, place in zip(scores["tokens"], scores["text_offset"], strict=True):
            if token != "<|end|>":
                assert choice["text"][place : place + len(token)] == token or "\ufffd" in choice["text"]
        assert all(value is None or (value <= 0 and math.isfinite(value)) for value in scores["token_logprobs"])
    assert server.complete("base", "One two", max_tokens=0, echo=True).json["choices"][0]["text"] == "One two"


def test_long_prompts_are_read_in_pieces_with_the_same_scores(server: Any, catalogue: Catalogue) -> None:
    text = " ".join(f"word {number}" for number in range(400))
    tokens = catalogue.loaded.tokenizer(text).input_ids[:500]
    assert len(tokens) > 300
    offer = catalogue.find("base")
    assert offer is not None
    with torch.inference_mode(), catalogue.switched(offer) as model:
        values = torch.log_softmax(model(torch.tensor([tokens])).logits[0].float(), dim=-1)
    expected = [float(values[place, token]) for place, token in enumerate(tokens[1:])]
    scores = server.complete("base", tokens, max_tokens=0, echo=True, logprobs=0).json["choices"][0]["logprobs"]
    assert scores["token_logprobs"][1:] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 300])
def test_prompts_of_every_length_are_scored_to_the_last_token(server: Any, count: int) -> None:
    reply = server.complete("base", [5 + place % 90 for place in range(count)], max_tokens=1, echo=True, logprobs=2)
    scores = reply.json["choices"][0]["logprobs"]
    assert len(scores["tokens"]) == count + 1
    assert [value is None for value in scores["token_logprobs"]] == [True] + [False] * count
    assert scores["top_logprobs"][0] is None
    assert all(1 <= len(top) <= 2 for top in scores["top_logprobs"][1:])
