"""What clients get: OpenAI's shapes of answers, lists, streams and errors, each with the label beside the text.

It knows pieces and offers; not HTTP. Log-probabilities are natural ones of the model as it is, before temperature.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from polylib.serve.catalogue import Catalogue
from polylib.serve.decoding import TokenScore
from polylib.serve.offers import Offer


class Frame(NamedTuple):
    """What is the same in all parts of an answer. kind: `chat` or `text`; created: seconds since 1970."""

    kind: str
    id: str
    created: int
    offer: Offer
    seed: int

    def body(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> dict[str, Any]:
        """Return a whole answer."""
        return {**self.chunk(choices), "object": self._object(""), "usage": usage}

    def chunk(self, choices: list[dict[str, Any]], labelled: bool = True) -> dict[str, Any]:
        """Return one part of a stream; `labelled`: with the label, which the first part of each stream has."""
        made: dict[str, Any] = {
            "id": self.id, "object": self._object(".chunk"), "created": self.created, "model": self.offer.name,
            "choices": choices,
        }  # fmt: skip
        return {**made, "label": self.offer.label(), "seed": self.seed} if labelled else made

    def _object(self, suffix: str) -> str:
        return "text_completion" if self.kind == "text" else f"chat.completion{suffix}"

    def choice(
        self, index: int, text: str, scores: Sequence[TokenScore] | None, finish: str, place: int = 0
    ) -> dict[str, Any]:
        """Return one finished choice. scores: None where none were asked for; place: characters before them."""
        if self.kind == "text":
            return {
                "index": index, "text": text, "finish_reason": finish or None,
                "logprobs": None if scores is None else _text_scores(scores, place),
            }  # fmt: skip
        return {
            "index": index, "message": {"role": "assistant", "content": text}, "finish_reason": finish,
            "logprobs": None if scores is None else _chat_scores(scores),
        }  # fmt: skip

    def part(
        self, index: int, text: str, scores: Sequence[TokenScore] | None, finish: str, place: int, first: bool
    ) -> dict[str, Any]:
        """Return one choice of a stream's part; the first of a chat says who speaks."""
        if self.kind == "text":
            return self.choice(index, text, scores, finish, place)
        delta = {"role": "assistant"} if first else {}
        return {
            "index": index, "delta": {**delta, **({"content": text} if text or first else {})},
            "finish_reason": finish or None, "logprobs": None if scores is None else _chat_scores(scores),
        }  # fmt: skip


def usage(prompt: int, made: int) -> dict[str, int]:
    """Return the counts of tokens as OpenAI names them."""
    return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}


def model_list(catalogue: Catalogue, created: int) -> dict[str, Any]:
    """Return the answer of `/v1/models`: each offer with its root (the base), its parents and its label."""
    return {"object": "list", "data": [model_entry(catalogue, name, created) for name in catalogue.names]}


def model_entry(catalogue: Catalogue, name: str, created: int) -> dict[str, Any]:
    """Return one line of that list. Raises KeyError for a name that is not offered."""
    offer = catalogue.find(name)
    if offer is None:
        raise KeyError(name)
    return {
        "id": offer.name, "object": "model", "created": created, "owned_by": "polylib", "root": catalogue.loaded.title,
        "parent": "base" if offer.labels else None, "label": offer.label(),
    }  # fmt: skip


def error_body(message: str, status: int, field: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI's clients read it."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": field, "code": code}}


def event(value: dict[str, Any] | str) -> bytes:
    """Return one server-sent event; no text in it can end it early, since JSON escapes line ends."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"data: {text}\n\n".encode("utf-8", "replace")


def _text_scores(scores: Sequence[TokenScore], place: int) -> dict[str, Any]:
    offsets = []
    for score in scores:
        offsets.append(place)
        place += len(score.text)
    return {
        "tokens": [score.text for score in scores],
        "token_logprobs": [score.logprob for score in scores],
        # two tokens may read the same: the likelier one stands (they come likeliest first)
        "top_logprobs": [
            dict(reversed(score.likeliest)) if score.logprob is not None else None for score in scores
        ],
        "text_offset": offsets,
    }  # fmt: skip


def _chat_scores(scores: Sequence[TokenScore]) -> dict[str, Any]:
    return {
        "content": [
            {
                **_named(score.text, score.logprob or 0.0),
                "top_logprobs": [_named(text, value) for text, value in score.likeliest],
            }
            for score in scores
        ],
        "refusal": None,
    }  # fmt: skip


def _named(text: str, value: float) -> dict[str, Any]:
    return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "replace"))}
