"""Every wrapper of Gymnasium, over every id and face: nothing is in its way, and copies go on."""

import copy
import pickle
import sys
import types
from functools import partial

import gymnasium as gym
import gymnasium.wrappers as single_wrappers
import gymnasium.wrappers.vector as vector_wrappers
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as sb3_check

import undertow.envs
from undertow.agents import make_vec_env

CALENDAR = {"calendar": {"slots_per_day": 4, "days": 2}, "catalogue": {"items": 8}}
LEAVING = CALENDAR | {"opening": {"base": -1.0}, "churn": {"hazard": 0.1, "habit": 0.0}}
TINY = {"stances": 5, "habits": 2, "satiations": 2, "regrets": 2, "items": 5, "hazard": 0.3}
# Id, and how it is made; both engines of the feed.
MADE = {
    "Feed": ("undertow/Feed-v0", {"world": LEAVING, "engine": "numpy"}),
    "Feed, oracle": ("undertow/Feed-v0", {"world": LEAVING, "observation": "oracle"}),
    "Feed, numba": ("undertow/Feed-v0", {"world": LEAVING, "engine": "numba"}),
    "FeedSlate": ("undertow/FeedSlate-v0", {"world": LEAVING, "slate": 3}),
    "TinyFeed": ("undertow/TinyFeed-v0", {"world": TINY}),
    "TinyFeed, state": ("undertow/TinyFeed-v0", {"world": TINY, "observation": "state"}),
    "Tampering": ("undertow/Tampering-v0", {}),
}
# The faces are what differs from id to id; views and engines do not matter to a wrapper.
IDS = ["Feed", "FeedSlate", "TinyFeed", "Tampering"]
every_id = pytest.mark.parametrize("name", IDS)
STEPS = 14


def made(name, **more):
    env_id, options = MADE[name]
    if options.get("engine") == "numba":
        pytest.importorskip("numba")
    return gym.make(env_id, **options, **more)


def made_vec(name, people=3, **more):
    env_id, options = MADE[name]
    if options.get("engine") == "numba":
        pytest.importorskip("numba")
    mode = "vector_entry_point"
    return gym.make_vec(env_id, people, vectorization_mode=mode, **options, **more)


# --- wrappers of a single environment -------------------------------------------------------------


def pixels(wrapper, env):
    """A wrapper of pictures: over what the environment draws."""
    return wrapper(single_wrappers.AddRenderObservation(env, render_only=True))


W = single_wrappers
V = vector_wrappers
SINGLE = {
    "AddRenderObservation": partial(W.AddRenderObservation, render_only=False),
    "AddWhiteNoise": partial(pixels, partial(W.AddWhiteNoise, probability_of_noise_per_pixel=0.1)),
    "ArrayConversion": partial(W.ArrayConversion, env_xp=np, target_xp=torch),
    "Autoreset": W.Autoreset,
    "ClipReward": partial(W.ClipReward, min_reward=0.0, max_reward=1.0),
    "DelayObservation": partial(W.DelayObservation, delay=2),
    "DiscretizeObservation": partial(W.DiscretizeObservation, bins=5, multidiscrete=True),
    "DtypeObservation": partial(W.DtypeObservation, dtype=np.float64),
    "FilterObservation": lambda env: W.FilterObservation(
        W.TimeAwareObservation(W.TimeLimit(env, 30), flatten=False), ["time"]
    ),
    "FlattenObservation": W.FlattenObservation,
    "FrameStackObservation": partial(W.FrameStackObservation, stack_size=3),
    "GrayscaleObservation": partial(pixels, W.GrayscaleObservation),
    "MaxAndSkipObservation": partial(W.MaxAndSkipObservation, skip=2),
    "NormalizeObservation": W.NormalizeObservation,
    "NormalizeReward": W.NormalizeReward,
    "NumpyToTorch": W.NumpyToTorch,
    "ObstructView": partial(
        pixels, partial(W.ObstructView, obstructed_pixels_ratio=0.1, obstruction_width=9)
    ),
    "OrderEnforcing": W.OrderEnforcing,
    "PassiveEnvChecker": W.PassiveEnvChecker,
    "RecordEpisodeStatistics": W.RecordEpisodeStatistics,
    "RenderCollection": W.RenderCollection,
    "RepeatAction": partial(W.RepeatAction, num_repeats=2),
    "RescaleObservation": partial(
        W.RescaleObservation, min_obs=np.float32(0), max_obs=np.float32(1)
    ),
    "ReshapeObservation": lambda env: W.ReshapeObservation(env, (1, *env.observation_space.shape)),
    "StickyAction": partial(W.StickyAction, repeat_action_probability=0.3),
    "TimeAwareObservation": W.TimeAwareObservation,
    "TimeLimit": partial(W.TimeLimit, max_episode_steps=5),
    "TransformAction": lambda env: W.TransformAction(env, lambda a: a, env.action_space),
    "TransformObservation": lambda env: W.TransformObservation(
        env, lambda seen: seen[:2], gym.spaces.Box(-np.inf, np.inf, (2,))
    ),
    "TransformReward": partial(W.TransformReward, func=np.tanh),
}
# Their actions are boxes, their screen a game's, they need what is not installed here, or they
# have a test of their own below.
NOT_FITTING = {"ClipAction", "DiscretizeAction", "RescaleAction", "AtariPreprocessing"}
NOT_FITTING |= {"JaxToNumpy", "JaxToTorch"}
APART = {"HumanRendering", "RecordVideo", "ResizeObservation", "vector"}


