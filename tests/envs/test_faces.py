"""All ids, all faces: whom a seed meets, what `info` holds, and what follows an end."""

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from undertow.agents import make_vec_env
from undertow.envs.seeding import keys_of

# Short lives, so that people leave and calendars end within a test.
CALENDAR = {"calendar": {"slots_per_day": 4, "days": 2}}
LEAVING = CALENDAR | {"opening": {"base": -1.0}, "churn": {"hazard": 0.1, "habit": 0.0}}
TINY = {"stances": 5, "habits": 2, "satiations": 2, "regrets": 2, "items": 5, "hazard": 0.3}
OPTIONS = {
    "undertow/Feed-v0": {"world": LEAVING},
    "undertow/FeedSlate-v0": {"world": LEAVING, "slate": 3},
    "undertow/TinyFeed-v0": {"world": TINY},
    "undertow/Tampering-v0": {},
}
IDS = list(OPTIONS)
every_id = pytest.mark.parametrize("name", IDS)


def single(name, **more):
    return gym.make(name, **OPTIONS[name], **more)


def vector(name, people=4, **more):
    mode = "vector_entry_point"
    return gym.make_vec(name, people, vectorization_mode=mode, **OPTIONS[name], **more)


def keys(face):
    return set(face.unwrapped.batch.seed.tolist())


def test_the_ids_are_those_registered():
    assert sorted(IDS) == sorted(name for name in gym.registry if name.startswith("undertow/"))


# --- whom a seed meets ----------------------------------------------------------------------------


@every_id
def test_neighbouring_seeds_meet_nobody_in_common_in_any_face(name):
    met = []
    for seed in range(6):
        many = vector(name, 32)
        many.reset(seed=seed)
        met.append(keys(many))
        native = make_vec_env(name, 32, seed=seed, **OPTIONS[name])
        native.reset()
        assert set(native.unwrapped.batch.seed.tolist()) == met[-1]
    assert len(set.union(*met)) == 6 * 32


def test_rows_of_neighbouring_seeds_differ_in_their_lives_too():
    """What overlapped before: row 1 of seed 0 and row 0 of seed 1."""
    first, second = vector("undertow/Feed-v0", observation="oracle"), vector("undertow/Feed-v0")
    traits = []
    for face, seed in ((first, 0), (second, 1)):
        face.reset(seed=seed)
        traits.append(face.unwrapped.batch.traits.stance)
    assert not np.isin(traits[0], traits[1]).any()


@every_id
def test_a_single_environment_is_row_0_and_a_list_names_each_row(name):
    one, many = single(name), vector(name, 3)
    alone, _ = one.reset(seed=8)
    assert np.array_equal(many.reset(seed=8)[0][0], alone)
    own = keys(one)
    seen, _ = many.reset(seed=[3, 8, np.int64(8)])
    assert keys(many) > own and np.array_equal(seen[1], alone) and np.array_equal(seen[2], alone)
    assert keys(one) == set(keys_of(8, 0).tolist())


@every_id
def test_people_can_be_had_by_their_key_in_every_face(name):
    one, many = single(name), vector(name, 2)
    alone, info = one.reset(options={"key": 12, "person": 5})
    seen, all_info = many.reset(options={"keys": [7, 12], "persons": np.array([0, 5])})
    assert np.array_equal(seen[1], alone)
    assert info["person"] == all_info["person"][1] == 5 and keys(many) == {7, 12}
    native = make_vec_env(name, 2, keys=[7, 12], **OPTIONS[name])
    native.reset()
    assert native.unwrapped.batch.seed.tolist() == [7, 12]
    native.seed(3)  # as a learner does: the people were named, and stay
    native.reset()
    assert native.unwrapped.batch.seed.tolist() == [7, 12]
    native.reset()
    assert native.unwrapped.batch.person.tolist() == [1, 1]


