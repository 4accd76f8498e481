"""Scoring a trained model on series: one-step and autoregressive, on every part that its protocol scores.

Shapes: N points, T time steps, C channels, S starts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from raysweep.forecasting import metrics
from raysweep.forecasting.protocol import (
    EvalSet,
    FloatArray,
    Mode,
    Part,
    Scaler,
    eval_sets,
    fit_scaler,
    scaling_end,
    scored_parts,
    why_unscalable,
    why_unscorable,
)
from raysweep.forecasting.results import Evaluation
from raysweep.forecasting.rollout import forecast_ahead, forecast_next
from raysweep.forecasting.scores import Score, score_forecasts
from raysweep.forecasting.series import Series
from raysweep.forecasting.windows import to_scaled
from raysweep.spec.config import Config
from raysweep.storage import Folder


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """All forecasts of one part in one mode, in the data's units.

    Attributes:
        starts: (S,) index of the first forecast point.
        num_steps: (S,) how many points of each are kept.
        predicted: (S, horizon, C).
        first_to_end: (P, C) the first start's forecast to the end of the part, for the picture.
    """

    eval_dataset: str
    part: Part
    mode: Mode
    starts: npt.NDArray[np.int64]
    num_steps: npt.NDArray[np.int64]
    predicted: FloatArray
    first_to_end: FloatArray

    def points(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
        """Every forecast point once: (M,) its start, (M,) its step from 0, (M, C) what is forecast."""
        is_kept = np.arange(self.predicted.shape[1]) < self.num_steps[:, None]
        is_kept[0] = False  # the first forecast is taken from `first_to_end`, which holds all of it
        row, step = np.nonzero(is_kept)
        num_points = len(self.first_to_end)
        return (
            np.concatenate([np.full(num_points, self.starts[0]), self.starts[row]]),
            np.concatenate([np.arange(num_points), step]),
            np.concatenate([self.first_to_end, self.predicted[row, step]]),
        )


def evaluate(
    model: nn.Module, config: Config, series: Series, device: torch.device
) -> tuple[list[Evaluation], list[Forecasts]]:
    """Scores a model on one series, which may not be the one it was trained on (it is then scaled by its own).

    Parts that can't be scored give an `Evaluation` with `num_targets` 0 and the reason, and no forecasts.
    """
    num_points, time_steps = len(series.values), config.train.time_steps
    sets = eval_sets(
        data_digest=series.digest,
        num_points=num_points,
        protocol=config.protocol,
        origin=config.origin,
        time_steps=time_steps,
    )
    parts = scored_parts(num_points, config.protocol, config.origin, time_steps)
    unscalable = why_unscalable(series.values, config.protocol, config.origin, name=series.name)
    reasons = {
        part: why_unscorable(part, targets, name=series.name, time_steps=time_steps) or unscalable
        for part, targets in parts.items()
    }
    forecasts: list[Forecasts] = []
    scale = np.ones(series.values.shape[1])
    if not all(reasons.values()):
        scaler = fit_scaler(series.values, config.protocol, config.origin)
        scorable = [eval_set for eval_set in sets if not reasons[eval_set.part]]
        forecasts = list(_forecast(model, config, series, scaler, scorable, parts, device))
        scale = metrics.naive_scale(series.values[: scaling_end(num_points, config.protocol, config.origin)])
    made = {(forecast.part, forecast.mode): forecast for forecast in forecasts}

    def score(eval_set: EvalSet) -> Score:
        if reasons[eval_set.part]:
            return Score(reason=reasons[eval_set.part])
        return score_forecasts(
            series.values,
            made[eval_set.part, eval_set.mode].predicted,
            eval_set,
            scale=scale,
        )

    evaluations = [
        Evaluation(
            eval_dataset=series.name,
            part=eval_set.part,
            mode=eval_set.mode,
            horizon=eval_set.horizon,
            eval_set_hash=eval_set.digest,
            score=score(eval_set),
        )
        for eval_set in sets
    ]
    return evaluations, forecasts


def _forecast(
    model: nn.Module,
    config: Config,
    series: Series,
    scaler: Scaler,
    sets: Sequence[EvalSet],
    parts: Mapping[Part, range],
    device: torch.device,
) -> Iterator[Forecasts]:
    """One `Forecasts` for every part and mode: the longest horizon serves the shorter ones."""
    scaled = to_scaled(series.values, scaler, device)
    time_steps = config.train.time_steps
    longest: dict[tuple[Part, Mode], EvalSet] = {}
    for eval_set in sets:
        key = (eval_set.part, eval_set.mode)
        if key not in longest or eval_set.horizon > longest[key].horizon:
            longest[key] = eval_set
    model.eval()
    with torch.no_grad():
        for (part, mode), eval_set in longest.items():
            starts = torch.from_numpy(eval_set.starts).to(device)
            if mode == "batch":
                predicted = forecast_next(model, scaled, starts, time_steps)[:, None]
                first_to_end = predicted[0]
            else:
                predicted = forecast_ahead(model, scaled, starts, num_steps=eval_set.horizon, time_steps=time_steps)
                num_to_end = len(parts[part])
                first_to_end = predicted[0, :num_to_end]
                if num_to_end > eval_set.horizon:
                    whole = forecast_ahead(model, scaled, starts[:1], num_steps=num_to_end, time_steps=time_steps)
                    first_to_end = torch.cat([first_to_end, whole[0, eval_set.horizon :]])
            yield Forecasts(
                eval_dataset=series.name,
                part=part,
                mode=mode,
                starts=eval_set.starts,
                num_steps=eval_set.num_steps,
                predicted=scaler.inverse(predicted.double().cpu().numpy()),
                first_to_end=scaler.inverse(first_to_end.double().cpu().numpy()),
            )


def write_predictions(folder: Folder, name: str, forecasts: Sequence[Forecasts], series: Mapping[str, Series]) -> None:
    """Writes a Parquet file durably: a row for every forecast point and channel. Raises `OSError`."""
    frames = []
    for forecast in forecasts:
        start, step, predicted = forecast.points()
        targets = start + step
        of = series[forecast.eval_dataset]
        for channel in range(of.values.shape[1]):
            frames.append(
                pd.DataFrame(
                    {
                        "eval_dataset": forecast.eval_dataset,
                        "part": forecast.part,
                        "mode": forecast.mode,
                        "start": start,
                        "step": step + 1,
                        "time": of.time_hours[targets],
                        "actual": of.values[targets, channel],
                        "predicted": predicted[:, channel],
                        "channel": of.columns[channel],
                    }
                )
            )
    if not frames:
        return
    content = io.BytesIO()
    pd.concat(frames, ignore_index=True).to_parquet(content, index=False)
    # One process at a time owns a trial: what others left here was cut off.
    folder.remove_drafts(name)
    folder.write(name, content.getvalue())
