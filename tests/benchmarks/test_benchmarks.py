import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from undertow.envs import FeedBatch
from undertow.envs.world import world
from undertow.experiments.benchmarks import profile, quality, sardine, suite, sweep, timing
from undertow.experiments.benchmarks import world as world_benchmarks
from undertow.experiments.benchmarks.learner import Nothing
from undertow.experiments.cli import app

# --- taking times ---------------------------------------------------------------------------------


def test_sides_take_turns_and_the_first_round_does_not_count(monkeypatch):
    order: list[str] = []
    clock = itertools.accumulate(itertools.cycle([0.0, 2.0, 0.0, 4.0]))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))

    def side(name, steps):
        return lambda: (order.append(name), steps)[1]

    rates = timing.side_by_side({"a": side("a", 8), "b": side("b", 8)}, rounds=3)
    assert order == ["a", "b"] * 4
    assert rates.of == {"a": [4.0] * 3, "b": [2.0] * 3}
    assert (rates.median("a"), rates.ratio("a", "b"), rates.ratio("b", "a")) == (4.0, 2.0, 0.5)


def test_seconds_of_the_processor_are_taken_where_they_are_asked_for(monkeypatch):
    clock = itertools.accumulate(itertools.cycle([0.0, 2.0]))
    monkeypatch.setattr(timing.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: pytest.fail("not the clock's"))
    assert timing.side_by_side({"a": lambda: 8}, rounds=2, of_cpu=True).of == {"a": [4.0, 4.0]}


def test_a_ratio_is_the_median_of_the_rounds_not_the_quotient_of_medians():
    rates = timing.Rates({"a": [1.0, 9.0, 10.0], "b": [1.0, 3.0, 20.0]})
    assert rates.ratio("a", "b") == 1.0


def test_a_batch_side_plays_what_it_says_and_replaces_who_ends():
    batch = FeedBatch(world(overrides={"churn": {"hazard": 0.5}}), 16)
    assert world_benchmarks.batch_side(batch, 40)() == 40 * 16
    assert batch.person.max() > 0 and batch.state.present.all()


def test_a_slate_side_plays_slates():
    rates = world_benchmarks.by_slate((1, 3), people=8, rounds=1)
    assert set(rates.of) == {"1", "3"} and rates.median("3") > 0


def test_cartpole_is_timed_in_turns_with_the_environment_as_it_is_made_without_arguments(
    monkeypatch,
):
    made = []
    make = world_benchmarks.gymnasium.make
    monkeypatch.setattr(
        world_benchmarks.gymnasium,
        "make",
        lambda name, **kwargs: (made.append((name, kwargs)), make(name, **kwargs))[1],
    )
    rates = world_benchmarks.against_cartpole(("numpy",), rounds=2, steps=40)
    assert made == [
        ("undertow/Feed-v0", {"engine": "numpy"}),
        ("undertow/Feed-v0", {}),
        ("CartPole-v1", {}),
    ]
    assert set(rates.of) == {"numpy", "auto", "cartpole"}
    assert all(len(taken) == 2 for taken in rates.of.values())


def test_nothing_has_the_shape_of_the_world_and_does_nothing():
    env = Nothing(4, seed=0)
    first = env.reset()
    assert first.shape == (4, env.batch.view.size) and env.action_space.n == 30
    slots = env.batch.parameters.calendar.slots
    steps = [env.step(np.zeros(4, dtype=np.int64)) for _ in range(slots)]
    assert not any(reward.any() for _, reward, _, _ in steps)
    assert [done.all() for _, _, done, _ in steps] == [False] * (slots - 1) + [True]
    assert all("terminal_observation" in info for info in steps[-1][3])


def test_the_shares_of_a_step_are_shares_of_functions_that_are_there():
    shares = profile.of_a_step()
    assert all(0.01 < share < 0.9 for share in shares.values()), shares
    assert shares["slot"] == max(shares.values()) and sum(shares.values()) < 1


def test_two_workers_do_what_one_does_in_two_turns():
    rates = sweep.by_workers((1, 2), rounds=1, tasks=2)
    assert all(rate > 0 for taken in rates.of.values() for rate in taken)


