"""Looks at every decision tree of a loaded model, node by node, before anything is predicted.

scikit-learn walks trees in C without bounds checks: a changed child index reads foreign memory or never ends. skops can
only tell that an object *is* a tree, not that it is a sound one (skops lists trees as untrusted for this reason).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import Tree


def check_trees(model: Any) -> None:
    """Raises ValueError when a tree in `model` points outside itself, backwards, or at a feature that is not there."""
    for tree, features in _trees(model):
        if isinstance(tree, Tree):
            left, right = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)
            inner, used = (left != -1) | (right != -1), tree.feature.astype(np.int64)
            if int(tree.n_features) != features:
                raise ValueError("a decision tree was grown for another number of features than its model has")
        else:
            nodes = tree.nodes
            left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
            inner, used = nodes["is_leaf"] == 0, nodes["feature_idx"].astype(np.int64)
            coded = inner & (nodes["is_categorical"] != 0)
            if np.any(nodes["bitset_idx"][coded].astype(np.int64) >= len(tree.raw_left_cat_bitsets)):
                raise ValueError("a decision tree points at a set of categories that is not there")
        own = np.arange(len(left))
        for child in (left, right):
            # Trees are grown from the root, so a child always stands behind its parent; this also rules out loops.
            if np.any(inner & ((child <= own) | (child >= len(own)))):
                raise ValueError("a decision tree points outside itself or backwards")
        if np.any(inner & ((used < 0) | (used >= features))) or len(own) == 0:
            raise ValueError("a decision tree is empty or asks for a feature that is not there")


def _trees(model: Any) -> Iterator[tuple[Any, int]]:
    """Every tree reachable from `model`, with the number of features of the estimator that holds it."""
    waiting: list[tuple[Any, int]] = [(model, 0)]
    seen: set[int] = set()
    while waiting:
        value, features = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tree | TreePredictor):
            yield value, features
        elif isinstance(value, BaseEstimator):
            width = int(getattr(value, "n_features_in_", features))
            waiting.extend((item, width) for item in vars(value).values())
        elif isinstance(value, Mapping):
            waiting.extend((item, features) for item in value.values())
        elif isinstance(value, list | tuple):
            waiting.extend((item, features) for item in value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            waiting.extend((item, features) for item in value.ravel())
