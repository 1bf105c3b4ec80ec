"""A patient who is dispensed an opioid every day for a year."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rx_clinical import History, assess, load_catalogue
from rx_clinical.model.facts import Fill, Medicine, Moment, Report, event_key

BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)


def fact(fact_type, event_id, time, **fields):
    return fact_type(
        key=event_key("clinic", event_id),
        event_id=event_id,
        source="clinic",
        site="main-street",
        revision=(1, 0),
        occurred=Moment.instant(time),
        recorded_at=time,
        **fields,
    )


def methadone(day):
    taken_home_early = BEGIN + timedelta(days=day) - timedelta(minutes=5 * day)
    medicine = Medicine(text="methadone", ingredients=("6813",), form_key="methadone_oral", days_supply=Decimal(1))
    return fact(Fill, f"m{day}", taken_home_early, medicine=medicine)


NALTREXONE = fact(
    Report,
    "ldn",
    BEGIN + timedelta(days=1),
    medicine=Medicine(text="LDN", ingredients=("7243",), form_key="ntx_ldn", daily_dose_mg=Decimal("4.5")),
    kind="history",
    ongoing=True,
)


def findings(days):
    history = History(facts=[*(methadone(day) for day in range(days)), NALTREXONE], known_since=None)
    return assess(history, load_catalogue()).findings


def test_each_finding_names_the_first_and_the_nine_newest_facts_and_says_how_many_it_leaves_out():
    longest = max(findings(120), key=lambda finding: len(finding.basis))
    named = [one.event_id for one in longest.basis if one.role == "opioid"]
    assert named == ["m0", *(f"m{day}" for day in range(53, 62))]
    assert "52 more facts about methadone count and are not listed" in longest.assumptions


def test_a_longer_history_keeps_every_finding_of_the_shorter_one():
    shorter = {finding.finding_id for finding in findings(30)}
    assert shorter <= {finding.finding_id for finding in findings(60)}


def test_a_short_history_is_named_in_full():
    for finding in findings(5):
        assert not any("not listed" in text for text in finding.assumptions)
