"""The native stable-baselines3 face: the same lives as Gymnasium's, in SB3's conventions."""

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from undertow.agents.vec_env import FeedVecEnv, make_vec_env
from undertow.envs import OBSERVATIONS, FeedEnv, FeedVectorEnv
from undertow.envs.seeding import keys_of

COUNT, SLOTS = 6, 40
WORLD = {
    "preset": "vulnerable",
    "calendar": {"slots_per_day": 8, "days": 2},
    "catalogue": {"items": 20},
    "opening": {"base": -0.5},
    "churn": {"hazard": 0.05, "habit": 0.0},
}


@pytest.fixture
def env():
    return FeedVecEnv(COUNT, WORLD, seed=4)


def actions(slots=SLOTS):
    return np.random.default_rng(3).integers(20, size=(slots, COUNT))


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_all_three_faces_tell_the_same_lives(observation):
    ours = FeedVecEnv(COUNT, WORLD, observation=observation, seed=4, measured=True)
    vector = FeedVectorEnv(COUNT, WORLD, observation=observation)
    single = FeedEnv(WORLD, observation=observation)
    seen = ours.reset()
    assert np.array_equal(seen, vector.reset(seed=4)[0])
    assert np.array_equal(seen[2], single.reset(options={"key": int(keys_of(4, 2)[0])})[0])
    ends = 0
    for action in actions():
        seen, reward, done, infos = ours.step(action)
        expected = vector.step(action)
        assert np.array_equal(seen, expected[0]) and np.array_equal(reward, expected[1])
        assert np.array_equal(done, expected[2] | expected[3])
        for row in np.nonzero(done)[0]:
            assert np.array_equal(infos[row]["terminal_observation"], expected[4]["final_obs"][row])
            assert infos[row]["TimeLimit.truncated"] == expected[3][row]
        alone = single.step(action[2])
        assert alone[1] == reward[2] and (alone[2] or alone[3]) == done[2]
        for name, value in alone[4].items():
            assert np.array_equal(value, infos[2][name]), name
        if done[2]:
            assert np.array_equal(alone[0], infos[2]["terminal_observation"])
            assert np.array_equal(single.reset()[0], seen[2])
        else:
            assert np.array_equal(alone[0], seen[2])
        ends += done.sum()
    assert ends > COUNT


def ends_of(env):
    env.reset()
    for action in actions():
        _, _, done, infos = env.step(action)
        for row in np.nonzero(done)[0]:
            yield infos[row]


def test_only_the_calendar_counts_as_a_time_limit():
    cut = [e["TimeLimit.truncated"] for e in ends_of(FeedVecEnv(COUNT, WORLD, seed=4))]
    assert any(cut) and not all(cut)
    staying = {**WORLD, "churn": {"enabled": False}}
    assert all(e["TimeLimit.truncated"] for e in ends_of(FeedVecEnv(COUNT, staying, seed=4)))


def test_without_bootstrap_the_end_of_the_calendar_is_an_end():
    env = FeedVecEnv(COUNT, WORLD, seed=4, bootstrap=False)
    assert not any(e["TimeLimit.truncated"] for e in ends_of(env))


def test_infos_are_empty_unless_measured_is_asked_for(env):
    env.reset()
    _, _, done, infos = env.step(actions()[0])
    assert [info for info, over in zip(infos, done, strict=True) if not over] == [{}] * sum(~done)
    telling = FeedVecEnv(COUNT, WORLD, seed=4, measured=True)
    telling.reset()
    infos = telling.step(actions()[0])[3]
    assert [info["person"] for info in infos] == [0] * COUNT
    for info in infos:
        parts = info["cost_unendorsed_minutes"] + info["cost_induced_extremity"]
        assert info["cost"] == pytest.approx(parts)


def test_what_a_wrapper_writes_into_an_info_is_gone_in_the_next_step(env):
    env.reset()
    env.step(actions()[0])[3][0]["note"] = 1
    assert "note" not in env.step(actions()[1])[3][0]


def test_reset_goes_on_to_the_next_people_and_a_seed_back_to_the_first(env):
    first = env.reset()
    env.reset()
    assert env.batch.person.tolist() == [1] * COUNT
    env.seed(4)
    assert np.array_equal(env.reset(), first)
    assert env.batch.person.tolist() == [0] * COUNT
    env.seed(5)
    env.reset()
    assert np.array_equal(env.batch.seed, keys_of(5, np.arange(COUNT)))


