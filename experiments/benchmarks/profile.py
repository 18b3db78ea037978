"""Where the time goes: shares of a batch's step, and of PPO's training on it."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Mapping

from ...agents import FeedVecEnv, PPOSettings
from ...envs import FeedBatch
from ...envs.world import world
from .learner import Threads, learning
from .world import batch_side

PEOPLE = 512

# What is told: the function whose time it is, with all that it calls.
_OF_A_STEP = {
    "slot": ("slot.py", "slot"),
    "luck": ("feed_batch.py", "_luck"),
    "logs": ("views.py", "record"),
    "view": ("views.py", "observe"),
    "restarts": ("feed_batch.py", "restart"),
}
_OF_TRAINING = {
    "epochs": ("ppo.py", "train"),
    "forward": ("policies.py", "forward"),
    "values_at_the_end": ("skip_policy.py", "predict_values"),
    "world": ("vec_env.py", "step_wait"),
}


def of_a_step() -> dict[str, float]:
    """Share of each part in the time of a batch under random actions; they need not sum to 1."""
    return _shares(batch_side(FeedBatch(world(), PEOPLE)), _OF_A_STEP, "play")


def of_training() -> dict[str, float]:
    """Share of each part in the time of PPO's training, one thread."""
    with Threads(1):
        env = FeedVecEnv(PEOPLE, seed=0, stagger=True, engine="numpy")
        return _shares(learning(env, PPOSettings(n_envs=PEOPLE), 4), _OF_TRAINING, "learn")


def _shares(
    work: Callable[[], int], parts: Mapping[str, tuple[str, str]], whole: str
) -> dict[str, float]:
    work()  # warm up
    profile = cProfile.Profile()
    profile.runcall(work)
    # stats: (file, line, function) -> calls, own calls, own time, time with all that it calls
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]

    def seconds(file: str, function: str) -> float:
        return max(
            (row[3] for (path, _, name), row in stats.items()
             if name == function and path.endswith("/" + file)),
            default=0.0,
        )  # fmt: skip

    total = max(row[3] for (_, _, name), row in stats.items() if name == whole)
    return {part: seconds(*place) / total for part, place in parts.items()}
