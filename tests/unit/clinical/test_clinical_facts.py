"""Moments, keys, folding of revisions, and findings as documents."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rx_clinical import History, assess
from rx_clinical.findings.wording import local_date_text
from rx_clinical.model.codes import OrderStatus, Route
from rx_clinical.model.facts import Moment, UnreadFact, event_key
from rx_clinical.model.findings import Severity
from rx_clinical.model.washout import window_lengths
from rx_contracts.wire.finding_messages import finding_document

from tests.lib.clinical.kit import (
    at,
    envelope,
    fill,
    given,
    handed_over,
    ldn,
    medicine,
    methadone,
    order,
    oxycodone,
    report,
    void,
)


def findings(catalogue, *facts):
    """Without the lines that every low-dose start and every medicine of unstated route bring."""
    found = assess(History(facts=facts), catalogue).findings
    return tuple(one for one in found if one.rule not in ("LD-10", "DQ-07"))


def test_an_unknown_word_is_an_unknown_route_and_an_unknown_status():
    assert [Route.of(word) for word in ("oral", "intravesical", "")] == [Route.ORAL, None, None]
    stated = [OrderStatus.of(word) for word in ("on-hold", "revoked", "")]
    assert stated == [OrderStatus.ON_HOLD, OrderStatus.UNKNOWN, OrderStatus.UNKNOWN]


def test_a_word_is_written_hashed_and_compared_as_its_text():
    assert (repr(Route.ORAL), str(Route.ORAL), hash(Route.ORAL)) == ("'oral'", "oral", hash("oral"))
    assert {"oral": 1}[Route.ORAL] == 1


def test_a_clock_time_without_zone_is_no_instant():
    with pytest.raises(ValueError, match="zone"):
        Moment.instant(datetime(2026, 3, 1))  # noqa: DTZ001  # the point of the test


def test_a_local_date_is_as_long_as_the_clocks_make_it():
    moment = Moment.local_date(date(2026, 3, 8), "America/New_York")
    assert moment.latest - moment.earliest == timedelta(hours=23)
    assert moment.imprecise


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_zone_is_an_error(zone):
    with pytest.raises(ValueError, match=r"zone|key|normalized"):
        Moment.local_date(date(2026, 3, 8), zone)


def test_event_keys_keep_source_and_id_apart():
    assert len(event_key("a", "b")) == 16
    assert event_key("ab", "c") != event_key("a", "bc")


def test_the_local_date_is_the_first_that_begins_at_or_after_the_start():
    assert local_date_text(at("2026-04-15T00:00"), None) == "2026-04-15"
    assert local_date_text(at("2026-04-15T00:01"), None) == "2026-04-16"
    assert local_date_text(at("2026-04-15T04:00"), "America/New_York") == "2026-04-15"
    assert local_date_text(at("2026-04-15T05:00"), "America/New_York") == "2026-04-16"


def test_the_same_revision_stated_twice_differently_is_decided_without_arrival(catalogue):
    one = fill("F", at("2026-05-01T09:00"), oxycodone("10"))
    other = replace(one, medicine=oxycodone("20"))
    blocker = fill("L", at("2026-05-05T09:00"), ldn())
    assert findings(catalogue, one, other, blocker) == findings(catalogue, other, one, blocker)


def test_a_coding_revision_of_one_source_revision_wins(catalogue):
    uncoded = fill("F", at("2026-05-01T09:00"), replace(oxycodone(), coded=False))
    recoded = fill("F", at("2026-05-01T09:00"), oxycodone(), revision=(1, 1))
    blocker = fill("L", at("2026-05-05T09:00"), ldn())
    assert [found.rule for found in findings(catalogue, recoded, uncoded, blocker)] == ["WR-01"]


def test_a_return_or_void_before_its_fill_holds(catalogue):
    facts = [
        void("V", at("2026-05-02T09:00"), of="F"),
        fill("L", at("2026-05-05T09:00"), ldn()),
        fill("F", at("2026-05-01T09:00"), oxycodone(), revision=(9, 9)),
    ]
    assert findings(catalogue, *facts) == ()


def test_an_order_after_the_fill_raises_the_finding_then(catalogue):
    blocker = fill("L", at("2026-06-05T09:00"), ldn())
    assert findings(catalogue, blocker) == ()
    found = findings(catalogue, blocker, order("O", at("2026-06-01T09:00"), oxycodone()))
    assert [(one.rule, one.severity) for one in found] == [("WR-02", Severity.MAJOR)]


def test_an_uncoded_fill_does_not_fill_its_order(catalogue):
    facts = [
        order("O", at("2026-06-01T09:00"), oxycodone()),
        fill(
            "F",
            at("2026-06-02T09:00"),
            replace(oxycodone(), coded=False, text="local item 7"),
            prescription=event_key("test", "O"),
        ),
        fill("L", at("2026-07-05T09:00"), ldn()),
    ]
    assert [found.rule for found in findings(catalogue, *facts)] == ["WR-02"]


def test_two_opioids_of_unknown_form_are_two_findings(catalogue):
    facts = [
        fill("A", at("2026-06-01T09:00"), medicine("7804", text="oxycodone", days="5")),
        fill("B", at("2026-06-01T09:00"), medicine("7052", text="morphine", days="5")),
        fill("L", at("2026-06-03T09:00"), ldn()),
    ]
    found = findings(catalogue, *facts)
    assert [one.counterpart for one in found] == ["opioid_unknown", "opioid_unknown"]
    assert found[0].finding_id != found[1].finding_id


def test_an_interacting_medicine_from_after_a_proper_start_raises_nothing(catalogue):
    facts = [
        fill("M", at("2026-03-01T09:00"), methadone()),
        fill("L", at("2026-04-14T09:00"), ldn()),
        report("C", at("2026-05-20T09:00"), medicine("2541", text="cimetidine")),
    ]
    assert findings(catalogue, *facts) == ()


def test_an_interacting_medicine_from_between_two_weeks_and_the_antagonist_moves_the_start_past_it(catalogue):
    facts = [
        fill("M", at("2026-03-01T09:00"), methadone()),
        fill("K", at("2026-04-16T09:00"), medicine("6135", text="ketoconazole", days="10")),
        fill("L", at("2026-04-20T09:00"), ldn()),
    ]
    (found,) = [one for one in findings(catalogue, *facts) if one.rule == "WR-02"]
    assert found.earliest_start_time == at("2026-04-24T23:00")  # 31 March 09:00 + 590 h


def test_every_satisfied_window_is_told_with_its_arithmetic(catalogue):
    facts = [fill("M", at("2026-03-01T09:00"), methadone()), fill("L", at("2026-04-14T09:00"), ldn())]
    (told,) = assess(History(facts=facts), catalogue).satisfied
    assert (told.anchor_event_id, told.line.elapsed_h, told.line.policy_window_h) == ("L", 336, 336)


def test_what_was_not_read_is_named_and_every_rule_runs(catalogue):
    unread = UnreadFact(kind="unknown", **envelope("E", at("2026-03-01T09:00")))
    assessment = assess(History(facts=[unread]), catalogue)
    assert assessment.unread == ("unknown",)
    assert set(assessment.rules_run) == set(catalogue.rules)
    assert assessment.rules_not_covered == ()


def test_a_finding_as_a_document_is_plain_json_with_the_agreed_keys(catalogue):
    facts = [
        fill("M", at("2026-03-01T09:00"), methadone(), rx_number="77", fill_number="1"),
        report("R", at("2026-03-10T12:00"), medicine("9143", text="ranitidine 150 mg")),
        fill("L", at("2026-04-14T12:00"), ldn(dose="4.50")),
        handed_over("H", at("2026-04-14T12:30"), of="L"),
    ]
    (found,) = [one for one in findings(catalogue, *facts) if one.rule == "WR-02"]
    document = json.loads(json.dumps(finding_document(found)))
    assert document["earliest_start_time"] == document["ends_at"] == "2026-04-15T17:45:00Z"
    assert document["urgency"] == "WITH_PATIENT"
    line = document["arithmetic"][0]
    assert (line["hard_window_h"], line["multiplier"], line["elapsed_h"]) == ("368.75", "1.25", "339.5")
    assert "4.5 mg/day" in document["text"]
    assert "4.50" not in document["text"]
    assert {basis.role for basis in found.basis} == {"antagonist", "opioid", "interacting"}
    assert [basis.rx_number for basis in found.basis if basis.role == "opioid"] == ["77"]


def all_kinds(year, days):
    """A fact of every kind at one time of that year, supplied for so many days."""
    time = datetime(year, 6, 1, tzinfo=UTC)
    return [
        order("O", time, oxycodone(days)),
        fill("F", time, methadone(days)),
        fill("F2", time, methadone(days)),
        report("R", time, medicine("9143")),
        report("K", time, medicine("7804", "oxycodone_ir")),
        fill("L", time, ldn(days=days)),
        fill("V", time, medicine("7243", "ntx_depot")),
        given("S", time, medicine("1819", "bup_depot_monthly_sublocade")),
    ]


def conclusions(found):
    return sorted((one.rule, one.severity, one.display, one.anchor_event_id, one.counterpart) for one in found)


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("days", ["0", "1e30", None])
def test_at_the_ends_of_the_calendar_the_same_is_found_as_today(catalogue, year, days):
    found = findings(catalogue, *all_kinds(year, days))
    assert conclusions(found) == conclusions(findings(catalogue, *all_kinds(2026, days)))
    assert {one.rule for one in found} >= {"WR-01", "WR-02", "PK-01"}
    assert all(json.dumps(finding_document(one)) for one in found)


def test_the_length_of_a_window_is_rounded_up_to_a_whole_minute():
    arguments = {"label_interval_h": Decimal(336), "half_lives": 5, "floor": timedelta(hours=336)}
    exact = window_lengths(half_life_high_h=Decimal(59), multiplier=Decimal("1.25"), **arguments)
    broken = window_lengths(half_life_high_h=Decimal("59.0001"), multiplier=Decimal("1.25"), **arguments)
    assert exact.hard == exact.policy == timedelta(hours=368, minutes=45)
    assert broken.hard == broken.policy == timedelta(hours=368, minutes=46)


@pytest.mark.parametrize(("opioid_id", "interacting_id"), [("A", "B"), ("B", "A"), ("C", "D"), ("D", "C")])
def test_of_two_medicines_that_start_together_the_key_decides_the_anchor(catalogue, opioid_id, interacting_id):
    time = at("2026-03-01T09:00")
    facts = [
        fill(opioid_id, time, methadone()),
        fill(interacting_id, time, medicine("6135", text="ketoconazole", days="10")),
    ]
    (found,) = findings(catalogue, *facts)
    assert found.anchor_key == max(fact.key for fact in facts)
    assert found.counterpart == ("6135" if found.anchor_event_id == opioid_id else "methadone_oral")


def test_a_fact_recorded_with_the_antagonist_is_not_late(catalogue):
    together = fill("M", at("2026-03-01T09:00"), methadone(), recorded_at=at("2026-04-10T09:00"))
    later = replace(together, recorded_at=at("2026-04-10T09:01"))
    blocker = fill("L", at("2026-04-10T09:00"), ldn())
    assert "RE_EVALUATED_LATE_EVENT" not in findings(catalogue, together, blocker)[0].reason_codes
    assert "RE_EVALUATED_LATE_EVENT" in findings(catalogue, later, blocker)[0].reason_codes


@pytest.mark.parametrize(("day", "zone"), [(date.max, "UTC"), (date.min, "Europe/Berlin"), (date.max, "Asia/Tokyo")])
def test_a_date_whose_day_leaves_the_calendar_is_an_error(day, zone):
    with pytest.raises(ValueError, match=f"{day} is outside the calendar"):
        Moment.local_date(day, zone)


def test_of_a_zone_that_nobody_knows_people_read_the_date_in_utc():
    late_evening = at("2026-04-15T23:30")
    assert local_date_text(late_evening, "Mars/Olympus") == local_date_text(late_evening, None) == "2026-04-16"
    assert local_date_text(at("2026-04-15T04:00"), "America/New_York") == "2026-04-15"


def test_at_the_end_of_the_calendar_there_is_no_later_date():
    assert local_date_text(at("9999-12-31T12:00"), None) == "9999-12-31"
    assert local_date_text(at("0001-01-01T12:00"), None) == "0001-01-01"
