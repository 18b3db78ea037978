"""Stable-baselines3's own `.zip` of a model. It holds pickles: reading one can run any code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import VecNormalize

from .made_for import MadeFor
from .policy_file import UNREADABLE, PolicyError, appended, said
from .sb3_model import Scaler, Statistics

Format = Literal["npz", "sb3"]

_VIEW = "undertow"
# Schedules are closures, and the rest is the last batch of training: neither is the policy.
_LEFT_OUT = ("lr_schedule", "clip_range", "learning_rate", "_last_obs", "_last_original_obs")
_OF_TRAINING = ("_last_episode_starts", "ep_info_buffer")


def save_sb3(model: Any, path: Path, view: dict[str, Any], scaler: Scaler | None) -> Path:
    """Writes `path`.zip: the model and its `view`, without the optimiser's moments."""
    file = appended(path, ".zip")
    if scaler is not None:
        known = Statistics.of(scaler) if isinstance(scaler, VecNormalize) else scaler
        mean, var = known.mean.tolist(), known.var.tolist()
        scaling = {"mean": mean, "var": var, "clip": known.clip, "epsilon": known.epsilon}
        view = view | {"scaling": scaling}
    model.policy.optimizer.state.clear()
    setattr(model, _VIEW, view)  # SB3 saves every attribute with the model
    try:
        model.save(file, exclude=[*_LEFT_OUT, *_OF_TRAINING])
    except ValueError as error:
        if "before 1980" not in str(error):
            raise
        raise PolicyError(
            f"policy {file}: the clock stands before 1980, where a .zip cannot; allowed: the "
            "default format, or a clock that is set"
        ) from None
    finally:
        delattr(model, _VIEW)
    return file


def load_sb3(file: Path, algorithm: Any) -> tuple[Any, dict[str, Any]]:
    """The model and the view of what `save_sb3` wrote; raises `PolicyError` for anything else."""
    still = FloatSchedule(0.0)
    custom = {"learning_rate": 0.0, "lr_schedule": still, "clip_range": FloatSchedule(0.2)}
    try:
        model: Any = algorithm.load(file, device="cpu", custom_objects=custom)
        view = getattr(model, _VIEW, None)
    except (*UNREADABLE, AttributeError, AssertionError, ImportError) as error:
        raise PolicyError(
            f"policy {file}: damaged or not a policy's file ({said(error)})"
        ) from None
    if not isinstance(view, dict) or "deterministic" not in view:
        raise PolicyError(
            f"policy {file}: a model that `save` did not write, so its view is not known; allowed: "
            "from_sb3(PPO.load(FILE), VIEW) of undertow.agents, and its save"
        )
    return model, view


def extras(view: dict[str, Any]) -> dict[str, Any]:
    """What a policy takes beside its model, of a file's view; older files have none of it."""
    found: dict[str, Any] = {}
    try:
        if "made_for" in view:
            found["made_for"] = MadeFor.model_validate(view["made_for"])
    except ValidationError as error:
        raise PolicyError(f"made_for: found {view['made_for']!r} ({said(error)})") from None
    if (scaling := view.get("scaling")) is not None:
        mean, var = (np.asarray(scaling[name], dtype=np.float64) for name in ("mean", "var"))
        found["normalize"] = Statistics(mean, var, scaling["clip"], scaling["epsilon"])
    return found