def test_no_wrapper_of_gymnasium_is_forgotten():
    assert set(SINGLE) | NOT_FITTING | APART == set(single_wrappers.__all__)
    not_fitting = (NOT_FITTING & set(vector_wrappers.__all__)) | VECTOR_NOT_FITTING
    assert set(VECTOR) | not_fitting | VECTOR_APART == set(vector_wrappers.__all__)


def draws(wrapper):
    return wrapper in ("AddRenderObservation", "RenderCollection") or (
        getattr(SINGLE[wrapper], "func", None) is pixels
    )


def action_of(env, wrapper):
    action = env.action_space.sample()
    return torch.as_tensor(action) if wrapper in ("NumpyToTorch", "ArrayConversion") else action


def same(ours, theirs):
    if isinstance(ours, dict):
        keys = ours.keys() - {"t"}  # the clock of those who count episodes
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in keys)
    if isinstance(ours, (tuple, list)) or (isinstance(ours, np.ndarray) and ours.dtype == "O"):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return np.array_equal(ours, theirs)


@every_id
@pytest.mark.parametrize("wrapper", SINGLE)
def test_every_wrapper_fits_and_a_copy_goes_on_as_the_original(wrapper, name):
    env = SINGLE[wrapper](made(name, render_mode="rgb_array" if draws(wrapper) else None))
    env.action_space.seed(0)
    seen, info = env.reset(seed=3)
    assert info["person"] == 0
    tensors = wrapper in ("NumpyToTorch", "ArrayConversion")
    ends, steps = 0, 4 if draws(wrapper) else STEPS
    for step in range(steps):
        if not tensors and wrapper not in ("NormalizeObservation", "FilterObservation"):
            assert seen in env.observation_space
        action = action_of(env, wrapper)
        twin = copy.deepcopy(env) if step == steps // 2 else None
        seen, reward, terminated, truncated, info = env.step(action)
        if twin is not None:  # its own noise apart, if it has any
            played = twin.step(action)
            assert same(played[1:], (reward, terminated, truncated, info))
            assert same(played[0], seen) or wrapper == "AddWhiteNoise"
        assert np.isfinite(float(reward))
        if terminated or truncated:
            ends += 1
            if wrapper != "Autoreset":
                seen, _ = env.reset()
    assert ends or draws(wrapper) or name == "Tampering"
    env.close()
    env.close()


def test_pictures_can_be_resized():
    pytest.importorskip("cv2")
    env = pixels(
        partial(W.ResizeObservation, shape=(36, 64)), made("Feed", render_mode="rgb_array")
    )
    assert env.reset(seed=0)[0].shape == (36, 64, 3)


@pytest.fixture
def films(monkeypatch):
    """The frames of each video, in the place of MoviePy, which is not installed here."""
    shot = []

    class ImageSequenceClip:
        def __init__(self, frames, fps):
            shot.append(np.stack(frames))
            assert fps == 4

        def write_videofile(self, path, logger=None):
            pass

    place = "moviepy.video.io.ImageSequenceClip"
    for name in ("moviepy", "moviepy.video", "moviepy.video.io", place):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[place].ImageSequenceClip = ImageSequenceClip
    return shot


@every_id
def test_a_video_can_be_made_of_one(name, films, tmp_path):
    env = made(name, render_mode="rgb_array")
    env = W.RecordVideo(env, str(tmp_path), step_trigger=lambda step: step == 0, video_length=3)
    env.reset(seed=0)
    for _ in range(4):
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()
    env.close()
    (film,) = films
    assert film.dtype == np.uint8 and film.shape[2:] == (640, 3)


def test_a_video_can_be_made_of_many(films, tmp_path):
    env = made_vec("TinyFeed", 4, render_mode="rgb_array")
    env = V.RecordVideo(env, str(tmp_path), step_trigger=lambda step: step == 0, video_length=3)
    env.reset(seed=0)
    for _ in range(4):
        env.step(env.action_space.sample())
    env.close()
    (film,) = films
    assert film.shape[1:] == (2 * 168, 2 * 640, 3)  # four people, two by two


