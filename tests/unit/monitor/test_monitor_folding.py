"""Folding is a join of sets: no order, repetition or split of the events can matter."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from rx_contracts.ids import EventKey, Pseudonym
from rx_monitor.domain.decide import EncodedFindings, IncomingEvent, decide
from rx_monitor.domain.patient import UNKNOWN, EventRevision, fold

names = st.sampled_from(["opioid", "blocker", "void", "other"])
events = st.builds(
    lambda name, source, coding, text: EventRevision(
        EventKey(name.encode().ljust(16, b".")), (source, coding), f"{name} {text}".encode()
    ),
    names,
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from("ab"),
)
patients = st.sampled_from([Pseudonym(b"A" * 16), Pseudonym(b"B" * 16)])
logs = st.lists(st.tuples(patients, events), max_size=12)


def fold_all(of_one):
    patient = UNKNOWN
    for offset, one in enumerate(of_one):
        patient = fold(patient, one, offset)
    return patient


class Assess:
    """Something that depends on every held event and not on the position, once an opioid was among them."""

    def fact_bits(self, events):
        return int(any(b"opioid" in one.content for one in events))

    def may_fire(self, patient):
        return patient.fact_bits == 1

    def __call__(self, name, patient):
        content = name + b"".join(patient.events[key].content for key in sorted(patient.events))
        is_empty = not any(b"opioid" in one.content for one in patient.events.values())
        return EncodedFindings(content + b"@%d" % patient.position, sha256(content).digest(), is_empty)


class AssessAlways(Assess):
    """The same without a gate."""

    def may_fire(self, _):
        return True


def run(log, cuts, assess=Assess()):  # noqa: B008  # it holds nothing
    """The records published and the states held when the log is cut into batches at `cuts`."""
    known, published = {}, []
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        incoming = [
            IncomingEvent(name, offset, one)
            for offset, (name, one) in enumerate(log[start:end], start)
            if start <= offset
        ]
        decision = decide(known, incoming, assess)
        published += decision.findings
        known |= decision.patients
    return published, known


@given(st.data(), st.lists(events, max_size=8))
def test_any_order_and_any_repetition_of_events_gives_the_same_facts(data, of_one):
    again = data.draw(st.permutations(of_one + of_one))
    assert fold_all(again).events == fold_all(of_one).events


@given(st.lists(events, min_size=1, max_size=8))
def test_the_highest_revision_of_a_fact_is_the_one_held(of_one):
    for held in fold_all(of_one).events.values():
        assert held.revision == max(one.revision for one in of_one if one.key == held.key)


@given(st.lists(events, max_size=8))
def test_an_event_seen_again_changes_nothing_not_even_the_position(of_one):
    patient = fold_all(of_one)
    assert all(fold(patient, one, 99) is patient for one in of_one)


@given(st.data(), logs)
def test_what_is_published_does_not_depend_on_how_the_log_is_cut_into_batches(data, log):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    assert run(log, cuts) == run(log, [])


@given(st.data(), logs)
def test_a_replay_publishes_the_same_bytes_for_the_same_position(data, log):
    """State lags behind what was published, as after a crash between the two acknowledgements."""
    first = data.draw(st.integers(0, len(log)))
    _, known = run(log[:first], [])
    before, after = run(log, [])
    replayed = decide(known, [IncomingEvent(name, at, one) for at, (name, one) in enumerate(log)], Assess())
    assert set(replayed.findings) <= set(before)
    assert known | replayed.patients == after
    published_once = run(log[:first], [])[0]
    assert dict(before) == dict(published_once) | dict(replayed.findings)


@given(logs)
def test_a_patient_about_whom_no_rule_could_speak_is_passed_over_and_nothing_is_lost(log):
    assert run(log, [len(log) // 2]) == run(log, [len(log) // 2], AssessAlways())


@given(logs)
def test_what_the_facts_may_bring_is_never_less_than_what_is_told_from_all_of_them(log):
    for patient in run(log, [])[1].values():
        told = Assess().fact_bits(patient.events.values())
        assert patient.fact_bits & told == told
