"""Figures of several runs side by side, told apart by the bytes of their PNG.

It knows pictures, not what they show. A page has a budget: changed figures come first, in fewer colours
where there are many, and what does not fit is described in words.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from polylib.files import sha256_bytes
from polylib.show.comparison.sides import Side
from polylib.show.page import png_size
from polylib.show.run_folder import Picture

TAGS = 700  # bytes around a picture and its description
FIRST = ("compass", "dumbbell", "dose", "instruments", "verdicts", "formats", "domains")
COLOURS = 64
ALT_LETTERS = 4000


@dataclass(frozen=True)
class Shot:
    """A figure in one run: first digits of its hash, description, caption, and the bytes to show (none: b"")."""

    letter: str
    digest: str
    alt: str
    caption: str
    data: bytes
    size: tuple[int, int]

    @property
    def uri(self) -> str:
        """Return the picture as a data URI, empty where it is not shown."""
        from base64 import b64encode

        kind = "webp" if self.data[:4] == b"RIFF" else "png"
        return f"data:image/{kind};base64,{b64encode(self.data).decode('ascii')}" if self.data else ""


@dataclass(frozen=True)
class Exhibit:
    """One figure in all runs (None where a run lacks it)."""

    name: str
    stage: str
    shots: tuple[Shot | None, ...]

    @property
    def same(self) -> bool:
        """Tell whether every run has the figure with the same bytes."""
        return None not in self.shots and len({shot.digest for shot in self.shots if shot}) == 1

    @property
    def caption(self) -> str:
        """Return the caption where all runs have the same one; else it stands with each picture."""
        captions = {shot.caption for shot in self.shots if shot}
        return captions.pop() if len(captions) == 1 else ""

    @property
    def shown(self) -> bool:
        """Tell whether the page has the picture itself and not only its description."""
        return any(shot and shot.data for shot in self.shots)


def exhibits(sides: Sequence[Side], room: int) -> list[Exhibit]:
    """Return every figure of any run: those that differ first, key figures before others.

    room: bytes that they may take on the page; the last ones are left with their descriptions alone.
    """
    found: dict[tuple[str, str], list[Picture | None]] = {}
    for position, side in enumerate(sides):
        for stage in side.run.stages:
            for picture in stage.pictures:
                found.setdefault((stage.id, picture.name), [None] * len(sides))[position] = picture
    made = [_exhibit(stage, name, pictures, sides) for (stage, name), pictures in found.items()]
    made.sort(key=lambda one: (one.same, FIRST.index(one.name) if one.name in FIRST else len(FIRST)))
    room -= sum(
        TAGS + 2 * len(shot.alt.encode()) + len(shot.caption.encode()) for one in made for shot in one.shots if shot
    )
    return _fitted(made, room)


def _exhibit(stage: str, name: str, pictures: Sequence[Picture | None], sides: Sequence[Side]) -> Exhibit:
    shots = (_first_shot(side.letter, picture) for side, picture in zip(sides, pictures, strict=True))
    return Exhibit(name, stage, tuple(shots))


def _first_shot(letter: str, picture: Picture | None) -> Shot | None:
    if picture is None:
        return None
    alt, caption = picture.alt[:ALT_LETTERS], picture.caption[:ALT_LETTERS]
    return Shot(letter, sha256_bytes(picture.png)[:12], alt, caption, picture.png, picture.size)


def _fitted(made: Sequence[Exhibit], room: int) -> list[Exhibit]:
    """Keep the bytes of what fits; a figure that is the same in all runs needs its bytes once."""
    many = sum(_encoded(shot.data) for one in made if not one.same for shot in one.shots if shot) > room
    kept = []
    for one in made:
        shots = [_shot(shot, many, one.same and number > 0) for number, shot in enumerate(one.shots)]
        size = sum(_encoded(shot.data) for shot in shots if shot)
        if size > room:
            shots, size = [_shot(shot, many=False, empty=True) for shot in one.shots], 0
        room -= size
        kept.append(Exhibit(one.name, one.stage, tuple(shots)))
    return kept


def _encoded(data: bytes) -> int:
    """Return how long bytes are as base64."""
    return (len(data) + 2) // 3 * 4


def _shot(shot: Shot | None, many: bool, empty: bool) -> Shot | None:
    if shot is None:
        return None
    data = b"" if empty else smaller(shot.data) if many else shot.data
    return replace(shot, data=data)


def smaller(png: bytes) -> bytes:
    """Return a picture of few flat colours as lossless WebP of 64 colours; as it is where it is no picture."""
    from PIL import Image

    if png_size(png) == (0, 0):
        return b""
    try:
        with Image.open(io.BytesIO(png)) as picture:
            reduced = picture.convert("RGB").quantize(
                COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
    except (OSError, ValueError, Image.DecompressionBombError):
        return b""  # damaged: its description is shown
    packed = io.BytesIO()
    reduced.convert("RGB").save(packed, "WEBP", lossless=True, method=4)
    return packed.getvalue()
