"""Counter-based randomness: the published generator, its uniforms, and their independence."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from undertow.envs.world.streams import IN_A_SLOT, Mechanism, normals, philox4x32, uniforms

PEOPLE = 20_000
WHO = np.arange(PEOPLE)


def draws(seed=0, slot=1, first=0, count=IN_A_SLOT, who=WHO):
    return uniforms(np.full_like(who, seed), who, np.full_like(who, slot), first, count)


# Random123 1.14, tests/kat_vectors, philox4x32 10.
@pytest.mark.parametrize(
    "counter, key, expected",
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_philox_gives_the_published_words(counter, key, expected):
    def words(text):
        return tuple(np.array([int(word, 16)], dtype=np.int64) for word in text.split())

    found = philox4x32(words(counter), words(key))
    assert [f"{int(word[0]):08x}" for word in found] == expected.split()


def test_a_draw_is_the_top_bits_of_the_word_at_its_counter():
    seed, person, slot = (np.array([value]) for value in (2**61 + 5, 2**40 + 3, 17))
    found = uniforms(seed, person, slot, 4, 5)
    low = 2**32 - 1
    for lane in range(4, 9):
        words = philox4x32(
            (person & low, person >> 32, slot, np.array([lane // 4])), (seed & low, seed >> 32)
        )
        top = int(words[lane % 4][0]) >> 9
        assert found[lane - 4, 0] == np.float32((top + 0.5) / 2**23)


def test_uniforms_lie_inside_the_open_interval():
    u = np.concatenate([draws(slot=slot).ravel() for slot in range(6)])
    assert u.dtype == np.float32
    assert 0 < u.min() and u.max() < 1
    steps = u.astype(np.float64) * 2**24
    assert np.array_equal(steps, np.floor(steps)) and np.all(steps % 2 == 1)  # never 0 nor 2**24


@pytest.mark.parametrize("lane", range(IN_A_SLOT))
def test_every_lane_is_uniform(lane):
    assert stats.kstest(draws()[lane], "uniform").pvalue > 1e-3


def test_normals_are_standard_normal_and_independent():
    z = normals(np.zeros_like(WHO), WHO, np.zeros_like(WHO), Mechanism.TRAITS, 7)
    assert z.shape == (7, PEOPLE) and z.dtype == np.float32
    for row in z:
        assert stats.kstest(row, "norm").pvalue > 1e-3
    assert off_diagonal(np.corrcoef(z)) < 5 / np.sqrt(PEOPLE)


def off_diagonal(matrix):
    return np.abs(matrix - np.diag(np.diag(matrix))).max()


def test_lanes_seeds_slots_and_neighbours_are_independent():
    together = np.concatenate([draws(), draws(slot=2), draws(seed=1), draws(who=WHO + 1)])
    assert off_diagonal(np.corrcoef(together)) < 5 / np.sqrt(PEOPLE)
    for first, second in pairwise(together):  # any dependence, not only linear
        counts, _, _ = np.histogram2d(first, second, bins=8, range=[[0, 1], [0, 1]])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-4


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"seed": 2**32}, {"slot": 2}, {"first": 8}, {"who": WHO + 2**32}],
    ids=["seed", "high half of the seed", "slot", "mechanism", "high half of the person"],
)
def test_every_part_of_the_key_matters(changed):
    assert np.mean(draws() == draws(**changed)) < 1e-3


@pytest.mark.parametrize("rows", [[5], [19_999, 0, 7], list(range(100, 613))], ids=len)
def test_a_draw_does_not_depend_on_who_else_draws(rows):
    rows = np.array(rows)
    assert np.array_equal(draws(who=WHO[rows]), draws()[:, rows])


def test_a_draw_does_not_depend_on_how_many_lanes_are_drawn():
    assert np.array_equal(draws(count=3), draws()[:3])
    assert np.array_equal(draws(first=4, count=4), draws()[4:])


def test_no_two_mechanisms_share_a_lane():
    in_a_slot = [m for m in Mechanism if m < Mechanism.POLICY]
    assert len(set(Mechanism)) == len(Mechanism.__members__)
    assert max(in_a_slot) < IN_A_SLOT <= Mechanism.POLICY < Mechanism.TRAITS
    assert all(m % 4 == 0 for m in (Mechanism.OPENING, Mechanism.POLICY, Mechanism.TRAITS))
