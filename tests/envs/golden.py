"""What presets, nulls and lives came to when they were last looked at; `golden.json` holds it.

    python -m tests.envs.golden      writes the file anew, from the repository's root

Do so only for a change that means to change them, and say so in the change log. Whole numbers (who
opened, what was watched, who left) are kept as a hash, to the bit. Floats differ in their last
digits from one processor to the next, so means of them are kept, to one part in ten thousand. For
the same reason the lives are chosen such that no decision in them is a near thing: they stay the
same if every draw is moved up or down by 1e-5.
"""

import hashlib
import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from undertow.envs import FeedBatch, SlateBatch
from undertow.envs.tiny import TinyParameters
from undertow.envs.world import (
    NULLS,
    PRESETS,
    Mechanism,
    Slate,
    WorldParameters,
    synthetic,
    uniforms,
    world,
)

FILE = Path(__file__).with_name("golden.json")
PEOPLE, SLOTS, SHIFT = 40, 24, 1e-5
WHOLE = ("opened", "item", "sought", "left")
REAL = ("minutes", "endorsed", "worth", "persuasion", "revenue")
STATE = ("taste", "satiation", "habit", "tolerance", "stance", "regret")
WORLDS = [(preset, null) for preset in PRESETS for null in (None, *NULLS)]


def luck():
    """A hash of some draws: they are the same on every machine, to the bit."""
    who = np.arange(64)
    drawn = uniforms(who * 2**50, who * 2**40, who, Mechanism.OPENING, 68)
    return hashlib.sha256(drawn.tobytes()).hexdigest()


def flat(values, path=""):
    """Nested values as one level: dotted path to value."""
    if not isinstance(values, dict):
        return {path: values}
    levels = (flat(value, f"{path}.{name}".strip(".")) for name, value in values.items())
    return {name: value for level in levels for name, value in level.items()}


def every_parameter():
    """Default, range, unit and source of each parameter, by its path."""

    def walk(model, path):
        for name, field in model.model_fields.items():
            value = getattr(model(), name)
            here = f"{path}.{name}".strip(".")
            if isinstance(value, BaseModel):
                yield from walk(type(value), here)
            else:
                limits = [rule for rule in field.metadata if hasattr(rule, "ge")]
                limits += [rule for rule in field.metadata if hasattr(rule, "le")]
                bounds = [getattr(r, "ge", getattr(r, "le", None)) for r in limits]
                yield here, [value, *bounds, *(field.json_schema_extra or {}).values()]

    models = ((WorldParameters, ""), (Slate, "slate"), (TinyParameters, "tiny"))
    return {path: row for model, start in models for path, row in walk(model, start)}


def changes(preset, null=None):
    """What a preset or a null sets differently from the defaults."""
    plain = flat(world().model_dump())
    built = flat(world(preset, null).model_dump())
    return {path: value for path, value in built.items() if value != plain.get(path)}


def catalogue(preset):
    """Of each column of a preset's items: a weighted mean, in which their order counts."""
    items = synthetic(world(preset))
    weight = np.cos(np.arange(len(items)))
    columns = {f.name: getattr(items, f.name) for f in fields(items) if f.name != "indicator"}
    return {name: float(f"{(weight * c).mean():.7g}") for name, c in columns.items()}


class _Shifted:
    """Every draw of a slot moved by `shift`, kept between 0 and 1."""

    shift = 0.0

    def _luck(self):
        return np.clip(super()._luck() + np.float32(self.shift), 1e-6, 1 - 1e-6)

    def _rest(self, number):
        return np.clip(super()._rest(number) + np.float32(self.shift), 1e-6, 1 - 1e-6)


class _ShiftedFeed(_Shifted, FeedBatch):
    pass


class _ShiftedSlate(_Shifted, SlateBatch):
    pass


def batch(preset, null, view="platform", *, slate=None, shift=0.0, **options):
    """A batch of a golden world; options as for `FeedBatch`."""
    parameters = world(preset, null)
    if slate:
        one = (_ShiftedSlate if shift else SlateBatch)(parameters, PEOPLE, slate, view, **options)
    else:
        one = (_ShiftedFeed if shift else FeedBatch)(parameters, PEOPLE, view, **options)
    one.shift = shift
    return one


def lives(batch, seed):
    """A hash of all whole numbers of the lives in a batch, and means of all the rest.

    Who leaves is replaced by the next person. The feed is a fixed walk through the catalogue.
    """
    seen = batch.start(seed, np.arange(PEOPLE))
    whole, sums, looks = hashlib.sha256(), {}, [np.asarray(seen)]
    for slot in range(SLOTS):
        walk = 7 * slot + 3 * np.arange(PEOPLE)
        if len(batch.action_shape) > 1:
            walk = walk[:, None] + 5 * np.arange(batch.action_shape[1])
        step = batch.step(walk % len(batch.items))
        for part in step.outcome.parts:
            for name in WHOLE:
                whole.update(np.asarray(getattr(part, name)).astype(np.int64).tobytes())
        rows = {name: getattr(step.outcome, name) for name in REAL} | {"reward": step.reward}
        rows |= {name: getattr(batch.state, name) for name in STATE}
        for name, values in rows.items():
            column = np.abs(np.asarray(values, dtype=np.float64))
            # The mean square beside the mean: who has how much counts, not the total alone.
            sums[name] = sums.get(name, 0) + np.array([column.mean(), (column**2).mean()])
        done = step.terminated | step.truncated
        batch.restart(done)
        looks.append(np.asarray(batch.observe_restarted(step.observation, done)))
    columns = np.mean(np.abs(np.stack(looks).astype(np.float64)), axis=(0, 1))
    weights = np.cos(np.arange(columns.size))  # so that two columns swapped are seen
    means = {name: (value / SLOTS).tolist() for name, value in sums.items()}
    means["observation"] = [float(columns.mean()), float((weights * columns).mean())]
    return whole.hexdigest(), means


def seed_without_near_things(preset, null, slate=None):
    """The first seed of which every decision stays as it is if all draws move a little."""
    for seed in range(100):
        hashes = {
            lives(batch(preset, null, slate=slate, shift=shift), seed)[0]
            for shift in (0.0, SHIFT, -SHIFT)
        }
        if len(hashes) == 1:
            return seed
    raise RuntimeError(f"{preset}, {null}: every seed has a near thing")


def golden():
    """All of it."""
    told = {
        "luck": luck(),
        "parameters": every_parameter(),
        "presets": {preset: changes(preset) for preset in PRESETS},
        "nulls": {null: changes("default", null) for null in NULLS},
        "catalogues": {preset: catalogue(preset) for preset in PRESETS},
        "lives": {},
    }
    for preset, null in WORLDS:
        for name, slate in (("feed", None), ("slate", Slate())):
            seed = seed_without_near_things(preset, null, slate)
            whole, means = lives(batch(preset, null, slate=slate), seed)
            oracle = lives(batch(preset, null, "oracle", slate=slate), seed)[1]["observation"]
            told["lives"][f"{preset}, {null}, {name}"] = {
                "seed": seed,
                "whole": whole,
                "means": {
                    key: [float(f"{value:.7g}") for value in values]
                    for key, values in (means | {"oracle": oracle}).items()
                },
            }
    return told


if __name__ == "__main__":
    text = json.dumps(golden(), indent=1)
    # What belongs to one name stands on one line.
    text = re.sub(r"\[[^\[\]]*\]", lambda row: " ".join(row[0].split()), text)
    FILE.write_text(text + "\n")
