import pytest
from rx_clinical import load_catalogue


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()
