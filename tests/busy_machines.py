"""Hypothesis for all tests: no example fails because a machine is busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("kongflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kongflow")
