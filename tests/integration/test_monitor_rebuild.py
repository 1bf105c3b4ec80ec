"""`rxguard monitor rebuild` and a new ruleset on real Kafka: what stood stands, what nothing supports goes."""

import asyncio
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from pharmacy.events.v1.monitor_pb2 import MonitorProgress, PatientState
from rx_clinical import load_catalogue
from rx_monitor.operations import rebuild
from rx_runtime.errors import RefusedToRun
from rx_runtime.kafka import clients
from rx_runtime.kafka import topics as runtime_topics

pytestmark = pytest.mark.stack

SPEC = importlib.util.spec_from_file_location(
    "monitor_harness", Path(__file__).parents[1] / "faults" / "monitor_harness.py"
)
harness = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(harness)
ANNA, BERT, CARL, DORA = harness.patients(4)
EVENTS, STATES, FINDINGS = "rx.medication-events.v1", "rx.monitor-state.v1", "rx.findings.v1"


class KilledError(Exception):
    """The command ends here."""


KILLED_OR_PAUSED = pytest.mark.parametrize("topics", [harness.QuickHarness], ids=["quick"], indirect=True)
"""For a test that waits until the group has given a monitor up."""


@pytest.fixture
async def topics(request, installation):
    async with getattr(request, "param", harness.Harness)(installation) as topics:
        yield topics


def clash(patient, **ldn):
    """Two events that make a finding."""
    return [
        harness.fill(patient, "methadone", harness.METHADONE),
        harness.fill(patient, "ldn", harness.LDN, **{"hours": 40 * 24} | ldn),
    ]


def ignore(*_):
    """Progress that nobody looks at."""


async def clear(installation):
    """Once the broker has seen the last monitor go."""
    await rebuild.wait_until_no_members(installation, 30)
    return await rebuild.clear_state(installation, ignore)


async def recreate(topics, name, partitions=4):
    await runtime_topics.recreate(topics.installation, name, partitions)


async def refused(topics):
    """Code of the refusal of a monitor that starts now, and its reason."""
    monitor = await topics.start()
    assert await monitor.ended() == 5
    said = await monitor.event("stopped_by_error")
    return said["code"], said["reason"]


async def test_a_rebuild_changes_no_finding_and_publishes_none_again(topics, installation):
    events = [*clash(ANNA), *clash(BERT, hours=30 * 24), harness.fill(CARL, "methadone", harness.METHADONE)]
    await topics.feed(events)
    await topics.run_once()
    before = await topics.conclusions()
    published = len(await topics.records(FINDINGS))

    cleared = await clear(installation)
    assert sum(map(len, cleared.events.values())) == len(events)
    await topics.run_once()

    assert await topics.conclusions() == harness.expected(events) == before
    assert len(before) == 2
    assert len(await topics.records(FINDINGS)) == published, "alerts would be withdrawn and raised again"
    assert harness.held_facts(await topics.states()) == harness.expected_facts(events)
    written = [PatientState.FromString(record.value) for record in await topics.records(STATES)]
    assert {state.build for state in written} == {1}


async def test_events_that_follow_a_rebuild_are_published_as_ever(topics, installation):
    await topics.feed(clash(ANNA)[:1])
    await topics.run_once()
    await clear(installation)
    await topics.feed(clash(ANNA)[1:])
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(ANNA))
    assert {found.build for found in (await topics.findings()).values()} == {1}


async def test_after_a_recreated_topic_what_no_event_supports_is_withdrawn(topics, installation):
    await topics.feed([*clash(ANNA), *clash(BERT), *clash(CARL)])
    await topics.run_once()
    positions = {name: found.position for name, found in (await topics.findings()).items()}
    await recreate(topics, EVENTS)
    assert (await refused(topics))[0] == "TOPIC_RECREATED"

    remaining = [*clash(BERT)[1:], *clash(BERT)[:1], *clash(CARL)[:1], *clash(DORA)]
    await clear(installation)
    await topics.feed(remaining)
    await topics.run_once()

    assert await topics.conclusions() == harness.expected(remaining)
    found = await topics.findings()
    assert set(harness.expected(remaining)) == {BERT, DORA}
    assert (list(found[ANNA].findings), found[ANNA].position, found[ANNA].build) == ([], -1, 1)
    assert (list(found[CARL].findings), found[CARL].build) == ([], 1)
    assert found[CARL].position < positions[CARL], "readers must not take it for outdated"


