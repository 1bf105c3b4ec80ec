import pytest
from rx_clinical import load_catalogue


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="session")
def records(catalogue):
    """A small event log."""
    from bench.workload import Generator  # noqa: PLC0415  # found from here on

    return list(Generator(7, 20_000, catalogue).records())
