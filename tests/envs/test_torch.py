"""The same lines on torch: NumPy's lives, to float32 tolerance, with the same luck."""

import numpy as np
import pytest
import torch

from undertow.envs import OBSERVATIONS, FeedBatch
from undertow.envs.world import NULLS, expected_next_minutes, synthetic, uniforms, world
from undertow.envs.world.arrays import library, namespace

PEOPLE, SLOTS = 64, 40
SHORT = {"calendar": {"slots_per_day": 8, "days": 3}, "churn": {"hazard": 0.05}}


def pair(observation="platform", null=None, preset="vulnerable"):
    """A batch on NumPy and one on torch, of the same people."""
    parameters = world(preset, null, SHORT)
    return [FeedBatch(parameters, PEOPLE, observation, device=device) for device in (None, "cpu")]


def tell(batch, actions):
    """What a batch sees, earns and ends, slot by slot, as NumPy arrays; who ends is replaced."""
    seen = [batch.start(7, np.arange(PEOPLE))]
    reward, ended, opened = [], [], []
    for action in actions:
        step = batch.step(action)
        done = step.terminated | step.truncated
        batch.restart(done)
        seen.append(batch.observe_restarted(step.observation, done))
        reward.append(step.reward)
        ended.append(done)
        opened.append(step.outcome.opened)
    return [np.stack([np.asarray(one) for one in each]) for each in (seen, reward, ended, opened)]


@pytest.mark.parametrize("null", [None, *sorted(NULLS)])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_torch_tells_the_lives_that_numpy_tells(observation, null):
    actions = np.random.default_rng(1).integers(30, size=(SLOTS, PEOPLE))
    on_numpy, on_torch = (tell(batch, actions) for batch in pair(observation, null))
    for expected, found in zip(on_numpy, on_torch, strict=True):
        assert found.dtype == expected.dtype
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)
    ended, opened = on_numpy[2:]
    assert (ended.sum() > PEOPLE) == (null != "no_consequence")  # there nobody leaves
    assert 0.1 < opened.mean() < 0.9


def test_luck_is_the_same_to_the_bit():
    seed, person = np.arange(9) * 2**55 + 3, np.arange(9) * 2**33
    slot = np.arange(4)[:, None]
    expected = uniforms(seed, person, slot, 0, 8)
    found = uniforms(*(torch.as_tensor(each) for each in (seed, person, slot)), 0, 8)
    assert found.dtype == torch.float32 and np.array_equal(found.numpy(), expected)


def test_everything_stays_on_torch():
    batch = pair()[1]
    batch.start(torch.arange(PEOPLE), 0)
    step = batch.step(torch.zeros(PEOPLE, dtype=torch.int64))
    told = [step.observation, step.reward, step.terminated, step.truncated]
    told += [
        *vars(step.outcome).values(),
        *vars(batch.state).values(),
        *vars(batch.traits).values(),
    ]
    told += list(batch.measured(step.outcome, idle=step.terminated).values())
    assert all(isinstance(each, torch.Tensor) for each in told)
    assert step.observation.dtype == step.reward.dtype == torch.float32


def test_expected_minutes_agree():
    on_numpy, on_torch = pair()
    tell(on_numpy, actions := np.zeros((5, PEOPLE), dtype=np.int64))
    tell(on_torch, actions)
    expected, found = (
        expected_next_minutes(batch.parameters, batch.items, batch.traits, batch.state)
        for batch in (on_numpy, on_torch)
    )
    assert found.numpy() == pytest.approx(expected, rel=1e-4)


def test_items_are_moved_and_left():
    items = synthetic(world())
    moved = items.on(*library("cpu"))
    assert isinstance(items.stance, np.ndarray) and isinstance(moved.stance, torch.Tensor)
    assert np.array_equal(moved.topic.numpy(), items.topic)


@pytest.mark.parametrize(
    "action, message",
    [
        (torch.tensor([0, 1, 30]), r"action\[2\]: found 30; allowed: 0 to 29"),
        (np.array([0, -1, 3]), r"action\[1\]: found -1; allowed: 0 to 29"),
        (torch.zeros(3), r"action: found torch.float32 of shape .*; allowed: integers"),
        (torch.zeros(2, dtype=torch.int64), r"action: found .*; allowed: integers of shape \(3,\)"),
    ],
)
def test_a_bad_action_is_refused_by_name(action, message):
    batch = FeedBatch(world(), 3, device="cpu")
    batch.start(0, np.arange(3))
    with pytest.raises(ValueError, match=message):
        batch.step(action)


def test_a_device_that_is_not_there_is_refused_by_name():
    with pytest.raises(ValueError, match="device: found 'moon'; allowed: one that torch has here"):
        FeedBatch(world(), 3, device="moon")


def test_an_array_is_asked_for_its_library():
    assert namespace(np.zeros(1)) is np
    assert namespace(torch.zeros(1)).__name__ == "array_api_compat.torch"
