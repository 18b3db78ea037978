"""A person can see what was shown, what was watched, and where habit and stance stand."""

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import undertow.envs
from undertow.envs import FeedEnv, FeedVectorEnv
from undertow.envs.rendering import HEIGHT, STRIP, WIDTH

# The app is opened in nearly every slot, and everybody stays to the end.
STAY = {"preset": "vulnerable", "churn": {"enabled": False}, "opening": {"base": 8.0}}
SHORT = {**STAY, "calendar": {"days": 3}}
# The app is never opened, so everybody leaves in the first slot.
LEAVE = {
    "opening": {"base": -8.0, "habit": 0.0, "lead": 0.0},
    "churn": {"hazard": 1.0, "habit": 0.0},
}


def env(world, mode="ansi", **more):
    one = FeedEnv(world, render_mode=mode, **more)
    one.reset(options={"key": 3})
    return one


def line(text, start, nth=0):
    """The nth line that starts with these words, without them."""
    return [row for row in text.splitlines() if row.startswith(start)][nth][len(start) :].strip()


def extreme(one):
    """The civic item furthest out on the side of the person."""
    side = np.sign(one.batch.traits.stance[0])
    return int(np.argmax(one.batch.items.stance * side))


def plain(one):
    return int(np.argmin(one.batch.items.civic))


def is_picture(picture):
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    assert 0.005 < np.mean(picture != 255) < 0.5  # something is drawn, and paper is left
    return True


def test_the_text_works_at_once_after_reset():
    one = env("default")
    text = one.render()
    assert text.startswith("person 0 · day 1 of 21 · not begun\n")
    assert line(text, "led with") == line(text, "watched") == "nothing yet"
    assert line(text, "so far") == "0 min, welfare +0 min"
    assert f"{one.batch.traits.stance[0]:+.2f} from" in line(text, "stance")


def test_the_picture_works_at_once_after_reset():
    assert is_picture(env("default", "rgb_array").render())


def test_what_led_the_feed_is_named():
    one = env(STAY)
    items = one.batch.items
    for item in (extreme(one), plain(one)):
        one.step(item)
        led = line(one.render(), "led with")
        stance = f"stance {items.stance[item]:+.2f}" if items.civic[item] else "no stance"
        assert led == (
            f"item {item}, topic {items.topic[item]}, {stance}, "
            f"arousal {items.arousal[item]:.2f}, quality {items.quality[item]:.2f}"
        )


def test_what_was_watched_and_who_chose_it_is_told():
    one = env({**STAY, "opening": {"base": 0.0}})
    item, told = plain(one), set()
    for _ in range(60):
        info = one.step(item)[-1]
        watched = line(one.render(), "watched")
        if not info["opened"]:
            assert watched == "app closed"
            told.add("closed")
        elif info["sought"]:
            assert watched.startswith(
                f"{info['minutes']:.1f} min, sought by the person: item {info['item']}, topic "
            )
            told.add("sought")
        else:
            assert watched == f"{info['minutes']:.1f} min, placed by the feed"
            told.add("placed")
    assert told == {"closed", "sought", "placed"}


def test_state_and_sums_are_told():
    one = env(STAY)
    infos = [one.step(extreme(one))[-1] for _ in range(21)]
    text, info = one.render(), infos[-1]
    origin = one.batch.traits.stance[0]
    assert text.startswith("person 0 · day 3 of 21 · slot 5 of 8\n")
    assert line(text, "stance").startswith(f"{info['stance']:+.2f} from {origin:+.2f} ")
    assert line(text, "habit").startswith(f"{info['habit']:.2f} from  0.15 ")
    assert line(text, "tolerance").startswith(f"{info['tolerance']:.2f} from  0.00 ")
    minutes, welfare = (sum(float(i[name]) for i in infos) for name in ("minutes", "welfare"))
    assert line(text, "so far") == f"{minutes:.0f} min, welfare {round(welfare):+d} min"


