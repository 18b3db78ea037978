"""The rate of SARDINE (Deffayet et al. 2024), a feed environment of the field, in its own venv.

Its requirements pin other versions than ours, so it is installed beside us and timed by a script.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = "sardine-rec==1.0.8"
NAME = "sardine/SlateTopK-Bored-v0"

_SCRIPT = """
import sys, time
import gymnasium
import sardine
env = gymnasium.make(sys.argv[1])
env.reset(seed=0)
env.action_space.seed(0)
for warm in (False, True):
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < 0.5:
        for _ in range(100):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        steps += 100
    rate = steps / (time.perf_counter() - began)
print(rate)
"""


class NotInstalled(RuntimeError):
    """SARDINE could not be set up; the message says why."""


def rate(folder: Path) -> float:
    """Steps a second of one SARDINE environment under random actions.

    folder: where its virtual environment is, or will be made.
    """
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        _call([sys.executable, "-m", "venv", "--clear", str(folder)])
        _call([str(python), "-m", "pip", "install", "--quiet", PACKAGE])
        (folder / "ready").touch()
    found = _call([str(python), "-W", "ignore", "-c", _SCRIPT, NAME])
    return float(found.splitlines()[-1])


def _call(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotInstalled(f"{' '.join(words[:4])}: {last}")
    return done.stdout
