"""What a terminal shows: tables, bars, progress, and paths as a user would type them.

It knows how to write to a terminal; not what any verb does.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from rich.console import Console
    from rich.status import Status

    from polylib.study.progress import Clock, PlainWatcher

WIDEST = 1000  # characters of a line in a file


class Told:
    """Says how many texts of a source were read: on a terminal in place, elsewhere a line now and then."""

    EVERY = 20_000  # texts between two lines

    def __init__(self, console: "Console", status: "Status") -> None:
        """Start at nothing."""
        self._console, self._status, self._last = console, status, 0

    def __call__(self, source: str, texts: int) -> None:
        """Say it."""
        self._status.update(f"{source}: {texts:,} texts read")
        if not self._console.is_terminal and texts >= self._last + self.EVERY:
            self._last = texts
            self._console.print(f"{source}: {texts:,} texts read", markup=False)


def show_table(console: "Console", table: "pandas.DataFrame") -> None:
    """Print a table, numbers to the right and with thousands separated; what does not fit goes on in the next line."""
    from rich.table import Table

    lines = Table()
    for name, kind in table.dtypes.items():
        lines.add_column(str(name), justify="right" if kind.kind in "if" else "left", overflow="fold")
    for row in table.itertuples(index=False):
        lines.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
    console.print(lines)


def open_console() -> "Console":
    """Return the terminal, or what stands in its place: a file or a pipe takes lines as long as they are."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console


def open_watcher(console: "Console", clock: "Clock") -> "PlainWatcher":
    """Return what shows a run's progress: bars on a terminal, lines elsewhere."""
    from polylib.study.bars import BarWatcher
    from polylib.study.progress import PlainWatcher

    return BarWatcher(console, clock) if console.is_terminal else PlainWatcher(console, clock)


def shown_path(path: Path) -> str:
    """Write a path as the user would type it from here."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
