"""The slot once more, and the platform's logs, as loops over people that numba compiles.

The equations are those of `envs/world`, module by module, and stand there with their sources; here
nothing is written to memory between them, and a call costs microseconds where NumPy's many calls
cost hundreds. Tests hold every output of these loops against `world.slot` and `PlatformView`, in
every null world and with every switch. Coverage cannot see into compiled code.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


def compiled(function: Any) -> Any:
    """`function`, compiled by numba when it is first called, and kept on disk for later processes.

    Where nothing can be written to disk, each process compiles for itself.
    """
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no folder to keep it in: a read-only install, no home
        return numba.njit(error_model="numpy")(function)


_MASK = np.uint64(0xFFFFFFFF)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_32, _9 = np.uint64(32), np.uint64(9)
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_TWO, _THREE, _EIGHT = np.float32(2), np.float32(3), np.float32(8)
_TINY, _LARGE = np.float32(1e-9), np.float32(80)
_UNIT, _HUNDRED = np.float32(2.0**-23), np.float32(100)


@compiled
def luck(seed: Any, person: Any, slot: Any, block: Any) -> Any:
    """Four uniform draws of `streams.uniforms`, to the bit: lanes 4 block to 4 block + 3."""
    c0, c1 = np.uint64(person) & _MASK, (np.uint64(person) >> _32) & _MASK
    c2, c3 = np.uint64(slot) & _MASK, np.uint64(block)
    k0, k1 = np.uint64(seed) & _MASK, (np.uint64(seed) >> _32) & _MASK
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1 = ((p1 >> _32) ^ c1 ^ k0) & _MASK, p1 & _MASK
        c2, c3 = ((p0 >> _32) ^ c3 ^ k1) & _MASK, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return (
        (np.float32(c0 >> _9) + _HALF) * _UNIT,
        (np.float32(c1 >> _9) + _HALF) * _UNIT,
        (np.float32(c2 >> _9) + _HALF) * _UNIT,
        (np.float32(c3 >> _9) + _HALF) * _UNIT,
    )


@compiled
def _sigmoid(z: Any) -> Any:
    return _ONE / (_ONE + np.exp(min(-z, _LARGE)))


@compiled
def _plan(n: Any, item: Any, taste: Any, bored: Any, x: Any, width: Any, news: Any) -> Any:
    plan = n.base + n.taste * taste - n.satiation * bored + n.quality * item.quality
    if n.congruence:
        far = (item.stance - x) / width
        plan -= _HALF * item.civic * news * far * far
    return plan


@compiled
def _allure(n: Any, item: Any, numb: Any, news: Any) -> Any:
    if not n.temptation:
        return _ZERO
    allure = n.arousal * (item.arousal - numb) + n.falsehood * item.falsehood
    return allure + n.extremity_pull * item.civic * news * abs(item.stance)


@compiled
def _sought(n: Any, items: Any, taste: Any, x: Any, width: Any, news: Any, level: Any,
            mass: Any) -> Any:  # fmt: skip
    """The item that a search finds; level: a draw in (0, 1). mass: room for an entry an item."""
    best = np.float32(-np.inf)
    for i in range(items.size):
        item = items[i]
        far = (item.stance - x) / width
        value = n.like_base + n.like_taste * taste[item.topic] + n.like_quality * item.quality
        mass[i] = value - _HALF * item.civic * news * far * far
        best = max(best, mass[i])
    total = _ZERO
    for i in range(items.size):
        total += np.exp(n.search_sharpness * (mass[i] - best))
        mass[i] = total
    level *= total
    for i in range(items.size):
        if mass[i] >= level:
            return i
    return items.size - 1


@compiled
def live(
    table: Any, items: Any,
    self_control: Any, susceptibility: Any, latitude: Any, news: Any, origin: Any, first_taste: Any,
    taste: Any, satiation: Any, habit: Any, tolerance: Any, stance: Any, regret: Any, present: Any,
    seed: Any, person: Any, slot: Any, feed: Any, away: Any,
    next_taste: Any, next_satiation: Any, moved: Any, told: Any, flags: Any, choice: Any,
) -> bool:  # fmt: skip
    """One slot for everybody; see `world.slot`. Writes into the last six arrays.

    Writes nothing and returns False where the feed leads with what is no item.

    moved: habit, tolerance, stance, regret; told: minutes, endorsed, worth, persuasion, revenue;
    flags: present, opened, sought, left; each with a row for everybody. away: empty for nobody.
    """
    for k in range(feed.size):
        if feed[k] < 0 or feed[k] >= items.size:
            return False
    n = table[0]
    minutes, endorsed, worth, persuasion, revenue = told
    stays, opened, sought, left = flags
    people = feed.size
    fate = np.empty(people, dtype=np.float32)
    mass = np.empty(items.size, dtype=np.float32)
    for k in range(people):
        u_open, u_search, u_watch, fate[k] = luck(seed[k], person[k], slot[k], 0)
        i = feed[k]
        item = items[i]
        t = item.topic
        x, width, interest = stance[k], latitude[k], news[k]
        minutes[k], endorsed[k], worth[k], revenue[k] = _ZERO, _ZERO, _ZERO, _ZERO
        opened[k], sought[k], choice[k] = False, False, i
        if not present[k] or not n.opens:
            continue
        # 1. Open, called by the lead item and by habit.
        control, sorry = self_control[k], n.open_regret * regret[k]
        plan = _plan(n, item, taste[k, t], satiation[k, t], x, width, interest)
        lead = n.open_base + n.open_lead * plan
        allure = _allure(n, item, tolerance[k], interest)
        urge = n.open_habit * habit[k] + n.open_lead * allure
        here = away.size == 0 or not away[k]
        called = _sigmoid(lead + urge - control * (urge + sorry))
        called += (_ONE - called) * (n.open_cue * habit[k])
        opens = here and u_open < called
        planned = u_open < _sigmoid(lead - control * sorry)
        # 2. Follow the feed, or look for something.
        if opens and u_search < n.search_share:
            level = u_search / n.search_share
            i = _sought(n, items, taste[k], x, width, interest, level, mass)
            item = items[i]
            t = item.topic
            plan = _plan(n, item, taste[k, t], satiation[k, t], x, width, interest)
            allure = _allure(n, item, tolerance[k], interest)
            sought[k], choice[k] = True, i
        if not opens:
            continue
        # 3. Watch; and, with the same luck, what would be watched with temptation removed.
        opened[k] = True
        noise = min(np.exp(np.log(-np.log(u_watch)) * n.noise_power), n.noise_cut) * n.noise_scale
        length = n.minutes * item.length
        watched = length * _sigmoid(plan + allure) * (_ONE + n.minutes_habit * habit[k]) * noise
        wanted = min(watched, length * _sigmoid(plan) * noise) if planned else _ZERO
        # 8. Book welfare.
        liked = n.like_base + n.like_taste * taste[k, t] + n.like_quality * item.quality
        minutes[k], endorsed[k] = watched, wanted
        worth[k] = wanted * _sigmoid(_TWO * liked) - n.unendorsed_cost * (watched - wanted)
        revenue[k] = n.ad_load * watched * item.sponsor
    for k in range(people):
        # 4.-8. What was watched moves the person (in the placebo, what the next person watched).
        by = (k + 1) % people if n.yoked else k
        item = items[choice[by]]
        watched = minutes[by]
        dose = _ONE - np.exp(watched * n.exposure)
        t, x = item.topic, stance[k]
        for topic in range(taste.shape[1]):
            bored, wish = satiation[k, topic], taste[k, topic]
            if n.satiates:
                bored *= n.rested
                if topic == t:
                    bored += n.bored * dose * (_ONE - bored)
            if n.taste_drifts:
                if topic == t:
                    wish += n.taste_gain * dose * (_ONE - wish)
                wish += n.taste_anchor * (first_taste[k, topic] - wish)
            next_satiation[k, topic], next_taste[k, topic] = bored, wish
        h, tau = habit[k], tolerance[k]
        if n.habituates:
            h *= n.habit_kept
            h += n.habit_gain * dose * item.arousal * (_ONE - h)
        if n.tolerates:
            tau *= n.tolerance_kept
            tau += n.tolerance_gain * dose * item.arousal * (_ONE - tau)
        pushed = x
        if n.persuades:
            gap = item.stance - x
            far = gap / latitude[k]
            pushed += item.civic * susceptibility[k] * dose * np.exp(-_HALF * far * far) * gap
        persuasion[k] = abs(pushed) - abs(x) if present[k] else _ZERO
        u_stance, _, _, _ = luck(seed[k], person[k], slot[k], 1)
        x = pushed + n.stance_anchor * (origin[k] - pushed) + (u_stance - _HALF) * n.stance_noise
        kept = n.regret_kept * regret[k]
        share = (watched - endorsed[by]) / (watched + _TINY)
        sorry = kept + n.regret_gain * dose * share * (_ONE - kept)
        moved[0, k], moved[1, k], moved[2, k] = h, tau, min(max(x, -_ONE), _ONE)
        moved[3, k] = sorry
        # 9. Leave, perhaps, if the app stayed closed.
        hazard = min(n.hazard * np.exp(n.churn_regret * sorry - n.churn_habit * h), _ONE)
        left[k] = present[k] and not opened[k] and fate[k] < hazard
        stays[k] = present[k] and not left[k]
    return True


@compiled
def log(items: Any, scale: Any, forgetting: Any, groups: Any, opened: Any, item: Any, sought: Any,
        minutes: Any, logs: Any) -> None:  # fmt: skip
    """Adds one slot to the logs, (people, features); see `PlatformView.record`."""
    speeds, wide = forgetting.size, groups + 4
    for k in range(logs.shape[0]):
        row, shown = logs[k], items[item[k]]
        watched = minutes[k] * scale
        open_ = _ONE if opened[k] else _ZERO
        total = speeds * wide
        for s in range(speeds):
            start = s * wide
            for feature in range(wide):
                row[start + feature] -= forgetting[s] * row[start + feature]
            row[start + shown.group] += forgetting[s] * watched
            row[start + groups] += forgetting[s] * open_
            row[start + groups + 1] += forgetting[s] * watched
            if sought[k]:
                row[start + groups + 2] += forgetting[s] * watched
            row[start + groups + 3] += forgetting[s] * watched * shown.arousal
        row[total + shown.group] += watched
        row[total + groups + shown.group] += open_
        row[total + 2 * groups] += watched * shown.stance
        row[total + 2 * groups + 1] += watched * abs(shown.stance)
        last = total + 2 * groups + 2
        row[last], row[last + 1] = open_, watched
        row[last + 2], row[last + 3] = shown.stance * open_, shown.arousal * open_
        row[last + 4] = _ZERO if opened[k] else row[last + 4] + _ONE


@compiled
def view(calendar: Any, speeds: Any, groups: Any, sessions: Any, prior: Any, slot: Any, logs: Any,
         seen: Any) -> None:  # fmt: skip
    """Writes what the platform sees into `seen`, (people, size); see `PlatformView.observe`."""
    memories = speeds * (groups + 4)
    for k in range(logs.shape[0]):
        row, out = logs[k], seen[k]
        for feature in range(memories):
            out[feature] = _THREE * row[feature]
        civic = _HALF
        for g in range(groups):
            watched, known = row[memories + g], row[memories + groups + g]
            out[memories + g] = _TWO * ((watched + prior) / (known + sessions)) - _ONE
            out[memories + groups + g] = known / (known + _THREE)
            if g >= groups - 4:
                civic += watched
        end = memories + 2 * groups
        out[end], out[end + 1] = row[end] / civic, row[end + 1] / civic
        for feature in range(end + 2, end + 6):
            out[feature] = row[feature]
        gap = row[end + 6]
        out[end + 6] = gap / (gap + _EIGHT)
        out[end + 7] = np.float32(slot[k]) * calendar


@compiled
def _paid(
    aim: Any, minutes: Any, unendorsed: Any, persuasion: Any, revenue: Any, opened: Any
) -> Any:
    """The objective of one slot, in the types of `FeedBatch._reward`: with growth, float64."""
    narrow = aim.watch_time * minutes
    wide = np.float64(narrow)
    if aim.growth != 0.0:
        wide += aim.growth * np.float64(opened)
    for rate, amount in (
        (aim.advertising, revenue),
        (-aim.unendorsed_minutes, unendorsed),
        (-aim.induced_extremity, persuasion),
    ):
        if rate != _ZERO:
            narrow += rate * amount
            wide += rate * amount
    return np.float32(wide) if aim.growth != 0.0 else narrow


# Where one person's numbers lie, in arrays of int64, bool and float32: see `PersonAlone`.
SEED, PERSON, SLOT, ITEM = 0, 1, 2, 3
PRESENT, OPENED, SOUGHT, LEFT = 0, 1, 2, 3
TOLD, COSTS, PAID, MOVED, TRAITS, TASTES = 0, 5, 8, 9, 13, 18


@compiled
def alone(table: Any, items: Any, frame: Any, feed: int, whole: Any, flags: Any, reals: Any,
          seen: Any) -> None:  # fmt: skip
    """One slot of one person, with logs, view and reward; see `PersonAlone`, which packs them.

    Moves whole, flags and reals on, in place, and writes the observation into `seen`, (size,).
    feed: the item that leads the feed; what is no item must not come here.
    """
    aim = frame[0]
    topics, logged = aim.topics, TASTES + 3 * aim.topics
    whole[SLOT] += 1
    whole[ITEM] = feed
    seed, person = whole[SEED : SEED + 1], whole[PERSON : PERSON + 1]
    slot, item = whole[SLOT : SLOT + 1], whole[ITEM : ITEM + 1]
    marks = flags.reshape(4, 1)
    told, moved = reals[TOLD:COSTS].reshape(5, 1), reals[MOVED:TRAITS].reshape(4, 1)
    traits, tastes = reals[TRAITS:TASTES].reshape(5, 1), reals[TASTES:logged].reshape(3, 1, topics)
    logs = reals[logged:].reshape(1, reals.size - logged)
    # In place: each number of a person is read for the last time before it is written.
    live(
        table, items,
        traits[1], traits[2], traits[3], traits[4], traits[0], tastes[0],
        tastes[1], tastes[2], moved[0], moved[1], moved[2], moved[3], marks[PRESENT],
        seed, person, slot, item, flags[:0],
        tastes[1], tastes[2], moved, told, marks, item,
    )  # fmt: skip
    minutes, endorsed, persuasion, revenue = reals[0], reals[1], reals[3], reals[4]
    unendorsed, extremity = minutes - endorsed, max(_HUNDRED * persuasion, _ZERO)
    reals[COSTS], reals[COSTS + 1] = unendorsed + extremity, unendorsed
    reals[COSTS + 2] = extremity
    reals[PAID] = _paid(aim, minutes, unendorsed, persuasion, revenue, flags[OPENED])
    log(
        items, aim.scale, aim.speeds, aim.groups, marks[OPENED], item, marks[SOUGHT], told[0], logs,
    )  # fmt: skip
    view(
        aim.calendar, aim.speeds.size, aim.groups, aim.sessions, aim.prior, slot, logs,
        seen.reshape(1, seen.size),
    )  # fmt: skip
