"""Both adapters' answers in one: first one side's, then the other's, each under its leaning's name.

It lets two answers grow one after the other and joins what comes; it knows neither adapters nor who asks.
"""

from collections.abc import Sequence

from polylib.blend.mixing import side_heading
from polylib.serve.decoding import Generation, Order, Piece
from polylib.serve.wire import RefusedError


def halved(order: Order) -> Order:
    """Return the order of each side: half of the tokens.

    Raises RefusedError where there are too few, or where scores or the prompt's echo are asked for: headings have none.
    """
    if order.scores is not None or order.echo:
        raise RefusedError(400, "an answer put together from two has no log-probabilities and no echo", "logprobs")
    if order.most < 2:
        raise RefusedError(400, "an answer put together from two needs 2 tokens", "max_tokens")
    return order._replace(most=order.most // 2)


class BothSides:
    """Two answers under way; `speaker` is the leaning under whose adapter the next turn must run."""

    def __init__(self, parts: Sequence[tuple[str, Generation]]) -> None:
        """Take the leanings in the order in which they speak, each with its answer."""
        self._parts, self._place, self._made = list(parts), 0, 0
        self._heading, self._cut = side_heading(parts[0][0]), False

    @property
    def speaker(self) -> str:
        """Return whose turn it is."""
        return self._parts[self._place][0]

    def advance(self, model: object, steps: int) -> Piece:
        """Return what may be shown after up to `steps` more tokens of the side that speaks; as `Generation.advance`."""
        piece = self._parts[self._place][1].advance(model, steps)
        made = self._made + piece.made
        text = piece.text.lstrip() if self._heading else piece.text
        if self._heading and (text or piece.finish):
            text, self._heading = self._heading + text, ""
        if not piece.finish:
            return Piece(text, (), "", made)
        self._cut = self._cut or piece.finish == "length"
        if self._place + 1 == len(self._parts):
            return Piece(text, (), "length" if self._cut else "stop", made)
        self._place, self._made = self._place + 1, made
        self._heading = f"\n\n{side_heading(self.speaker)}"
        return Piece(text, (), "", made)
