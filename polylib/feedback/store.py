"""The store of judgements: JSON lines, only ever added to, one line per judgement, on disk before `add` returns.

A lock beside the file keeps writers apart (threads and processes). A line that a dying writer left
unfinished is completed if nothing but its end is missing, else set aside in `NAME.torn` by the next
writer and reported; whatever stands before it is kept. It knows lines, not what they are asked for.
"""

import os
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from polylib.augment.teacher.locking import locked
from polylib.errors import PolylibError
from polylib.feedback.judgements import JUDGEMENT, AnyJudgement
from polylib.feedback.tasks import MOST_LINE


class Problem(NamedTuple):
    """A line that is not a judgement: its number from 1, and why not."""

    line: int
    reason: str


class Stored(NamedTuple):
    """The judgements of a store in the order written, corrected ones included, and what could not be read."""

    judgements: list[AnyJudgement]
    problems: list[Problem]


def read(path: Path) -> Stored:
    """Read a store; a missing file is an empty one. Lines that are no judgement are problems, not errors.

    Writers may be at work: the line being written is then a problem of kind "unfinished".
    Raises PolylibError where the file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Stored([], [])
    except OSError as error:
        raise PolylibError(str(path), f"cannot be read ({error.strerror})", remedy="check the path") from error
    *lines, rest = data.split(b"\n")
    judgements: list[AnyJudgement] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        found = _judgement(line)
        if isinstance(found, str):
            problems.append(Problem(number, found))
        else:
            judgements.append(found)
    if rest:
        problems.append(Problem(len(lines) + 1, "unfinished: its writer is at work or was killed"))
    return Stored(judgements, problems)


def add(path: Path, *judgements: AnyJudgement) -> Problem | None:
    """Add sealed judgements, flushed to disk; return what an earlier writer left unfinished, if anything.

    Raises PolylibError where one is not sealed, or they cannot be written: then nothing of any is left.
    """
    for one in judgements:
        if one.id != one.digest():
            raise PolylibError("judgement", f"its id {one.id!r} is not that of its content", remedy="seal it first")
    lines = b"".join(one.model_dump_json().encode("utf-8") + b"\n" for one in judgements)
    path = Path(path)
    with locked(path.with_name(f".{path.name}.lock")):
        try:
            return _append(path, lines)
        except OSError as error:
            raise PolylibError(
                str(path), f"nothing was saved ({error.strerror or error})",
                remedy="free space on the disk, or choose a folder you may write to, and do it again",
            ) from error  # fmt: skip


def _append(path: Path, lines: bytes) -> Problem | None:
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        torn = _mend(path, handle)
        size = os.fstat(handle).st_size
        try:
            _write(handle, lines)
        except OSError:
            os.ftruncate(handle, size)  # half of a line is worse than none
            os.fsync(handle)
            raise
    finally:
        os.close(handle)
    if new:
        _flush_folder(path.parent)
    return torn


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)


def _mend(path: Path, handle: int) -> Problem | None:
    """Complete or set aside an unfinished last line; called by the one writer that holds the lock."""
    size = os.fstat(handle).st_size
    start, rest = _last_line(handle, size)
    if not rest:
        return None
    if not isinstance(_judgement(rest), str):  # only its end is missing
        _write(handle, b"\n")
        return None
    aside = path.with_name(path.name + ".torn")
    other = os.open(aside, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        _write(other, rest + b"\n")
    finally:
        os.close(other)
    os.ftruncate(handle, start)
    os.fsync(handle)
    return Problem(0, f"the last line was unfinished ({len(rest)} bytes); it lies in {aside.name} now")


def _last_line(handle: int, size: int) -> tuple[int, bytes]:
    """Return where the text after the last newline starts, and that text."""
    rest, start = b"", size
    while start > 0:
        step = min(65_536, start)
        start -= step
        os.lseek(handle, start, os.SEEK_SET)
        block = b""
        while len(block) < step:
            block += os.read(handle, step - len(block))
        end = block.rfind(b"\n")
        if end >= 0:
            return start + end + 1, block[end + 1 :] + rest
        rest = block + rest
    return 0, rest


def _flush_folder(folder: Path) -> None:
    """Make a new file's name last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _judgement(line: bytes) -> AnyJudgement | str:
    """Return the judgement of a line, or why it is none."""
    if len(line) > MOST_LINE:
        return f"has {len(line):,} bytes, more than {MOST_LINE:,}"
    try:
        judgement = JUDGEMENT.validate_json(line)
    except (ValidationError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            return "is nested too deeply"
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'line'}: {first['msg']}"
    if judgement.id != judgement.digest():
        return "its id is not that of its content: the line was changed or damaged"
    return judgement
