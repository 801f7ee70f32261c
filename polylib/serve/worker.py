"""One thread that has the model to itself: takes orders from one queue and gives each a turn in order.

Only this thread ever switches adapters. Each turn switches to the job's own offer, makes a few tokens and lets go,
so several answers grow side by side on one base, and none is computed under another's adapter. It knows offers and
orders; not HTTP.
"""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polylib.blend.mixing import sides_order
from polylib.models import end_of_turn
from polylib.serve.catalogue import Catalogue
from polylib.serve.decoding import Generation, Order, Piece
from polylib.serve.limits import Limits
from polylib.serve.offers import Offer
from polylib.serve.sides import BothSides, halved

TURN = 8  # tokens of one turn
FAILED, LATE = "error", "time"


class BusyError(Exception):
    """The queue is full; ask again later."""


@dataclass(eq=False)
class Job:
    """An order for an offer; `deliver` is called from the worker's thread with each piece, the last has a finish.

    Where a router must read the prompt, the first turn does so: `offer` becomes what it decided, and the first piece
    is empty.
    """

    offer: Offer
    order: Order
    deliver: Callable[[Piece], None]
    deadline: float = float("inf")
    cancelled: threading.Event = field(default_factory=threading.Event)
    generation: Generation | BothSides | None = None


class Worker:
    """The queue and the thread behind it. At most `limits.side_by_side` answers hold memory of the model."""

    def __init__(self, catalogue: Catalogue, limits: Limits, complain: Callable[[str], None]) -> None:
        """Prepare; `start` begins. complain: is told of errors in our own code, never with a client's text."""
        tokenizer = catalogue.loaded.tokenizer
        last = tokenizer(end_of_turn(tokenizer), add_special_tokens=False)["input_ids"][0]
        self._ends = frozenset({int(last), *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])})
        self._catalogue, self._limits, self._complain = catalogue, limits, complain
        self._waiting: deque[Job] = deque()
        self._active: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the turn that is under way; waiting jobs are not answered."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take all jobs or none. Raises BusyError where the queue has no room for them."""
        with self._changed:
            if len(self._waiting) + len(jobs) > self._limits.waiting:
                raise BusyError
            limit = time.monotonic() + self._limits.seconds
            for job in jobs:
                job.deadline = limit
                self._waiting.append(job)
            self._changed.notify()

    def load(self) -> tuple[int, int]:
        """Return (answers waiting, answers under way)."""
        with self._changed:
            return len(self._waiting), len(self._active)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            piece = self._turn(job)
            if not piece.finish and not job.cancelled.is_set():
                with self._changed:
                    self._active.append(job)
            if piece.text or piece.scores or piece.finish:
                job.deliver(piece)

    def _next(self) -> Job | None:
        """Return the job whose turn it is; None at the end. New jobs start as soon as there is room beside others."""
        with self._changed:
            while True:
                if self._closing:
                    return None
                self._waiting = deque(job for job in self._waiting if not job.cancelled.is_set())
                self._active = deque(job for job in self._active if not job.cancelled.is_set())
                if self._waiting and len(self._active) < self._limits.side_by_side:
                    return self._waiting.popleft()
                if self._active:
                    return self._active.popleft()
                self._changed.wait()

    def _turn(self, job: Job) -> Piece:
        if time.monotonic() > job.deadline:
            return Piece(finish=LATE)
        try:
            if job.offer.open:
                job.offer = self._catalogue.route(job.offer, job.order.tokens)
                job.deliver(Piece())
                return Piece()
            if job.generation is None:
                job.generation = self._begun(job)
            with self._catalogue.switched(self._speaking(job)) as model:
                return job.generation.advance(model, TURN)
        except Exception as error:  # one bad answer must not end all others
            self._complain(_place(error))
            return Piece(finish=FAILED)

    def _begun(self, job: Job) -> Generation | BothSides:
        tokenizer = self._catalogue.loaded.tokenizer
        if job.offer.way != "both_sides":
            return Generation(job.order, tokenizer, self._ends)
        order, names = halved(job.order), sides_order(str(tokenizer.decode(list(job.order.tokens))))
        return BothSides([(name, Generation(order, tokenizer, self._ends)) for name in names])

    def _speaking(self, job: Job) -> Offer:
        """Return the offer under which the job's next turn runs."""
        found = self._catalogue.find(job.generation.speaker) if isinstance(job.generation, BothSides) else job.offer
        return found or job.offer


def _place(error: Exception) -> str:
    """Return what kind of error happened where, without its message: that may quote a prompt."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
