"""The tiny world: the big one's equations on a grid, its tables, its faces and its luck."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stable_baselines3.common.env_checker import check_env as sb3_check

from undertow.envs.seeding import keys_of
from undertow.envs.tiny import FiniteMDP, Grid, TinyBatch, TinyParameters, build, person
from undertow.envs.tiny.batch import features
from undertow.envs.tiny.env import TinyFeedEnv, TinyFeedVectorEnv, tiny_world_of
from undertow.envs.world import IN_A_SLOT, Mechanism, State, Traits, expected_next_minutes, slot

SMALL = {"stances": 9, "habits": 3, "satiations": 2, "regrets": 2, "items": 6}
STATE = 129  # of that grid: stance 0.25, habit 0.5, no boredom, regret 1


@pytest.fixture(scope="module")
def tiny():
    return build(TinyParameters(**SMALL))


def same_people(tiny, rows):
    """The person of a tiny world in the states numbered by `rows`, as the big world has them."""
    p, value = tiny.parameters, {k: v[rows] for k, v in tiny.grid.values.items()}
    one = np.ones(len(rows))
    taste = np.stack([p.news * one, p.taste * one], axis=1)
    traits = Traits(
        p.self_control * one, p.susceptibility * one, p.latitude * one, p.news * one,
        p.origin * one, taste,
    )  # fmt: skip
    boredom = np.stack([value["civic_satiation"], value["plain_satiation"]], axis=1)
    state = State(
        taste, boredom, value["habit"], 0 * one, value["stance"], value["regret"], one > 0
    )
    return traits, state


# --- the tables -----------------------------------------------------------------------------------


def test_expected_reward_is_the_big_worlds_expected_minutes(tiny):
    traits, state = same_people(tiny, np.arange(len(tiny.grid)))
    wanted = expected_next_minutes(tiny.full, tiny.items, traits, state)
    np.testing.assert_allclose(tiny.mdp.reward, wanted, rtol=1e-6)


def test_means_of_the_next_state_are_those_of_the_big_worlds_slot(tiny):
    """Stratified luck through `world.slot`, against the tables' mean: coordinate by coordinate."""
    state_number, action, draws = STATE, 1, 20_000
    rows = np.full(draws, state_number)
    traits, state = same_people(tiny, rows)
    lots = np.random.default_rng(0)
    luck = np.full((IN_A_SLOT, draws), 0.5)
    for lane in (Mechanism.OPENING, Mechanism.WATCHING, Mechanism.CHURN):
        luck[lane] = (lots.permutation(draws) + 0.5) / draws
    following, outcome = slot(tiny.full, tiny.items, traits, state, np.full(draws, action), luck)
    found = {
        "stance": following.stance,
        "habit": following.habit,
        "civic_satiation": following.satiation[:, 0],
        "plain_satiation": following.satiation[:, 1],
        "regret": following.regret,
    }
    opening, leaving = tiny.opening[state_number, action], tiny.leaving[state_number]
    assert outcome.opened.mean() == pytest.approx(opening, abs=1e-4)
    assert outcome.left.mean() == pytest.approx((1 - opening) * leaving, abs=1e-3)
    for k, (name, values) in enumerate(found.items()):
        axis = tiny.grid.points[k]
        step = axis[1] - axis[0]
        closed = axis[0] + step * (tiny.below[0][k] + tiny.up[0][k])[state_number]
        opened = axis[0] + step * (tiny.below[1][k] + tiny.up[1][k])[state_number, action]
        assert values[~outcome.opened].mean() == pytest.approx(closed, abs=1e-6), name
        # Who opens by luck is independent of how long they stay: only sampling parts them.
        assert values[outcome.opened].mean() == pytest.approx(opened, abs=2e-3), name


def test_rows_sum_to_one_less_churn(tiny):
    left = (1 - tiny.opening) * tiny.leaving[:, None]
    np.testing.assert_allclose(tiny.mdp.stay(), 1 - left, atol=1e-12)
    assert tiny.mdp.start.sum() == pytest.approx(1)


