"""The world once more in plain floats, person by person, written from the equations alone.

Slow and simple: what the arrays of `envs/world` do is held against it. People are dicts of floats.
"""

import math
from dataclasses import fields, replace
from functools import cache

import numpy as np
from scipy import optimize, special

from undertow.envs.world import Mechanism


def in_the_middle(state, seed=0):
    """The same people with every part of their state somewhere inside its range; some have left."""
    generator = np.random.default_rng(seed)

    def some(shape, high=1.0):
        return generator.uniform(0, high, shape).astype(np.float32)

    people = len(state.habit)
    return replace(
        state,
        taste=some(state.taste.shape),
        satiation=some(state.satiation.shape),
        habit=some(people),
        tolerance=some(people),
        regret=some(people),
        stance=2 * some(people) - 1,
        present=some(people) < 0.9,
    )


def one_by_one(rows):
    """Traits, states or outcomes as one dict a person."""
    columns = {f.name: getattr(rows, f.name).tolist() for f in fields(rows) if f.name != "items"}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def slot_by_person(p, items, traits, states, feed, luck, share=1.0):
    """New states and what happened, one dict a person. luck: (lanes, people)."""
    lots = luck.T.tolist()
    shows = [_watch(p, items, *row, share) for row in zip(traits, states, feed, lots, strict=True)]
    new, outcomes = [], []
    for trait, state, own, show, lot in zip(
        traits, states, shows, _whose(p, shows), lots, strict=True
    ):
        xi = math.sqrt(12) * (lot[Mechanism.STANCE] - 0.5)
        after, pushed = _moved(p, items, trait, state, show, xi)
        hazard = p.churn.hazard * math.exp(
            p.churn.regret * after["regret"] - p.churn.habit * after["habit"]
        )
        left = state["present"] and not own["opened"] and p.churn.enabled
        left = left and lot[Mechanism.CHURN] < min(1, hazard)
        new.append(after | {"present": state["present"] and not left})
        outcomes.append(own | {"persuasion": pushed, "left": left})
    return new, outcomes


def scroll_by_person(p, rule, items, traits, states, slate, luck, rest):
    """Likewise with a slate, (people, size): new states, and what happened item by item.

    rest: (2 (size - 1), people), for each further item the draw of staying and of its length.
    """
    share = 1 / rule.size
    after, first = slot_by_person(p, items, traits, states, slate[:, 0], luck, share)
    reads = [own["opened"] and not own["sought"] for own in first]
    calm = [reading and own["endorsed"] > 0 for reading, own in zip(reads, first, strict=True)]
    before, parts = states, [first]
    for place in range(1, rule.size):
        part = []
        for i, trait in enumerate(traits):
            plan, allure, _, _ = _appraised(p, items, trait, before[i], slate[i, place - 1])
            stays, length = rest[2 * (place - 1), i], rest[2 * (place - 1) + 1, i]
            reads[i] = bool(
                reads[i] and stays < _sigmoid(rule.stay_base + rule.stay_pull * (plan + allure))
            )
            # With temptation removed the plan alone decides, with the same luck.
            calm[i] = calm[i] and reads[i]
            calm[i] = bool(calm[i] and stays < _sigmoid(rule.stay_base + rule.stay_pull * plan))
            part.append(
                _minutes(
                    p, items, trait, after[i], slate[i, place], length, reads[i], calm[i], share
                )
                | {"opened": reads[i], "item": int(slate[i, place]), "sought": False, "left": False}
            )
        moved = [_moved(p, items, *row) for row in zip(traits, after, _whose(p, part), strict=True)]
        for own, (_, pushed) in zip(part, moved, strict=True):
            own["persuasion"] = pushed
        before, after = after, [state for state, _ in moved]
        parts.append(part)
    return after, parts


def _sigmoid(z):
    return 1 / (1 + math.exp(-z))


def _item(items, i):
    names = (f.name for f in fields(items) if f.name != "indicator")
    return {name: float(getattr(items, name)[i]) for name in names}


def _appraised(p, items, trait, state, i):
    """Plan, allure, endorsement, and what a search goes by."""
    one, k = _item(items, i), int(items.topic[i])
    w, v = p.appraisal, p.welfare
    interest = one["civic"] * trait["news"]
    apart = ((one["stance"] - state["stance"]) / trait["latitude"]) ** 2 / 2
    plan = w.base + w.taste * state["taste"][k] - w.satiation * state["satiation"][k]
    plan += w.quality * one["quality"] - (interest * apart if w.congruence else 0)
    allure = w.arousal * (one["arousal"] - state["tolerance"]) + w.falsehood * one["falsehood"]
    allure += interest * w.extremity_pull * abs(one["stance"])
    liking = v.base + v.taste * state["taste"][k] + v.quality * one["quality"]
    return plan, allure if w.temptation else 0.0, liking, liking - interest * apart