def test_the_cost_of_a_seed_is_the_time_over_the_seeds(monkeypatch):
    clock = itertools.accumulate(itertools.cycle([0.0, 12.0]))
    done = []
    monkeypatch.setattr(sweep.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(sweep, "_do", lambda jobs, folder: done.append(len(jobs)))
    assert sweep.by_seeds((1, 4)) == {1: 12.0, 4: 3.0}
    assert done == [2, 8]  # two policies a seed


def test_quality_is_what_the_trained_policy_earns_on_other_people():
    few = {"slots": 512, "n_envs": 16, "n_steps": 16, "batch_size": 64, "n_epochs": 1, "net": (8,)}
    found = quality.trained(quality.FIRST.model_copy(update=few), people=20)
    assert found.seconds > 0 and 5 < found.minutes < 100
    ours = quality.settings()
    assert ours["numpy"].slots < quality.FIRST.slots and ours["numba"].engine == "numba"


def test_a_seed_of_the_headline_is_all_its_cells(monkeypatch):
    def leave_parts(jobs, folder, workers):
        assert {job.seed for job in jobs} == {0} and len(jobs) > 30
        for number, job in enumerate(jobs):
            (folder / "parts" / f"{job.name}.json").write_text(f'{{"peak_memory_mb": {number}}}')

    clock = itertools.count(0.0, 90.0)
    monkeypatch.setattr(sweep.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(sweep, "_do", leave_parts)
    seeds, minutes, peak = sweep.headline(workers=2)
    assert (seeds, minutes) == (10, 1.5) and peak > 60


# --- the command ----------------------------------------------------------------------------------


def bench(*words):
    return CliRunner().invoke(app, ["bench", *map(str, words)])


def test_the_figures_are_printed_and_saved_by_name(tmp_path, monkeypatch):
    rates = timing.Rates({"numpy": [30.0], "numba": [40.0], "auto": [45.0], "cartpole": [60.0]})
    monkeypatch.setattr(suite.world, "against_cartpole", lambda engines, rounds: rates)
    found = bench("single", "--json", tmp_path / "b.json", "--rounds", 1)
    assert found.exit_code == 0, found.output
    assert "single_numpy_over_cartpole" in found.stdout and "0.500 x" in found.stdout
    saved = json.loads((tmp_path / "b.json").read_text())
    assert saved["figures"]["single_numpy_over_cartpole"]["value"] == 0.5
    assert saved["figures"]["single_numba_over_cartpole"]["value"] == pytest.approx(2 / 3)
    assert saved["figures"]["single_auto_over_cartpole"]["value"] == 0.75
    assert saved["rounds"] == 1 and "cores" in saved["machine"]


def test_sardine_is_timed_in_turns_with_us(monkeypatch, tmp_path):
    theirs = iter([1.0, 4.0, 10.0])
    ours = {"numpy": iter([8.0, 12.0, 20.0]), "numba": iter([16.0, 20.0, 60.0])}
    monkeypatch.setattr(suite.sardine, "rate", lambda folder: next(theirs))
    monkeypatch.setattr(
        suite.world,
        "by_people",
        lambda people, rounds, engine: timing.Rates({"1024": [next(ours[engine])]}),
    )
    found = bench("sardine", "--cache", tmp_path, "--rounds", 3)
    assert found.exit_code == 0
    told = {line.split()[0]: line.split()[1] for line in found.stdout.splitlines()}
    assert told["world_numpy_1024_over_sardine"] == "3.000"  # the median of 8, 3 and 2
    assert told["world_numba_1024_over_sardine"] == "6.000"  # of 16, 5 and 6
    assert told["sardine_1"] == "4"


def test_what_was_measured_before_a_failure_is_saved(monkeypatch, tmp_path):
    rates = timing.Rates({"numpy": [30.0], "numba": [40.0], "auto": [45.0], "cartpole": [60.0]})
    monkeypatch.setattr(suite.world, "against_cartpole", lambda engines, rounds: rates)
    monkeypatch.setattr(suite.learner, "against_nothing", lambda threads, engines, rounds: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(
            app, ["bench", "single", "learner", "--json", str(tmp_path / "b.json")],
            catch_exceptions=False,
        )  # fmt: skip
    saved = json.loads((tmp_path / "b.json").read_text())
    assert saved["figures"]["single_numpy_over_cartpole"]["value"] == 0.5


def test_what_cannot_be_installed_is_told_and_the_rest_goes_on(tmp_path, monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr="no route\nno such package", stdout="")
    monkeypatch.setattr(sardine.subprocess, "run", lambda *a, **k: failed)
    monkeypatch.setattr(
        suite.world, "by_people", lambda *arguments: pytest.fail("not needed any more")
    )
    found = bench("sardine", "--cache", tmp_path, "--rounds", 1)
    assert found.exit_code == 0 and "not measured" in found.stdout
    assert "no such package" in found.stdout and not (tmp_path / "sardine" / "ready").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["worlds"], ["suite", "'worlds'", "allowed: world, growth"]),
        (["world", "--json", "no/such/folder/b.json"], ["--json", "allowed: a file in a folder"]),
    ],
)
def test_refusals_name_what_is_allowed(words, parts):
    found = bench(*words)
    assert found.exit_code == 2
    assert all(part in found.stderr for part in parts)