def test_the_start_has_the_origin_and_the_first_habit_in_the_mean(tiny):
    mean = {name: tiny.start @ column for name, column in tiny.grid.values.items()}
    assert mean["stance"] == pytest.approx(tiny.parameters.origin)
    assert mean["habit"] == pytest.approx(tiny.full.population.habit_start)
    assert mean["regret"] == mean["civic_satiation"] == mean["plain_satiation"] == 0


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.floats(-1, 1), *[st.floats(0, 1)] * 4))
def test_rounding_keeps_means(values):
    grid = Grid.of(TinyParameters(**SMALL))
    below, up = zip(*(grid.between(np.array([v]), k) for k, v in enumerate(values)), strict=True)
    state, chance = grid.corners(np.stack(below), np.stack(up))
    assert chance.sum() == pytest.approx(1) and chance.min() >= 0
    for value, column in zip(values, grid.values.values(), strict=True):
        assert chance[0] @ column[state[0]] == pytest.approx(value, abs=1e-12)


def test_mirrored_stances_are_treated_alike():
    tiny = build(TinyParameters(**SMALL, origin=0.0))
    flipped = tiny.grid.index.copy()
    flipped[0] = tiny.grid.shape[0] - 1 - flipped[0]
    mirror = np.ravel_multi_index(tuple(flipped), tiny.grid.shape)
    swap = np.array([int(np.argmin(np.abs(tiny.items.stance + y))) for y in tiny.items.stance])
    swap[tiny.items.civic == 0] = np.nonzero(tiny.items.civic == 0)[0]
    np.testing.assert_allclose(tiny.mdp.reward, tiny.mdp.reward[mirror][:, swap])
    np.testing.assert_allclose(tiny.mdp.cost, tiny.mdp.cost[mirror][:, swap], atol=1e-7)


def test_without_persuasion_content_moves_nobody():
    tiny = build(TinyParameters(**SMALL, persuasion=False))
    closed = tiny.below[0][0] + tiny.up[0][0]
    opened = tiny.below[1][0] + tiny.up[1][0]
    np.testing.assert_allclose(opened, np.broadcast_to(closed[:, None], opened.shape))


def test_without_pull_it_is_the_null_world_of_the_big_one():
    silent = TinyParameters(**SMALL, pull=0.0).world()
    assert silent == TinyParameters(**SMALL, null="no_extremity_pull").world()


def test_without_habit_it_stays_at_nothing():
    tiny = build(TinyParameters(**SMALL, null="no_habit"))
    assert tiny.start @ tiny.grid.values["habit"] == 0
    assert not np.any((tiny.below[1] + tiny.up[1])[1])


# --- parameters -----------------------------------------------------------------------------------


def test_the_defaults_are_the_median_person_of_the_vulnerable_preset():
    median = TinyParameters.median("vulnerable")
    for name, value in TinyParameters().model_dump().items():
        if isinstance(value, float):
            assert getattr(median, name) == pytest.approx(value, abs=1e-4), name
    assert TinyParameters.median("default").susceptibility == 0.0165
    assert TinyParameters.median("default", pull=0.5).pull == 0.5


def test_people_are_those_that_the_big_world_draws():
    from undertow.envs.world import draw, world

    some = [person("vulnerable", 3, k) for k in range(50)]
    eta = np.array([one.susceptibility for one in some])
    rule = world("vulnerable", None, {"population": {"topics": 2}})
    traits, _ = draw(rule, np.full(50, 3), np.arange(50))
    np.testing.assert_allclose(eta, traits.susceptibility, rtol=1e-6)
    assert some[7] == person("vulnerable", 3, 7) != person("vulnerable", 3, 8)
    assert person("vulnerable", 3, 7, pull=0.5).pull == 0.5


@pytest.mark.parametrize(
    ("field", "value"),
    [("stances", 10), ("stances", 1), ("pull", 2.0), ("susceptibility", -0.1), ("null", "odd")],
)
def test_refuses_what_is_out_of_range(field, value):
    with pytest.raises(ValidationError, match=field):
        TinyParameters(**{field: value})


def test_refuses_an_unknown_preset():
    with pytest.raises(ValueError, match="found 'odd'; allowed: default, vulnerable"):
        TinyParameters.median("odd")


