"""`undertow card`: what each trained policy of a result is for, and is not (Mitchell et al. 2019).

A card a policy and world, from the result's own config and summary; nothing in it is written by
hand but the limits, which hold for all.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import yaml

from ..agents import PolicyError, load_policy
from .markdown import bullets, join, section, table
from .provenance import write_whole
from .result import Result
from .result_folder import ResultError, list_file
from .saved_policies import SUFFIXES, saved_files

_SHOWN = (
    *("watch_minutes_per_day", "unendorsed_share", "habit_share", "induced_drift"),
    *("radicalised_share", "targeting", "welfare", "retention"),
)
_SAFE = (
    "A `.npz` holds numbers and text: reading it cannot run code. Stable-baselines3's own `.zip` "
    "holds a pickle, which can, so `load_policy` reads one from elsewhere only with `trust=True`."
)
_LIMITS = (
    "It was trained on simulated people of one world and says nothing about real ones.",
    "Watch time is all that is asked of what learns here, but where its card names a constraint.",
    "It expects observations of the world's own layout (topics, items, view) and fits no other.",
    "It is here for research and teaching; it must not choose what anybody sees.",
)

_CONSTRAINED = {
    "ppo_lagrangian": "it learnt to keep the costs above within their budgets",
    "ppo_shift_penalty": "it paid a penalty on how far it moved people from their forecast",
}


def write_cards(folder: Path) -> Path:
    """Writes `policies/README.md` of a finished result; returns the file."""
    try:
        result = Result.read(folder)
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        blocks: dict[str, Any] = config["policies"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ResultError(
            f"{folder}: no finished result of `undertow run` ({error!r}); allowed: a folder that "
            "has config.yaml, summary.json and manifest.json"
        ) from None
    saved = folder / "policies"
    try:
        cards = [
            _card(result, blocks[policy], policy, world, folder)
            for policy in result.policies
            for world in (*result.worlds, *result.null_worlds)
            if result.has(policy, world) and saved_files(folder, world, policy)
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(
            f"{folder}: config.yaml or summary.json is damaged ({error!r}); allowed: those of a "
            "finished result"
        ) from None
    if not cards:
        raise ResultError(f"{saved}: found no policies; allowed: a result that kept them")
    kept = [file.name for file in saved.glob("*--*--*") if file.suffix in SUFFIXES]
    first = "default--ppo--0.npz" if "default--ppo--0.npz" in kept else min(kept)
    title = f"# Model cards: {result.summary.get('title')}"
    text = join([title, _intro(f"{folder.name}/policies/{first}"), *cards])
    write_whole(saved / "README.md", (text + "\n").encode())
    list_file(folder, "policies/README.md")
    return saved / "README.md"


def _intro(file: str) -> str:
    return join(
        [
            "Made by `undertow card` from the result's own config and summary. Two lines load one:",
            "```python\nfrom undertow.agents import load_policy\n"
            f'policy = load_policy("results/{file}")\n```',
            _SAFE,
            "For all of them:",
            bullets(_LIMITS),
        ]
    )


def _require_whole(file: Path) -> None:
    """Raises `ResultError` for a policy that cannot be read; a pickle is not read for that."""
    if file.suffix == ".zip":
        if not zipfile.is_zipfile(file):
            raise ResultError(f"policy {file}: damaged or not a policy's file (no .zip)")
        return
    try:
        load_policy(file, torch=False)
    except PolicyError as error:
        raise ResultError(str(error)) from None


def _card(result: Result, block: dict[str, Any], policy: str, world: str, folder: Path) -> str:
    files = saved_files(folder, world, policy)
    for file in files:
        _require_whole(file)
    null = result.null_of(world)
    told = block.get("description", "")
    largest = max(file.stat().st_size for file in files)
    facts = [
        f"kind {block['kind']}, {block['observation']} view. {told}".strip(),
        f"trained and measured in `{world}` (preset `{result.preset_of(world)}`"
        + (f", null `{null}`: an instrument, not a policy to use)" if null else ")"),
        f"{len(files)} training seeds, at most {math.ceil(largest / 1024)} KB each",
    ]
    settings = block.get(block["kind"]) or {}
    if settings:
        facts.append("settings: " + ", ".join(f"{k} {v}" for k, v in settings.items()))
    if block["kind"] in _CONSTRAINED:
        facts.append(f"constrained: {_CONSTRAINED[block['kind']]}")
    for rule, name in (("limits", "rule on what leads"), ("use_limits", "rule on use")):
        if block.get(rule):
            facts.append(f"{name}: " + ", ".join(f"{k} {v}" for k, v in block[rule].items()))
    rows = [
        [
            f"{result.title(metric)} ({result.metrics[metric].get('unit')})",
            result.with_interval(result.estimate(policy, world, metric), metric),
        ]
        for metric in _SHOWN
        if result.measured(metric)
    ]
    return section(f"`{policy}` in `{world}`", bullets(facts), table(["metric", "value"], rows))
