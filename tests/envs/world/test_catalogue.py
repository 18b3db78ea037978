"""The catalogue: mirrored pairs, the rules of civic content, supply, and what is refused."""

import math
from dataclasses import fields

import numpy as np
import pytest

from undertow.envs.world import Items, synthetic, world
from undertow.envs.world.catalogue import Shown, civic_content


def catalogue(topics=4, **rule):
    return world(overrides={"catalogue": rule, "population": {"topics": topics}})


MIRRORED = catalogue(items=30, civic_items=0.4, civic_supply=0.2, sponsored=0.5)  # 6 pairs


@pytest.fixture(scope="module")
def items():
    return synthetic(MIRRORED)


def test_civic_items_come_in_mirrored_pairs_alike_in_all_that_people_react_to(items):
    positive, negative = np.arange(6), np.arange(6, 12)
    assert np.all(items.stance[positive] > 0)
    assert np.array_equal(items.stance[negative], -items.stance[positive])
    for name in {f.name for f in fields(Items)} - {"stance", "creator"}:
        column = getattr(items, name)
        assert np.array_equal(column[positive], column[negative]), name
    assert np.all(items.civic[:12] == 1) and np.all(items.topic[:12] == 0)
    assert not items.civic[12:].any() and not items.stance[12:].any()


def test_stances_are_spread_evenly_up_to_the_range():
    positive = synthetic(catalogue(items=30, civic_items=0.4, stance_range=0.88)).stance[:6]
    assert positive == pytest.approx([0.08, 0.24, 0.4, 0.56, 0.72, 0.88], abs=1e-6)


@pytest.mark.parametrize("topics", [2, 4, 12])
def test_plain_items_serve_all_other_topics(topics):
    made = synthetic(catalogue(topics, items=30, civic_items=0.4))
    assert sorted(set(made.topic[12:].tolist())) == list(range(1, topics))
    assert np.array_equal(made.indicator.argmax(axis=1), made.topic)
    assert np.all(made.indicator.sum(axis=1) == 1)


def test_supply_is_shared_as_stated(items):
    assert items.supply.sum() == pytest.approx(1, abs=1e-6)
    assert items.supply[:12].sum() == pytest.approx(0.2, abs=1e-6)
    assert items.supply[12:] == pytest.approx(0.8 / 18, rel=1e-5)
    ratio = items.supply[5] / items.supply[0]
    y0, y5, sd = items.stance[0], items.stance[5], MIRRORED.catalogue.stance_supply_sd
    assert ratio == pytest.approx(math.exp((y0**2 - y5**2) / (2 * sd**2)), rel=1e-4)


@pytest.mark.parametrize("civic_items, civic_supply", [(0.0, 0.3), (1.0, 0.3), (0.5, 0.0)])
def test_supply_sums_to_one_where_one_kind_is_missing(civic_items, civic_supply):
    made = synthetic(catalogue(items=10, civic_items=civic_items, civic_supply=civic_supply))
    assert len(made) == 10
    assert made.supply.sum() == pytest.approx(1, abs=1e-6) and made.supply.min() >= 0


def test_supply_is_never_negative():
    made = [
        synthetic(catalogue(items=count, civic_items=0.7, civic_supply=1.0))
        for count in range(20, 40)
    ]
    assert min(m.supply.min() for m in made) >= 0


@pytest.mark.parametrize("count", [7, 11, 31])
def test_an_odd_number_of_items_may_all_be_civic(count):
    assert len(synthetic(catalogue(items=count, civic_items=1.0))) == count


def test_civic_content_follows_the_stated_rules():
    rule = {
        "stance_supply_sd": 0.4,
        "arousal_mean": 0.3,
        "arousal_slope": 0.5,
        "falsehood_base": -2.0,
        "falsehood_slope": 3.0,
        "falsehood_quality": 0.25,
    }
    arousal, falsehood, quality = civic_content(catalogue(**rule), np.array([0.0, -0.5, 0.8]))
    typical = 0.4 * math.sqrt(2 / math.pi)  # 0.31915
    assert arousal == pytest.approx([0.3 + 0.5 * (y - typical) for y in (0.0, 0.5, 0.8)])
    false = [1 / (1 + math.exp(2 - 3 * y)) for y in (0.0, 0.5, 0.8)]
    assert falsehood == pytest.approx(false)
    assert quality == pytest.approx([4 / 7 - 0.25 * m for m in false])
    assert falsehood[0] == pytest.approx(0.1192029)
    assert arousal[2] == pytest.approx(0.5404, abs=1e-4)