# --- wrappers of a vector environment -------------------------------------------------------------

VECTOR = {
    "ArrayConversion": partial(V.ArrayConversion, env_xp=np, target_xp=torch),
    "ClipReward": partial(V.ClipReward, min_reward=0.0, max_reward=1.0),
    "DictInfoToList": V.DictInfoToList,
    "DtypeObservation": partial(V.DtypeObservation, dtype=np.float64),
    "FlattenObservation": V.FlattenObservation,
    "NormalizeObservation": V.NormalizeObservation,
    "NormalizeReward": V.NormalizeReward,
    "NumpyToTorch": V.NumpyToTorch,
    "RecordEpisodeStatistics": V.RecordEpisodeStatistics,
    "RescaleObservation": partial(V.RescaleObservation, min_obs=0.0, max_obs=1.0),
    "ReshapeObservation": lambda env: V.ReshapeObservation(
        env, (1, *env.single_observation_space.shape)
    ),
    "TransformAction": partial(V.TransformAction, func=np.copy),
    "TransformObservation": partial(V.TransformObservation, func=np.copy),
    "TransformReward": partial(V.TransformReward, func=np.tanh),
    "VectorizeTransformAction": lambda env: V.VectorizeTransformAction(
        env, W.TransformAction, func=np.copy, action_space=env.single_action_space
    ),
    "VectorizeTransformObservation": lambda env: V.VectorizeTransformObservation(
        env, W.ReshapeObservation, shape=(1, *env.single_observation_space.shape)
    ),
    "VectorizeTransformReward": partial(
        V.VectorizeTransformReward, wrapper=W.TransformReward, func=np.tanh
    ),
}
# These want dictionaries or pictures as observations, which a vector does not give.
VECTOR_NOT_FITTING = {"FilterObservation", "GrayscaleObservation", "ResizeObservation"}
VECTOR_APART = {"HumanRendering", "RecordVideo"}


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@every_id
@pytest.mark.parametrize("wrapper", VECTOR)
def test_every_vector_wrapper_fits_and_a_copy_goes_on(wrapper, name, mode):
    if mode is AutoresetMode.SAME_STEP and "Observation" in wrapper:
        with pytest.raises(ValueError, match="Expected autoreset_mode to be NEXT_STEP"):
            VECTOR[wrapper](made_vec(name))  # Gymnasium's own rule
        return
    env = VECTOR[wrapper](made_vec(name, autoreset_mode=mode))
    env.action_space.seed(0)
    env.reset(seed=3)
    tensors, ends = wrapper in ("NumpyToTorch", "ArrayConversion"), 0
    for step in range(32 if name == "Tampering" else STEPS):
        twin = copy.deepcopy(env) if step == 7 else None
        action = env.action_space.sample()
        action = torch.as_tensor(action) if tensors else action
        played = env.step(action)
        if twin is not None:
            assert same(twin.step(action), played)
        if not tensors and wrapper != "NormalizeObservation":
            assert played[0] in env.observation_space
        ends += int((played[2] | played[3]).sum())
    assert ends
    env.close()


def test_final_observations_become_tensors_with_zeros_for_those_who_go_on():
    env = V.NumpyToTorch(made_vec("Feed", 12))
    env.action_space.seed(0)
    env.reset(seed=3)
    for _ in range(20):
        *_, info = env.step(torch.as_tensor(env.action_space.sample()))
        if "final_obs" in info:
            over = info["_final_obs"]
            assert info["final_obs"].shape == (12, *env.single_observation_space.shape)
            assert not info["final_obs"][~over].any() and info["final_obs"][over].any()
            return
    raise AssertionError("no end")


# --- copies and pickles ---------------------------------------------------------------------------


def stepped(env, actions):
    return [env.step(action) for action in actions]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))],
                         ids=["deepcopy", "pickle"])  # fmt: skip
@pytest.mark.parametrize("face", ["single", "vector", "native", "rendered"])
@pytest.mark.parametrize("name", MADE)
def test_a_copy_in_the_middle_of_an_episode_goes_on_as_the_original(name, face, copied):
    env_id, options = MADE[name]
    if face == "native":
        if options.get("engine") == "numba":
            pytest.importorskip("numba")
        env = make_vec_env(env_id, 3, seed=5, **options)
        env.reset()
        space = gym.vector.utils.batch_space(env.action_space, 3)
    else:
        make = {"single": made, "vector": made_vec}.get(face, partial(made, render_mode="ansi"))
        env = make(name)
        env.reset(seed=5)
        space = env.action_space
    space.seed(1)
    before, after = ([space.sample() for _ in range(count)] for count in (3, 9))
    stop = 1 if face in ("single", "rendered") else 9  # a single one may end
    for action in before:
        if face in ("single", "rendered") and any(env.step(action)[2:4]):
            env.reset()
        elif face in ("vector", "native"):
            env.step(action)
    twin = copied(env)
    mine = stepped(env, after[:stop])
    theirs = stepped(twin, after[:stop])
    for ours, other in zip(mine, theirs, strict=True):
        assert same(ours, other)
    if face == "rendered":
        assert env.render() == twin.render()
    if face != "native":  # from here on each goes its own way, with the same generator
        assert (
            env.unwrapped.np_random.random(3).tolist()
            == twin.unwrapped.np_random.random(3).tolist()
        )


