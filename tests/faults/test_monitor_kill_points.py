"""A monitor that dies at a given point of its work, once and again: nothing is lost, doubled or invented.

Each point on Faust's source, and on the control on plain aiokafka. The tests of a source share its topics: what one
leaves behind, the next has to live with.
"""

import pytest

pytestmark = pytest.mark.stack

POINTS = [
    ("after_fetch", 3),
    ("after_decode", 30),
    ("after_fold", 3),
    ("before_findings", 3),
    ("findings_unacknowledged", 2),
    ("between_rounds", 2),
    ("states_unacknowledged", 2),
    ("after_states", 2),
    ("after_progress", 3),
    ("before_commit", 1),
    ("commit_unacknowledged", 1),
    ("after_commit", 1),
    ("before_restore", 1),
    ("in_restore", 1),
    ("after_restore", 1),
    ("in_assigned", 1),
    ("after_assigned", 1),
]


@pytest.mark.parametrize(("point", "passage"), POINTS)
async def test_a_kill_leaves_nothing_half_done_that_is_called_done(campaign, point, passage):
    await campaign.load(25)
    await campaign.run_into(point, passage, FAULT_FAUST='{"broker_max_poll_records": 40}')
    verdict = await campaign.judge()
    assert verdict.faults == {}, verdict


async def test_after_all_these_kills_nothing_is_lost_doubled_or_invented(campaign):
    await campaign.run_once()
    verdict = await campaign.judge_end()
    assert verdict.faults == {}, verdict
    assert verdict.findings > verdict.patients / 2
