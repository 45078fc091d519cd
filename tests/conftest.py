"""Hypothesis profiles: `ci` is seeded, short and shows what fails as it is; `soak` is long, and shrinks it.

`HYPOTHESIS_PROFILE` names the one to use.
"""

import os

from hypothesis import HealthCheck, Phase, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)

settings.register_profile("base", deadline=None, suppress_health_check=SLOW, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("base"),
    derandomize=True,
    database=None,
    max_examples=100,
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile("soak", settings.get_profile("base"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
