"""Atomic writes and content hashes: every file Polylib makes goes through here.

It knows bytes and paths, not what they mean. A reader never sees half a file: bytes go to a
temporary sibling, are flushed to disk, and take the final name in one step.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it and rename it to `path`.

    On any error the temporary file is removed and an older file at `path` stays as it was.
    Raises PolylibError where the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise PolylibError(
            str(path),
            f"cannot be written ({error.strerror or error})",
            remedy="choose a folder you may write to, on a disk with free space",
        ) from error
    finally:
        with suppress(OSError):  # of a path whose parent is a file, too
            temporary.unlink()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `target` that takes its name when the block ends without an error.

    So `target` appears whole or not at all. What a killed writer left there is removed first, so the caller sees to
    it that nobody else writes the same folder. Raises PolylibError where it cannot be written, or where `target`
    holds something.
    """
    staging = target.absolute().with_name(f".{target.name}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        if target.is_dir():
            target.rmdir()  # an empty one; a full one stays as it is
        os.replace(staging, target)
    except OSError as error:
        raise PolylibError(
            str(target),
            f"cannot be written ({error.strerror or error})",
            remedy="choose a folder you may write to, on a disk with free space",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically as UTF-8 with the newlines it has."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as sorted, indented JSON; NaN is refused (write null with a reason)."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises PolylibError naming the file where it is missing or not complete JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PolylibError(str(path), "file not found", remedy="check the path") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise PolylibError(str(path), f"is not complete JSON ({error})", remedy="restore or delete the file") from error


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return sha256_bytes(text.encode("utf-8"))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_folder(folder: Path) -> dict[str, str]:
    """Return {relative path: SHA-256} of every regular file below `folder`, sorted by path."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
