"""A small gate of our own: which adapter should answer this prompt?

Logistic regression on the base's hidden states, averaged over the prompt. It learns from takes of tuned-on issues
which side a text takes, so it sends a prompt that argues for one side to that side's adapter; a prompt that takes
no side should get a share near a half, and how far it does not is the router's own lean. It knows prompts and the
base; what the adapters then say is read from their item rows. Nothing is pickled: the gate is its coefficients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polylib import LEANINGS
from polylib.bank.model import Issue
from polylib.errors import PolylibError
from polylib.measure.battery import LOG_COLUMNS
from polylib.measure.stance import proposition_scores, stance_estimate
from polylib.measure.statistics import Estimate, cluster_bootstrap
from polylib.measure.steps import SPLIT
from polylib.models import LoadedModel, render, use

if TYPE_CHECKING:
    import numpy
    import pandas
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

BATCH = 32
STRENGTH = 0.1  # inverse of the penalty: few texts, many hidden states


@dataclass(frozen=True)
class Gate:
    """Weights of standardised mean hidden states, shape (hidden,), and an intercept; positive = conservative."""

    centre: "Floats"
    spread: "Floats"
    weights: "Floats"
    intercept: float

    def shares(self, states: "Floats") -> "Floats":
        """Return the conservative adapter's share in [0, 1] of each row of states, shape (n_prompts,)."""
        from scipy.special import expit

        found: Floats = expit((states - self.centre) / self.spread @ self.weights + self.intercept)
        return found


def pooled_states(loaded: LoadedModel, prompts: Sequence[str]) -> "Floats":
    """Return the mean of the base's last hidden states over each prompt as a user's message, (n_prompts, hidden)."""
    import numpy
    import torch

    rows = []
    with torch.inference_mode(), use(loaded, "base") as model:
        for start in range(0, len(prompts), BATCH):
            texts = [render(loaded.tokenizer, [{"role": "user", "content": p}]) for p in prompts[start : start + BATCH]]
            batch = loaded.tokenizer(
                texts, add_special_tokens=False, padding=True, padding_side="right", return_tensors="pt"
            )
            mask = batch["attention_mask"].to(model.device)
            states = model(
                input_ids=batch["input_ids"].to(model.device), attention_mask=mask, output_hidden_states=True,
                use_cache=False,
            ).hidden_states[-1].float()  # fmt: skip
            rows.append(((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).cpu().double().numpy())
    return numpy.concatenate(rows)


def pooled_state(loaded: LoadedModel, tokens: Sequence[int]) -> "Floats":
    """Return the mean of the base's last hidden states over the tokens of one prompt as they are, shape (hidden,)."""
    import torch

    with torch.inference_mode(), use(loaded, "base") as model:
        row = torch.tensor([list(tokens)], device=model.device)
        states = model(input_ids=row, output_hidden_states=True, use_cache=False, logits_to_keep=1).hidden_states[-1]
    pooled: Floats = states[0].float().mean(0).cpu().double().numpy()
    return pooled


def gate_texts(issues: Sequence[Issue], splits: Mapping[str, str], split: str) -> "pandas.DataFrame":
    """Return the takes of all issues of one split: text, issue, conservative (1 or 0); both sides in equal number."""
    import pandas

    rows = [
        {"text": pair.take(leaning).text, "issue": issue.id, "conservative": float(leaning == "conservative")}
        for issue in issues
        if splits.get(issue.id) == split
        for pair in issue.pairs
        for leaning in LEANINGS
    ]
    return pandas.DataFrame(rows, columns=["text", "issue", "conservative"])


def train_gate(states: "Floats", conservative: Sequence[float], strength: float = STRENGTH) -> Gate:
    """Return the gate that tells the sides of texts apart by their states, shape (n_texts, hidden).

    Swapping the sides negates its weights and intercept. Raises PolylibError where a side has no text.
    """
    import numpy
    from sklearn.linear_model import LogisticRegression

    sides = numpy.asarray(conservative, dtype=float)
    if len(set(sides.tolist())) < 2:
        raise PolylibError("router", "has texts of one side only to learn from", allowed="takes of both leanings")
    centre, spread = states.mean(axis=0), states.std(axis=0)
    spread = numpy.where(spread < 1e-9, 1.0, spread)
    fitted: Any = LogisticRegression(C=strength, max_iter=2000, tol=1e-8).fit((states - centre) / spread, sides)
    return Gate(centre, spread, fitted.coef_[0].astype(float), float(fitted.intercept_[0]))


def accuracy(shares: "Floats", texts: "pandas.DataFrame", draws: int, seed: int) -> Estimate:
    """Return the share of texts that are sent to their own side's adapter, with its interval over issues."""
    import numpy

    right = ((shares > 0.5) == (texts["conservative"].to_numpy() > 0.5)).astype(float)
    return cluster_bootstrap(right, list(texts["issue"]), draws, numpy.random.default_rng(seed))


def router_lean(shares: "Floats", issues: Sequence[str], draws: int, seed: int) -> Estimate:
    """Return how far a router leans by itself: 2 · share − 1 in [-1, 1] on prompts that take no side.

    shares: of the conservative adapter, one per prompt; issues: of each prompt. Positive = conservative.
    """
    import numpy

    return cluster_bootstrap(2 * numpy.asarray(shares) - 1, list(issues), draws, numpy.random.default_rng(seed))


def routed_items(ends: "pandas.DataFrame", shares: "Floats", name: str) -> "pandas.DataFrame":
    """Return item rows of a model that gives each prompt to the one adapter with the larger share.

    ends: the item rows of both adapters, conditions `progressive` and `conservative`, in the same order of items;
    shares: one per item. Columns of `ItemRow`, condition `name`.
    """
    import numpy

    left, right = (ends[ends["condition"] == leaning].reset_index(drop=True) for leaning in LEANINGS)
    columns = list(LOG_COLUMNS)
    right_side = (numpy.asarray(shares) > 0.5)[:, None]
    chosen = left.assign(condition=name, scale=1.0)
    chosen[columns] = numpy.where(right_side, right[columns].to_numpy(), left[columns].to_numpy())
    return chosen


def routed_lean(items: "pandas.DataFrame", draws: int, seed: int) -> Estimate:
    """Return the score of routed item rows on held-out issues with its interval; positive = conservative."""
    scores = proposition_scores(items)
    chosen = scores[scores["split"] == SPLIT].sort_values(["issue", "proposition"], kind="stable")
    return stance_estimate(chosen, draws, seed)
