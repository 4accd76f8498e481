"""How much of the variance of what a regression tree says comes from each of its inputs: functional ANOVA.

Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014. A tree says
one number in each of the boxes that it divides the space of inputs into, so that variances over the whole space are
sums over boxes. The numbers are those of optuna's `FanovaImportanceEvaluator`, which a test holds; it asks a tree
point by point, and takes ten times as long. Must not know: what the inputs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Tree(Protocol):
    """A fitted tree of N nodes, as scikit-learn keeps it in `tree_`; node 0 is the root.

    Attributes:
        feature: (N,) the column that a node asks for; negative in a leaf.
        threshold: (N,) at most this goes left.
        children_left: (N,) nodes.
        children_right: (N,) nodes.
        value: (N, 1, 1) what a leaf says.
    """

    feature: IntArray
    threshold: FloatArray
    children_left: IntArray
    children_right: IntArray
    value: FloatArray


def variance_shares(trees: Sequence[Tree], bounds: FloatArray, inputs: Sequence[Sequence[int]]) -> FloatArray:
    """(I,) the share that each input explains alone, as a mean over the trees that say more than one number.

    Args:
        trees: Over C columns.
        bounds: (C, 2) the lowest and highest value of each column, between which all are as likely.
        inputs: The columns of each of I inputs: one, or one for each value of a choice.
    """
    shares = [found for tree in trees if (found := _shares(tree, bounds, inputs)) is not None]
    return np.mean(shares, axis=0) if shares else np.zeros(len(inputs))


def _shares(tree: Tree, bounds: FloatArray, inputs: Sequence[Sequence[int]]) -> FloatArray | None:
    boxes, values = _leaves(tree, bounds)
    sizes = (boxes[:, :, 1] - boxes[:, :, 0]) / (bounds[:, 1] - bounds[:, 0])  # (L, C)
    volumes = sizes.prod(axis=1)
    mean = float(volumes @ values)
    variance = float(volumes @ (values - mean) ** 2)
    if variance <= 0:
        return None
    return np.array([_variance_of(list(columns), boxes, sizes, values, bounds, mean) for columns in inputs]) / variance


def _variance_of(
    columns: list[int], boxes: FloatArray, sizes: FloatArray, values: FloatArray, bounds: FloatArray, mean: float
) -> float:
    """The variance of what a tree says for each value of these columns, on average over all other columns."""
    others = np.delete(sizes, columns, axis=1).prod(axis=1)  # (L,)
    covers, weights = np.ones((1, len(values)), dtype=bool), np.ones(1)
    for column in columns:
        edges = np.unique(np.concatenate([boxes[:, column].ravel(), bounds[column]]))
        middles, lengths = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / np.ptp(bounds[column])
        low, high = boxes[:, column].T
        inside = (low < middles[:, None]) & (middles[:, None] < high)  # (M, L)
        covers = (covers[:, None] & inside).reshape(-1, len(values))
        weights = np.outer(weights, lengths).ravel()
    said = covers @ (others * values)
    return float(weights @ (said - mean) ** 2)


def _leaves(tree: Tree, bounds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(L, C, 2) the box of each leaf, and (L,) what it says."""
    boxes, values = [], []
    waiting = [(0, bounds)]
    while waiting:
        node, box = waiting.pop()
        column = int(tree.feature[node])
        if column < 0:
            boxes.append(box)
            values.append(float(tree.value[node, 0, 0]))
            continue
        for child, side in ((tree.children_left[node], 1), (tree.children_right[node], 0)):
            part = box.copy()
            part[column, side] = tree.threshold[node]
            waiting.append((int(child), part))
    return np.array(boxes), np.array(values)
