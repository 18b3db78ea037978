"""The columns of an observation: a name for each, and bounds that are true and near."""

import gymnasium as gym
import numpy as np
import pytest

from undertow.agents import make_vec_env
from undertow.envs import OBSERVATIONS, FeedEnv, FeedSlateVectorEnv, FeedVectorEnv
from undertow.envs.tampering import CENTRE, TamperingEnv
from undertow.envs.tiny.env import TinyFeedEnv, TinyFeedVectorEnv
from undertow.envs.views import FORGETTING
from undertow.envs.world import assemble, world

# Everybody opens the app in nearly every slot, and watches for as long as a session can last.
UTMOST = {
    "calendar": {"slots_per_day": 8, "days": 12},
    "population": {"habit_start": 1.0, "taste_mean": 6.0, "susceptibility_median": 0.5},
    "opening": {"base": 8.0},
    "search": {"enabled": False},
    "appraisal": {"base": 6.0, "satiation": 0.0},
    "watching": {"minutes": 10.0, "habit": 2.0, "shape": 0.3, "longest": 2.0},
    "habit": {"decay": 0.0},
    "churn": {"enabled": False},
}


def column(env, seen, name):
    return seen[env.unwrapped.observation_names.index(name)]


@pytest.mark.parametrize("make", [FeedEnv, FeedVectorEnv])
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("items", [4, 30])
def test_every_column_has_a_name_of_its_own(make, observation, items):
    overrides = {"catalogue": {"items": items, "civic_items": 0.5}, "population": {"topics": 3}}
    env = make(world=overrides, observation=observation)
    space = getattr(env, "single_observation_space", env.observation_space)
    names = env.observation_names
    assert isinstance(names, tuple) and all(isinstance(name, str) for name in names)
    assert len(set(names)) == len(names) == space.shape[0]


def test_names_are_had_behind_wrappers_in_vectors_and_in_native_environments():
    for name in ("Feed", "FeedSlate", "TinyFeed", "Tampering"):
        one, many = gym.make(f"undertow/{name}-v0"), gym.make_vec(f"undertow/{name}-v0", 2)
        names = one.unwrapped.observation_names
        assert many.unwrapped.observation_names == names
        assert make_vec_env(f"undertow/{name}-v0", 2).unwrapped.observation_names == names
        assert len(names) == one.observation_space.shape[0]
    assert TinyFeedEnv(observation="state").observation_names == ("state",)


@pytest.mark.parametrize("slate", [None, 3])
def test_the_names_of_the_platforms_columns_say_what_is_in_them(slate):
    """One civic item on the far left, watched once by everybody: worked by hand."""
    overrides = {
        "opening": {"base": 8.0},
        "search": {"enabled": False},
        "churn": {"enabled": False},
    }
    make, more = (FeedVectorEnv, {}) if slate is None else (FeedSlateVectorEnv, {"slate": slate})
    env = make(50, overrides, **more)
    env.reset(seed=1)
    items = env.batch.items
    lead = int(np.argmin(items.stance))
    action = np.full(env.batch.action_shape, lead)
    seen, _, _, _, info = env.step(action)
    row = int(np.flatnonzero(info["opened"])[0])
    seen, minutes = seen[row], info["minutes"][row] / 20.0  # 20: watching.minutes
    half_day = 3 * FORGETTING[0]
    assert column(env, seen, "minutes_civic_left_far_half_day") == pytest.approx(half_day * minutes)
    assert column(env, seen, "opens_half_day") == pytest.approx(half_day)
    assert column(env, seen, "minutes_week") == pytest.approx(3 * FORGETTING[2] * minutes)
    assert column(env, seen, "sought_minutes_half_day") == 0
    assert column(env, seen, "minutes_topic_1_half_day") == 0
    arousing = half_day * minutes * items.arousal[lead]
    assert column(env, seen, "arousing_minutes_half_day") == pytest.approx(arousing)
    read = 1 if slate is None else info["seen"][row]
    rate = 2 * (minutes + 0.5) / (read + 1) - 1
    assert column(env, seen, "watch_rate_civic_left_far") == pytest.approx(rate)
    assert column(env, seen, "known_civic_left_far") == pytest.approx(read / (read + 3))
    assert column(env, seen, "known_civic_right_near") == 0
    tilt = minutes * items.stance[lead] / (minutes + 0.5)
    assert column(env, seen, "civic_stance") == pytest.approx(tilt)
    assert column(env, seen, "civic_extremity") == pytest.approx(-tilt)
    assert column(env, seen, "last_opened") == 1
    assert column(env, seen, "last_minutes") == pytest.approx(minutes)
    assert column(env, seen, "last_stance") == items.stance[lead]
    assert column(env, seen, "last_arousal") == items.arousal[lead]
    assert column(env, seen, "gap") == 0
    assert column(env, seen, "calendar") == pytest.approx(1 / 168)


