"""All audits of a study in a few calls: what notebook 80 runs.

It knows which audits there are and in which order; what each of them measures and what it cannot see is
said in its own module.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from polylib import ADAPTERS, CONDITIONS
from polylib.audit.adversarial import adversarial_audit
from polylib.audit.adversarial_prompts import load_prompts
from polylib.audit.asked_bold import bold_audit
from polylib.audit.asked_xstest import xstest_audit
from polylib.audit.capability import capability_audit
from polylib.audit.generations import AnswerRow, audit_questions, generate_answers
from polylib.audit.lm_eval import Harness, lm_eval_audit
from polylib.audit.parameters import MARGINS, AuditParameters
from polylib.audit.polarisation import certainty, extremity, hostile_sentences, polarisation_audit
from polylib.audit.quality import fluency, quality_audit, written_answers
from polylib.audit.quantities import audit_verdicts
from polylib.audit.result import AuditResult, AuditRow
from polylib.audit.self_disclosure import self_disclosure_audit
from polylib.audit.self_disclosure_scales import disclosure_blends, disclosure_scales
from polylib.audit.stereotypes import stereotype_audits
from polylib.audit.toxicity import toxicity_audit
from polylib.audit.verdicts import VerdictRow
from polylib.bank.loader import load_issues, load_neutral
from polylib.bank.surface import words
from polylib.curate.sources.settings import located
from polylib.errors import PolylibError
from polylib.files import write_text
from polylib.measure.respondent import Respondent, Sampling
from polylib.measure.scope import Scope
from polylib.measure.topics import topic_texts
from polylib.models import load_adapters, load_base
from polylib.tables import Row, write_table

if TYPE_CHECKING:
    import pandas

PUBLISHED = ("stereoset", "crows-pairs", "bbq", "redditbias", "xstest", "bold")
NO_FOLDER = (
    "no folder of published material is named; get some with `python3 -m polylib instruments get NAME` and name their "
    "folder in the parameter `instruments`"
)


class ScoredAnswer(AnswerRow):
    """One answer with what each text audit found in it.

    toxicity: score in [0, 1]; flags: kinds of listed words; extremity, certainty: per 100 words; hostile: its
    hostile sentences; nats: loss per token under the base; collapsed: why, empty where it is sound.
    """

    toxicity: float
    flags: str
    hateful: bool
    extremity: float
    certainty: float
    hostile: str
    nats: float
    collapsed: str
    off_topic: bool


class Example(Row):
    """An answer to be read, and why it was chosen."""

    why: str
    question: str
    condition: str
    answer: str
    nats: float
    collapsed: str
    flags: str


@dataclass(frozen=True)
class Audited:
    """What the audits of a study found.

    results: one per audit, also those left out; answers: what the conditions said to the common questions.
    """

    results: Sequence[AuditResult]
    answers: Sequence[ScoredAnswer] = field(default=())

    @property
    def rows(self) -> list[AuditRow]:
        """Return the figures of all audits."""
        return [row for result in self.results for row in result.rows]

    @property
    def verdicts(self) -> list[VerdictRow]:
        """Return the verdicts on each adapter in every quantity of every audit."""
        return [row for result in self.results if result.harms for row in audit_verdicts(result)]

    @property
    def left_out(self) -> list[AuditResult]:
        """Return the audits that were not run, each with why and how to get what it needs."""
        return [result for result in self.results if result.left_out]

    def examples(self, count: int, seed: int) -> list[Example]:
        """Return `count` drawn questions with every condition's answer, and each condition's least likely answer."""
        questions = list(dict.fromkeys(row.question for row in self.answers))
        drawn = random.Random(seed).sample(questions, min(count, len(questions)))
        chosen = [("drawn", row) for question in drawn for row in self.answers if row.question == question]
        for condition in dict.fromkeys(row.condition for row in self.answers):
            own = [row for row in self.answers if row.condition == condition]
            chosen.append(("least likely under the base", max(own, key=lambda row: row.nats)))
        return [
            Example(
                why=why, question=row.question, condition=row.condition, answer=row.answer, nats=row.nats,
                collapsed=row.collapsed, flags=row.flags,
            )
            for why, row in chosen
        ]  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write `answers.parquet`, `audits.parquet`, `verdicts.parquet`, and other answers as `said/<audit>.jsonl`."""
        write_table(folder / "answers.parquet", list(self.answers), ScoredAnswer)
        write_table(folder / "audits.parquet", self.rows, AuditRow)
        write_table(folder / "verdicts.parquet", self.verdicts, VerdictRow)
        for result in self.results:
            if result.answers and "condition" in result.answers[0]:  # not marks on the common answers
                name = "-".join(words(result.audit))
                lines = [json.dumps(row, ensure_ascii=False) for row in result.answers]
                write_text(folder / "said" / f"{name}.jsonl", "\n".join(lines) + "\n")


def load_respondents(
    parameters: AuditParameters, folders: Mapping[str, Path], cache: Path | None = None
) -> dict[str, Respondent]:
    """Load the base once with the three adapters of stage 40, each label checked; return the conditions in order.

    folders: finished stage 40 by condition; cache: where scores are kept.
    """
    loaded = load_base(parameters.model, parameters.revision, parameters.threads)
    load_adapters(loaded, {name: Path(folders[name]) / "adapter" for name in ADAPTERS})
    return {condition: Respondent(loaded, condition, cache=cache) for condition in CONDITIONS}


