"""The three sentences on top of a report say what the numbers say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from raysweep.analysis.claims import Claims
from raysweep.analysis.ranking import rank
from raysweep.analysis.report.answers import answers, comparisons
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.write import build_page
from raysweep.analysis.tables import load_tables
from raysweep.analysis.verdicts import Verdict, verdict_of
from raysweep.paths import SweepPaths
from raysweep.spec.config import ProtocolName
from tests.analysis.ledgers import NAN, FakeTrial, write_ledger

CONFIRM = (
    "Confirm the best five with fresh seeds, by seeds: {explore: [0], confirm: {top: 5, seeds: 5}} in the sweep file."
)


def _verdicts(paths: SweepPaths, trials: list[FakeTrial], **options: Any) -> list[Verdict]:
    write_ledger(paths, trials, **options)
    tables = load_tables([paths])
    found = (verdict_of(ranking, tables.trials) for ranking in rank(tables))
    return [verdict for verdict in found if verdict is not None]


def _sentences(paths: SweepPaths, trials: list[FakeTrial], **options: Any) -> list[str]:
    return [answer for _, answer in answers(_verdicts(paths, trials, **options))]


def _windows(*windows: int, scores: tuple[float, ...], **changes: object) -> list[FakeTrial]:
    return [
        FakeTrial(train={"time_steps": window}, val=score, **changes)
        for window, score in zip(windows, scores, strict=True)
    ]


def test_one_config_with_one_seed(paths: SweepPaths) -> None:
    best, real, after = _sentences(paths, [FakeTrial()])
    assert best == (
        "att with window 112 forecasts y_w best one step ahead: its MSE on validation, 50.00, is 50.0 % below the best "
        "baseline (ridge); it is first in 2 of the 2 comparisons."
    )
    assert real == (
        "Unconfirmed: it has 1 seed where 5 are needed; on the test part, which selected nothing, its MSE is 40.0 % "
        "below that of ridge."
    )
    assert after == CONFIRM


def _in_two_series(*rates: tuple[str, float, float]) -> list[FakeTrial]:
    """Of each series, rate and score, far ahead as one step ahead."""
    return [
        FakeTrial(dataset=dataset, data=f"data of {dataset}", train={"learning_rate": rate}, val=score, val_far=score)
        for dataset, rate, score in rates
    ]


def test_two_configs_with_one_label_are_not_one(paths: SweepPaths) -> None:
    best = _sentences(paths, _in_two_series(("a", 1e-3, 50.0), ("b", 3e-2, 50.0)))[0]
    assert "it is first in 2 of the 4 comparisons" in best


def test_one_config_with_two_labels_is_one(paths: SweepPaths) -> None:
    best = _sentences(paths, _in_two_series(("a", 1e-3, 50.0), ("a", 3e-3, 60.0), ("b", 1e-3, 50.0)))[0]
    assert "it is first in 4 of the 4 comparisons" in best


def test_replication_and_what_is_kept_apart_are_no_wins(paths: SweepPaths) -> None:
    trials = [FakeTrial(), FakeTrial(model="lstm"), FakeTrial(model="vq", metric="2")]
    best = _sentences(paths, [*trials, FakeTrial(protocol="replication", val=0.5)])[0]
    assert best.endswith(
        "; it is first in 2 of the 2 comparisons (not counted: 3 under another protocol or kept apart)."
    )


def test_the_best_of_several_is_flattered(paths: SweepPaths) -> None:
    best, real, after = _sentences(paths, _windows(64, 128, 256, scores=(60, 50, 55)))
    assert "is 50.0 % below the best baseline (ridge) and 9.1 % below the next config (att with window 256)" in best
    assert "chosen as the best of 3, which flatters it" in real
    assert after == CONFIRM, "the best window lies inside what was searched"


@pytest.mark.parametrize(("scores", "where"), [((50, 60), "below 64"), ((60, 50), "above 128")])
def test_a_best_window_at_the_border_asks_for_more(paths: SweepPaths, scores: tuple[float, float], where: str) -> None:
    after = _sentences(paths, _windows(64, 128, scores=scores))[2]
    assert after.startswith(f"Widen the search to windows {where}, where what was tried ends; then confirm")


def test_nothing_beats_a_baseline(paths: SweepPaths) -> None:
    best, _, after = _sentences(paths, [FakeTrial(val=110.0)])
    assert best.startswith(
        "No config beats the best baseline on y_w one step ahead: the best, att with window 112, has"
    )
    assert "10.0 % above ridge" in best
    assert after == f"{CONFIRM.removesuffix('.')}; then use ridge if none of them beats it on validation."


@pytest.mark.parametrize(
    ("val", "claimed", "said"),
    [
        (100.03, "", "Use ridge until a model beats it on validation."),
        (150.0, "worse", "Use ridge until a model beats it on validation; more seeds of these will not."),
    ],
)
def test_more_seeds_are_given_up_only_where_they_are_known_to_be_worse(
    paths: SweepPaths, val: float, claimed: str, said: str
) -> None:
    verdict = _verdicts(paths, [FakeTrial(seed=seed, val=val) for seed in range(5)])[0]
    assert answers([replace(verdict, against_baseline=claimed)])[2][1] == said


def test_a_baseline_without_an_error_is_beaten_by_nothing(paths: SweepPaths) -> None:
    trials = [FakeTrial(), FakeTrial(model="lstm", val=60.0)]
    perfect = tuple(trials[0].baselines({"last_value": 0.0}))
    best = _sentences(paths, trials, baselines=False, extra=perfect)[0]
    assert best.startswith(
        "No config beats the best baseline on y_w one step ahead: the best, att with window 112, has an MSE of 50.00 "
        "on validation, above last value, whose score is 0;"
    )


def test_two_configs_without_an_error_are_level(paths: SweepPaths) -> None:
    trials = [FakeTrial(val=0.0), FakeTrial(model="lstm", val=0.0)]
    assert "level with the next config (lstm" in _sentences(paths, trials, baselines=False)[0]


def test_a_lead_that_the_test_part_takes_back_is_told(paths: SweepPaths) -> None:
    assert (
        "its MSE is 20.0 % above that of ridge, so the lead on validation is lost there"
        in (_sentences(paths, [FakeTrial(test=120.0)])[1])
    )


def test_five_seeds_that_differ_more_than_the_configs_do(paths: SweepPaths) -> None:
    near = [FakeTrial(seed=seed, val=50.0 + 5 * seed, test=60.0) for seed in range(5)]
    other = [FakeTrial(model="lstm", seed=seed, val=51.0 + 5 * seed) for seed in range(5)]
    _, real, after = _sentences(paths, [*near, *other])
    assert not real.startswith("Unconfirmed")
    assert after == (
        "Add seeds: they differ by 13.2 % (standard deviation), more than the 1.6 % between the first two configs."
    )


def test_nothing_is_left_below_the_noise_floor(paths: SweepPaths) -> None:
    assert _sentences(paths, [FakeTrial(val=16.5)])[2].startswith(
        "Stop searching here: the MSE is within 5 % of the noise floor (16.00), and if the series is smooth, no"
    )


def test_a_score_far_below_the_noise_floor_is_no_end_of_the_search(paths: SweepPaths) -> None:
    assert _sentences(paths, [FakeTrial(val=0.01)])[2] == CONFIRM


def test_replication_is_never_real(paths: SweepPaths) -> None:
    best, real, after = _sentences(paths, [FakeTrial(protocol="replication", val=0.5)])
    assert best == "att with window 112 has the lowest validation loss on y_w in replication, 0.5000."
    assert real.startswith("No: under replication every score is in-sample")
    assert after == "Run the same configs with protocol: holdout, which chooses a model."


def test_made_up_data_are_told(paths: SweepPaths) -> None:
    assert _sentences(paths, [FakeTrial(source="stand-in")])[1].endswith(
        "; and y_w is a stand-in that a script made up, so none of it is about measurements."
    )


def test_without_a_score_nothing_is_claimed(paths: SweepPaths) -> None:
    assert _sentences(paths, [FakeTrial(status="failed")])[0].startswith("Nothing can be said yet")


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        (
            [*(FakeTrial(seed=seed) for seed in range(5)), FakeTrial(seed=5, val=NAN, status="diverged")],
            "the only config diverged (6 trials, of which 5 finished)",
        ),
        (
            [FakeTrial(val=NAN, val_far=NAN), FakeTrial(model="lstm", val=math.inf, val_far=math.inf)],
            "all 2 configs diverged (2 trials, of which 2 finished)",
        ),
        (
            [FakeTrial(val=NAN, status="diverged"), FakeTrial(model="lstm", status="stopped")],
            "no config has a score, and 1 of 2 configs diverged (1 trial, of which 0 finished)",
        ),
    ],
    ids=["one seed", "not finite", "beside stopped"],
)
def test_what_diverged_is_not_missing(paths: SweepPaths, trials: list[FakeTrial], said: str) -> None:
    material = Material(sweeps=[paths], tables=load_tables([write_ledger(paths, trials)]))
    best, real, after = (answer for _, answer in build_page(material).answers)
    assert best.startswith(f"Nothing can be said so far: {said}. ")
    assert real == "There is no difference to judge."
    assert after.startswith("Lower train.learning_rate;")


def test_without_baselines_and_rivals_the_score_stands_alone(paths: SweepPaths) -> None:
    best = _sentences(paths, [FakeTrial()], baselines=False)[0]
    assert "its MSE on validation, 50.00, is the only score there is" in best


def test_every_comparison_has_a_row(paths: SweepPaths) -> None:
    table = comparisons(_verdicts(paths, [FakeTrial(), FakeTrial(model="lstm", val=60.0, val_far=50.0)]))
    assert [row.cells[1:] for row in table.rows] == [
        ("one-step", "split.origin 0.85", "att with window 112", "50.00", "-50.0 % (ridge)", "-40.0 %", "-16.7 %", "1"),
        (
            "up to 120 steps",
            "split.origin 0.85",
            "lstm with window 112",
            "50.00",
            "-50.0 % (ridge)",
            "-20.0 %",
            "-28.6 %",
            "1",
        ),
    ]


@pytest.mark.parametrize(
    ("protocols", "score", "said", "unsaid"),
    [
        (["holdout"], "MSE", "on validation, which selects", "replication"),
        (["replication"], "validation loss", "in-sample, in scaled units", "which selects"),
        (
            ["holdout", "replication"],
            "MSE or validation loss",
            "Under replication the score is Final/val_loss",
            "none,",
        ),
    ],
)
def test_the_score_is_named_by_protocol(
    paths: SweepPaths, protocols: list[ProtocolName], score: str, said: str, unsaid: str
) -> None:
    table = comparisons(_verdicts(paths, [FakeTrial(protocol=protocol) for protocol in protocols]))
    assert table.columns[4].title == score
    assert said in table.lead
    assert unsaid not in table.lead


# What is claimed is found out elsewhere, and put in here: these are about the words for it.
@pytest.mark.parametrize(
    ("claims", "num_best", "against_baseline", "sentence"),
    [
        (
            Claims(lack=None, num_confirmed=8, num_compared=8, baseline="ridge"),
            1,
            "better",
            "Yes among configs: it is known to be the best of 8 with enough seeds (model confidence set at 95 %, over "
            "seeds and starts); on validation it is known to be better than ridge; on the test part",
        ),
        (
            Claims(lack=None, num_confirmed=30, num_compared=20, baseline="ridge"),
            3,
            "",
            "Not told apart: 3 of the 20 best of 30 configs with enough seeds may be the best (model confidence set at "
            "95 %, over seeds and starts); on validation it can't be told from ridge; on the test part",
        ),
        (
            Claims(lack=None, num_confirmed=1, num_compared=1),
            1,
            "",
            "It has 5 seeds, and no other config has enough to be compared with; on the test part",
        ),
        (Claims(lack="errors"), 1, "", "Not known: it has 5 seeds, but the errors by starts"),
        (Claims(lack="blocks"), 1, "", "Not known: it has 5 seeds, but the validation part is too short"),
    ],
)
def test_what_is_claimed_of_configs_with_enough_seeds(
    paths: SweepPaths, claims: Claims, num_best: int, against_baseline: str, sentence: str
) -> None:
    verdict = _verdicts(paths, [FakeTrial(seed=seed) for seed in range(5)])[0]
    ranking = replace(verdict.ranking, claims=claims)
    claimed = replace(verdict, ranking=ranking, num_best=num_best, against_baseline=against_baseline)
    assert answers([claimed])[1][1].startswith(sentence)
