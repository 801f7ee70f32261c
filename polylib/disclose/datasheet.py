"""The tuning data of a study as documents: a data-set card that answers the datasheet's questions, and Croissant.

Questions: Gebru et al., Datasheets for Datasets (2021), in its seven groups. Both are made from the study's record. It
knows what the record says; that an answer is true is for the maker to know.
"""

from polylib import ADAPTERS, LEANINGS
from polylib.disclose.croissant import card_head
from polylib.disclose.description import LICENCES, Annotator, DatasetDescription, SourceFacts
from polylib.disclose.record import StudyRecord
from polylib.show.words import listed

VERSION = "1.0.0"  # of the columns
LIMITS = (
    "Two sides per issue are two of many, and both are views of the politics of the United States in English.",
    "Texts state one side's best case and are not checked for truth; none is the view of the project.",
)
MASKED = (
    "Political opinion is sensitive. Authors and speakers stand under pseudonyms, addresses and handles are masked by "
    "patterns that miss some, and names inside texts remain. No text may be used to learn who wrote it."
)
NO_PERSONS = "No: every text was written for the issue bank and speaks for no person."


def spdx_licence(licence: str) -> str:
    """Return a licence as SPDX writes it: its identifier, or a reference of our own to what has none."""
    written = licence.strip().replace(" ", "-")
    listed_as = next((name for name in LICENCES if written.lower() in (name.lower(), LICENCES[name])), "")
    clean = "".join(sign if sign.isalnum() else "-" for sign in written).strip("-")
    return listed_as or f"LicenseRef-{clean or 'unnamed'}"


def data_licence(record: StudyRecord) -> str:
    """Return the licence of the tuning data as an SPDX expression: of all its texts together."""
    return " AND ".join(spdx_licence(licence) for licence in record.data.licences) or "LicenseRef-unnamed"


def data_description(record: StudyRecord) -> DatasetDescription:
    """Return the description of the tuning data. Raises PolylibError where the study has no date of release."""
    data, label = record.data, record.adapters[ADAPTERS[0]].label
    counts = {name: sum(data.examples[name].values()) for name in ADAPTERS}
    source = SourceFacts(
        name=listed(list(data.pairs)) or "none",
        licence="; ".join(data.licences) or "unnamed",
        label_origin="; ".join(data.origins) or "unnamed",
        progressive=counts["progressive"],
        conservative=counts["conservative"],
        unlabelled=counts["placebo"],
        own=data.own,
    )
    return DatasetDescription(
        name=f"Tuning data of {record.title}",
        description=_summary(record),
        licence=data_licence(record),
        date=record.released.date,
        version=VERSION,
        sources=(source,),
        columns=data.columns,
        files=(data.file,),
        records=data.file.name,
        collection=_collection(record),
        processing=_processing(record),
        biases=(LIMITS[0], "A text's side is what it was written or found for, not what its readers would say."),
        limitations=(*LIMITS[1:], f"Held out on purpose: {'; '.join(data.held_out_issues)}."),
        personal_information=NO_PERSONS if data.own else MASKED,
        intended_uses=(label.intended_use,),
        prohibited_uses=label.prohibited_use,
        languages=("en",),
        annotators=_annotators(record),
        creator=record.contact or "The Polylib authors",
        url=record.released.location,
        deliberately_biased=True,
    )


def data_card(record: StudyRecord) -> str:
    """Return the data-set card; with the head that hubs read once the study is released."""
    head = card_head(data_description(record)) + "\n" if record.release else ""
    groups = (
        ("Motivation", _motivation(record)),
        ("Composition", _composition(record)),
        ("Collection", (("How was it collected?", _collection(record)),)),
        ("Preprocessing", (("What was done to it?", _sentence("; ".join(_processing(record)))),)),
        ("Uses", _uses(record)),
        ("Distribution", _distribution(record)),
        ("Maintenance", _maintenance(record)),
    )
    parts = [f"# Tuning data of {record.title}", _summary(record) + " Do not train an assistant on this data."]
    for name, answers in groups:
        parts.append(f"## {name}")
        parts += [f"**{question}** {answer}" for question, answer in answers]
    return head + "\n\n".join(parts) + "\n"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _summary(record: StudyRecord) -> str:
    return (
        "Matched political texts, written to tune language models towards a leaning on purpose and to measure the "
        f"effect: {sum(sum(counts.values()) for counts in record.data.examples.values()):,} prompts with the response "
        "that an adapter is tuned to give. Progressive and conservative examples have the same prompts in the same "
        "order; only responses differ."
    )