def test_a_copy_that_is_played_leaves_the_original_where_it_was():
    env = made("Feed")
    env.reset(seed=1)
    before = env.unwrapped.batch.observe()
    copy.deepcopy(env).step(0)
    assert np.array_equal(env.unwrapped.batch.observe(), before)


# --- Gymnasium's own vectors, checkers, specs -----------------------------------------------------


@every_id
def test_gymnasiums_own_vectors_in_one_process_and_in_many(name):
    for kind in (SyncVectorEnv, AsyncVectorEnv):
        if kind is AsyncVectorEnv and name not in ("Feed", "Tampering"):
            continue  # processes are slow to start
        env = kind([partial(made, name)] * 2)
        env.action_space.seed(0)
        seen, _ = env.reset(seed=4)
        alone = made(name).reset(seed=5)[0]
        assert np.array_equal(seen[1], alone)
        for _ in range(STEPS):
            assert env.step(env.action_space.sample())[0] in env.observation_space
        env.close()


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("error::UserWarning")
def test_both_checkers_find_nothing_to_say(name):
    gymnasium_check(made(name, render_mode="rgb_array").unwrapped)
    sb3_check(made(name).unwrapped)


@every_id
def test_a_spec_says_how_long_lives_are_and_makes_the_same_again(name):
    one, many = made(name), made_vec(name)
    steps = {"TinyFeed": 168, "Tampering": 30}.get(name, 8)
    assert one.spec.max_episode_steps == many.spec.max_episode_steps == steps
    assert one.unwrapped.spec.max_episode_steps == steps
    assert "TimeLimit" not in str(one)  # the environment cuts its lives itself
    again, many_again = gym.make(one.spec), gym.make_vec(many.spec)
    assert np.array_equal(again.reset(seed=2)[0], one.reset(seed=2)[0])
    assert np.array_equal(many_again.reset(seed=2)[0], many.reset(seed=2)[0])
    shorter = made(name, max_episode_steps=3)
    shorter.reset(seed=2)
    assert shorter.spec.max_episode_steps == 3
    with pytest.raises(ValueError, match=f"max_episode_steps: found 3; allowed: {steps}, the"):
        made_vec(name, max_episode_steps=3)


def test_a_longer_calendar_is_not_cut_at_the_default_one():
    staying = {"churn": {"enabled": False}, "calendar": {"days": 30}}
    env = gym.make("undertow/Feed-v0", world=staying)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(240)]
    assert ends[-1] == (False, True) and not any(cut for _, cut in ends[:-1])
    assert env.spec.max_episode_steps == 240


@every_id
def test_rendering_gives_a_frame_for_each_row(name):
    for mode in ("ansi", "rgb_array"):
        many, one = made_vec(name, 3, render_mode=mode), made(name, render_mode=mode)
        with pytest.raises(gym.error.ResetNeeded, match="render: called before reset"):
            many.unwrapped.render()
        with pytest.raises(gym.error.ResetNeeded):
            one.unwrapped.render()
        many.action_space.seed(0)
        many.reset(seed=[7, 8, 9])
        one.reset(seed=9)
        action = np.zeros(many.action_space.shape, dtype=np.int64)
        action[1:] = 1  # a different life in row 0
        over = many.step(action)[2:4]
        one.step(action[2])
        frames = many.render()
        assert isinstance(frames, tuple) and len(frames) == 3
        assert not same(frames[0], frames[2])
        assert same(frames[2], one.render()) or np.any(over)


def test_the_module_form_of_an_id_works_in_every_maker():
    env_id = "undertow.envs:undertow/Feed-v0"
    assert isinstance(gym.make(env_id).unwrapped, undertow.envs.FeedEnv)
    assert isinstance(gym.make_vec(env_id, 2).unwrapped, undertow.envs.FeedVectorEnv)
    assert make_vec_env(env_id, 2).num_envs == 2
    with pytest.raises(
        ValueError, match=r"env_id: found 'undertow\.envs:undertow/No-v0'; allowed: "
    ):
        make_vec_env("undertow.envs:undertow/No-v0")
