"""Trained policies from their files, as torch and stable-baselines3 play them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from .lagrangian import LagrangianPolicy
from .network import Network
from .network_policy import PolicyNote
from .policy import Policy
from .policy_file import UNREADABLE
from .ppo import PPOPolicy
from .recurrent_ppo import RecurrentPPOPolicy
from .shift_penalty import ShiftPenaltyPolicy

KINDS: dict[str, type[PPOPolicy] | type[RecurrentPPOPolicy]] = {
    "ppo": PPOPolicy,
    "ppo_lagrangian": LagrangianPolicy,
    "ppo_shift_penalty": ShiftPenaltyPolicy,
    "recurrent_ppo": RecurrentPPOPolicy,
}


def of(note: PolicyNote, network: Network) -> Policy:
    """The policy of a safe file: to the bit as the one that was saved."""
    return KINDS[note.kind].read(note, network)


def of_sb3(file: Path) -> Policy:
    """The policy of stable-baselines3's .zip; it can run code. Raises `PolicyError`."""
    return KINDS.get(_kind_in(file), PPOPolicy).load_sb3(file)


def _kind_in(file: Path) -> str:
    """The kind that a .zip of stable-baselines3 names; ppo where it names none."""
    try:
        with zipfile.ZipFile(file) as archive:
            data: dict[str, Any] = json.loads(archive.read("data"))
        return str(data["undertow"].get("kind", "ppo"))
    except (*UNREADABLE, AttributeError):
        return "ppo"  # its own loader says what is wrong