def _opens(p, trait, state, plan, allure, habit, lot):
    w, c = p.opening, trait["self_control"]
    urge = w.habit * habit + w.lead * allure
    z = w.base + w.lead * plan + (1 - c) * urge - c * w.regret * state["regret"]
    return state["present"] and lot < 1 - (1 - _sigmoid(z)) * (1 - w.cue * habit)


def _watch(p, items, trait, state, feed, lanes, share):
    plan, allure, _, _ = _appraised(p, items, trait, state, feed)
    lot = lanes[Mechanism.OPENING]
    opened = _opens(p, trait, state, plan, allure, state["habit"], lot)
    planned = _opens(p, trait, state, plan, 0, 0, lot)
    choice, sought = int(feed), False
    if p.search.enabled and opened and lanes[Mechanism.SEARCH] < p.search.share:
        sought = True
        every = [_appraised(p, items, trait, state, i)[3] for i in range(len(items))]
        weights = [math.exp(p.search.sharpness * each) for each in every]
        level, choice = lanes[Mechanism.SEARCH] / p.search.share * sum(weights), 0
        while sum(weights[: choice + 1]) < level:
            choice += 1
    # Who searches has one item alone, and so all of a session.
    length = 1.0 if sought else share
    luck = lanes[Mechanism.WATCHING]
    happened = _minutes(p, items, trait, state, choice, luck, opened, planned, length)
    return happened | {"opened": opened, "item": choice, "sought": sought}


def _minutes(p, items, trait, state, i, luck, opened, planned, share):
    """Minutes of item i; `planned`: whether it is come to with temptation removed."""
    plan, allure, liking, _ = _appraised(p, items, trait, state, i)
    one, w, v = _item(items, i), p.watching, p.welfare
    cut, mean = _cut_and_mean(w.shape, w.longest)
    noise = min((-math.log(luck)) ** (1 / w.shape), cut) / mean
    full = w.minutes * one["length"] * noise * share
    minutes = full * _sigmoid(plan + allure) * (1 + w.habit * state["habit"]) if opened else 0.0
    endorsed = min(minutes, full * _sigmoid(plan) if planned else 0.0)
    return {
        "minutes": minutes,
        "endorsed": endorsed,
        "worth": endorsed * _sigmoid(2 * liking) - v.unendorsed_cost * (minutes - endorsed),
        "revenue": p.objective.ad_load * minutes * one["sponsor"],
    }


def _whose(p, shows):
    """Whose watching moves each person: their own, or in the placebo the next one's."""
    return shows if p.placebo == "none" else shows[1:] + shows[:1]


def _moved(p, items, trait, state, show, xi=None):
    """The state after what was watched, and how far it pushed |x| outward.

    xi: the noise of the stance in this slot; None: between two items, where no time passes.
    """
    time = 0 if xi is None else 1
    one, k = _item(items, show["item"]), int(items.topic[show["item"]])
    exposure = 1 - math.exp(-show["minutes"] / p.exposure_minutes)

    def stock(level, gain, decay, fed):
        level *= 1 - time * decay
        return level + gain * fed * (1 - level)

    new = dict(state, taste=list(state["taste"]), satiation=list(state["satiation"]))
    if p.satiation.enabled:
        new["satiation"] = [(1 - time * p.satiation.recovery) * s for s in state["satiation"]]
        new["satiation"][k] = stock(new["satiation"][k], p.satiation.gain, 0, exposure)
    for name in ("habit", "tolerance"):
        rule = getattr(p, name)
        if rule.enabled:
            new[name] = stock(state[name], rule.gain, rule.decay, exposure * one["arousal"])
    if p.taste.enabled:
        new["taste"][k] = stock(state["taste"][k], p.taste.gain, 0, exposure)
        new["taste"] = [
            t + time * p.taste.anchor * (o - t)
            for t, o in zip(new["taste"], trait["taste"], strict=True)
        ]
    pushed = state["stance"]
    if p.stance.persuasion:
        gap = one["stance"] - state["stance"]
        accept = math.exp(-((gap / trait["latitude"]) ** 2) / 2)
        pushed += one["civic"] * trait["susceptibility"] * exposure * accept * gap
    relaxed = pushed + time * p.stance.anchor * (trait["stance"] - pushed)
    new["stance"] = max(-1.0, min(1.0, relaxed + p.stance.noise * (xi or 0.0)))
    minutes, v = show["minutes"], p.welfare
    share = (minutes - show["endorsed"]) / minutes if minutes else 0.0
    new["regret"] = stock(state["regret"], v.regret_gain, v.regret_decay, exposure * share)
    return new, abs(pushed) - abs(state["stance"]) if state["present"] else 0.0


@cache
def _cut_and_mean(shape, longest):
    """Where the luck of a session is cut, and the mean of what is cut there."""

    def mean(cut):
        return special.gammainc(1 / shape, cut**shape) * special.gamma(1 / shape) / shape

    cut = optimize.brentq(lambda c: longest * mean(c) - c, 1e-6, 1e3)
    return cut, mean(cut)
