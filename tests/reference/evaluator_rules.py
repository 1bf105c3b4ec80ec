"""All rules of the reference evaluator, in the order of evaluation.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

from tests.reference.evaluator_blockade import blockade
from tests.reference.evaluator_compounding import compounding
from tests.reference.evaluator_data_quality import data_quality
from tests.reference.evaluator_hidden import sequestered
from tests.reference.evaluator_interactions import interactions
from tests.reference.evaluator_ldn import ldn
from tests.reference.evaluator_partial_agonists import buprenorphine_on_agonist, mixed_on_agonist
from tests.reference.evaluator_peripheral import gut_opioids, peripheral
from tests.reference.evaluator_surgery import surgery
from tests.reference.evaluator_withdrawal import withdrawal

ALL_RULES = (
    withdrawal,
    blockade,
    sequestered,
    buprenorphine_on_agonist,
    mixed_on_agonist,
    interactions,
    gut_opioids,
    peripheral,
    surgery,
    ldn,
    data_quality,
    compounding,
)
