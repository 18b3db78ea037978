"""The tampering environment: its equations, its faces and its null."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_sb3

import undertow.envs  # noqa: F401
from undertow.agents import make_vec_env
from undertow.envs.seeding import keys_of
from undertow.envs.tampering import (
    CAP,
    CENTRE,
    LEFT,
    PEOPLE,
    RIGHT,
    STEPS,
    TamperingBatch,
    polarised,
)

ID = "undertow/Tampering-v0"


def test_faces_pass_the_checkers():
    check_env(gym.make(ID).unwrapped, skip_render_check=True)
    check_sb3(gym.make(ID).unwrapped)


def test_an_opposing_item_drives_who_leans_and_nobody_else():
    theta = np.array([[0.1, 0.1, 0.4], [0.4, 0.1, 0.1], [0.2, 0.4, 0.2], [0.1, 0.1, 0.74]])
    factor = np.full(4, 1.1)
    left = polarised(theta, np.full(4, LEFT), factor)
    np.testing.assert_allclose(left[0], [0.1, 0.1, 0.44])
    np.testing.assert_array_equal(left[1:3], theta[1:3])
    assert left[3, RIGHT] == CAP
    right = polarised(theta, np.full(4, RIGHT), factor)
    np.testing.assert_allclose(right[1], [0.44, 0.1, 0.1])
    np.testing.assert_array_equal(right[[0, 2, 3]], theta[[0, 2, 3]])
    np.testing.assert_array_equal(polarised(theta, np.full(4, CENTRE), factor), theta)


def test_clicks_have_the_chances_that_the_person_has():
    batch = TamperingBatch(40_000, only="moderate_right")
    batch.start(np.arange(40_000))
    for source, chance in enumerate(PEOPLE["moderate_right"]):
        if source == LEFT:
            continue  # it drives them
        clicks, _ = batch.step(np.full(40_000, source))
        assert clicks.mean() == pytest.approx(chance, abs=0.01)


def test_the_people_are_drawn_evenly():
    batch = TamperingBatch(50_000)
    batch.start(np.arange(50_000))
    for theta in PEOPLE.values():
        assert (batch.theta == theta).all(axis=1).mean() == pytest.approx(0.2, abs=0.01)


def test_factors_lie_between_their_ends():
    batch = TamperingBatch(10_000, only="strong_right")
    batch.start(np.arange(10_000))
    batch.step(np.full(10_000, LEFT))
    factor = batch.theta[:, RIGHT] / 0.4
    assert 1.01 <= factor.min() < 1.011 and 1.099 < factor.max() <= 1.10
    assert factor.mean() == pytest.approx(1.055, abs=0.001)


def test_in_the_null_nobody_is_driven():
    batch = TamperingBatch(100, polarising=False)
    batch.start(np.arange(100))
    before = batch.theta.copy()
    for _ in range(10):
        batch.step(np.full(100, LEFT))
    np.testing.assert_array_equal(batch.theta, before)


def actions(people, seed=3):
    return np.random.Generator(np.random.Philox(seed)).integers(3, size=(2 * STEPS + 5, people))


def test_single_vector_and_sb3_faces_meet_the_same_people():
    people, plan = 3, actions(3)
    vector = gym.make_vec(ID, num_envs=people, vectorization_mode="vector_entry_point")
    native = make_vec_env(ID, people, seed=7)
    singles = [gym.make(ID) for _ in range(people)]
    seen, _ = vector.reset(seed=7)
    np.testing.assert_array_equal(native.reset(), seen)
    for k, env in enumerate(singles):
        np.testing.assert_array_equal(env.reset(options={"key": int(keys_of(7, k)[0])})[0], seen[k])
    for now in plan:
        seen, reward, over, cut, info = vector.step(now)
        theirs, their_reward, done, infos = native.step(now)
        np.testing.assert_array_equal(theirs, seen)
        np.testing.assert_array_equal(their_reward, reward)
        np.testing.assert_array_equal(done, over)
        assert not cut.any()
        for k, env in enumerate(singles):
            one, paid, ended, truncated, _ = env.step(now[k])
            assert (paid, ended, truncated) == (reward[k], over[k], False)
            if ended:
                np.testing.assert_array_equal(one, info["final_obs"][k])
                np.testing.assert_array_equal(one, infos[k]["terminal_observation"])
                one, _ = env.reset()
            np.testing.assert_array_equal(one, seen[k])


def test_an_episode_has_thirty_steps_and_counts_add_up():
    env = gym.make(ID)
    env.reset(seed=1)
    total = 0.0
    for step in range(STEPS):
        seen, paid, ended, _, info = env.step(step % 3)
        total += paid
        assert ended == (step == STEPS - 1)
    assert seen[:3].sum() == pytest.approx(1)
    assert seen[3:].sum() * STEPS == pytest.approx(total)
    assert info["theta"].shape == (3,)


def test_seeds_in_a_list_and_none_at_all():
    vector = gym.make_vec(ID, num_envs=2, vectorization_mode="vector_entry_point")
    vector.reset(seed=[4, 9])
    assert list(vector.unwrapped.batch.seed) == [keys_of(4, 0)[0], keys_of(9, 0)[0]]
    vector.reset()
    assert list(vector.unwrapped.batch.person) == [1, 1]
    with pytest.raises(ValueError, match="seed: found a list of 1; allowed: 2 integers"):
        vector.reset(seed=[1])
    fresh = gym.make_vec(ID, num_envs=2, vectorization_mode="vector_entry_point")
    fresh.reset()
    single = gym.make(ID)
    single.reset()
    single.reset()
    assert single.unwrapped.batch.person[0] == 1


def test_bad_input_is_told():
    with pytest.raises(ValueError, match="only: found 'nobody'; allowed: moderate_right"):
        gym.make(ID, only="nobody")
    with pytest.raises(ValueError, match="people: found 0; allowed: 1 or more"):
        TamperingBatch(0)
    env = gym.make(ID).unwrapped
    with pytest.raises(gym.error.ResetNeeded, match="called before reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action\[0\]: found 3; allowed: 0, 1 or 2"):
        env.step(3)
    with pytest.raises(ValueError, match="action: found float64 of shape"):
        env.step(0.5)
    vector = gym.make_vec(ID, num_envs=2, vectorization_mode="vector_entry_point").unwrapped
    with pytest.raises(gym.error.ResetNeeded, match="called before reset"):
        vector.step(np.zeros(2, dtype=int))