def test_keys_are_a_hash_of_seed_and_row_and_stay_what_they_are():
    """Golden: a change would give every reader other people for the same seed."""
    assert keys_of(0, np.arange(3)).tolist() == GOLDEN
    rows = np.arange(20_000)
    spread = np.concatenate([keys_of(seed, rows) for seed in (0, 1, 2**40, 2**63 - 1)])
    assert np.unique(spread).size == spread.size
    assert spread.min() >= 0 and spread.max() < 2**62
    bits = (spread[:, None] >> np.arange(62)) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02


GOLDEN = [1594083962320471064, 1081232603690341941, 2308930461960403930]


@pytest.mark.parametrize("wrong", [-1, 2**63, 1.0, "3", True, np.float32(2), [1, 2.5], [True, 0]])
@every_id
def test_what_is_no_seed_is_refused_by_name(name, wrong):
    with pytest.raises(ValueError, match=r"seed: found .*; allowed: (an integer from )?0 to 2\*"):
        vector(name, 2).reset(seed=wrong)
    if not isinstance(wrong, list):
        with pytest.raises(ValueError, match="seed: found"):
            single(name).reset(seed=wrong)
        with pytest.raises(ValueError, match="seed: found"):
            make_vec_env(name, 2, seed=wrong, **OPTIONS[name])


@every_id
def test_numpys_integers_are_seeds(name):
    for seed in (np.int64(5), np.uint8(5)):
        assert np.array_equal(single(name).reset(seed=seed)[0], single(name).reset(seed=5)[0])
        many = vector(name, 2).reset(seed=seed)[0]
        assert np.array_equal(many, vector(name, 2).reset(seed=5)[0])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"mask": [True, False]}, "options: found 'mask'; allowed: reset_mask, keys, persons"),
        ({"reset_mask": [1, 0]}, r"reset_mask: found int64 of shape \(2,\); allowed: bools of"),
        ({"reset_mask": [True]}, r"reset_mask: found bool of shape \(1,\); allowed: bools of"),
        ({"keys": [1]}, r"keys: found int64 of shape \(1,\); allowed: integers of shape \(2,\)"),
        ({"keys": [1, -4]}, r"keys: found -4; allowed: 0 to 2\*\*63 - 1"),
        ({"persons": [0, 1]}, "options: found 'persons' without 'keys'"),
        ({"keys": [1, 2], "reset_mask": [True, True]}, "allowed: reset_mask alone"),
    ],
)
@every_id
def test_an_option_of_reset_that_there_is_not_is_refused(name, options, message):
    many = vector(name, 2)
    many.reset(seed=1)
    before = many.unwrapped.batch.observe()
    with pytest.raises(ValueError, match=message):
        many.reset(options=options)
    assert np.array_equal(many.unwrapped.batch.observe(), before)


@every_id
def test_options_beside_a_seed_are_refused(name):
    with pytest.raises(ValueError, match="options: found 'key' beside seed 3"):
        single(name).reset(seed=3, options={"key": 1})
    with pytest.raises(ValueError, match="options: found 'keys'; allowed: key, person"):
        single(name).reset(options={"keys": [1]})


# --- after the end --------------------------------------------------------------------------------


def play_to_the_end(env):
    for _ in range(400):
        if any(env.step(env.action_space.sample())[2:4]):
            return
    raise AssertionError("no end")


@every_id
def test_a_single_environment_plays_nothing_after_its_end(name):
    env = single(name)
    env.action_space.seed(0)
    for seed in range(4):
        env.reset(seed=seed)
        play_to_the_end(env)
        slot = getattr(env.unwrapped.batch, "slot", 0)
        with pytest.raises(gym.error.ResetNeeded, match="step: called after the end; allowed"):
            env.step(env.action_space.sample())
        assert np.array_equal(getattr(env.unwrapped.batch, "slot", 0), slot)
    env.reset()
    env.step(env.action_space.sample())


