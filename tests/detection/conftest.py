"""One generator a test, seeded by the test's name."""

import random

import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """A generator whose seed is the test's name: the same in any order of tests."""
    return random.Random(request.node.name)
