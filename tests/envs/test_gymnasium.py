"""The Gymnasium faces: both checkers, make and make_vec, the three ways to reset, refusals."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from stable_baselines3.common.env_checker import check_env as sb3_check

from undertow.envs import OBSERVATIONS, FeedEnv, FeedVectorEnv, parameters_of
from undertow.envs.seeding import keys_of
from undertow.envs.world import WorldParameters, world

# The tiny world has views of its own: tests/envs/test_tiny.py.
IDS = sorted(name for name in gym.registry if name.startswith("undertow/Feed"))
MODES = list(AutoresetMode)
SHORT = {
    "calendar": {"slots_per_day": 8, "days": 1},
    "catalogue": {"items": 12},
    "opening": {"base": -0.5},
    "churn": {"hazard": 0.1, "habit": 0.0},
}


def vector(count=8, mode=AutoresetMode.SAME_STEP, **options):
    options = {"world": SHORT, **options}
    return gym.make_vec(
        "undertow/Feed-v0",
        num_envs=count,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        **options,
    )


def actions_for(count, slots, items=12, seed=0):
    return np.random.default_rng(seed).integers(items, size=(slots, count))


# --- the checkers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("name", IDS)
def test_both_checkers_pass(name, observation):
    env = gym.make(name, observation=observation)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        gymnasium_check(env.unwrapped)
        sb3_check(env.unwrapped)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_make_and_make_vec_agree_on_their_spaces(observation):
    env = gym.make("undertow/Feed-v0", observation=observation)
    vec = gym.make_vec(
        "undertow/Feed-v0",
        num_envs=5,
        vectorization_mode="vector_entry_point",
        observation=observation,
    )
    assert isinstance(vec.unwrapped, FeedVectorEnv) and vec.num_envs == 5
    assert vec.single_observation_space == env.observation_space
    assert vec.single_action_space == env.action_space == gym.spaces.Discrete(30)
    seen, _ = vec.reset(seed=0)
    assert seen in vec.observation_space and seen.shape == (5, *env.observation_space.shape)
    seen, reward, terminated, truncated, _ = vec.step(vec.action_space.sample())
    assert seen in vec.observation_space
    assert reward.shape == terminated.shape == truncated.shape == (5,)
    vec.close()


def test_the_entry_point_form_of_an_id_registers_it():
    assert isinstance(gym.make("undertow.envs:undertow/Feed-v0").unwrapped, FeedEnv)


def test_gymnasiums_own_vector_environment_gives_the_same_people():
    ours = vector(4, AutoresetMode.NEXT_STEP)
    theirs = gym.make_vec("undertow/Feed-v0", 4, vectorization_mode="sync", world=SHORT)
    assert np.array_equal(ours.reset(seed=[5, 6, 7, 8])[0], theirs.reset(seed=5)[0])
    for action in actions_for(4, 30):
        for mine, other in zip(ours.step(action)[:4], theirs.step(action)[:4], strict=True):
            assert np.array_equal(mine, other.astype(mine.dtype))
    theirs.close()


# --- reset ----------------------------------------------------------------------------------------


def test_reset_with_a_seed_starts_person_0_and_without_one_the_next():
    env = FeedEnv(SHORT)
    _, info = env.reset(seed=3)
    assert info["person"] == 0
    assert info["stance"] == info["origin"]
    _, info = env.reset()
    assert info["person"] == 1
    assert env.reset(seed=3)[1]["stance"] != info["stance"]
    vec = FeedVectorEnv(2, SHORT)
    vec.reset(seed=3)
    vec.reset()
    assert vec.batch.person.tolist() == [1, 1]
    assert np.array_equal(vec.batch.seed, keys_of(3, np.arange(2)))


@pytest.mark.parametrize(
    "make", [lambda: FeedEnv(SHORT), lambda: FeedVectorEnv(2, SHORT)], ids=["single", "vector"]
)
def test_without_any_seed_every_environment_meets_other_people(make):
    envs = [make(), make()]
    for env in envs:
        env.reset()
    assert envs[0].batch.traits.stance[0] != envs[1].batch.traits.stance[0]


def test_a_list_of_seeds_names_each_person():
    vec = FeedVectorEnv(3, SHORT, observation="oracle")
    seen, _ = vec.reset(seed=[7, 2, 7])
    assert np.array_equal(seen[0], seen[2]) and not np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[1], FeedEnv(SHORT, observation="oracle").reset(seed=2)[0])


@pytest.mark.parametrize("seeds", [[1, 2], [1, 2, None], []])
def test_a_list_of_seeds_must_name_everybody(seeds):
    with pytest.raises(ValueError, match=rf"seed: found a list of {len(seeds)}; allowed: 3"):
        FeedVectorEnv(3, SHORT).reset(seed=seeds)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: FeedEnv(SHORT), id="single"),
        pytest.param(lambda: FeedVectorEnv(2, SHORT), id="vector"),
    ],
)
def test_any_seed_that_gymnasium_allows_will_do_or_is_refused_by_name(make):
    try:
        make().reset(seed=2**63)
    except ValueError as refused:
        assert "seed" in str(refused)


@pytest.mark.parametrize("wrong", [2**63, -1])
def test_a_bad_seed_in_a_list_is_named(wrong):
    with pytest.raises(ValueError, match=f"seed: found {wrong}; allowed: 0 to "):
        FeedVectorEnv(2, SHORT).reset(seed=[5, wrong])


# --- the end of an episode ------------------------------------------------------------------------


def episodes(mode, count=16, slots=40):
    """Plays, resetting as the mode demands; yields who was over before a step, and the step."""
    vec = vector(count, mode)
    vec.reset(seed=1)
    over = np.zeros(count, dtype=np.bool_)
    for action in actions_for(count, slots):
        if mode is AutoresetMode.DISABLED and over.any():
            vec.reset(options={"reset_mask": over})
        was_over, step = over, vec.step(action)
        over = step[2] | step[3]
        yield vec, was_over, step


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_is_known_to_wrappers(mode):
    assert vector(mode=mode).metadata["autoreset_mode"] is mode
    assert FeedVectorEnv(2, autoreset_mode=mode.value).autoreset_mode is mode
    assert FeedVectorEnv.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP  # not shared


@pytest.mark.parametrize("mode", MODES)
def test_an_episode_ends_by_leaving_or_by_the_calendar(mode):
    ends = np.zeros(2, dtype=int)
    for _, _, (_, reward, terminated, truncated, _) in episodes(mode):
        assert not (terminated & truncated).any()
        assert reward.dtype == np.float32 and np.isfinite(reward).all()
        ends += terminated.sum(), truncated.sum()
    assert np.all(ends > 10)


def test_same_step_shows_the_next_person_at_once_and_keeps_the_end():
    for vec, _, (seen, _, terminated, truncated, info) in episodes(AutoresetMode.SAME_STEP):
        over = terminated | truncated
        assert ("final_obs" in info) == over.any()
        if not over.any():
            continue
        assert np.array_equal(info["_final_obs"], over)
        assert np.array_equal(info["_final_info"], over)
        fresh = FeedVectorEnv(1, SHORT)
        for row in np.nonzero(over)[0]:
            person = vec.unwrapped.batch.person[row]
            assert person == info["final_info"]["person"][row] + 1
            assert np.array_equal(seen[row], fresh.batch.start(keys_of(1, row), person)[0])
            assert info["final_info"]["churned"][row] == terminated[row]
            assert info["final_info"]["slot"][row] == 8 or terminated[row]
            assert info["final_obs"][row][-1] == info["final_info"]["slot"][row] / 8
            assert info["slot"][row] == 0 and not info["opened"][row]
            assert info["person"][row] == person and info["stance"][row] == info["origin"][row]
        assert all(row is None for row in info["final_obs"][~over])


def test_next_step_shows_the_end_and_only_then_the_next_person():
    woke = 0
    for vec, waking, (seen, reward, terminated, truncated, info) in episodes(
        AutoresetMode.NEXT_STEP
    ):
        assert "final_obs" not in info
        assert not reward[waking].any()
        assert not (terminated | truncated)[waking].any()
        over = terminated | truncated
        assert np.all(seen[over, -1] > 0)
        assert not seen[waking, -1].any()  # the calendar begins
        assert not vec.unwrapped.batch.slot[waking].any()
        woke += waking.sum()
    assert woke > 10


def test_next_step_books_nothing_in_the_step_that_starts_a_person():
    for vec, waking, (_, _, _, _, info) in episodes(AutoresetMode.NEXT_STEP):
        assert not info["minutes"][waking].any() and not info["cost"][waking].any()
        assert np.array_equal(info["person"], vec.unwrapped.batch.person)


def test_disabled_waits_for_a_reset_of_the_rows_marked():
    vec = vector(3, AutoresetMode.DISABLED, world={**SHORT, "churn": {"enabled": False}})
    vec.reset(seed=1)
    for action in actions_for(3, 8):
        seen, _, terminated, truncated, info = vec.step(action)
    assert truncated.all() and not terminated.any() and "final_obs" not in info
    again, _ = vec.reset(options={"reset_mask": np.array([True, False, True])})
    assert np.array_equal(again[1], seen[1]) and not again[[0, 2], -1].any()
    assert vec.unwrapped.batch.person.tolist() == [1, 0, 1]


@pytest.mark.parametrize("mask", [[True], [True, False, True, False]], ids=len)
def test_a_reset_mask_must_have_one_value_a_person(mask):
    vec = vector(3, AutoresetMode.DISABLED)
    vec.reset(seed=1)
    with pytest.raises(ValueError, match="reset_mask"):
        vec.reset(options={"reset_mask": np.array(mask)})


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_gymnasiums_vector_wrappers_work(mode):
    vec = RecordEpisodeStatistics(vector(6, mode))
    vec.reset(seed=1)
    earned, lasted, finished = np.zeros(6), np.zeros(6, dtype=int), 0
    waking = np.zeros(6, dtype=np.bool_)
    for action in actions_for(6, 30):
        _, reward, terminated, truncated, info = vec.step(action)
        over = terminated | truncated
        earned, lasted = earned + reward, lasted + ~waking
        for row in np.nonzero(over)[0]:
            assert info["episode"]["r"][row] == pytest.approx(earned[row], rel=1e-6)
            assert info["episode"]["l"][row] == lasted[row]
        finished += over.sum()
        earned, lasted = np.where(over, 0, earned), np.where(over, 0, lasted)
        waking = over & (mode is AutoresetMode.NEXT_STEP)
    assert finished > 6
    listed = DictInfoToList(vector(2, mode))
    listed.reset(seed=1)
    assert "cost" in listed.step(np.array([0, 1]))[4][1]


# --- info and render ------------------------------------------------------------------------------


def test_info_carries_the_cost_and_the_true_state():
    env = FeedEnv({**SHORT, "opening": {"base": 8.0}, "churn": {"enabled": False}})
    env.reset(seed=0)
    for action in range(8):
        _, reward, _, _, info = env.step(action)
        parts = [value for name, value in info.items() if name.startswith("cost_")]
        assert info["cost"] == pytest.approx(sum(parts)) and reward == info["minutes"]
        assert info["habit"] == env.batch.state.habit[0]
        assert info["taste"].shape == (6,)


@pytest.mark.parametrize("make", [FeedEnv, lambda **o: FeedVectorEnv(2, **o)])
def test_rendering_goes_by_the_mode(make):
    text, picture, blind = (make(render_mode=mode) for mode in ("ansi", "rgb_array", None))
    for env in (text, picture, blind):
        env.reset(seed=0)
        for action in (3, 4):
            env.step(
                np.full(env.batch.people, action) if isinstance(env, FeedVectorEnv) else action
            )

    def frame(env):
        shown = env.render()
        return shown[0] if isinstance(env, FeedVectorEnv) else shown

    assert isinstance(frame(text), str) and frame(text)
    assert frame(picture).dtype == np.uint8 and frame(picture).shape[2] == 3
    with pytest.warns(UserWarning, match="no render_mode was given"):
        assert blind.render() is None


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [FeedEnv, lambda: FeedVectorEnv(1)])
def test_step_before_reset_is_refused(make):
    with pytest.raises(gym.error.ResetNeeded, match="step: called before reset"):
        make().step(np.array([0]))


def test_a_mask_before_reset_is_refused():
    vec = FeedVectorEnv(2, autoreset_mode="Disabled")
    with pytest.raises(gym.error.ResetNeeded, match="reset_mask: called before reset"):
        vec.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize("action", [-1, 30, 1.0, "3", None, True, np.array([1, 2])])
def test_a_bad_action_is_refused_by_name(action):
    env = FeedEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action.*: found .*; allowed: "):
        env.step(action)


@pytest.mark.parametrize("action", [7, np.int8(7), np.array(7), np.array([7])])
def test_any_form_of_one_integer_will_do(action):
    env = FeedEnv()
    env.reset(seed=0)
    assert env.step(action)[4]["slot"] == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"world": "defualt"}, "world preset: found 'defualt'; allowed: default, vulnerable"),
        ({"null": "no_habits"}, "world null: found 'no_habits'; allowed: .*no_habit"),
        ({"observation": "all"}, "observation: found 'all'; allowed: platform, oracle"),
        ({"render_mode": "human"}, "render_mode: found 'human'; allowed: ansi, rgb_array"),
        (
            {"world": {"habit": {"gian": 1}}},
            r"^world\.habit\.gian: no such key; allowed: enabled, gain, decay$",
        ),
        (
            {"world": {"habit": {"gain": 7}}},
            r"^world\.habit\.gain: found 7; allowed: a number from 0 to 1$",
        ),
    ],
)
@pytest.mark.parametrize("make", [FeedEnv, FeedVectorEnv])
def test_an_unknown_or_bad_option_is_refused_by_name(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_autoreset_mode_must_be_one_of_gymnasiums():
    with pytest.raises(ValueError, match="later"):
        FeedVectorEnv(2, autoreset_mode="later")


# --- what a world may be named by -----------------------------------------------------------------


def test_a_world_may_be_a_name_a_mapping_or_parameters():
    finished = world("vulnerable", overrides={"calendar": {"days": 2}})
    assert parameters_of("vulnerable", "no_habit") == world("vulnerable", "no_habit")
    assert parameters_of({"preset": "vulnerable", "calendar": {"days": 2}}) == finished
    assert parameters_of({"null": "yoked"}) == world(null="yoked")
    assert parameters_of({}, "yoked") == world(null="yoked")
    assert parameters_of(finished) is finished
    assert parameters_of({}) == WorldParameters()


def test_a_null_beside_finished_parameters_is_refused():
    with pytest.raises(ValueError, match="null: found 'no_habit' beside WorldParameters"):
        parameters_of(world(), "no_habit")


def test_two_different_nulls_are_refused():
    with pytest.raises(ValueError, match="null"):
        parameters_of({"null": "no_habit"}, "yoked")


def test_a_world_of_another_type_is_refused():
    with pytest.raises(TypeError, match="world: found int; allowed: a preset's name"):
        parameters_of(3)