def test_a_world_can_be_named_mapped_or_given(tiny):
    assert tiny_world_of(tiny) is tiny
    assert tiny_world_of(tiny.parameters).parameters == tiny.parameters
    assert tiny_world_of({"preset": "default", **SMALL}).parameters.susceptibility == 0.0165
    assert tiny_world_of("default").parameters == TinyParameters.median("default")
    with pytest.raises(TypeError, match="found int"):
        tiny_world_of(3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reward": np.zeros((2, 2))}, "reward: found shape"),
        ({"chance": np.array([-0.5, 1.0])}, "chance: found a row or a chance"),
        ({"row": np.array([0, 2])}, "chance: found a row or a chance"),
        ({"chance": np.array([1.0, 1.5])}, "sums to 1.5"),
    ],
)
def test_a_table_that_is_no_process_is_refused(change, told):
    sound = {
        "states": 2, "actions": 1, "row": np.array([0, 1]), "following": np.array([1, 0]),
        "chance": np.ones(2), "reward": np.zeros((2, 1)), "cost": np.zeros((2, 1)),
        "start": np.array([1.0, 0.0]),
    }  # fmt: skip
    FiniteMDP(**sound)
    with pytest.raises(ValueError, match=told):
        FiniteMDP(**(sound | change))


# --- the faces ------------------------------------------------------------------------------------


def vector(tiny, count=8, mode=AutoresetMode.SAME_STEP, **options):
    return gym.make_vec(
        "undertow/TinyFeed-v0", num_envs=count, vectorization_mode="vector_entry_point",
        autoreset_mode=mode, world=tiny, **options,
    )  # fmt: skip


@pytest.mark.parametrize("observation", ["features", "state"])
def test_both_checkers_pass(tiny, observation):
    env = gym.make("undertow/TinyFeed-v0", world=tiny, observation=observation)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        gymnasium_check(env.unwrapped, skip_render_check=True)
        sb3_check(env.unwrapped)


def test_it_is_made_by_its_name_alone():
    env = gym.make("undertow/TinyFeed-v0")
    assert env.observation_space.shape == (6 + 9,)
    assert env.action_space == gym.spaces.Discrete(10)


def test_features_tell_every_state_from_every_other(tiny):
    seen = features(tiny)
    assert seen.dtype == np.float32 and np.unique(seen, axis=0).shape == seen.shape
    np.testing.assert_allclose(seen[:, 6:].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(seen[:, 0], tiny.grid.values["stance"])


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_vector_is_its_single_people(tiny, mode):
    quick = build(tiny.parameters.model_copy(update={"hazard": 0.2}))
    actions = np.random.default_rng(0).integers(len(quick.items), size=(60, 4))
    vec = vector(quick, 4, mode)
    singles = [gym.make("undertow/TinyFeed-v0", world=quick) for _ in range(4)]
    seen, _ = vec.reset(seed=5)
    alive = np.ones(4, dtype=bool)
    for i, env in enumerate(singles):
        first, info = env.reset(options={"key": int(keys_of(5, i)[0])})
        np.testing.assert_array_equal(first, seen[i])
        assert info["person"] == 0
    for row in actions:
        seen, reward, ended, _, info = vec.step(row)
        for i in np.nonzero(alive)[0]:
            mine, paid, over, _, told = singles[i].step(int(row[i]))
            assert (paid, over) == (reward[i], ended[i])
            if not over:
                np.testing.assert_array_equal(mine, seen[i])
                assert told["stance"] == info["stance"][i]
        alive &= ~ended
        if mode is AutoresetMode.DISABLED and ended.any():
            break
    assert not alive.all()


def test_reset_without_a_seed_goes_on_to_the_next_person(tiny):
    env = gym.make("undertow/TinyFeed-v0", world=tiny)
    env.reset(seed=1)
    assert env.reset()[1]["person"] == 1
    assert gym.make("undertow/TinyFeed-v0", world=tiny).reset()[1]["person"] == 0


def test_churn_terminates_and_the_calendar_truncates():
    sure = build(TinyParameters(**SMALL, hazard=1.0))
    env = gym.make("undertow/TinyFeed-v0", world=sure)
    env.reset(seed=0)
    steps = [env.step(0) for _ in range(1)]
    while not steps[-1][2]:
        steps.append(env.step(0))
    assert not steps[-1][4]["opened"] and not steps[-1][3]
    nobody = build(TinyParameters(**SMALL, hazard=0.0))
    env = gym.make("undertow/TinyFeed-v0", world=nobody)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(168)]
    assert ends[-1] == (False, True) and not any(t or c for t, c in ends[:-1])