@every_id
def test_disabled_plays_nothing_while_a_row_has_ended(name):
    """Gymnasium's own vector environments fail here too; ours name the rows."""
    many = vector(name, 3, autoreset_mode=AutoresetMode.DISABLED)
    many.action_space.seed(0)
    many.reset(seed=2)
    for _ in range(400):
        _, _, terminated, truncated, _ = many.step(many.action_space.sample())
        if (over := terminated | truncated).any():
            break
    (first, *_) = np.flatnonzero(over)
    with pytest.raises(gym.error.ResetNeeded, match=rf"step: found rows .*\({first}"):
        many.step(many.action_space.sample())
    before = many.unwrapped.batch.person
    many.reset(options={"reset_mask": over})
    assert np.array_equal(many.unwrapped.batch.person, before + over)  # only those rows
    many.step(many.action_space.sample())


# --- info -----------------------------------------------------------------------------------------


def check_same(ours, theirs, where):
    assert set(ours) == set(theirs), where
    for name, value in theirs.items():
        if isinstance(value, dict):
            check_same(ours[name], value, f"{where}.{name}")
            continue
        assert ours[name].shape == value.shape, name
        assert (ours[name].dtype.kind == value.dtype.kind) or value.dtype == object, name
        for mine, other in zip(ours[name], value, strict=True):
            assert np.array_equal(mine, other), (where, name)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
@every_id
def test_info_is_laid_out_as_gymnasiums_own_vector_environments_lay_it_out(name, mode):
    """Key by key, value by value, beside `SyncVectorEnv` over the single environments."""
    people, ends = 3, 0
    ours = vector(name, people, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: single(name)] * people, autoreset_mode=mode)
    seeds = [5, 6, 7]
    seen, info = ours.reset(seed=seeds)
    other, other_info = theirs.reset(seed=seeds)
    assert np.array_equal(seen, other)
    check_same(info, other_info, "reset")
    ours.action_space.seed(1)
    for _ in range(32):
        action = ours.action_space.sample()
        mine, other = ours.step(action), theirs.step(action)
        for a, b in zip(mine[:4], other[:4], strict=True):
            assert np.array_equal(a, b.astype(a.dtype))
        check_same(mine[4], other[4], "step")
        over = mine[2] | mine[3]
        ends += over.sum()
        if mode == "Disabled" and over.any():
            mask = {"reset_mask": over}
            (seen, info), (other, other_info) = (
                face.reset(options=dict(mask)) for face in (ours, theirs)
            )
            assert np.array_equal(seen, other)
            check_same(info, other_info, "reset_mask")
    assert ends >= people


@every_id
def test_info_of_one_person_has_the_same_keys_from_the_first_and_is_pythons_own(name):
    env = single(name)
    env.action_space.seed(0)
    _, first = env.reset(seed=1)
    assert first["person"] == 0
    for happened in ("minutes", "opened", "cost", "churned"):
        assert first.get(happened, 0) == 0
    _, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert set(first) == set(info)
    assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
    for told in (first, info):
        arrays = {key: value for key, value in told.items() if isinstance(value, np.ndarray)}
        assert all(type(told[key]) in (int, float, bool) for key in told.keys() - arrays)
        assert json.loads(json.dumps(told | {key: a.tolist() for key, a in arrays.items()}))
        for value in arrays.values():
            value[...] = 9  # the caller's own: the person does not move
    assert {type(first[key]) for key in first} == {type(info[key]) for key in first}
    theta = getattr(env.unwrapped.batch, "theta", np.zeros(1))
    assert theta.max() <= 1


@every_id
def test_the_info_of_a_measured_native_environment_is_pythons_own(name):
    options = {"measured": True} if "Feed" in name else {}
    env = make_vec_env(name, 2, seed=0, **OPTIONS[name], **options)
    env.reset()
    infos = env.step(np.array([env.action_space.sample() for _ in range(2)]))[3]
    assert all(type(v) in (int, float, bool, np.ndarray) for v in infos[0].values())