def test_the_names_of_the_oracles_columns_say_what_is_in_them():
    env = FeedEnv(observation="oracle")
    env.reset(seed=1)
    for action in range(5):
        seen, _, _, _, info = env.step(action)
    traits = env.batch.traits
    for name, value in {
        "habit": 2 * info["habit"],
        "tolerance": 2 * info["tolerance"],
        "stance": info["stance"],
        "extremity": abs(info["stance"]),
        "regret": info["regret"],
        "origin": info["origin"],
        "taste_3": info["taste"][3],
        "satiation_2": info["satiation"][2],
        "self_control": traits.self_control[0],
        "susceptibility": 4 * traits.susceptibility[0],
        "latitude": traits.latitude[0],
        "news": traits.news[0],
        "calendar": 5 / 168,
    }.items():
        assert column(env, seen, name) == pytest.approx(value, rel=1e-6), name
    best = np.argmax(seen[-30:])
    assert column(env, seen, f"minutes_item_{best}") == pytest.approx(1)


def test_the_names_of_the_small_worlds():
    env = TinyFeedEnv()
    seen, info = env.reset(seed=1)
    for name in ("stance", "habit", "regret", "civic_satiation"):
        assert column(env, seen, name) == pytest.approx(info[name])
    env = TamperingEnv()
    env.reset(seed=1)
    seen = env.step(CENTRE)[0]
    assert column(env, seen, "shown_centre") == pytest.approx(1 / 30)
    assert column(env, seen, "shown_left") == 0


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_bounds_hold_where_people_watch_all_that_can_be_watched(observation, engine):
    pytest.importorskip("numba") if engine == "numba" else None
    env = FeedVectorEnv(24, UTMOST, observation=observation, engine=engine)
    seen, _ = env.reset(seed=3)
    box, most = env.single_observation_space, seen
    lead = int(np.argmax(env.batch.items.length))
    for slot in range(96):
        assert all(row in box for row in seen)
        action = np.full(24, lead if slot % 4 else slot % 30)
        seen, _, _, truncated, info = env.step(action)
        most = np.maximum(most, seen)
    assert truncated.all()
    assert all(row in box for row in info["final_obs"])
    names = env.observation_names
    # And no bound is far from what is reached there.
    near = {"platform": ("last_minutes", "minutes_half_day", "opens_week"),
            "oracle": ("best_minutes", "habit", f"minutes_item_{lead}")}[observation]  # fmt: skip
    for name in near:
        place = names.index(name)
        assert most[:, place].max() > 0.75 * box.high[place], name


def test_the_bounds_hold_for_slates():
    env = FeedSlateVectorEnv(24, UTMOST, slate={"size": 4, "stay_base": 6.0})
    seen, _ = env.reset(seed=3)
    generator = np.random.default_rng(0)
    for _ in range(60):
        assert all(row in env.single_observation_space for row in seen)
        seen = env.step(generator.integers(30, size=(24, 4)))[0]


def test_the_bounds_follow_from_the_items_that_there_are():
    """Items of one's own: a stance without being civic, half civic, of extreme arousal."""
    parameters, count = world(overrides=UTMOST | {"population": {"topics": 2}}), 4
    items = assemble(
        parameters,
        topic=np.array([0, 1, 1, 0]),
        civic=np.array([1.0, 0.0, 0.5, 0.0]),
        stance=np.array([0.2, -1.0, 0.9, 0.0]),
        arousal=np.array([0.0, 1.0, 0.5, 0.2]),
        quality=np.full(count, 0.5),
        falsehood=np.zeros(count),
        creator=np.arange(count),
        duration=np.array([10.0, 60.0, 60.0, 600.0]),
        sponsor=np.zeros(count),
        supply=np.ones(count),
    )
    env = FeedVectorEnv(24, parameters, items=items)
    seen, _ = env.reset(seed=3)
    generator = np.random.default_rng(0)
    for slot in range(96):
        assert all(row in env.single_observation_space for row in seen)
        seen = env.step(generator.integers(1, 3 if slot > 40 else 2, size=24))[0]


def test_the_state_of_the_tiny_world_lies_in_its_space():
    for observation in ("features", "state"):
        env = TinyFeedVectorEnv(16, {"hazard": 0.2}, observation=observation)
        seen, _ = env.reset(seed=0)
        for _ in range(40):
            assert seen in env.observation_space
            seen = env.step(env.action_space.sample())[0]
