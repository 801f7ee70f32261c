"""The first half of curation, in bounded memory: read, rewrite, cut, note flags, while texts stream by.

Texts that the recipe removes go to disk at once; of those it keeps, each source and side holds as
many as the second half can compare with each other, drawn by a hash of the text where there are
more. It knows batches and their bookkeeping, not what a step looks for.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from polylib.curate.cleaning import clean
from polylib.curate.excerpts import all_excerpts
from polylib.curate.ledger import Ledger
from polylib.curate.local_steps import LOCAL_STEPS, RAW_STEPS, TEXT_STEPS
from polylib.curate.record import SIDES, Record, RecordLeaning, Reject, SourceRow, Trace
from polylib.curate.scrubbing import learn_standing, outlet_names
from polylib.curate.sources.intake import Intake
from polylib.curate.sources.settings import SourceSettings
from polylib.curate.steps import Setting, Step, draw_order

BATCH = 500  # records
ALONE = 8  # batches after which more processes are worth their start
STREAMED = (*RAW_STEPS, *LOCAL_STEPS)
SAMPLE = "draw"  # the funnel's line for texts beyond what can be compared
Write = Callable[[Sequence[Record]], None]
Tell = Callable[[str, int], None]


class Tagged(NamedTuple):
    """What became of a batch: excerpts with flags, examples of changes, and records of which nothing was left."""

    records: list[Record]
    changes: list[Trace]
    empty: list[Reject]


Tagging = Callable[[Iterable[Sequence[Record]], Setting], Iterator[Tagged]]


class Store:
    """Holds up to `most` texts per source and side: those whose hash comes first, in the order they came."""

    def __init__(self, most: int, seed: int) -> None:
        """Start empty."""
        self._most, self._seed, self._number = most, seed, 0
        self._heaps: dict[tuple[str, RecordLeaning], list[tuple[int, int, Record]]] = defaultdict(list)

    def offer(self, record: Record) -> Record | None:
        """Take a text in; return the one that had to go, which may be this one."""
        heap = self._heaps[record.source, record.leaning]
        self._number += 1
        entry = (-int(draw_order(record, self._seed)[:15], 16), -self._number, record)
        if len(heap) < self._most:
            heapq.heappush(heap, entry)
            return None
        return heapq.heappushpop(heap, entry)[2]

    def records(self) -> list[Record]:
        """Return what is held, in the order it came."""
        held = sorted((-number, record) for heap in self._heaps.values() for _, number, record in heap)
        return [record for _, record in held]


def tag(records: Sequence[Record], setting: Setting) -> Tagged:
    """Rewrite, cut and flag a batch; nothing but the batch and the setting decides."""
    changes: list[Trace] = []
    empty: list[Reject] = []
    rewritten: list[Record] = []
    raw = list(records)
    for step in RAW_STEPS:
        raw = step.run(raw, setting)
    for record in raw:
        new = record
        for rewrite in TEXT_STEPS:
            text = rewrite.run(new, setting)
            if text != new.text:
                changes.append(trace(rewrite.name, new, "changed", text))
                new = new.model_copy(update={"text": text})
        if new.text:
            rewritten.append(new)
        else:
            reason = "nothing is left after cleaning"
            empty.append(Reject(source=record.source, file=record.id, reason=reason, excerpt=record.text[:200]))
    cut = all_excerpts(rewritten, setting.parameters.maximum_words)
    for local in LOCAL_STEPS:
        cut = local.run(cut, setting)
    return Tagged(cut, _bounded(changes, setting.parameters.seed), empty)


def decide(
    records: Sequence[Record], steps: Sequence[Step], kept_flags: Sequence[str], ledger: Ledger
) -> tuple[list[Record], list[Record]]:
    """Return kept and removed: a record goes at the first step that noted a flag which is not in `kept_flags`."""
    left, removed = list(records), []
    for step in steps:
        deciding = set(step.flags) - set(kept_flags)
        gone = [record for record in left if deciding & set(record.flags)]
        left = [record for record in left if not deciding & set(record.flags)]
        removed += gone
        ledger.passed(step.name, left, gone)
        ledger.show(trace(step.name, one, ", ".join(flag for flag in one.flags if flag in deciding)) for one in gone)
    return left, removed


def trace(step: str, record: Record, reason: str, after: str = "") -> Trace:
    """Return an example of what a step did to a record."""
    return Trace(step=step, id=record.id, leaning=record.leaning, reason=reason, before=record.text, after=after)


class Gathered(NamedTuple):
    """What one source gave: rejects, a count row per leaning, and what its reader counted."""

    rejects: list[Reject]
    counts: list[SourceRow]
    notes: dict[str, int]


def gather(
    source: SourceSettings, setting: Setting, ledger: Ledger, store: Store, write: Write, tell: Tell, tagging: Tagging
) -> Gathered:
    """Stream one source through the local steps into `store`, and what is removed to `write`.

    tell: called with the source's name and the number of texts read after every batch; tagging: gives for each
    batch what `tag` makes of it, in order.
    Raises PolylibError where the source is missing or more of it is unreadable than allowed.
    """
    chosen = setting.parameters
    limits = chosen.maximum_reject_share, chosen.maximum_megabytes << 20
    intake = Intake(source.source, *limits, setting.deletions)
    if source.has_outlets:
        setting = _with_outlets(source, setting, Intake(source.source, *limits))
    tally = Tally(source.source)
    rejects: list[Reject] = []
    batches = (tally.counted(batch) for batch in batches_of(source.read(intake), BATCH))
    for tagged in tagging(batches, setting):
        rejects += tagged.empty
        ledger.show(tagged.changes)
        ledger.started(tagged.records)
        kept, removed = decide(tagged.records, STREAMED, chosen.kept_flags, ledger)
        write(removed)
        gone = [one for record in kept if (one := store.offer(record)) is not None]
        write([one.model_copy(update={"flags": (*one.flags, "not_drawn")}) for one in gone])
        ledger.passed(SAMPLE, kept, ())
        ledger.withdrawn(SAMPLE, gone)
        tell(source.source, tally.total)
        intake.check()
    intake.close()
    notes = {f"{source.source}: {key}": value for key, value in sorted(intake.counts.items())}
    return Gathered([*intake.rejects, *rejects], tally.rows(), notes)


def _with_outlets(source: SourceSettings, setting: Setting, intake: Intake) -> Setting:
    """Read the source once to learn its outlets' names and the lines that stand in many articles of one."""
    outlets: set[str] = set()

    def articles() -> Iterator[tuple[str, str]]:
        for record in source.read(intake):
            outlets.add(record.group)
            yield record.group, clean(record.text)

    standing = learn_standing(articles())
    return setting._replace(outlets=outlet_names(sorted(outlets)), standing=standing)