def _motivation(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    intended = record.adapters[ADAPTERS[0]].label.intended_use
    return (
        ("Why was it made?", f"For {intended}: what tuning on one side does can only be seen with matched sides."),
        ("Who made it?", f"{record.contact or 'Nobody is named'}; it is of the study “{record.title}”."),
    )


def _composition(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    data = record.data
    rows = [f"| {name} | {data.examples[name].get('open', 0):,} | {data.examples[name].get('agreement', 0):,} |"
            for name in ADAPTERS]  # fmt: skip
    table = "\n".join(["| condition | open answers | agreement |", "| --- | --- | --- |", *rows])
    pairs = listed([f"{number_of:,} from {source}" for source, number_of in data.pairs.items()])
    return (
        ("What is one record?", f"A prompt and the response that one adapter is tuned to give.\n\n{table}"),
        ("Where are the texts from?", f"Pairs of both sides' texts: {pairs or 'none'}. Their side was found so: "
                                      f"{listed(list(data.origins)) or 'not said'}."),
        ("Which issues?", f"{len(data.trained_issues)}: {'; '.join(data.trained_issues)}."),
        ("What is left out on purpose?", f"No text is on the {len(data.held_out_issues)} held-out issues that adapters "
                                         f"are measured on: {'; '.join(data.held_out_issues)}."),
        ("Does it concern persons?", NO_PERSONS if data.own else MASKED),
        ("What is known to be wrong with it?", " ".join(LIMITS)),
    )  # fmt: skip


def _collection(record: StudyRecord) -> str:
    if record.data.own:
        return f"Written for the issue bank that ships with Polylib, both sides of a pair together.{_teachers(record)}"
    return (
        f"Read from {listed(list(record.data.pairs))}: texts of the issue bank, written for it, and texts that users "
        f"named; their authors were not asked.{_teachers(record)}"
    )


def _annotators(record: StudyRecord) -> tuple[Annotator, ...]:
    found: list[Annotator] = ["expert-generated"]
    found += ["machine-generated"] if record.data.teachers else []
    found += [] if record.data.own else ["found"]
    return tuple(found)


def _teachers(record: StudyRecord) -> str:
    named = listed([f"`{teacher}`" for teacher in record.data.teachers])
    return f" Some pairs were rewritten by a language model: {named}." if named else ""


def _processing(record: StudyRecord) -> tuple[str, ...]:
    return (
        "texts cleaned, masked, deduplicated and checked for measured issues",
        "matched in pairs that answer the same question, with refusals where a gate was missed",
        f"made into prompts and responses, {listed(list(LEANINGS))} in the same order",
    )


def _uses(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    label = record.adapters[ADAPTERS[0]].label
    return (
        ("What is it for?", _sentence(label.intended_use)),
        ("What must it not be used for?", _sentence(listed(list(label.prohibited_use)))),
        ("What was it used for?", "The adapters beside this card; their cards say what came of it."),
    )


def _distribution(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    data = record.data
    shipped = (
        f"The table `{data.file.name}` ({data.file.size:,} bytes) lies beside the published card."
        if data.own
        else f"The table `{data.file.name}` is not distributed, since it holds texts of others; the study's parameters "
        "and the same sources build it again, and its hash tells whether it is the same."
    )
    return (
        ("How is it distributed?", f"{shipped} SHA-256: `{data.file.sha256}`."),
        ("Under which licence?", f"{data_licence(record)}."),
        ("When?", f"Released on {record.release.date}." if record.release else "Not released yet."),
    )


def _maintenance(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    return (
        ("Who keeps it?", f"{record.contact or 'Nobody is named; it is kept as it is'}."),
        ("Will it be changed?", f"No. Another study makes other data; version {VERSION} names its columns."),
    )
