from __future__ import annotations

from raysweep.analysis.compare import write_leaderboard
from raysweep.analysis.markdown import escape, to_markdown
from raysweep.analysis.result_table import Column, ResultTable, TableRow
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import NAN, FakeTrial, write_ledger

GOLDEN = """\
# Leaderboard of tiny

## y_w: one-step forecasts (holdout, split.origin 0.85)

Sorted by val_mse_batch: the mean squared error (squared ppm, mean over seeds) of one-step forecasts on the validation \
part. Test scores and skills are shown and select nothing; skill is 1 - MSE / MSE of the baseline, on the test part.

| rank | model      | window | learning rate | seeds | val MSE | test MSE | skill last | skill mean | skill ridge \
| train windows | params | seconds | remark                |
| ---: | ---------- | -----: | ------------: | ----: | ------: | -------: | ---------: | ---------: | ----------: \
| ------------: | -----: | ------: | --------------------- |
|    1 | att        |    112 |         0.001 |     2 |   83.00 |    130.0 |      +0.68 |      +0.86 |       -0.30 \
|         1,234 |  4,321 |       3 | unconfirmed           |
|    - | ridge      |      - |             - |     - |   100.0 |    100.0 |      +0.75 |      +0.89 |       +0.00 \
|             - |      - |       - | baseline              |
|    2 | lstm       |     64 |        0.0003 |     1 |   120.0 |    99.00 |      +0.75 |      +0.89 |       +0.01 \
|         1,234 |  4,321 |       3 | unconfirmed           |
|    - | last value |      - |             - |     - |   400.0 |    400.0 |      +0.00 |      +0.56 |       -3.00 \
|             - |      - |       - | baseline              |
|    - | train mean |      - |             - |     - |   900.0 |    900.0 |      -1.25 |      +0.00 |       -8.00 \
|             - |      - |       - | baseline              |
|    3 | vq\\_       |    112 |         0.001 |     1 |       - |        - |          - |          - |           - \
|         1,234 |  4,321 |       3 | diverged, unconfirmed |

- 1 of 3 ranked configs beats the best baseline on validation (ridge, MSE 100.0).
- Settings of ridge: lags 32, penalty 0.1.
- Noise floor, estimated from second differences: MSE 16.00 (RMSE 4.000) on validation, MSE 16.00 (RMSE 4.000) on \
test. If the series is smooth, no forecast of points that weren't trained on can be expected to have a lower error.
- Unconfirmed: 3 of 3 configs have fewer than 5 seeds. Nothing is claimed of them: small differences may be chance.
- The lowest of 2 such scores is lower than that config's next seeds will be: luck helped to make it the lowest. \
Its test score has seen no choice.
"""


def test_page(paths: SweepPaths) -> None:
    trials = [
        FakeTrial(seed=0, val=80.0, test=130.0),
        FakeTrial(seed=1, val=86.0, test=130.0),
        FakeTrial(model="lstm", arguments={}, val=120.0, test=99.0, train={"time_steps": 64, "learning_rate": 3e-4}),
        FakeTrial(model="vq_", val=NAN, status="diverged"),
    ]
    shown = write_leaderboard(write_ledger(paths, trials), units={"y_w": "ppm"})
    assert len(shown) == 2
    text = paths.leaderboard.read_text(encoding="utf-8")
    assert text.partition("\n## y_w: autoregressive")[0] == GOLDEN
    assert to_markdown(shown, heading="Leaderboard of tiny") == text


def test_no_trial_yet() -> None:
    assert to_markdown([]) == "# Leaderboard\n\nNo trial has ended yet.\n"


def test_names_cannot_break_the_table() -> None:
    name = "a|b`c`<img src=x>\n\n# d\t\x1b[31m&amp; *e* _f_ g_h [i](j) $k$ ~l~ \\"
    board = ResultTable(
        title=name,
        rule=name,
        columns=(Column(title=name, align="left"), Column(title="n")),
        rows=(TableRow(cells=(name, "1"), style="ranked"),),
        notes=(name,),
    )
    lines = to_markdown([board], heading=name).splitlines()
    assert len(lines) == 11
    assert {line.replace("\\|", "").count("|") for line in lines[6:9]} == {3}
    assert not any("<" in line or "\x1b" in line for line in lines)
    assert escape(name) == (
        "a\\|b\\`c\\`&lt;img src=x>  # d  \\[31m&amp;amp; \\*e\\* \\_f\\_ g_h \\[i\\](j) \\$k\\$ \\~l\\~ \\\\"
    )
