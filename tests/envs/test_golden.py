"""Parameters, presets, nulls and lives are what they were when they were last looked at.

If one of these fails and the change was meant: `golden.py` says how to write the file anew.
"""

import json

import numpy as np
import pytest

from undertow.envs.world import NULLS, PRESETS, Slate

from . import golden

KEPT = json.loads(golden.FILE.read_text())
RULES = {"feed": None, "slate": Slate()}
LIVES = [
    pytest.param(preset, null, name, id=f"{preset}, {null}, {name}")
    for preset, null in golden.WORLDS
    for name in RULES
]


def assert_same(means, kept):
    for name, values in means.items():
        assert values == pytest.approx(kept["means"][name], rel=1e-4, abs=1e-8), name


def test_every_parameter_keeps_its_default_and_range():
    assert golden.every_parameter() == KEPT["parameters"]


def test_every_preset_sets_what_it_set():
    assert {preset: golden.changes(preset) for preset in PRESETS} == KEPT["presets"]


def test_every_null_sets_what_it_set():
    assert {null: golden.changes("default", null) for null in NULLS} == KEPT["nulls"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_items_are_what_they_were(preset):
    assert golden.catalogue(preset) == pytest.approx(KEPT["catalogues"][preset], rel=1e-5)


def test_luck_is_the_same_to_the_bit():
    assert golden.luck() == KEPT["luck"]


@pytest.mark.parametrize("preset, null, name", LIVES)
def test_lives_are_what_they_were(preset, null, name):
    kept = KEPT["lives"][f"{preset}, {null}, {name}"]
    whole, means = golden.lives(golden.batch(preset, null, slate=RULES[name]), kept["seed"])
    assert whole == kept["whole"]
    assert_same(means, kept)
    oracle = golden.batch(preset, null, "oracle", slate=RULES[name])
    whole, means = golden.lives(oracle, kept["seed"])
    assert whole == kept["whole"]  # who looks on changes nothing
    assert_same({"oracle": means["observation"]}, kept)


@pytest.mark.parametrize("preset, null", golden.WORLDS)
def test_lives_are_the_same_on_the_compiled_engine(preset, null):
    kept = KEPT["lives"][f"{preset}, {null}, feed"]
    whole, means = golden.lives(golden.batch(preset, null, engine="numba"), kept["seed"])
    assert whole == kept["whole"]
    assert_same(means, kept)


@pytest.mark.parametrize("preset", PRESETS)
def test_lives_are_the_same_on_torch(preset):
    kept = KEPT["lives"][f"{preset}, None, feed"]
    whole, means = golden.lives(golden.batch(preset, None, device="cpu"), kept["seed"])
    assert whole == kept["whole"]
    assert_same(means, kept)


def test_the_lives_hold_all_that_can_happen():
    """In a golden life people open, search, leave, and are moved: else it would keep nothing."""
    for preset in PRESETS:
        for name in RULES:
            means = KEPT["lives"][f"{preset}, None, {name}"]["means"]
            assert all(np.min(values) > 0 for key, values in means.items() if "obs" not in key)
