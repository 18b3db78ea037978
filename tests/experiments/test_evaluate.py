"""Large evaluations: every metric as sums, merged exactly, in bounded memory, resumed."""

import json
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.agents import Chronological, Greedy, InTurn, Random
from undertow.envs.world import altered, draw, synthetic, world
from undertow.experiments import record
from undertow.experiments.evaluate import (
    Large,
    PeopleBlock,
    evaluation_record,
    live_block,
    susceptible_from,
)
from undertow.experiments.job import derived_seed
from undertow.experiments.metrics import METRICS, Case, measure
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError
from undertow.experiments.rollout import twins
from undertow.experiments.sums import GINI, STREAMED, Block, _total, estimates, merge, sums_of

from .tiny import undertow

WORLD = altered(world("vulnerable"), {"calendar": {"days": 4}})
ITEMS = synthetic(WORLD)
PEOPLE = 120


def block_of(first, count, policy=None):
    lives = twins(
        WORLD,
        ITEMS,
        policy or Greedy(len(ITEMS)),
        Chronological(ITEMS.supply),
        seed=5,
        people=count,
        first=first,
        threshold=0.3,
    )
    border = susceptible_from(WORLD, 5, PEOPLE, 50)
    return Block(Case(lives, WORLD.calendar.days, 0.3), border)


@pytest.fixture(scope="module")
def whole_block():
    return block_of(0, PEOPLE)


def test_every_metric_is_streamed():
    assert {*STREAMED, GINI} == set(METRICS)


def test_streamed_metrics_are_those_of_one_pass(whole_block):
    expected = measure(whole_block.case.twins, days=4, threshold=0.3)
    found = estimates(sums_of(whole_block))
    for name, value in expected.items():
        assert found[name].mean == pytest.approx(value, rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize("sizes", [(120,), (1, 119), (40, 40, 40), (100, 20)])
def test_blocks_merge_to_the_same_bits_whatever_their_size(whole_block, sizes):
    first, blocks = 0, []
    for size in sizes:
        blocks.append(sums_of(block_of(first, size)))
        first += size
    one = merge([sums_of(whole_block)])
    assert {k: v for k, v in merge(blocks).items() if k != GINI} == {
        k: v for k, v in one.items() if k != GINI
    }
    assert merge(blocks[::-1])["induced_drift"] == one["induced_drift"]
    # Creators' minutes are summed within a block as floats: a unit in the last place each.
    np.testing.assert_allclose(merge(blocks)[GINI], one[GINI], atol=len(blocks))


def test_the_interval_of_a_mean_is_the_usual_one(whole_block):
    minutes = whole_block.case.twins.policy.minutes / 4
    found = estimates(sums_of(whole_block))["watch_minutes_per_day"]
    error = minutes.std(ddof=1) / np.sqrt(PEOPLE)
    assert found.high - found.mean == pytest.approx(1.959964 * error, rel=1e-4)
    assert found.n == PEOPLE


def test_a_share_of_nobody_is_undefined():
    lives = block_of(0, 20, Random(len(ITEMS)))
    still = replace(lives.case, threshold=0.99)
    found = estimates(sums_of(replace(lives, case=still)))
    assert found["referral_share"].mean is None and found["radicalised_share"].mean == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(0, 50))
@settings(deadline=None)
def test_totals_are_exact_and_do_not_depend_on_the_cut(values, cut):
    column = np.array(values)
    parts = _total(column[:cut]) + _total(column[cut:])
    assert parts == _total(column)
    assert parts == sum(int(np.round(v * 2.0**24)) for v in values)


@pytest.mark.parametrize("people, block", [(120, 7), (120, 1000), (11, 4), (101, 10)])
def test_the_border_of_the_most_susceptible_tenth_is_that_of_numpy(people, block):
    persons = np.arange(people)
    traits, _ = draw(WORLD, np.full(people, 5), persons)
    expected = np.quantile(traits.susceptibility.astype(np.float64), 0.9)
    assert susceptible_from(WORLD, 5, people, block) == pytest.approx(expected, rel=1e-12)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch):
    done = []

    def inline(work, tasks, workers=None):
        for task in tasks:
            if "stop" in done:
                raise KeyboardInterrupt
            done.append(task.name)
            yield work(task)

    monkeypatch.setattr(record, "in_processes", inline)
    return done


def large(**changes):
    return Large(**{"name": "big", "policy": "greedy", "people": 50, "block": 20} | changes)


