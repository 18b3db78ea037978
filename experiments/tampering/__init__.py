"""User tampering (Evans & Kasirzadeh 2021), replicated: their figures, the optimum, and PPO."""
