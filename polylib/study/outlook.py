"""What a run will ask of this machine, said before it starts: downloads, and per stage about how long, how much memory.

Time is work (`outlook_work`) through a model's parameters (`outlook_shapes`), by what the device computes and moves per
second: measured briefly on a CPU, stated by the maker for a GPU, times the share of it that such work reaches. It is an
estimate, given with the factor by which it may be off. It knows shapes, work and devices; nothing is loaded or fetched.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from polylib.show.page import duration
from polylib.study.outlook_shapes import Shape, Source, source_of
from polylib.study.outlook_work import Work, works

GIGA = 1e9
ROW_TOKENS = 256  # of a scored row; eight of them are read at once
FACTOR_CPU, FACTOR_GPU = 2.0, 3.0  # by which times may be off: held on the reference study; on GPUs untested
LIBRARIES = 0.55  # GB that a stage's process holds without a model
ADAPTER_BYTES = 16  # per parameter of an adapter in training: itself, gradient, two moments, in float32
FOUR_BITS = 0.56  # bytes per parameter of a linear layer in four bits, with its scales
MATRIX, COPIED = 384, 1 << 23  # sides of the matrices multiplied, numbers copied, to measure a CPU


class Device(NamedTuple):
    """What models run on.

    flops: of matrix products per second in the weights' type; moved: bytes read per second; memory: GB, 0 where it is
    not known; bytes: of one weight; reached: share of `flops` that reading and training reach; launch: seconds that one
    layer costs in any call; measured: whether flops and bytes are.
    """

    name: str
    flops: float
    moved: float
    memory: float
    bytes: int
    reached: float
    launch: float
    measured: bool


# Dense bfloat16 matrix products and memory, as their makers state them: name in the driver's name, FLOP/s, bytes/s.
GPUS = (
    ("H200", 989e12, 4.8e12), ("H100", 989e12, 3.35e12), ("A100", 312e12, 1.55e12), ("L40S", 362e12, 0.86e12),
    ("L4", 121e12, 0.3e12), ("A10", 125e12, 0.6e12), ("4090", 165e12, 1.0e12), ("3090", 71e12, 0.94e12),
    ("4080", 97e12, 0.72e12), ("T4", 65e12, 0.32e12),
)  # fmt: skip
UNKNOWN_GPU = (60e12, 0.5e12)


class StageOutlook(NamedTuple):
    """About how long a stage takes (seconds) and how much memory it holds at most (GB, the device's for a GPU)."""

    stage: str
    seconds: float
    memory: float


class Outlook(NamedTuple):
    """What lies ahead: where the bases come from, the device, each stage; factor: by which times may be off."""

    sources: tuple[Source, ...]
    device: Device
    stages: tuple[StageOutlook, ...]
    factor: float


def this_device() -> Device:
    """Return the device that models run on here; a CPU is measured for a tenth of a second, with one thread."""
    import torch

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        return gpu(str(found.name), found.total_memory / GIGA)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        square, long = torch.rand(MATRIX, MATRIX), torch.rand(COPIED)
        flops = 2 * MATRIX**3 / _quickest(lambda: square @ square)
        moved = 4 * COPIED / _quickest(lambda: long.sum())
    finally:
        torch.set_num_threads(before)
    return Device("this CPU", flops, moved, _own_memory(), 4, 0.3, 1e-3, True)


def _own_memory() -> float:
    """Return the machine's memory in GB, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGA
    except (AttributeError, OSError, ValueError):
        return 0.0


def gpu(name: str, memory: float) -> Device:
    """Return a GPU by its name and memory (GB), with what its maker states, or a cautious guess where it is unknown."""
    flops, moved = next((facts for known, *facts in GPUS if known in name), UNKNOWN_GPU)
    return Device(name, flops, moved, memory, 2, 0.35, 1e-3, False)


def _quickest(work: Any, tries: int = 40) -> float:
    """Return the least seconds of several tries: neighbours on a busy machine only ever add."""
    found = []
    for _ in range(tries):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def outlook(stages: Sequence[str], parameters: Mapping[str, Any], device: Device) -> Outlook:
    """Return what lies ahead for these stages (ids). parameters: of all stages of the study, by id."""
    asked = works(parameters)
    sources: dict[tuple[str, str], Source] = {}
    found = []
    for stage in stages:
        own, work = parameters[stage], asked[stage]
        name = (str(getattr(own, "model", "")), str(getattr(own, "revision", "")))
        if name[0] and name not in sources:
            sources[name] = source_of(*name)
        shape = sources[name].shape if name[0] else None
        known = shape is not None or not name[0]
        parallel = own.cores() if device.measured else own.processes_used()
        seconds = seconds_of(work, shape, device, parallel) if known else float("nan")
        found.append(StageOutlook(stage, seconds, memory_of(work, shape, device) if known else float("nan")))
    return Outlook(tuple(sources.values()), device, tuple(found), FACTOR_CPU if device.measured else FACTOR_GPU)


def seconds_of(work: Work, shape: Shape | None, device: Device, parallel: int = 1) -> float:
    """Return about how many seconds a stage takes; parallel: threads on a CPU, GPUs that share a training out.

    A token read costs two operations per parameter of the layers; one trained on as many again on the way back (the
    base is frozen, so only the adapter's own gradients are computed), and a third time where activations are
    computed twice; a token written one after another costs at least the reading of all weights.
    """
    if shape is None:
        return work.fixed
    flops = device.flops * device.reached * parallel
    passes = 6 if work.again else 4
    computed = passes * shape.body * work.learned + 2 * shape.body * work.read
    computed += shape.head * (passes * work.learned / 2 + 2 * work.predicted)  # of an example, the answer's half
    launched = shape.layers * device.launch * (3 * work.steps + work.calls + work.written)
    body = 2 * (shape.body + shape.head) * work.rows / flops
    step = max(body, (shape.body + shape.head) * device.bytes / device.moved)
    loaded = work.loads * shape.parameters * device.bytes / GIGA  # a gigabyte per second from the disk
    return work.fixed + computed / flops + launched + work.written * step + loaded


def memory_of(work: Work, shape: Shape | None, device: Device) -> float:
    """Return about how much memory (GB) a stage holds at most: weights, adapter, and the larger of its activities."""
    if shape is None:
        return LIBRARIES
    size = device.bytes
    weights = float(shape.parameters * size)
    if work.bits == 4 and work.learned:
        weights = shape.layers * sum(a * b for a, b in shape.linear) * FOUR_BITS + shape.head * size * (2 - shape.tied)
    adapter = shape.adapter(work.rank) * ADAPTER_BYTES
    kept = 2 * shape.layers * shape.own * shape.width * size  # keys and values of one token
    writing = max(work.rows, 1) * (kept * 256 + shape.vocabulary * 8) if work.written else 0.0
    reading = 8 * ROW_TOKENS * (_activations(shape, size) + 4 * shape.vocabulary * 0.2) if work.read else 0.0
    return LIBRARIES + (weights + adapter + max(training_bytes(work, shape, size), writing, reading)) / GIGA


def training_bytes(work: Work, shape: Shape, size: int) -> float:
    """Return the bytes of activations and of the answers' logits in one batch that is trained on."""
    tokens = work.batch * work.longest
    layers = 1 if work.again else shape.layers
    kept = shape.layers * shape.hidden * size if work.again else 0
    return tokens * (layers * _activations(shape, size) + kept + shape.vocabulary * 10 / 2)


def _activations(shape: Shape, size: int) -> float:
    """Return the bytes that one token leaves in one layer for the way back."""
    attention = 2 * shape.heads * shape.width + 2 * shape.own * shape.width
    return size * (8 * shape.hidden + attention + 5 * shape.inner)


def outlook_lines(found: Outlook) -> Iterator[str]:
    """Yield what `--dry-run` says: where models come from, the device, time and memory of each stage, the doubts."""
    for source in found.sources:
        yield f"model {source.model}: {_origin(source)}"
    device, shown = found.device, "measured just now" if found.device.measured else "as its maker states"
    memory = f", {device.memory:.0f} GB" if device.memory else ""
    yield f"device: {device.name}{memory}, {_flops(device.flops)} of matrix products per second ({shown})"
    width = max(len(stage.stage) for stage in found.stages)
    for stage in found.stages:
        if stage.seconds != stage.seconds:
            yield f"{stage.stage:<{width}}  unknown: the model's size is not known before it is loaded"
            continue
        full = "  DOES NOT FIT" if device.memory and stage.memory > device.memory else ""
        yield f"{stage.stage:<{width}}  about {duration(stage.seconds):<12}  about {stage.memory:.1f} GB{full}"
    known = [stage.seconds for stage in found.stages if stage.seconds == stage.seconds]
    total = sum(known)
    yield (
        f"one after another about {duration(total)}, between {duration(total / found.factor)} and "
        f"{duration(total * found.factor)}: an estimate{'' if device.measured else ' that was never tried on a GPU'}; "
        "stages run side by side where cores allow, and then their memory adds up"
    )


def _origin(source: Source) -> str:
    size = f"{source.shape.parameters / 1e6:,.1f} M parameters" if source.shape else "size unknown"
    if not source.download:
        return f"nothing to download; {size}"
    weights = f"about {source.shape.parameters * 2 / GIGA:.1f} GB" if source.shape else "an unknown amount"
    pinned = f"revision {source.revision}" if source.revision else "NO PINNED REVISION: whatever is newest"
    return f"downloads {weights} from the hub (which HF_HUB_OFFLINE=0 allows), {pinned}; {size}"


def _flops(value: float) -> str:
    return f"{value / 1e12:,.0f} T" if value > 5e12 else f"{value / 1e9:,.0f} G"
