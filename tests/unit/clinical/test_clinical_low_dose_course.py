"""What begins a low-dose course of naltrexone, and a step in it that comes too soon."""

from rx_clinical import History, assess

from tests.lib.clinical.kit import at, fill, given, ldn, medicine, order

BEGUN = at("2026-04-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


def test_a_depot_given_is_no_low_dose_and_begins_no_course(catalogue):
    depot = medicine("7243", "ntx_depot", text="Vivitrol 380 mg")

    assert findings(catalogue, "LD-10", given("d", BEGUN, depot)) == []
    assert findings(catalogue, "LD-10", order("d", BEGUN, depot)) == []


def test_without_a_dose_the_form_tells_whether_it_is_a_low_one(catalogue):
    tablets = medicine("7243", "ntx_oral", text="naltrexone", days="30")

    assert len(findings(catalogue, "LD-10", fill("n", BEGUN, ldn(None)))) == 1
    assert findings(catalogue, "LD-10", fill("n", BEGUN, tablets)) == []


def test_a_step_too_soon_is_told_where_the_course_began_with_an_unknown_dose(catalogue):
    unknown = fill("unknown", BEGUN, ldn(None))
    first_known = fill("first", at("2026-04-20T09:00"), ldn("4.6"))
    step = fill("step", at("2026-04-23T09:00"), ldn("4.9"))

    found = findings(catalogue, "LD-07", unknown, first_known, step)

    assert [(one.anchor_event_id, "sooner than usual" in one.text) for one in found] == [("step", True)]