def test_arousal_of_the_average_post_does_not_depend_on_the_slope():
    """Slopes turn about the average post, so switching them off compares like with like."""
    typical = np.array([0.4 * math.sqrt(2 / math.pi)])
    for slope in (0.0, 0.4, 1.0):
        rule = {"stance_supply_sd": 0.4, "arousal_mean": 0.3, "arousal_slope": slope}
        assert civic_content(catalogue(**rule), typical)[0] == pytest.approx([0.3])


def test_without_slopes_civic_content_is_alike_at_every_stance():
    made = synthetic(catalogue(items=30, civic_items=0.4, arousal_slope=0, falsehood_slope=0))
    for column in (made.arousal, made.falsehood, made.quality):
        assert np.ptp(column[:12]) == 0


def test_extreme_rules_stay_inside_the_unit_interval():
    made = synthetic(
        catalogue(arousal_mean=1, arousal_slope=1, falsehood_base=10, falsehood_quality=1)
    )
    for column in (made.arousal, made.falsehood, made.quality):
        assert column.min() >= 0 and column.max() <= 1


def test_plain_quality_and_arousal_are_spread_evenly(items):
    strata = (np.arange(18) + 0.5) / 18
    assert np.sort(items.quality[12:]) == pytest.approx(0.25 + 0.6 * strata, abs=1e-6)
    assert np.sort(items.arousal[12:]) == pytest.approx(0.05 + 0.6 * strata, abs=1e-6)
    assert not items.falsehood[12:].any()


def test_the_seed_names_the_catalogue(items):
    again = synthetic(MIRRORED)
    other = synthetic(catalogue(items=30, civic_items=0.4, civic_supply=0.2, seed=8))
    for field in fields(Items):
        assert np.array_equal(getattr(items, field.name), getattr(again, field.name))
    assert not np.array_equal(items.quality, other.quality)
    assert np.array_equal(items.stance, other.stance)


def test_creators_sponsors_and_durations():
    made = synthetic(catalogue(items=2_000, civic_items=0.0, creators=3, sponsored=0.25))
    share = np.bincount(made.creator, minlength=3) / 2_000
    assert share == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.04)  # Zipf: 1, 1/2, 1/3
    assert np.mean(made.sponsor > 0) == pytest.approx(0.25, abs=0.04)
    assert not synthetic(catalogue(sponsored=0.0)).sponsor.any()
    bids, durations = np.log(made.sponsor[made.sponsor > 0]), np.log(made.duration / 60)
    for log, spread in ((bids, 0.5), (durations, 0.6)):
        assert np.mean(log) == pytest.approx(0, abs=0.1)
        assert np.std(log) == pytest.approx(spread, rel=0.15)


def test_length_is_the_elasticity_of_duration_about_the_median(items_of):
    rule = world(overrides={"watching": {"duration": 0.5}})
    made = items_of(rule, duration=[15.0, 48.6, 60.0, 60.0, 72.6, 6_000.0])
    assert made.length == pytest.approx([1 / 1.2, 0.9, 1.0, 1.0, 1.1, 1.2])  # cut at both ends
    assert np.all(items_of(world(overrides={"watching": {"duration": 0}})).length == 1)


def test_assemble_normalises_supply_and_sets_types(items_of):
    made = items_of(world(), topic=[0, 1, 2], supply=[1.0, 1.0, 2.0])
    assert made.supply == pytest.approx([0.25, 0.25, 0.5])
    for field in fields(Items):
        integer = field.name in ("topic", "creator")
        assert getattr(made, field.name).dtype == (np.int64 if integer else np.float32)


@pytest.mark.parametrize("topic", [4, -1])
def test_a_topic_that_people_do_not_have_is_refused(items_of, topic):
    with pytest.raises(ValueError, match=f"topic {topic} found; allowed: 0 to 3"):
        items_of(catalogue(topics=4), topic=[0, topic, 1])


def test_at_gives_the_columns_row_by_row(items):
    rows = np.array([3, 29, 3])
    shown = items.at(rows)
    for field in fields(Shown):
        assert np.array_equal(getattr(shown, field.name), getattr(items, field.name)[rows])
