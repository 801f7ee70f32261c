"""Safetensors files as labels need them: header, metadata and tensors, without loading a tensor.

It knows the file format and refuses links; not what a label says.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import sha256_bytes

REMEDY = "use the adapter folder as Polylib wrote it, or tune it again"


def weights_hash(path: Path) -> str:
    """Return the SHA-256 of the tensors of a safetensors file: names, types, shapes and bytes.

    Metadata does not count, so the label inside the file can name this hash.
    """
    with opened(path) as (header, _, file):
        tensors = hashlib.file_digest(file, "sha256").hexdigest()
    return sha256_bytes((sha256_bytes(json.dumps(header, sort_keys=True).encode()) + tensors).encode())


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str], bytes]:
    """Return the tensor header, the metadata and the raw tensor bytes of a safetensors file.

    The layout is eight bytes of header length, a JSON header, then the tensors (safetensors
    specification). Raises PolylibError where the file is missing or cut short.
    """
    with opened(path) as (header, metadata, file):
        return header, metadata, file.read()


@contextmanager
def opened(path: Path, links: bool = False) -> Iterator[tuple[dict[str, Any], dict[str, str], BufferedReader]]:
    """Yield header and metadata of a safetensors file, and the file itself, standing where the tensors begin.

    links: whether the file may be a link, as in a hub's cache. Raises PolylibError as `read_safetensors` does.
    """
    path = Path(path)
    if not links:
        refuse_link(path)
    if not path.is_file():
        raise PolylibError(str(path), "there are no safetensors weights", remedy=REMEDY)
    with open(path, "rb") as file:
        try:
            size, length = path.stat().st_size, int.from_bytes(file.read(8), "little")
            if length > size:
                raise ValueError("its header is missing")
            header = dict(json.loads(file.read(length)))
            metadata = dict(header.pop("__metadata__", {}))
            if size - 8 - length != max((entry["data_offsets"][1] for entry in header.values()), default=0):
                raise ValueError("tensor bytes are missing")
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise PolylibError(str(path), f"is not a complete safetensors file ({error})", remedy=REMEDY) from error
        yield header, metadata, file


def refuse_link(path: Path) -> None:
    """Refuse a file or folder that is a link: what it points at can change after the check."""
    if path.is_symlink():
        raise PolylibError(str(path), "is a link, not a file or folder of its own", remedy=REMEDY)