async def test_a_rebuild_is_refused_while_a_monitor_is_alive_and_names_it(topics, installation):
    async with topics.monitor():
        named = f"{installation.group('rx-monitor')} are alive: .+ on .+ Stop them"
        with pytest.raises(RefusedToRun, match=named) as alive:
            await rebuild.clear_state(installation, ignore)
        assert alive.value.code == "MONITORS_ALIVE"
        await topics.feed(clash(ANNA))
        await topics.caught_up()
    assert await topics.conclusions() == harness.expected(clash(ANNA))


@pytest.mark.parametrize("step", ["recreate", "_write_hashes", "reset_offsets", "_report"])
async def test_a_rebuild_that_was_killed_lets_no_monitor_start_and_is_run_again(
    topics, installation, monkeypatch, step
):
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await recreate(topics, EVENTS)
    told = []

    async def killed(*arguments, **options):
        told.append(step)
        if step != "_report" or len(told) > 1:  # the first is what says that the rebuild has begun
            raise KilledError
        return await tell(*arguments, **options)

    tell = rebuild._report
    with monkeypatch.context() as patched:
        patched.setattr(rebuild.topics if step == "recreate" else rebuild, step, killed)
        with pytest.raises(KilledError):
            await clear(installation)
    code, reason = await refused(topics)
    assert code == "REBUILD_UNFINISHED"
    assert "rxguard monitor rebuild" in reason

    await clear(installation)
    await topics.feed(clash(BERT))
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(BERT))


async def test_a_rebuild_that_was_killed_between_the_old_and_the_new_state_topic_is_run_again(
    topics, installation, monkeypatch
):
    await topics.feed(clash(ANNA))
    await topics.run_once()

    async def deleted(*_):
        await clients.with_admin(topics.kafka, lambda admin: admin.delete_topics([topics.topic(STATES)]))
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(rebuild.topics, "recreate", deleted)
        with pytest.raises(KilledError):
            await clear(installation)
    assert (await refused(topics))[0] == "TOPIC_MISSING"
    await runtime_topics.apply(installation, 4)
    assert (await refused(topics))[0] == "REBUILD_UNFINISHED"
    await clear(installation)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(ANNA))


@KILLED_OR_PAUSED
async def test_a_monitor_killed_while_it_reads_again_goes_on_where_it_was(topics, installation):
    names = harness.patients(300)
    events = [one for name in names for one in clash(name)]
    await topics.feed(events)
    await topics.run_once()
    await clear(installation)
    async with topics.monitor() as monitor:
        while not any(state.packed_events for state in (await topics.states()).values()):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.01)
        await monitor.end(signal.SIGKILL)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(events)
    assert harness.held_facts(await topics.states()) == harness.expected_facts(events)
    last = {r.partition: r for r in map(parsed, await topics.records("rx.monitor-progress.v1"))}
    assert not any(report.HasField("rebuild") or report.unassessed_patients for report in last.values())


def parsed(record):
    return MonitorProgress.FromString(record.value)


async def test_nothing_counts_as_checked_until_everybody_has_been_assessed_again(topics, installation):
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await clear(installation)
    reports = len(await topics.records("rx.monitor-progress.v1"))
    await topics.run_once()
    for report in map(parsed, (await topics.records("rx.monitor-progress.v1"))[reports:]):
        assert report.position == 0 or not (report.HasField("rebuild") or report.unassessed_patients)


@KILLED_OR_PAUSED
async def test_a_monitor_that_was_paused_through_a_rebuild_spoils_nothing(topics, installation):
    await topics.feed(clash(ANNA))
    async with topics.monitor() as paused:
        await topics.caught_up()
        paused._child.send_signal(signal.SIGSTOP)
        await clear(installation)
        await topics.run_once()
        paused._child.send_signal(signal.SIGCONT)
        assert await paused.ended() == 5
        assert "start the monitor again" in (await paused.event("crashed"))["reason"]
    await topics.feed(clash(BERT))
    await topics.run_once()
    assert await topics.conclusions() == harness.expected([*clash(ANNA), *clash(BERT)])


async def test_a_state_topic_that_was_made_anew_by_somebody_else_is_noticed(topics, installation):
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await recreate(topics, STATES)
    code, reason = await refused(topics)
    assert code == "STATE_LOST"
    assert "rxguard monitor rebuild" in reason
    await clear(installation)
    await topics.run_once()
    assert harness.held_facts(await topics.states()) == harness.expected_facts(clash(ANNA))


async def test_what_was_published_and_lost_is_published_again_by_a_rebuild(topics, installation):
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await recreate(topics, FINDINGS)
    assert (await refused(topics))[0] == "FINDINGS_LOST"
    await clear(installation)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(ANNA))


