"""Compute VMAF from features: support vector regression, phone transform, bootstrap interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmaf.model_document import Model, Svr

__all__ = ["interval", "predict"]


def predict(model: Model, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the VMAF of frames, 0 to 100.

    Parameters
    ----------
    model : Model
    features : float64 array, (frames, 6)
        adm2, motion2, vif_scale0 to vif_scale3.

    Returns
    -------
    float64 array, (frames,)
    """
    return _finish(model, _raw(model.members[0], features))


def interval(model: Model, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of the 95 % bootstrap interval of every frame's VMAF, from a bagged model.

    Parameters
    ----------
    model : Model
        With more than one member.
    features : float64 array, (frames, 6)

    Returns
    -------
    tuple of float64 array, (frames,)
        Lower and upper bound.
    """
    bag = np.stack([_raw(member, features) for member in model.members[1:]])
    low, high = np.percentile(bag, [2.5, 97.5], axis=0)
    return _finish(model, low), _finish(model, high)


def _raw(svr: Svr, features: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = features * svr.slopes[1:] + svr.intercepts[1:]
    distance = ((scaled[:, None, :] - svr.vectors[None, :, :]) ** 2).sum(axis=2)
    # not a matrix product, whose rounding would depend on the number of frames
    value = (np.exp(-svr.gamma * distance) * svr.weights).sum(axis=1) - svr.rho
    raw: NDArray[np.float64] = (value - svr.intercepts[0]) / svr.slopes[0]
    return raw


def _finish(model: Model, score: NDArray[np.float64]) -> NDArray[np.float64]:
    if model.transform:
        p0, p1, p2 = model.transform
        shaped = p0 + p1 * score + p2 * score * score
        score = np.maximum(shaped, score) if model.at_least_input else shaped
    return np.clip(score, 0.0, 100.0)