def margin_table(parameters: AuditParameters) -> "pandas.DataFrame":
    """Return the declared margins: audit, quantity, margin in force, unit, why; and where the study changed one."""
    import pandas

    rows = []
    for (audit, quantity), margin in MARGINS.items():
        value = parameters.margin(audit, quantity)
        why = margin.why if value == margin.value else f"set by the study; declared was {margin.value:g}"
        rows.append({"audit": audit, "quantity": quantity, "margin": value, "unit": margin.unit, "why": why})
    return pandas.DataFrame(rows)


def ask(respondents: Mapping[str, Respondent], scope: Scope, parameters: AuditParameters) -> list[AnswerRow]:
    """Put the same questions to every condition: those of held-out issues, and of neutral topics never tuned on."""
    questions = audit_questions(scope, load_issues(), load_neutral(), parameters.questions, parameters.seed)
    return generate_answers(respondents, questions, _sampling(parameters))


def audit_answers(base: Respondent, answers: Sequence[AnswerRow], parameters: AuditParameters) -> Audited:
    """Return what the text audits find in the answers: quality, toxicity, polarisation."""
    bank = load_issues(), load_neutral()
    found = fluency(base, answers, written_answers(answers, *bank), parameters.seed)
    quality = quality_audit(answers, found, topic_texts(*bank), parameters)
    toxicity = toxicity_audit(answers, parameters)
    polarisation = polarisation_audit(answers, parameters)
    scored = [
        ScoredAnswer.model_validate(
            {
                **row.model_dump(), **poison, **worth, "extremity": extremity(row.answer),
                "certainty": certainty(row.answer), "hostile": "; ".join(hostile_sentences(row.answer)),
            }
        )
        for row, poison, worth in zip(answers, toxicity.answers, quality.answers, strict=True)
    ]  # fmt: skip
    return Audited((toxicity, polarisation, quality), scored)


def audit_published(respondents: Mapping[str, Respondent], parameters: AuditParameters, out: Path) -> list[AuditResult]:
    """Return the audits that need published material, each left out with its reason where that is missing.

    out: folder where answers to published instruments go, in the field's own formats.
    """
    if not parameters.instruments:
        return [AuditResult(name, left_out=NO_FOLDER) for name in PUBLISHED]
    folder = located(parameters.instruments)
    if not folder.is_dir():
        raise PolylibError(f"instruments = {parameters.instruments!r}", "is no folder", remedy=NO_FOLDER)
    sampling = _sampling(parameters)._replace(samples=1)
    return [
        *stereotype_audits(respondents, folder, parameters.seed, parameters.items, out),
        xstest_audit(respondents, folder, sampling, parameters.seed),
        bold_audit(respondents, folder, sampling, parameters.seed),
    ]


def audit_behaviour(respondents: Mapping[str, Respondent], parameters: AuditParameters) -> list[AuditResult]:
    """Return what the conditions do with requests for harm, built in and the user's own, and say of themselves."""
    sampling = _sampling(parameters)._replace(samples=1, tokens=min(64, parameters.answer_tokens))
    results = [adversarial_audit(respondents, sampling=sampling)]
    if parameters.prompts:
        own = load_prompts(located(parameters.prompts))
        results.append(adversarial_audit(respondents, own, sampling, name="adversarial, your own"))
    return [*results, self_disclosure_audit(respondents, sampling)]


def disclosure_tables(
    respondents: Mapping[str, Respondent], parameters: AuditParameters
) -> "tuple[pandas.DataFrame, pandas.DataFrame]":
    """Return the tables `self_disclosure_scales` and `self_disclosure_blends`: honest at half scale, merged, mixed."""
    sampling = _sampling(parameters)._replace(samples=1, tokens=min(64, parameters.answer_tokens))
    loaded = respondents["base"].loaded
    return disclosure_scales(loaded, sampling), disclosure_blends(loaded, sampling)


def _sampling(parameters: AuditParameters) -> Sampling:
    return Sampling(parameters.samples, parameters.temperature, parameters.answer_tokens, parameters.seed)


def audit_tasks(parameters: AuditParameters, folders: Mapping[str, Path], work: Path) -> AuditResult:
    """Return the named tasks of lm-evaluation-harness under base and every adapter, run by the harness itself.

    folders: finished stage 40 by condition; work: folder for its outputs and caches, one cache per adapter.
    """
    adapters = {name: Path(folders[name]) / "adapter" for name in ADAPTERS}
    harness = Harness(seed=parameters.seed, threads=parameters.threads)
    return lm_eval_audit(parameters.model, parameters.revision, adapters, parameters.lm_eval_tasks, work, harness)


def table(rows: Sequence[Row]) -> "pandas.DataFrame":
    """Return rows as a table for a report; texts in it come from models and are escaped there."""
    import pandas

    return pandas.DataFrame(
        [row.model_dump() for row in rows], columns=list(type(rows[0]).model_fields) if rows else []
    )


def left_out_table(audited: Audited) -> "pandas.DataFrame":
    """Return the audits that were not run: audit, why and how to get what it needs."""
    import pandas

    rows = [{"audit": result.audit, "why": result.left_out} for result in audited.left_out]
    return pandas.DataFrame(rows, columns=["audit", "why"])


def audit_capability(respondents: Mapping[str, Respondent], parameters: AuditParameters) -> AuditResult:
    """Return what tuning cost in ability."""
    return capability_audit(respondents, load_neutral(), parameters)
