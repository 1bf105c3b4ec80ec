import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: what they share is found here
