"""What must hold for every history, not only for those that somebody thought of."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from rx_clinical import History, assess, load_catalogue
from rx_clinical.model.facts import (
    Administration,
    Fill,
    HandOver,
    Medicine,
    Moment,
    Prescription,
    Report,
    ReturnToStock,
    Stop,
    Void,
    event_key,
)
from rx_clinical.model.washout import FOREVER

CATALOGUE = load_catalogue()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [f"e{number}" for number in range(8)]
PROLONGING = ["9143", "2541", "36676", "4450", "6135", "36437", "85762", "703"]

minutes = st.integers(0, 120 * 24 * 60).map(lambda number: BEGIN + timedelta(minutes=number))
moments = st.one_of(
    minutes.map(Moment.instant), minutes.map(lambda time: Moment.local_date(time.date(), "America/New_York"))
)
opioids = st.sampled_from([
    (("6813",), "methadone_oral"), (("7804",), "oxycodone_ir"), (("7804",), None), (("4337",), "fentanyl_td"),
    (("1819", "7242"), "bup_sl"), (("1819",), "bup_depot_weekly_brixadi"), ((), "kratom"),
    (("7052", "7243"), "morphine_er"),
])  # fmt: skip
antagonists = st.sampled_from([
    (("7243",), "ntx_ldn"), (("7243",), "ntx_oral"), (("7243",), None), (("7243",), "ntx_depot"),
    (("7243", "42347"), "ntx_er_contrave"), (("61381",), "samidorphan"), (("7242",), "naloxone_rescue"),
])  # fmt: skip
others = st.sampled_from([((code,), None) for code in ("9143", "2541", "36676", "6135", "4278", "83367", "9384")])
medicines = st.builds(
    lambda coded, dose, days, prn, patches, route: Medicine(
        ingredients=coded[0],
        form_key=coded[1],
        daily_dose_mg=dose,
        days_supply=days,
        as_needed=prn,
        patches=patches,
        route=route,
    ),
    coded=st.one_of(opioids, antagonists, others),
    dose=st.sampled_from([None, Decimal("0.5"), Decimal("4.5"), Decimal(50)]),
    days=st.sampled_from([None, Decimal(1), Decimal(7), Decimal(30)]),
    prn=st.booleans(),
    patches=st.sampled_from([None, None, 5]),
    route=st.sampled_from([None, "oral", "topical"]),
)


@st.composite
def facts(draw):
    event_id, occurred, product = draw(st.sampled_from(IDS)), draw(moments), draw(medicines)
    named = event_key("test", draw(st.sampled_from(IDS)))
    kind = draw(st.sampled_from(["fill"] * 4 + ["order"] * 3 + ["given", "report", "stop", "handed", "return", "void"]))
    build = {
        "fill": lambda **e: Fill(medicine=product, prescription=draw(st.sampled_from([None, None, named])), **e),
        "order": lambda **e: Prescription(
            medicine=product,
            status=draw(st.sampled_from(["active", "active", "stopped", "draft"])),
            status_at=draw(st.sampled_from([None, occurred])),
            **e,
        ),
        "given": lambda **e: Administration(medicine=product, **e),
        "report": lambda **e: Report(medicine=product, kind="otc", ongoing=draw(st.booleans()), **e),
        "stop": lambda **e: Stop(refers_to=named, **e),
        "handed": lambda **e: HandOver(fill=named, **e),
        "return": lambda **e: ReturnToStock(refers_to=named, **e),
        "void": lambda **e: Void(refers_to=named, **e),
    }[kind]
    return build(
        key=event_key("test", event_id),
        event_id=event_id,
        source="test",
        site="",
        revision=(draw(st.integers(1, 2)), 0),
        occurred=occurred,
        recorded_at=occurred.latest,
    )


histories = st.lists(facts(), max_size=10)


def findings(history):
    return assess(History(facts=history), CATALOGUE).findings


def shifted(value, by):
    """The same fact with every instant moved."""
    if isinstance(value, Moment):
        return Moment(earliest=value.earliest + by, latest=value.latest + by, zone=value.zone)
    if isinstance(value, datetime):
        return value + by
    return value


def moved(fact, by):
    return replace(fact, **{field.name: shifted(getattr(fact, field.name), by) for field in fields(fact)})


@given(histories, st.randoms(use_true_random=False))
def test_order_and_duplication_mean_nothing(history, random):
    arrived = [*history, *random.choices(history, k=len(history))] if history else []
    random.shuffle(arrived)
    assert assess(History(facts=arrived), CATALOGUE) == assess(History(facts=history), CATALOGUE)


@given(histories)
def test_no_two_findings_share_an_identity_and_each_rests_on_facts(history):
    found = findings(history)
    assert len({finding.finding_id for finding in found}) == len(found)
    known = {fact.key for fact in history}
    for finding in found:
        assert finding.anchor_key in {basis.key for basis in finding.basis} <= known


@given(histories)
def test_a_withdrawal_finding_fires_before_its_earliest_start_and_equals_its_arithmetic(history):
    for finding in findings(history):
        if finding.family != "withdrawal":
            continue
        starts = [
            FOREVER if line.possible_end is None else line.possible_end + timedelta(hours=float(line.policy_window_h))
            for line in finding.arithmetic
        ]
        assert (finding.earliest_start_time or FOREVER) == max(starts)
        assert finding.active_from < max(starts)


@given(histories, st.sampled_from([timedelta(days=1), timedelta(days=-7), timedelta(days=365, minutes=17)]))
def test_moving_every_instant_moves_the_findings(history, by):
    history = [fact for fact in history if not fact.occurred.imprecise]
    before = findings(history)
    after = findings([moved(fact, by) for fact in history])
    assert [
        (one.finding_id, one.severity, one.reason_codes, shifted(one.earliest_start_time, by), shifted(one.ends_at, by))
        for one in before
    ] == [(one.finding_id, one.severity, one.reason_codes, one.earliest_start_time, one.ends_at) for one in after]


def added(product, time):
    """A fill of a product at a time, by a source of its own."""
    envelope = {"key": event_key("test", "new"), "event_id": "new", "source": "test", "site": "", "revision": (1, 0)}
    return Fill(medicine=product, occurred=Moment.instant(time), recorded_at=time, **envelope)


def assert_none_gone_or_milder(before, after):
    """Every withdrawal and blockade finding is still there, as severe, and starts no earlier."""
    found = {(one.anchor_key, one.counterpart, one.family): one for one in after}
    for finding in before:
        if finding.family not in ("withdrawal", "blockade"):
            continue
        later = found[finding.anchor_key, finding.counterpart, finding.family]
        assert later.severity.rank <= finding.severity.rank
        assert (later.earliest_start_time or FOREVER) >= (finding.earliest_start_time or FOREVER)


@given(histories, minutes, st.sampled_from(["6135", "2551", "4053"]))
def test_a_product_for_skin_eye_or_ear_changes_nothing(history, time, ingredient):
    product = Medicine(ingredients=(ingredient,), route="topical", days_supply=Decimal(30))
    assert findings([*history, added(product, time)]) == findings(history)


@given(histories, minutes, st.sampled_from(PROLONGING))
def test_a_prolonging_medicine_never_makes_a_start_earlier_or_a_finding_milder(history, time, ingredient):
    product = Medicine(ingredients=(ingredient,), route="oral", days_supply=Decimal(30))
    assert_none_gone_or_milder(findings(history), findings([*history, added(product, time)]))


@given(histories, minutes, st.sampled_from([None, Decimal(1), Decimal(30)]))
def test_an_opioid_of_another_form_never_removes_a_finding_or_makes_it_milder(history, time, days):
    product = Medicine(ingredients=("2670",), form_key="codeine", days_supply=days)
    assert_none_gone_or_milder(findings(history), findings([*history, added(product, time)]))


@given(histories)
def test_a_void_of_every_fact_leaves_nothing(history):
    voids = [
        Void(
            key=event_key("test", f"void {number}"),
            event_id=f"void {number}",
            refers_to=fact.key,
            **{field: getattr(fact, field) for field in ("site", "source", "revision", "occurred", "recorded_at")},
        )
        for number, fact in enumerate(history)
    ]
    assert findings([*history, *voids]) == ()


@settings(max_examples=25)
@given(st.text(max_size=120), st.sampled_from(["7804", "7243"]))
def test_no_text_ever_stops_the_core(text, ingredient):
    product = Medicine(text=text, directions=text, ingredients=(ingredient,), days_supply=Decimal(5))
    opioid = Medicine(text=text, directions=text, form_key="oxycodone_ir", days_supply=Decimal(5))
    envelope = {
        "source": "test",
        "site": "",
        "revision": (1, 0),
        "occurred": Moment.instant(BEGIN),
        "recorded_at": BEGIN,
    }
    history = [
        Fill(key=event_key("test", name), event_id=name, medicine=medicine, **envelope)
        for name, medicine in (("a", product), ("b", opioid))
    ]
    findings(history)


def test_every_family_is_reached_by_these_histories():
    """Guards the strategies: histories that raise nothing prove nothing."""
    seen = set()

    @settings(max_examples=500, database=None, derandomize=True)
    @given(histories)
    def collect(history):
        seen.update(finding.rule for finding in findings(history))

    collect()
    assert {"WR-01", "WR-02", "BL-01", "PK-01", "DQ-01", "DQ-02"} <= seen
