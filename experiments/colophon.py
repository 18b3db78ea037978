"""The end of a report: definitions, the catalogue, how the result was made, and its limits."""

from __future__ import annotations

from typing import Any

from .markdown import bullets, section
from .result import Result


def definitions(result: Result) -> str:
    """What each metric means."""
    told = [
        f"**{entry.get('title') or name}** (`{name}`, {entry.get('unit') or 'no unit'}): "
        f"{(entry.get('definition') or '').strip()}"
        for name, entry in result.metrics.items()
    ]
    return section("Definitions", bullets(told))


def catalogue(result: Result) -> str:
    """Where the items come from, and what had to be repaired."""
    catalogue = result.summary.get("catalogue")
    if not catalogue:
        return ""
    facts = (catalogue.get("summary") or {}).items()
    repairs = catalogue.get("repairs") or []
    return section(
        "The catalogue",
        "The items come from a file; what it lacks was drawn by a stated, seeded rule.",
        bullets(f"{key.replace('_', ' ')}: {value}" for key, value in facts),
        "Repaired:" if repairs else "Nothing had to be repaired.",
        bullets(str(repair) for repair in repairs),
    )


def made(result: Result) -> str:
    """Seeds, sizes, versions, and the command that runs it again."""
    manifest, declared = result.manifest, result.summary.get("policies") or {}
    clock = [str(manifest[key]) for key in ("started", "finished") if manifest.get(key)]
    facts: dict[str, Any] = {
        "seeds": ", ".join(str(seed) for seed in result.seeds),
        "people a seed": manifest.get("people_per_seed"),
        "training slots a learner": manifest.get("training_slots"),
        "versions": ", ".join(
            f"{k} {v}" for k, v in sorted((manifest.get("versions") or {}).items())
        ),
        "git revision": manifest.get("git_revision"),
        "later revisions": ", ".join(str(r) for r in manifest.get("later_revisions") or []),
        "sha256 of the config": manifest.get("config_sha256"),
        "python": manifest.get("python"),
        "machine": manifest.get("cpu") or manifest.get("machine"),
        "core time of training": _hours(manifest.get("training_core_s")),
        "core time of measuring": _hours(manifest.get("measuring_core_s")),
        "wall time": _hours(manifest.get("wall_time_s")),
        "started, finished": ", ".join(clock),
    }
    written = {k: f"{v:,}" if isinstance(v, int) else str(v) for k, v in facts.items() if v}
    policies = [
        f"`{p}`: kind {declared[p].get('kind', '?')}, {declared[p].get('observation', '?')} view. "
        f"{(declared[p].get('description') or '').strip()}".strip()
        for p in result.policies
        if p in declared
    ]
    catalogue_file = " --catalogue FILE" if result.summary.get("catalogue") else ""
    return section(
        "How it was made",
        f"```\nundertow run experiments/configs/{result.summary['name']}.yaml{catalogue_file}\n```",
        bullets(f"{key}: {value}" for key, value in written.items()),
        "The policies:" if policies else "",
        bullets(policies),
    )


def limits() -> str:
    """What the result does not say."""
    return section(
        "Limits",
        bullets(
            [
                "These are statements about a model: which mechanisms and aims are enough for an "
                "effect. The magnitudes are illustrative and hold for no real app or person.",
                "The 64% of the film is a referral share. It is no share that algorithms caused.",
                "Nothing from a `vulnerable` world may be quoted without the default beside it.",
                "A long-sighted policy that earns fewer minutes than one-step `greedy` is not "
                "trained well enough: that it moves nobody would prove nothing.",
            ]
        ),
    )


def _hours(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{seconds / 3600:,.1f} hours" if seconds >= 7200 else f"{seconds / 60:,.1f} minutes"