def test_sampled_lives_agree_with_the_tables(tiny):
    """One step of 200,000 people from one state: minutes, opening, churn and each coordinate."""
    people = 200_000
    batch = TinyBatch(tiny, people, "state")
    batch.start(np.arange(people), 0)
    batch.state[:] = STATE
    transition = batch.step(np.full(people, 1))
    outcome = transition.outcome
    mdp = tiny.mdp
    assert outcome.opened.mean() == pytest.approx(tiny.opening[STATE, 1], abs=0.005)
    assert outcome.minutes.mean() == pytest.approx(mdp.reward[STATE, 1], rel=0.02)
    stayed = ~outcome.left
    rows = mdp.row == STATE * mdp.actions + 1
    law = np.bincount(mdp.following[rows], mdp.chance[rows], minlength=mdp.states)
    seen = np.bincount(transition.observation[stayed], minlength=mdp.states) / people
    np.testing.assert_allclose(seen, law, atol=0.006)
    assert np.sum(outcome.moved * stayed) / people == pytest.approx(mdp.cost[STATE, 1], abs=0.002)


def test_expected_reward_has_no_luck_and_the_same_moves(tiny):
    lucky, calm = TinyBatch(tiny, 50, "state"), TinyBatch(tiny, 50, "state", "expected")
    before = lucky.start(3, np.arange(50))
    np.testing.assert_array_equal(before, calm.start(3, np.arange(50)))
    action = np.arange(50) % 6
    one, other = lucky.step(action), calm.step(action)
    np.testing.assert_array_equal(one.observation, other.observation)
    np.testing.assert_allclose(other.reward, tiny.mdp.reward[before, action], rtol=1e-6)


def test_what_is_wrong_is_refused_by_name(tiny):
    with pytest.raises(ValueError, match="observation: found 'oracle'; allowed: features, state"):
        TinyBatch(tiny, 1, "oracle")
    with pytest.raises(ValueError, match="people: found 0"):
        TinyBatch(tiny, 0)
    with pytest.raises(ValueError, match="reward: found 'joy'; allowed: minutes, expected"):
        TinyBatch(tiny, 1, reward="joy")
    batch = TinyBatch(tiny, 2)
    with pytest.raises(ValueError, match="seed: found -1"):
        batch.start(-1, 0)
    batch.start(0, 0)
    with pytest.raises(ValueError, match=r"action: found float64"):
        batch.step(np.zeros(2))
    with pytest.raises(ValueError, match=r"action\[1\]: found 6; allowed: 0 to 5"):
        batch.step(np.array([0, 6]))
    for make in (TinyFeedEnv, TinyFeedVectorEnv):
        with pytest.raises(ValueError, match="render_mode: found 'human'"):
            make(world=tiny, render_mode="human")


def test_exploring_starts_are_anywhere_and_as_often_as_asked():
    small = tiny_world_of("vulnerable")
    usual, half, all_of_them = (
        TinyBatch(small, 4000, "state", exploring=share) for share in (0.0, 0.5, 1.0)
    )
    born = [batch.start(3, np.arange(4000)) for batch in (usual, half, all_of_them)]
    elsewhere = [(small.start[state] == 0).mean() for state in born]
    assert elsewhere[0] == 0.0
    assert elsewhere[1] == pytest.approx(0.5 * elsewhere[2], abs=0.04) and elsewhere[2] > 0.9
    assert np.unique(born[2]).size > 2000
    same = born[0] == born[1]
    assert same.mean() == pytest.approx(0.5, abs=0.04)  # the rest start where they would have


def test_a_share_of_exploring_starts_is_refused_outside_its_range():
    with pytest.raises(ValueError, match=r"exploring: found 1\.5; allowed: 0 to 1"):
        TinyBatch(tiny_world_of("vulnerable"), 4, exploring=1.5)
