"""What Faust must have made of our settings: each refusal names the command that mends it."""

import pytest
from faust.assignor.partition_assignor import PartitionAssignor
from rx_monitor.adapters.faust.batch_transport import BatchApp
from rx_monitor.adapters.faust.setting_checks import check_assignor, check_settings
from rx_monitor.adapters.faust.source import FAUST_SETTINGS
from rx_monitor.domain.progress import Progress
from rx_runtime.errors import RefusedToRun


def app(**settings):
    return BatchApp("test", broker="kafka://127.0.0.1:1", progress=Progress(), autodiscover=False, **settings)


def refusal(one):
    """The code with which the start is refused; None if it is not."""
    try:
        check_settings(one, FAUST_SETTINGS)
    except RefusedToRun as refused:
        return refused.code
    return None


async def used_by(one):
    """The assignor that Faust gives to the client when it makes one."""
    thread = one.consumer._thread
    thread.thread_loop.close()
    await thread._create_worker_consumer(one.transport).stop()
    return one.consumer.assignor()


async def test_the_monitor_starts_when_faust_uses_our_settings():
    ours = app(**FAUST_SETTINGS)
    used = {name: getattr(ours.conf, name) for name in FAUST_SETTINGS}
    assert {name: getattr(value, "value", value) for name, value in used.items()} == FAUST_SETTINGS
    assert refusal(ours) is None


@pytest.mark.parametrize(
    ("name", "other", "variable"),
    [
        ("stream_wait_empty", False, "STREAM_WAIT_EMPTY"),
        ("consumer_auto_offset_reset", "latest", "CONSUMER_AUTO_OFFSET_RESET"),
        ("web_enabled", True, "APP_WEB_ENABLED"),
    ],
)
async def test_a_setting_that_faust_took_from_elsewhere_is_refused(name, other, variable):
    with pytest.raises(RefusedToRun, match=f"`unset {variable}`") as refused:
        check_settings(app(**FAUST_SETTINGS | {name: other}), FAUST_SETTINGS)
    assert refused.value.code == "FAUST_SETTING"
    assert name in refused.value.message


async def test_the_variable_to_unset_is_named_with_its_prefix():
    prefixed = app(**FAUST_SETTINGS | {"web_enabled": True}, env_prefix="RXM_")
    with pytest.raises(RefusedToRun, match="`unset RXM_APP_WEB_ENABLED`"):
        check_settings(prefixed, FAUST_SETTINGS)


async def test_our_settings_make_faust_share_partitions_out_with_its_own_assignor():
    ours = app(**FAUST_SETTINGS)
    used = await used_by(ours)
    assert type(used) is PartitionAssignor
    check_assignor(ours, used)


async def test_an_assignor_that_was_swapped_silently_is_refused():
    """Without standby replicas Faust takes a round-robin assignor and says nothing."""
    swapped = app(**FAUST_SETTINGS | {"table_standby_replicas": 0})
    with pytest.raises(RefusedToRun, match="pip install --require-hashes") as refused:
        check_assignor(swapped, await used_by(swapped))
    assert refused.value.code == "FAUST_ASSIGNOR"


async def test_an_assignor_of_somebody_elses_is_refused():
    class Other(PartitionAssignor):
        pass

    other = app(**FAUST_SETTINGS, PartitionAssignor=Other)
    with pytest.raises(RefusedToRun, match="Other"):
        check_assignor(other, await used_by(other))