def test_the_strip_holds_the_last_slots():
    one = env({**STAY, "opening": {"base": 0.0}})
    civic, other = extreme(one), plain(one)
    infos = [one.step(civic if t % 2 else other)[-1] for t in range(STRIP + 4)]
    text = one.render()
    stance, topic = one.batch.items.stance[civic], one.batch.items.topic[other]
    mark = f"{stance:+.1f}".replace("0.", ".")
    assert line(text, "led with", nth=1).split() == [f"t{topic}", mark] * (STRIP // 2)
    assert line(text, "minutes").split() == [
        f"{i['minutes']:.0f}" + "*" * bool(i["sought"]) if i["opened"] else "-"
        for i in infos[-STRIP:]
    ]
    assert line(text, "day").split() == ["|1", "|2", "|3"]
    # Day 1 has its last four slots in the strip, at four columns each.
    assert line(text, "day").index("|2") == 16


def test_time_lines_run_from_the_start():
    moved = {"susceptibility_median": 0.5, "latitude_median": 1.0}
    one = env({**STAY, "population": moved})
    lead = extreme(one)
    for t in range(100):
        one.step(lead)
        text = one.render()
        stance, habit = line(text, "over time  stance"), line(text, "           habit ")
        assert len(stance) == len(habit) == min(t + 2, 60)
    target = one.batch.items.stance[lead]
    assert (stance[0], stance[-1]) == (("▄", "▁") if target < 0 else ("▅", "█"))
    assert habit[0] == "▂" < habit[-1]


MANY = {
    "calendar": {"slots_per_day": 14, "days": 365},
    "population": {"topics": 64},
    "catalogue": {"items": 20_000},
    "watching": {"minutes": 13.0},  # about the most that fits in a slot of 103 minutes
}
LONG = {
    "calendar": {"slots_per_day": 1, "days": 40},
    "population": {"habit_start": 1.0},
    "appraisal": {"base": 6.0},
    "watching": {"minutes": 120.0, "habit": 5.0, "shape": 0.3, "longest": 1.66},
}


@pytest.mark.parametrize(
    "world",
    [pytest.param(MANY, id="many"), pytest.param(LONG, id="sessions of a day")],
)
def test_the_text_fits_80_columns_whatever_the_world(world):
    one = env({**world, "opening": {"base": 8.0}, "search": {"share": 1.0}})
    for _ in range(40):
        one.step(len(one.batch.items) - 1)
        rows = one.render().splitlines()
        assert max(map(len, rows)) <= 80
        assert len(rows) == 13


def test_the_picture_changes_when_the_stance_moves_and_only_then():
    one = env(STAY, "rgb_array")
    one.step(extreme(one))
    before = one.render()
    assert is_picture(before)
    assert np.array_equal(before, one.render())
    before[:] = 0  # a picture is the caller's own
    assert is_picture(one.render())
    for _ in range(12):
        one.step(extreme(one))
    moved = one.render()
    last = one._picture.slots[-1]
    one._picture.slots[-1] = type(last)(**{**vars(last), "stance": -last.stance})
    mirrored = one.render()
    assert np.any(moved[50:140, 442:] != mirrored[50:140, 442:])  # where the person stands
    assert np.any(moved[268:, :320] != mirrored[268:, :320])  # the time line
    assert np.array_equal(moved[150:250], mirrored[150:250])  # what was shown and watched


def test_the_picture_tells_placed_from_sought():
    def colours(share):
        one = env({**STAY, "search": {"share": share}}, "rgb_array")
        for _ in range(8):
            one.step(extreme(one))
        strip = one.render()[165:240]
        return {tuple(pixel) for pixel in strip.reshape(-1, 3).tolist()}

    placed, sought = (0xE6, 0x9F, 0x00), (0x00, 0x72, 0xB2)
    assert placed in colours(0.0) and sought not in colours(0.0)
    assert sought in colours(1.0) and placed not in colours(1.0)


def test_the_same_trajectory_gives_the_same_pictures():
    def played(mode):
        one = env("vulnerable", mode)
        for t in range(30):
            one.step(t % 30)
        return one.render()

    assert played("ansi") == played("ansi")
    assert np.array_equal(played("rgb_array"), played("rgb_array"))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_both_modes_through_make_and_make_vec(mode):
    one = gym.make("undertow/Feed-v0", world="vulnerable", render_mode=mode)
    many = gym.make_vec(
        "undertow/Feed-v0",
        num_envs=5,
        vectorization_mode="vector_entry_point",
        world="vulnerable",
        render_mode=mode,
    )
    one.reset(seed=4)
    many.reset(seed=4)
    for t in range(20):
        one.step(t % 30)
        many.step(np.full(5, t % 30))
    first, *others = many.render()  # row 0 is the person that a single environment meets
    assert len(others) == 4
    alone = one.render()
    assert alone == first if mode == "ansi" else np.array_equal(alone, first)
    one.close()
    many.close()


def test_who_has_left_is_still_seen():
    one = env(LEAVE)
    assert one.step(0)[2]
    text = one.render()
    assert text.startswith("person 0 · day 1 of 21 · slot 1 of 8 · person 0 left for good\n")
    one.reset()
    assert one.render().startswith("person 1 · day 1 of 21 · not begun\n")


def test_the_end_of_the_calendar_is_told_and_nothing_follows_it():
    one = env(SHORT)
    slots = one.batch.parameters.calendar.slots
    for _ in range(slots):
        one.step(0)
    text = one.render()
    assert text.splitlines()[0].endswith("day 3 of 3 · slot 8 of 8 · person 0 reached the end")
    with pytest.raises(gym.error.ResetNeeded, match="step: called after the end"):
        one.step(0)
    assert len(one._picture.slots) == slots


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_a_vector_goes_on_to_the_next_person(mode):
    many = FeedVectorEnv(2, LEAVE, render_mode=mode, autoreset_mode=AutoresetMode.SAME_STEP)
    many.reset(seed=3)
    many.step(np.zeros(2, dtype=np.int64))
    picture = many.render()[0]
    if mode == "rgb_array":
        assert is_picture(picture)
    else:
        head = picture.splitlines()[0]
        assert head == "person 1 · day 1 of 21 · not begun · person 0 left for good"
        assert line(picture, "watched") == "nothing yet"
        origin = many.batch.traits.stance[0]
        assert line(picture, "stance").startswith(f"{origin:+.2f} from {origin:+.2f}")


def test_the_idle_step_of_next_step_is_not_drawn():
    many = FeedVectorEnv(1, LEAVE, render_mode="ansi", autoreset_mode=AutoresetMode.NEXT_STEP)
    many.reset(seed=3)
    first = np.zeros(1, dtype=np.int64)
    many.step(first)
    assert "person 0 · day 1 of 21 · slot 1 of 8 · person 0 left" in many.render()[0]
    many.step(first)
    assert "person 1 · day 1 of 21 · not begun · person 0 left" in many.render()[0]
    many.step(first)
    assert "person 1 · day 1 of 21 · slot 1 of 8 · person 1 left" in many.render()[0]


def test_a_masked_reset_starts_a_new_history():
    many = FeedVectorEnv(2, SHORT, render_mode="ansi", autoreset_mode=AutoresetMode.DISABLED)
    many.reset(seed=3)
    both = np.zeros(2, dtype=np.int64)
    many.step(both)
    many.reset(options={"reset_mask": np.array([True, False])})
    assert many.render()[0].startswith("person 1 · day 1 of 3 · not begun\n")
    many.step(both)
    assert many.render()[0].startswith("person 1 · day 1 of 3 · slot 1 of 8\n")


def test_the_package_and_the_text_need_no_pillow():
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from undertow.envs import FeedEnv\n"
        "one = FeedEnv(render_mode='ansi'); one.reset(seed=0); one.step(0); print(one.render())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("person 0")


def test_modes_are_those_registered():
    assert undertow.envs.FeedEnv.metadata["render_modes"] == ["ansi", "rgb_array"]
    with pytest.raises(ValueError, match="render_mode: found 'human'; allowed: ansi, rgb_array"):
        FeedEnv(render_mode="human")
