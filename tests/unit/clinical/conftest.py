import sys
from pathlib import Path

import pytest
from rx_clinical import load_catalogue

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: what they share is found here


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()
