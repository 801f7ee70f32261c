"""The OpenAI-compatible interface: lists, chats and completions, whole or streamed, each with its label.

It joins requests (`wire`), the queue (`worker`) and answers (`answers`); it neither reads a header nor knows who
may ask (`gate`).
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from polylib.serve.answers import Frame, error_body, event, model_entry, model_list, usage
from polylib.serve.catalogue import Catalogue
from polylib.serve.decoding import Order, Piece
from polylib.serve.limits import Limits
from polylib.serve.offers import ROUTED, Offer
from polylib.serve.orders import chat_order, text_orders
from polylib.serve.sides import halved
from polylib.serve.wire import RefusedError, read_chat, read_text
from polylib.serve.worker import FAILED, LATE, BusyError, Job, Worker

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

Result = TypeVar("Result")
PROBLEMS = {FAILED: (500, "the answer could not be made"), LATE: (503, "the answer took too long")}


class Answering:
    """The jobs of one request, and their pieces as they come."""

    def __init__(self, frame: Frame, orders: list[Order], worker: Worker) -> None:
        """Queue the orders. Raises RefusedError: 429 where the queue is full, 400 where the offer cannot do that."""
        self.frame, self.orders = frame, orders
        self._early: list[tuple[int, Piece]] = []
        for order in orders if frame.offer.way == "both_sides" else ():
            halved(order)
        loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[tuple[int, Piece]] = asyncio.Queue()

        def deliverer(index: int) -> Callable[[Piece], None]:
            def deliver(piece: Piece) -> None:
                with suppress(RuntimeError):  # the server has stopped meanwhile, and nobody listens
                    loop.call_soon_threadsafe(self._pieces.put_nowait, (index, piece))

            return deliver

        self._jobs = [Job(frame.offer, order, deliverer(index)) for index, order in enumerate(orders)]
        try:
            worker.submit(self._jobs)
        except BusyError:
            raise RefusedError(429, "the queue is full", code="queue_full") from None

    async def settle(self) -> None:
        """Wait until a router has read every prompt, if one must: only then can headers and label say who answers.

        The frame of one prompt then names what was decided for it. Raises RefusedError as `pieces` does.
        """
        left = len(self._jobs) if self.frame.offer.open else 0
        while left:
            index, piece = await self._next()
            decided = piece == Piece()
            left -= decided
            self._early += [] if decided else [(index, piece)]
        if len(self._jobs) == 1:
            self.frame = self.frame._replace(offer=self._jobs[0].offer)

    async def pieces(self) -> AsyncIterator[tuple[int, Piece]]:
        """Yield (index of the prompt, piece) until all are finished. Raises RefusedError where one fails."""
        left = len(self._jobs)
        while left:
            index, piece = self._early.pop(0) if self._early else await self._next()
            left -= bool(piece.finish)
            yield index, piece

    async def _next(self) -> tuple[int, Piece]:
        index, piece = await self._pieces.get()
        if piece.finish in PROBLEMS:
            raise RefusedError(*PROBLEMS[piece.finish])
        return index, piece

    def marked(self, index: int, choice: dict[str, Any]) -> dict[str, Any]:
        """Return a choice with what a router decided for its prompt, where one did."""
        offer = self._jobs[index].offer
        return {**choice, "routing": offer.routing()} if offer.way in ROUTED else choice

    def cancel(self) -> None:
        """Give the place in the queue back; what is finished stays finished."""
        for job in self._jobs:
            job.cancelled.set()


def add_api(made: "FastAPI", catalogue: Catalogue, worker: Worker, limits: Limits) -> None:
    """Add the interface to an application."""
    from fastapi import Request
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    started = int(time.time())

    @made.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> "Response":
        after = {"retry-after": "1"} if error.status in (429, 503) else {}
        return JSONResponse(error_body(error.message, error.status, error.field, error.code), error.status, after)

    @made.exception_handler(HTTPException)
    async def nowhere(_: Request, error: HTTPException) -> "Response":
        return JSONResponse(error_body("there is no such address", error.status_code), error.status_code)

    @made.get("/v1/models", response_model=None)
    async def models() -> "Response":
        return JSONResponse(model_list(catalogue, started))

    @made.get("/v1/models/{name}", response_model=None)
    async def one_model(name: str) -> "Response":
        return JSONResponse(model_entry(catalogue, offered(catalogue, name).name, started))

    @made.post("/v1/chat/completions", response_model=None)
    async def chat(request: Request) -> "Response":
        asked = read_chat(await request.body())
        frame = _frame("chat", offered(catalogue, asked.model), asked.seed)
        orders = [chat_order(asked, frame.seed, catalogue.loaded, limits)]
        return await _answered(request, Answering(frame, orders, worker), bool(asked.stream), asked.with_usage)

    @made.post("/v1/completions", response_model=None)
    async def complete(request: Request) -> "Response":
        asked = read_text(await request.body())
        frame = _frame("text", offered(catalogue, asked.model), asked.seed)
        orders = text_orders(asked, frame.seed, catalogue.loaded, limits)
        return await _answered(request, Answering(frame, orders, worker), bool(asked.stream), asked.with_usage)


def offered(catalogue: Catalogue, name: str) -> Offer:
    """Return what a name means. Raises RefusedError with status 404 for one that is not offered."""
    offer = catalogue.find(name)
    if offer is None:
        more = " (blend:W for any W from 0 to 1 with two decimals)" if catalogue.find("blend:0.5") else ""
        allowed = f"there is no such model; there are {', '.join(catalogue.names)}{more}"
        raise RefusedError(404, allowed, "model", "model_not_found")
    return offer


def _frame(kind: str, offer: Offer, seed: int | None) -> Frame:
    prefix = "chatcmpl" if kind == "chat" else "cmpl"
    drawn = secrets.randbelow(2**31) if seed is None else seed
    return Frame(kind, f"{prefix}-{secrets.token_hex(12)}", int(time.time()), offer, drawn)


def answer_headers(offer: Offer) -> dict[str, str]:
    """Return what the headers of every answer say about it."""
    return {"X-AI-Generated": "true", "X-Model-Lean": offer.header}


async def _answered(request: "Request", answering: Answering, stream: bool, with_usage: bool) -> "Response":
    from fastapi.responses import JSONResponse, StreamingResponse

    if stream:
        try:
            await _while_connected(request, answering.settle())
        except BaseException:
            answering.cancel()
            raise
        headers = answer_headers(answering.frame.offer)
        return StreamingResponse(_events(answering, with_usage), headers=headers, media_type="text/event-stream")
    try:
        body = await _while_connected(request, _whole(answering))
    finally:
        answering.cancel()
    return JSONResponse(body, headers=answer_headers(answering.frame.offer))


async def _while_connected(request: "Request", work: Awaitable[Result]) -> Result:
    """Await `work`, unless the client goes away first."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RefusedError(499, "the client has gone")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _whole(answering: Answering) -> dict[str, Any]:
    """Return the finished answer."""
    await answering.settle()
    frame, orders = answering.frame, answering.orders
    found: list[list[Piece]] = [[] for _ in orders]
    async for index, piece in answering.pieces():
        found[index].append(piece)
    choices = []
    for index, (order, pieces) in enumerate(zip(orders, found, strict=True)):
        scores = None if order.scores is None else [score for piece in pieces for score in piece.scores]
        text = "".join(piece.text for piece in pieces)
        choices.append(answering.marked(index, frame.choice(index, text, scores, pieces[-1].finish)))
    made = sum(pieces[-1].made for pieces in found)
    return frame.body(choices, usage(sum(len(order.tokens) for order in orders), made))


async def _events(answering: Answering, with_usage: bool) -> AsyncIterator[bytes]:
    """Yield the parts of a streamed answer; a client that goes away ends it."""
    frame, orders = answering.frame, answering.orders
    places, made = [0] * len(orders), [0] * len(orders)
    fresh = set(range(len(orders)))
    try:
        async for index, piece in answering.pieces():
            scores = None if orders[index].scores is None else piece.scores
            part = frame.part(index, piece.text, scores, piece.finish, places[index], index in fresh)
            part = answering.marked(index, part) if index in fresh else part
            places[index] += sum(len(score.text) for score in piece.scores)
            made[index] = piece.made
            yield event(frame.chunk([part], labelled=index in fresh))
            fresh.discard(index)
        if with_usage:
            counts = usage(sum(len(order.tokens) for order in orders), sum(made))
            yield event({**frame.chunk([], labelled=False), "usage": counts})
        yield event("[DONE]")
    except RefusedError as error:  # too late for another status
        yield event(error_body(error.message, error.status, error.field, error.code))
    finally:
        answering.cancel()
