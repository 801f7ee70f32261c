"""Where annotators sit down: finds or begins the session of each, one at a time, for the page and the widget.

It knows names only until they are turned into ids.
"""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

from polylib.errors import PolylibError
from polylib.feedback.annotators import annotator_id, read_salt, salt_file
from polylib.feedback.guidelines import Guidelines, check_covered, read_guidelines
from polylib.feedback.judgements import Leaning
from polylib.feedback.order import Order, open_order
from polylib.feedback.session import Session
from polylib.feedback.tasks import ComparisonTask, LabelTask

MOST_ANNOTATORS = 200
Result = TypeVar("Result")


class Desk:
    """Tasks of one kind, the store they are judged into, and the sessions of those who judge them now."""

    def __init__(
        self, tasks: list[LabelTask] | list[ComparisonTask], out: Path, seed: int, guidelines: Path | None = None,
        salt: Path | None = None, order: Order = "declared",
    ) -> None:  # fmt: skip
        """Take tasks as `read_tasks` gives them. guidelines, salt: the user's own files, if any.

        order: declared (seeded), or active (of comparisons, the one that teaches most comes next).
        """
        check_covered(tasks, guidelines)
        open_order(order, tasks, "", seed)  # refused before anybody sits down
        self._order = order
        self.guidelines: Guidelines = read_guidelines(tasks[0].kind, guidelines)
        self._tasks, self._out, self._seed = tasks, out, seed
        self._salt = read_salt(salt or salt_file())
        self._sessions: dict[str, tuple[Session, threading.Lock]] = {}
        self._seats: dict[str, str] = {}
        self._lock = threading.Lock()

    def sit_down(self, name: str, leaning: str) -> str:
        """Begin or go on with a session and return its random key; somebody who comes again keeps theirs.

        leaning: one of `Leaning`, "" where not told. Raises PolylibError for another, or an impossible name.
        """
        annotator = annotator_id(name, self._salt)
        chosen: Leaning | None = next((word for word in get_args(Leaning) if word == leaning), None)
        if chosen is None:
            raise PolylibError("leaning", repr(leaning[:40]), allowed=", ".join(filter(None, get_args(Leaning))))
        session = Session(self._tasks, self._out, annotator, chosen, self._seed, self.guidelines.version, self._order)
        with self._lock:
            if annotator not in self._seats and len(self._seats) >= MOST_ANNOTATORS:
                raise PolylibError("annotators", f"more than {MOST_ANNOTATORS} at once", remedy="start it again")
            seat = self._seats.setdefault(annotator, secrets.token_urlsafe(16))
            self._sessions[seat] = (session, threading.Lock())
        return seat

    def work(self, seat: str, what: Callable[[Session], Result]) -> Result | None:
        """Do something with a session while nobody else does; None where nobody sits there."""
        found = self._sessions.get(seat)
        if found is None:
            return None
        session, lock = found
        with lock:
            return what(session)