def test_a_large_evaluation_is_stopped_and_goes_on(tmp_path, here):
    asked = large(keep_people=True)

    def stop(progress, text):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_record(evaluation_record(asked), tmp_path, told=stop)
    folder = run_record(evaluation_record(asked), tmp_path)
    assert len(here) == len(set(here)) == 3
    summary = json.loads((folder / "summary.json").read_text())
    file = pq.ParquetFile(folder / "people.parquet")
    assert file.num_row_groups == 3
    people = file.read().to_pandas()
    assert people["person"].tolist() == list(range(50))
    minutes = summary["metrics"]["watch_minutes_per_day"]["mean"]
    assert people["minutes_per_day"].mean() == pytest.approx(minutes, rel=1e-6)
    again = run_record(evaluation_record(large(name="once", block=50)), tmp_path)
    once = json.loads((again / "summary.json").read_text())["metrics"]
    for name, found in summary["metrics"].items():
        if name != GINI:
            assert found == once[name], name


def test_memory_does_not_grow_with_the_number_of_blocks(tmp_path, here):
    def peak(people, name="counted"):
        tracemalloc.start()
        run_record(
            evaluation_record(large(name=f"{name}{people}", people=people, block=40)), tmp_path
        )
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(80, name="first")  # fills what is cached once
    assert peak(400) < 1.2 * peak(80)


def test_a_saved_policy_is_evaluated(tmp_path, here):
    file = Greedy(30).save(tmp_path / "mine")
    found = run_record(evaluation_record(large(policy=str(file))), tmp_path)
    rule = run_record(evaluation_record(large(name="rule")), tmp_path)
    told = [json.loads((f / "summary.json").read_text())["metrics"] for f in (found, rule)]
    assert told[0] == told[1]


def test_a_block_s_people_are_those_of_the_whole():
    task = PeopleBlock(large(), 20, 20, 0.1, None)
    lives = twins(
        world(),
        synthetic(world()),
        Greedy(30),
        Chronological(synthetic(world()).supply),
        seed=derived_seed(0, "evaluation"),
        people=50,
    )
    found = live_block(task)["watch_minutes_per_day"][0][0] * 2.0**-24
    assert found == pytest.approx(lives.policy.minutes[20:40].sum(), rel=1e-6)


@pytest.mark.parametrize(
    "words, message",
    [
        (("nobody.zip",), "policy: found 'nobody.zip'; allowed: a saved policy's file, or one of"),
        (("greedy", "--world", "flat"), "world: found 'flat'; allowed: default, vulnerable"),
    ],
)
def test_the_command_refuses_what_is_not_there(tmp_path, words, message):
    found = undertow("evaluate", *words, "--name", "x", "--results", tmp_path)
    assert found.exit_code == 1
    assert message in found.stderr


def test_a_file_that_is_no_policy_is_told(tmp_path):
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(ResultError, match="not a rule that `save` wrote"):
        evaluation_record(large(policy=str(tmp_path / "odd.json")))


def test_a_policy_of_slates_is_refused(tmp_path):
    file = InTurn(Random(30), 3).save(tmp_path / "three")
    world = ("--world", "default")
    found = undertow("evaluate", file, "--name", "x", "--results", tmp_path, *world)
    told = "was made for slates of 3; this world has a feed led by one item"
    assert found.exit_code == 1 and told in found.stderr
    assert told in undertow("compare", "greedy", file, *world).stderr


def test_an_engine_that_is_not_installed_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ResultError, match="engine: found 'numba', but numba is not installed"):
        evaluation_record(large(engine="numba"))


def test_the_command_prints_every_metric(tmp_path, here):
    found = undertow("evaluate", "random", "--name", "x", "--people", 20, "--results", tmp_path)
    assert found.exit_code == 0, found.stderr
    for metric in ("Watch time", "Induced drift", "Creator Gini"):
        assert metric in found.stdout


def test_either_engine_gives_the_same_figures(tmp_path):
    found = []
    for engine in ("numpy", "numba"):
        large = Large(name=engine, policy="popular", people=60, block=40, engine=engine)
        folder = run_record(evaluation_record(large), tmp_path, workers=1)
        found.append(json.loads((folder / "summary.json").read_text())["metrics"])
    for name, one in found[0].items():
        if one["mean"] is None:
            assert found[1][name]["mean"] is None, name
            continue
        assert found[1][name]["mean"] == pytest.approx(one["mean"], rel=1e-3, abs=1e-5), name


def test_an_engine_that_there_is_not_is_refused_by_name(tmp_path):
    said = undertow("evaluate", "random", "--name", "x", "--engine", "jax", "--results", tmp_path)
    assert said.exit_code == 1 and "--engine: found 'jax'; allowed: numpy, numba" in said.stderr
