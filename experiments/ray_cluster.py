"""Jobs on an existing Ray cluster. What a job leaves comes back as bytes and is written here.

So the machines share no disk, and a result is the same folder wherever its jobs ran. Ray does a job
again whose worker or machine was lost; what has come back is never done again.
"""

from __future__ import annotations

import importlib
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .config import Experiment
from .failures import Failed, failed
from .job import Job, run_job
from .problems import ResultError
from .provenance import installed_versions, write_whole

RETRIES = 5  # of a job whose worker or machine was lost


class VersionsError(ResultError):
    """A machine of the cluster has other versions, so no job may run there."""


def run_on_ray(jobs: list[Job], folder: Path, address: str) -> Iterator[str | Failed]:
    """Runs jobs on the cluster at `address` and writes their parts; yields names as they finish.

    A job that fails, or is lost more than `RETRIES` times, is yielded as `Failed`, and the others
    go on. Raises `ResultError` where Ray is not installed, no cluster answers, or a machine has
    other versions.
    """
    if not jobs:
        return
    ray = _connected(address)
    from ray.exceptions import RayError, RayTaskError

    try:
        experiment = jobs[0].experiment
        places = {job.world: job.place for job in jobs}
        shared = ray.put((experiment, places, installed_versions()))
        perform = ray.remote(max_retries=RETRIES)(_perform)
        waiting = {}
        for job in jobs:
            task = perform.options(name=job.name, **_options(job))
            waiting[task.remote(shared, job.world, job.policy, job.seed)] = job
        yield from outcomes(ray, waiting, folder, RayError, RayTaskError)
    finally:
        ray.shutdown()  # the tasks of a driver that leaves are cancelled


def outcomes(
    ray: Any,
    waiting: dict[Any, Job],
    folder: Path,
    lost: type[Exception],
    broken: type[Exception],
) -> Iterator[str | Failed]:
    """Writes what jobs left as they end; their names, or how they failed.

    lost, broken: what Ray raises for a job whose worker is gone, and for one that raised itself.
    Raises `VersionsError` where a worker did.
    """
    while waiting:
        done, _ = ray.wait(list(waiting), num_returns=1)
        job = waiting.pop(done[0])
        try:
            files = ray.get(done[0])
        except broken as error:
            stated = getattr(error, "cause", None)
            cause = stated if isinstance(stated, Exception) else error
            if isinstance(cause, VersionsError):
                raise cause from None
            yield replace(failed(job.name, cause), trace=str(error))  # the worker's traceback
            continue
        except lost as error:
            yield failed(job.name, ResultError(f"the job was lost {RETRIES + 1} times ({error})"))
            continue
        for path, content in files.items():
            write_whole(folder / path, content)
        yield job.name


def _connected(address: str) -> Any:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise ResultError(
            "--ray: ray is not installed; allowed: pip install 'undertow[ray]', or no --ray"
        ) from None
    try:
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit():  # Ray itself would try for minutes, then end the process
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ResultError(
            f"--ray: found {address!r}, where no cluster answers ({error}); allowed: HOST:PORT "
            "of a running one, or auto"
        ) from None
    return ray


def _options(job: Job) -> dict[str, Any]:
    wanted = job.experiment.policies[job.policy].resources
    memory = {"memory": wanted.memory_mb * 2**20} if wanted.memory_mb else {}
    return {"num_cpus": wanted.cpus, "num_gpus": wanted.gpus, **memory}


def _perform(
    shared: tuple[Experiment, dict[str, Any], dict[str, str]],
    world: str,
    policy: str,
    seed: int,
) -> dict[str, bytes]:
    """On a worker: one job in a folder of its own; the files it left, the JSON of its part last."""
    experiment, places, versions = shared
    here = installed_versions()
    wrong = [f"{k} {here[k]} for {v}" for k, v in versions.items() if here[k] != v]
    if wrong:
        raise VersionsError(
            f"--ray: found {', '.join(wrong)} on a worker; allowed: the versions of the machine "
            "that asks, or the figures could differ"
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("parts", "policies"):
            (folder / name).mkdir()
        job = Job(experiment, world, policy, seed, places[world])
        print(f"begins {job.name}", flush=True)  # to the worker's log in Ray's session folder
        run_job(job, folder)
        written = [f for name in ("parts", "policies") for f in (folder / name).iterdir()]
        written.sort(key=lambda file: (file.parent.name == "parts", file.suffix == ".json"))
        return {str(file.relative_to(folder)): file.read_bytes() for file in written}
