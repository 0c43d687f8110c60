"""How many cases a test of this folder runs: a sample, or all with `--hypothesis-profile fuzz` (`make test-fuzz`)."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_COMMON = {
    "deadline": None,  # of time and memory, tests/fuzz/bounded.py keeps the bounds
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
}
settings.register_profile("sample", max_examples=15, derandomize=True, database=None, **_COMMON)
settings.register_profile("fuzz", max_examples=300, **_COMMON)
settings.load_profile("sample")
