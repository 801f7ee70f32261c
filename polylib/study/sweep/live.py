"""Shows a sweep as it goes: a table on a terminal, a line per event elsewhere.

It knows states of runs and `rich`.
"""

import time
from typing import TYPE_CHECKING

from polylib.study.progress import duration
from polylib.study.sweep.engine import RunState, counts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PLAIN_SECONDS = 20.0  # between two lines about the same running run
_ROWS = 20  # of the table


class PlainSweep:
    """One line per event, for logs and pipes."""

    def __init__(self, console: "Console") -> None:
        """Write to `console`."""
        self.console, self.begun = console, time.monotonic()
        self._told: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> "PlainSweep":
        """Begin to watch."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""

    def update(self, states: list[RunState]) -> None:
        """Say what has changed, and now and then where the running runs are."""
        now = time.monotonic()
        width = max(len(state.run.name) for state in states)
        for state in states:
            before, when = self._told.get(state.run.name, ("queued", 0.0))
            still = state.state == "running" and state.note and now - when > _PLAIN_SECONDS
            if state.state != before or still:
                self._told[state.run.name] = state.state, now
                self._line(f"{state.run.name:<{width}}  {said(state, before)}")

    def _line(self, text: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - self.begun), 60)
        self.console.print(f"{minutes:02d}:{seconds:02d}  {text}", markup=False, highlight=False, soft_wrap=True)


class LiveSweep(PlainSweep):
    """A table of what runs where, while it is used as a context manager; what ends leaves a line above it."""

    def __init__(self, console: "Console") -> None:
        """Prepare the table."""
        from rich.live import Live

        super().__init__(console)
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "LiveSweep":
        """Show the table."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away; the lines stay."""
        self._live.stop()

    def update(self, states: list[RunState]) -> None:
        """Leave lines for what has ended, and draw the rest."""
        for state in states:
            if state.state not in ("queued", "running") and state.run.name not in self._told:
                self._told[state.run.name] = state.state, time.monotonic()
                self._line(f"{state.run.name}  {said(state, 'running')}")
        self._live.update(table(states, time.monotonic() - self.begun))


def said(state: RunState, before: str) -> str:
    """Say in one line where a run is; before: its state when it was last told of."""
    if state.reused:
        return "finished before, outputs verified"
    if state.state == "running":
        if before == "queued":
            return "starts"
        return f"on {state.where}: {state.note}" if state.where else "waits for the cluster"
    if state.result is None:
        return state.state
    result = state.result
    place = f" on {result.where}" if result.where else ""
    stages = f"{len(result.computed)} stages computed, {len(result.shared)} there already"
    text = f"{result.state} after {duration(result.seconds)}{place}, {stages}"
    return f"{text}: {result.why}" if result.why else text


def table(states: list[RunState], seconds: float) -> "Table":
    """Return the table of running and waiting runs, the rest as counts; seconds: since the sweep began."""
    from rich.table import Table
    from rich.text import Text

    found = ", ".join(f"{number} {name}" for name, number in counts(states).items())
    drawn = Table(title=f"{len(states)} runs: {found}, {duration(seconds)}", title_justify="left")
    for heading in ("run", "where", "time", "what"):
        drawn.add_column(heading, overflow="ellipsis", no_wrap=True)
    active = [state for state in states if state.state == "running"]
    for state in active[:_ROWS]:
        where = state.where or "waits for the cluster"
        time_said = duration(time.monotonic() - state.begun)
        drawn.add_row(*(Text(text) for text in (state.run.name, where, time_said, state.note)))
    return drawn