@pytest.mark.parametrize("seed", [None, 4])
def test_numpys_global_stream_is_left_alone(seed):
    _, before, place, *_ = np.random.get_state()  # noqa: NPY002
    env = make_vec_env("undertow/Feed-v0", 2, seed=seed, world=WORLD)
    env.reset()
    for _ in range(20):
        env.step(np.zeros(2, dtype=np.int64))
    _, after, still, *_ = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(after, before) and still == place


def test_without_a_seed_every_environment_meets_other_people():
    envs = [FeedVecEnv(2, WORLD) for _ in range(2)]
    for env in envs:
        env.reset()
    assert envs[0].batch.traits.stance[0] != envs[1].batch.traits.stance[0]


def test_staggered_rows_are_spread_over_the_calendar_and_then_live_whole_lives():
    """Row i is first cut at slot 1 + i (slots - 1) / rows; with churn off nothing else ends it."""
    rows, slots = 5, 16
    env = FeedVecEnv(rows, WORLD | {"churn": {"enabled": False}}, seed=4, stagger=True)
    env.reset()
    ends = [[] for _ in range(rows)]
    for now in range(1, 3 * slots):
        _, _, done, infos = env.step(np.zeros(rows, dtype=np.int64))
        for row in np.nonzero(done)[0]:
            ends[row].append(now)
            assert infos[row]["TimeLimit.truncated"]
            assert env.batch.slot[row] == 0 and env.batch.person[row] == len(ends[row])
    assert [end[0] for end in ends] == [1, 4, 7, 10, 13]
    assert all(np.all(np.diff(end) == slots) for end in ends)
    env.reset()
    assert np.all(env.batch.slot == 0)


def test_step_before_reset_is_refused(env):
    with pytest.raises(RuntimeError, match="step: called before reset; allowed: after reset"):
        env.step(actions()[0])


@pytest.mark.parametrize(
    "action", [np.zeros(3, dtype=np.int64), np.full(COUNT, 20), np.ones(COUNT)]
)
def test_a_bad_action_is_refused_by_name(env, action):
    env.reset()
    with pytest.raises(ValueError, match=r"action.*: found .*; allowed: "):
        env.step(action)


def test_the_rest_of_sb3s_interface(env):
    assert env.num_envs == COUNT and env.action_space == spaces.Discrete(20)
    assert env.reset() in spaces.Box(-np.inf, np.inf, (COUNT, *env.observation_space.shape))
    assert env.get_attr("num_envs") == [COUNT] * COUNT
    assert env.get_attr("num_envs", 2) == [COUNT]
    assert env.get_attr("render_mode", [0, 1]) == [None, None]
    env.set_attr("label", "x")
    assert env.get_attr("label", [3]) == ["x"]
    assert env.env_method("get_attr", "label", 0) == [["x"]] * COUNT
    assert env.env_is_wrapped(VecMonitor) == [False] * COUNT
    assert env.env_is_wrapped(VecMonitor, indices=1) == [False]
    env.close()


@pytest.mark.parametrize("name", ["undertow/Feed-v0"])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_make_vec_env_counts_whole_episodes(name, observation):
    env = make_vec_env(name, COUNT, seed=4, world=WORLD, observation=observation)
    env.reset()
    earned, lasted = np.zeros(COUNT), np.zeros(COUNT, dtype=int)
    for action in actions():
        _, reward, done, infos = env.step(action)
        earned, lasted = earned + reward, lasted + 1
        for row in np.nonzero(done)[0]:
            assert infos[row]["episode"]["r"] == pytest.approx(earned[row], rel=1e-4)
            assert infos[row]["episode"]["l"] == lasted[row]
        earned, lasted = np.where(done, 0, earned), np.where(done, 0, lasted)


def test_an_unknown_id_is_answered_with_those_there_are():
    with pytest.raises(
        ValueError, match="env_id: found 'undertow/Feed-v9'; allowed: undertow/Feed"
    ):
        make_vec_env("undertow/Feed-v9")


def test_ppo_learns_on_it():
    env = VecNormalize(make_vec_env("undertow/Feed-v0", 8, seed=0, world=WORLD))
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=1, seed=0).learn(256)
    action, _ = model.predict(env.reset())
    assert action.shape == (8,) and all(env.action_space.contains(one) for one in action)