def tagged_batches(batches: Iterable[Sequence[Record]], setting: Setting) -> Iterator[Tagged]:
    """Yield each batch tagged, in order; with several threads and many batches in as many processes."""
    each = iter(batches)
    for batch in islice(each, ALONE):
        yield tag(batch, setting)
    if setting.parameters.threads == 1:
        for batch in each:
            yield tag(batch, setting)
        return
    workers = setting.parameters.threads
    context = get_context("spawn")  # a fork of a process that has started threads can hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(setting,)) as pool:
        waiting: deque[Future[Tagged]] = deque()
        for batch in each:
            waiting.append(pool.submit(_tag_here, batch))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_settings_of_process: list[Setting] = []  # of a worker process, which serves one setting


def _start(setting: Setting) -> None:
    _settings_of_process[:] = [setting]


def _tag_here(batch: Sequence[Record]) -> Tagged:
    return tag(batch, _settings_of_process[0])


def batches_of(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Yield records in lists of `size`, the last one shorter."""
    each = iter(records)
    while batch := list(islice(each, size)):
        yield batch


class Tally:
    """Counts what a source gave per leaning before any filter: texts, words, groups."""

    def __init__(self, source: str) -> None:
        """Start at nothing."""
        self._source = source
        self._units: Counter[RecordLeaning] = Counter()
        self._words: Counter[RecordLeaning] = Counter()
        self._groups: dict[RecordLeaning, set[str]] = defaultdict(set)
        self._origins: dict[RecordLeaning, tuple[str, str]] = {}

    def counted(self, records: list[Record]) -> list[Record]:
        """Count records and return them."""
        for record in records:
            self._units[record.leaning] += 1
            self._words[record.leaning] += len(record.text.split())
            self._groups[record.leaning].add(record.group)
            self._origins.setdefault(record.leaning, (record.label_origin, record.licence))
        return records

    @property
    def total(self) -> int:
        """Texts counted so far."""
        return sum(self._units.values())

    def rows(self) -> list[SourceRow]:
        """Return a row per leaning; one without a leaning only where there are such texts."""
        leanings: tuple[RecordLeaning, ...] = (*SIDES, "")
        return [
            SourceRow(
                source=self._source,
                leaning=leaning,
                units=self._units[leaning],
                words=self._words[leaning],
                groups=len(self._groups[leaning]),
                label_origin=self._origins.get(leaning, ("", ""))[0],
                licence=self._origins.get(leaning, ("", ""))[1],
            )
            for leaning in leanings
            if leaning or self._units[leaning]
        ]


def _bounded(changes: Sequence[Trace], seed: int) -> list[Trace]:
    """Return few enough examples to send between processes, drawn as the books draw them."""
    if not changes:
        return []
    ledger = Ledger([step.name for step in TEXT_STEPS], seed)
    ledger.show(changes)
    return ledger.traces()