async def test_lost_progress_is_noticed_and_a_rebuild_stands_above_all_that_was_published(topics, installation):
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await clear(installation)
    await topics.feed(clash(BERT))
    await topics.run_once()
    await recreate(topics, "rx.monitor-progress.v1", partitions=1)
    assert (await refused(topics))[0] == "PROGRESS_LOST"
    assert (await clear(installation)).state_epoch == 2
    await topics.run_once()
    assert await topics.conclusions() == harness.expected([*clash(ANNA), *clash(BERT)])


# The ruleset


async def reworked(topics, change):
    """Write the state of each patient anew, changed."""
    for record in await topics.records(STATES):
        state = PatientState.FromString(record.value)
        change(record.key, state)
        await topics.write(STATES, record.key, state.SerializeToString(), record.partition)


async def test_patients_whom_an_older_ruleset_assessed_are_assessed_in_the_background(topics):
    """As after a crash in the midst of it: the progress names our ruleset, some states another."""
    ours = load_catalogue().ruleset_seq
    await topics.feed([*clash(ANNA), *clash(BERT)])
    await topics.run_once()
    said = await topics.findings()

    def assessed_before(patient, state):
        state.position += 1  # above the record that it stands for
        state.ruleset_seq = ours - 1
        if patient == ANNA:
            state.findings_hash = b"something else"

    await reworked(topics, assessed_before)
    published = len(await topics.records(FINDINGS))
    async with topics.monitor() as monitor:
        await monitor.event("reassessed")
        async with asyncio.timeout(30):
            while {state.ruleset_seq for state in (await topics.states()).values()} != {ours}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    now = (await topics.records(FINDINGS))[published:]
    assert [record.key for record in now] == [ANNA], "Bert's set says what it said before"
    again = await topics.findings()
    assert again[ANNA].findings == said[ANNA].findings
    assert (again[ANNA].ruleset_seq, again[ANNA].position) == (ours, said[ANNA].position + 1)


async def test_a_monitor_with_an_older_ruleset_refuses_the_partitions_of_a_newer_one(topics):
    newer = load_catalogue().ruleset_seq + 1
    await topics.feed(clash(ANNA))
    await topics.run_once()
    await reworked(topics, lambda _, state: setattr(state, "ruleset_seq", newer))
    monitor = await topics.start()
    assert await monitor.ended() == 5
    reason = (await monitor.event("crashed"))["reason"]
    assert f"the state was written with ruleset {newer}: start the newer release" in reason


async def test_what_an_older_ruleset_called_irrelevant_is_read_by_one_that_looks_at_it(topics, installation):
    await topics.feed(clash(ANNA), kind=b"irrelevant", ruleset=b"1")
    await topics.feed([harness.fill(BERT, "allopurinol", harness.ALLOPURINOL)], kind=b"irrelevant", ruleset=b"1")
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(ANNA))
    assert set(await topics.states()) == {ANNA}
    await clear(installation)
    await topics.run_once()
    assert await topics.conclusions() == harness.expected(clash(ANNA))


# The program


async def rxguard(*arguments, installation):
    env = os.environ | {"RXGUARD_KAFKA": installation.kafka, "RXGUARD_NAMESPACE": installation.namespace}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rxguard",
        *arguments,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


async def settled(monitor):
    """The first word of a monitor on whether it runs."""
    waits = [asyncio.create_task(monitor.event(name)) for name in ("ready", "stopped_by_error")]
    done, others = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in others:
        one.cancel()
    return next(iter(done)).result()["event"]


async def test_on_own_servers_the_program_refuses_clears_and_waits_for_the_monitors(topics, installation):
    await topics.feed(clash(ANNA))
    async with topics.monitor():
        await topics.caught_up()
        code, out, err = await rxguard("monitor", "rebuild", "--json", installation=installation)
        assert (code, out) == (5, "")
        assert "MONITORS_ALIVE" in err
    await clear(installation)
    code, out, err = await rxguard("monitor", "rebuild", "--no-wait", "--json", installation=installation)
    assert code == 0, err
    document = json.loads(out)
    assert (document["build"], document["events"], document["rebuilt"], document["findings"]) == (2, 2, False, None)

    waiting = asyncio.create_task(rxguard("monitor", "rebuild", "--json", installation=installation))
    async with asyncio.timeout(60):
        while max(report.build for report in map(parsed, await topics.records("rx.monitor-progress.v1"))) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        while (monitor := await topics.start()) and await settled(monitor) == "stopped_by_error":
            pass  # the rebuild has begun and is not done: a monitor is started again until it may
    code, out, err = await waiting
    assert await monitor.end(signal.SIGTERM) == 0
    assert code == 0, err
    document = json.loads(out)
    assert document["rebuilt"]
    assert document["findings"]["active"] == len((await topics.findings())[ANNA].findings)
    assert document["findings"]["published"] == 0
