from undertow.experiments.job import derived_seed, jobs_of

from .tiny import JOBS, experiment


def test_jobs_come_seed_by_seed_and_in_the_order_of_the_config():
    names = [job.name for job in jobs_of(experiment())]
    assert len(names) == len(set(names)) == JOBS
    assert names[:6] == [
        "lively--random--0",
        "lively--chronological--0",
        "lively--greedy--0",
        "lively--ppo--0",
        "frozen--greedy--0",
        "frozen--ppo--0",
    ]
    assert names[6] == "lively--random--1"


def test_people_are_not_measured_on_the_luck_that_they_were_trained_on():
    keys = {derived_seed(seed, role) for seed in range(50) for role in ("training", "evaluation")}
    assert len(keys) == 100
    assert all(0 <= key < 2**62 for key in keys)
    assert derived_seed(3, "training") == derived_seed(3, "training")
