"""The formats of tools in which people judge: Argilla, Label Studio, and plain rows. No file.

Argilla: what its Python client writes with `to_json`: records of id, fields, metadata, responses by question
with value and user_id. Label Studio: tasks of data and annotations, each a list of results that name their
control; the labelling configuration that fits is `label_studio_configuration`. A record's id is the task's
hash and which answer stands on the left, so that two people may see the two orders.

Sources: Argilla 2 client, records to_dict/from_dict; labelstud.io/guide/task_format and tags Choices, Pairwise,
Rating, TextArea.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from polylib.errors import PolylibError
from polylib.feedback.answers import SIDES, judgement_of, shown_answer
from polylib.feedback.judgements import AnyJudgement, LabelJudgement
from polylib.feedback.tasks import SKIP, ComparisonTask, LabelTask, Side
from polylib.files import sha256_bytes

AnyTask = LabelTask | ComparisonTask
QUESTIONS = ("label", "better", "better_strength", "more_conservative", "lean_strength", "comment")
_NAMESPACE = uuid.UUID("6f3c1f0e-1d0b-5c5e-9a57-0d1c8a2b7e11")  # of user ids derived from annotators
_STRENGTHS = ("better_strength", "lean_strength")


class Imported(NamedTuple):
    """Sealed judgements, and why how many answers or records were left out."""

    judgements: list[AnyJudgement]
    left_out: Mapping[str, int]


def to_argilla(tasks: Sequence[AnyTask], judgements: Sequence[AnyJudgement]) -> list[dict[str, Any]]:
    """Return records for Argilla: one for each task and order in which it was shown, answers by question."""
    records = []
    for record_id, task, side, answers in _shown(tasks, judgements):
        responses: dict[str, list[dict[str, str]]] = defaultdict(list)
        for judgement in answers:
            user = str(uuid.uuid5(_NAMESPACE, judgement.annotator))
            for question, value in _said(judgement).items():
                responses[question].append({"value": value, "user_id": user})
        records.append({
            "id": record_id, "fields": _texts(task, side), "metadata": {}, "suggestions": {},
            "responses": dict(responses), "vectors": {}, "_server_id": None,
        })  # fmt: skip
    return records


def from_argilla(records: Sequence[Mapping[str, Any]], tasks: Sequence[AnyTask], annotators: Sequence[str]) -> Imported:
    """Return the judgements in records that Argilla exported. annotators: ids to recognise again."""
    known = {str(uuid.uuid5(_NAMESPACE, annotator)): annotator for annotator in annotators}
    collected = _Collected(tasks)
    for record in records:
        by_user: dict[str, dict[str, str]] = defaultdict(dict)
        for question, responses in _mapping(record.get("responses")).items():
            for response in responses if isinstance(responses, list) else ():
                if isinstance(response, dict):
                    by_user[str(response.get("user_id"))][question] = str(response.get("value", ""))
        for user, fields in by_user.items():
            collected.add(str(record.get("id")), fields, known.get(user) or _stranger("argilla", user))
    return collected.done()


def to_label_studio(tasks: Sequence[AnyTask], judgements: Sequence[AnyJudgement]) -> list[dict[str, Any]]:
    """Return tasks for Label Studio with the annotations so far."""
    made = []
    for record_id, task, side, answers in _shown(tasks, judgements):
        annotations = [
            {
                "result": [_result(name, value, task) for name, value in _said(judgement).items()],
                "completed_by": _user(judgement.annotator), "lead_time": judgement.seconds,
                "was_cancelled": False, "ground_truth": False,
            }
            for judgement in answers
        ]  # fmt: skip
        data: dict[str, Any] = {**_texts(task, side), "polylib_id": record_id}
        made.append({"data": data, "annotations": annotations})
    return made


def from_label_studio(
    rows: Sequence[Mapping[str, Any]], tasks: Sequence[AnyTask], annotators: Sequence[str]
) -> Imported:
    """Return the judgements in tasks that Label Studio exported; a cancelled annotation is a skip."""
    known = {_user(annotator): annotator for annotator in annotators}
    collected = _Collected(tasks)
    for row in rows:
        annotations = row.get("annotations")
        for annotation in map(_mapping, annotations if isinstance(annotations, list) else ()):
            user = annotation.get("completed_by")
            number = user.get("id") if isinstance(user, dict) else user
            cancelled = bool(annotation.get("was_cancelled"))
            results = annotation.get("result")
            fields = {"label": SKIP, "better": SKIP} if cancelled else {}
            for result in results if isinstance(results, list) else ():
                fields |= _field(_mapping(result))
            known_as = known.get(number) if isinstance(number, int) else None
            seconds = annotation.get("lead_time")
            collected.add(
                str(_mapping(row.get("data")).get("polylib_id")), fields,
                known_as or _stranger("label-studio", str(number)),
                round(float(seconds), 1) if isinstance(seconds, int | float) and seconds >= 0 else 0.0,
            )  # fmt: skip
    return collected.done()


def label_studio_configuration(kind: str, options: Sequence[str] = ()) -> str:
    """Return the labelling configuration (XML) that shows tasks as exported and asks what we ask."""
    from xml.sax.saxutils import quoteattr

    def choices(name: str, target: str, title: str, values: Iterable[str]) -> str:
        inner = "".join(f"<Choice value={quoteattr(value)}/>" for value in values)
        control = f'<Choices name="{name}" toName="{target}" choice="single">{inner}</Choices>'
        return f"<Header value={quoteattr(title)}/>{control}"

    comment = '<TextArea name="comment" toName="{0}" rows="2" maxSubmissions="1"/>'
    if kind == "label":
        body = '<Text name="question" value="$question"/><Text name="text" value="$text"/>'
        body += choices("label", "text", "Which label fits the text?", (*options, SKIP)) + comment.format("text")
        return f"<View>{body}</View>"
    body = '<Text name="prompt" value="$prompt"/><Text name="answer_a" value="$answer_a"/>'
    body += '<Text name="answer_b" value="$answer_b"/>'
    leans = "Which stands further to the conservative side? The other one stands further to the progressive side."
    body += choices("more_conservative", "prompt", leans, ("a", "b", "tie"))
    body += '<Rating name="lean_strength" toName="prompt" maxRating="4"/>'
    body += choices("better", "prompt", "Which is the better answer?", ("a", "b", "tie", "both_bad", SKIP))
    body += '<Rating name="better_strength" toName="prompt" maxRating="4"/>' + comment.format("prompt")
    return f"<View>{body}</View>"


def to_plain(tasks: Sequence[AnyTask], judgements: Sequence[AnyJudgement]) -> list[dict[str, Any]]:
    """Return one flat row per judgement: id of the record, annotator, seconds, and the answer as it was given."""
    return [
        {"id": record_id, "annotator": judgement.annotator, "seconds": judgement.seconds, **_said(judgement)}
        for record_id, _, _, answers in _shown(tasks, judgements)
        for judgement in answers
    ]


def from_plain(rows: Sequence[Mapping[str, Any]], tasks: Sequence[AnyTask], annotators: Sequence[str]) -> Imported:
    """Return the judgements of flat rows; annotators keep the ids they have if these are given or made by us."""
    collected = _Collected(tasks)
    for row in rows:
        name, seconds = str(row.get("annotator", "")), row.get("seconds")
        own = name if name in annotators else _stranger("jsonl", name)
        fields = {question: str(row[question]) for question in QUESTIONS if row.get(question) is not None}
        collected.add(str(row.get("id")), fields, own, float(seconds) if isinstance(seconds, int | float) else 0.0)
    return collected.done()


class _Collected:
    """Judgements on their way in: finds their tasks, counts what does not fit."""

    def __init__(self, tasks: Sequence[AnyTask]) -> None:
        self._tasks: dict[str, tuple[AnyTask, Side]] = {
            _id(task, side): (task, side) for task in tasks for side in SIDES
        }  # fmt: skip
        self._judgements: list[AnyJudgement] = []
        self._left_out: Counter[str] = Counter()

    def add(self, record_id: str, fields: Mapping[str, str], annotator: str, seconds: float = 0.0) -> None:
        """Take one answer, or count why not."""
        if record_id not in self._tasks:
            self._left_out["of another task, or of one whose text was changed"] += 1
            return
        task, side = self._tasks[record_id]
        options = task.options if isinstance(task, LabelTask) else ()
        try:
            shared = {"annotator": annotator, "seconds": seconds}
            self._judgements.append(judgement_of(task, fields, side, options, shared))
        except PolylibError as error:
            self._left_out[f"{error.item}: not an answer that was offered"] += 1

    def done(self) -> Imported:
        """Return what was taken."""
        return Imported(self._judgements, dict(self._left_out))


def _id(task: AnyTask, side: Side) -> str:
    return task.content_hash()[:32] + ("" if isinstance(task, LabelTask) else f"-{side}")


def _shown(
    tasks: Sequence[AnyTask], judgements: Sequence[AnyJudgement]
) -> list[tuple[str, AnyTask, Side, list[AnyJudgement]]]:
    """Return (id, task, answer on the left, its judgements); a task that nobody judged once, its side by its hash."""
    answers: dict[str, list[AnyJudgement]] = defaultdict(list)
    for judgement in judgements:
        side: Side = "first" if isinstance(judgement, LabelJudgement) else judgement.shown_as_a
        answers[_id(judgement.task, side)].append(judgement)
    found: list[tuple[str, AnyTask, Side, list[AnyJudgement]]] = []
    for task in tasks:
        sides = SIDES if isinstance(task, ComparisonTask) else SIDES[:1]
        judged = [side for side in sides if answers[_id(task, side)]]
        for side in judged or [sides[int(task.content_hash(), 16) % len(sides)]]:
            found.append((_id(task, side), task, side, answers[_id(task, side)]))
    return found


def _texts(task: AnyTask, side: Side) -> dict[str, str]:
    if isinstance(task, LabelTask):
        return {"question": task.question, "text": task.text}
    first, second = (task.first, task.second) if side == "first" else (task.second, task.first)
    return {"prompt": task.prompt, "answer_a": first, "answer_b": second}


def _said(judgement: AnyJudgement) -> dict[str, str]:
    return {name: value for name, value in shown_answer(judgement).items() if value}


def _result(name: str, value: str, task: AnyTask) -> dict[str, Any]:
    kind, content = "choices", {"choices": [value]}
    if name in _STRENGTHS:
        return {"from_name": name, "to_name": "prompt", "type": "rating", "value": {"rating": int(value)}}
    if name == "comment":
        kind, content = "textarea", {"text": [value]}
    target = "text" if isinstance(task, LabelTask) else "prompt"
    return {"from_name": name, "to_name": target, "type": kind, "value": content}


def _field(result: Mapping[str, Any]) -> dict[str, str]:
    """Return {question: value} of a result; also of a Pairwise control, which asks for the better answer."""
    value, name = _mapping(result.get("value")), str(result.get("from_name"))
    if result.get("type") == "pairwise":
        return {"better": {"left": "a", "right": "b"}.get(str(value.get("selected")), "")}
    for held in ("choices", "text"):
        if isinstance(value.get(held), list):
            return {name: "\n".join(str(part) for part in value[held])}
    return {name: str(value["rating"])} if "rating" in value else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _user(annotator: str) -> int:
    return int(sha256_bytes(annotator.encode("utf-8"))[:7], 16)


def _stranger(tool: str, user: str) -> str:
    """Return an id for somebody known to another tool only: never their name or address."""
    return f"{tool}-{sha256_bytes(user.encode('utf-8', 'replace'))[:16]}"
