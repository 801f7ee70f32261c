"""The midpoint: planted coin tosses, moderates and both-sides replies come out as what they are."""

import numpy
import pandas
import pytest

from polylib.blend.dial import side_weights
from polylib.blend.measure_dial import WAYS, blended_answers, dial_items, dial_shares, held_out_battery, sample_table
from polylib.blend.midpoint import (
    answer_moments,
    both_sides_moments,
    dial_table,
    midpoint_finding,
    midpoint_table,
    midpoint_words,
    monotonicity_table,
)
from polylib.blend.mixing import mixed_answers
from polylib.errors import PolylibError
from polylib.measure.battery import LOG_COLUMNS
from polylib.measure.respondent import Sampling
from polylib.measure.scope import Scope
from polylib.models import LoadedModel
from polylib.show.plots.dial import dial_curves

DRAWS, SEED = 300, 1
LEFT, RIGHT = (0.02, 0.02, 0.48, 0.48), (0.48, 0.48, 0.02, 0.02)
TOSS, MILD = (0.49, 0.01, 0.01, 0.49), (0.02, 0.48, 0.48, 0.02)


def planted(middle: tuple[float, ...], way: str = "dial") -> pandas.DataFrame:
    """Return item rows of ends that take their side and a middle with these chances of options, ten issues."""
    rows = []
    generator = numpy.random.default_rng(3)
    for share, chances in ((0.0, LEFT), (0.5, middle), (1.0, RIGHT)):
        for issue in range(10):
            for proposition in range(3):
                for side in ("statement", "mirror"):
                    own = numpy.array(chances if side == "statement" else chances[::-1]) + generator.random(4) * 0.02
                    logs = dict(zip(LOG_COLUMNS, numpy.log(own / own.sum()), strict=True))
                    rows.append(
                        {"condition": way, "scale": share, "issue": f"issue-{issue}", "axis": "social",
                         "domain": "d", "split": "held_out", "proposition": f"{issue}-{proposition}", "side": side,
                         "key": "conservative", "wording": 0, "order": "forward", "form": "words", **logs}
                    )  # fmt: skip
    return pandas.DataFrame(rows)


def mirrored(items: pandas.DataFrame) -> pandas.DataFrame:
    """Return the rows with the leanings swapped: keys, and ends of the dial."""
    swapped = items["key"].map({"conservative": "progressive", "progressive": "conservative"})
    return items.assign(key=swapped, scale=1 - items["scale"])


@pytest.mark.parametrize(("middle", "verdict"), [(TOSS, "a coin toss"), (MILD, "moderate")])
def test_planted_middles_are_told_apart_though_both_mean_nought(middle: tuple[float, ...], verdict: str) -> None:
    moments = answer_moments(planted(middle))
    row = midpoint_table(moments, DRAWS, SEED).iloc[0]
    assert abs(row["score"]) < 0.05
    assert row["verdict"] == verdict
    dial = dial_table(moments, DRAWS, SEED)
    table = midpoint_table(moments, DRAWS, SEED)
    assert verdict in midpoint_finding(table)
    assert verdict in midpoint_words(dial, table)["in_words"][0]
    assert dial.loc[dial["share"] == 0.5, "flip"].item() == pytest.approx(0.5, abs=0.02)


def test_replies_with_both_sides_are_balanced_and_moderate() -> None:
    moments = both_sides_moments(planted(TOSS), [0.0, 0.5, 1.0])
    row = midpoint_table(moments, DRAWS, SEED).iloc[0]
    assert row["verdict"] == "moderate"
    assert row["score"] == pytest.approx(0, abs=0.01)
    ends = answer_moments(planted(TOSS))
    for share in (0.0, 1.0):
        one, other = (frame[frame["scale"] == share]["power_2"].to_numpy() for frame in (moments, ends))
        numpy.testing.assert_allclose(one, other)


def test_swapping_the_leanings_flips_the_lean_and_nothing_else() -> None:
    items = planted((0.4, 0.2, 0.1, 0.3))
    one, other = (
        dial_table(answer_moments(each), DRAWS, SEED).sort_values("share").reset_index(drop=True)
        for each in (items, mirrored(items))
    )
    numpy.testing.assert_allclose(one["score"], -other["score"][::-1])
    for name in ("spread", "flip", "coefficient", "within", "between", "strong", "dip"):
        numpy.testing.assert_allclose(one[name], other[name][::-1], atol=1e-9)
    first, second = (midpoint_table(answer_moments(each), DRAWS, SEED).iloc[0] for each in (items, mirrored(items)))
    assert first["verdict"] == second["verdict"]
    assert first["difference"] == pytest.approx(second["difference"])


def test_monotone_dial_and_a_dial_that_goes_nowhere() -> None:
    row = monotonicity_table(answer_moments(planted(TOSS)), DRAWS, SEED).iloc[0]
    assert row["issue_rho"] == pytest.approx(1)
    assert numpy.isnan(row["p"])  # three points are too few for a test


def test_two_issues_give_no_interval_and_no_verdict() -> None:
    items = planted(TOSS)
    few = answer_moments(items[items["issue"].isin(["issue-0", "issue-1"])])
    row = midpoint_table(few, DRAWS, SEED).iloc[0]
    assert row["verdict"] == "undecided"
    assert numpy.isnan(row["low"])
    assert dial_table(few, DRAWS, SEED)["low"].isna().all()


def test_shares_hold_the_middle_and_both_ends() -> None:
    assert dial_shares(5) == [0.0, 0.25, 0.5, 0.75, 1.0]
    for points in (1, 4):
        with pytest.raises(PolylibError, match="odd number"):
            dial_shares(points)


def test_figure_states_the_verdict_and_every_way(loaded: LoadedModel) -> None:
    items = pandas.concat([planted(TOSS), planted(MILD, "product")])
    moments = answer_moments(items)
    figure, alt_text = dial_curves(dial_table(moments, DRAWS, SEED), midpoint_table(moments, DRAWS, SEED))
    title = figure.texts[0].get_text().replace("\n", " ")
    assert "a coin toss by dial" in title
    assert "moderate by product" in title
    assert "dial: 0:" in alt_text
    assert "opposite sides 50" in alt_text


def test_every_way_meets_at_the_ends_and_cat_is_the_dial(loaded: LoadedModel, scope: Scope) -> None:
    battery = held_out_battery(loaded, scope, 1)
    items = dial_items(loaded, battery, [0.0, 0.5, 1.0], lambda line: None)
    assert set(items["condition"]) == {"base", *WAYS}
    logs = {key: part[list(LOG_COLUMNS)].to_numpy() for key, part in items.groupby(["condition", "scale"], sort=False)}
    for way in WAYS:
        for share in (0.0, 1.0):
            numpy.testing.assert_allclose(logs[way, share], logs["dial", share])
    numpy.testing.assert_allclose(logs["cat", 0.5], logs["dial", 0.5], atol=1e-3)
    assert numpy.abs(logs["mixture", 0.5] - logs["dial", 0.5]).max() > 1e-3


def test_sampled_answers_are_those_of_each_way(loaded: LoadedModel) -> None:
    sampling = Sampling(samples=2, temperature=0.7, tokens=4)
    table = sample_table(loaded, {"one": "Why?"}, [0.5], sampling)
    assert list(table.columns) == ["way", "share", "issue", "question", "number", "text"]
    assert len(table) == 2 * len(WAYS)
    made = mixed_answers(loaded, ["Why?"], side_weights(0.5), "product", sampling)
    assert blended_answers(loaded, ["Why?"], "product", 0.5, sampling) == made
