"""The counterpart of a finding: the medicine that was there first, and each of several."""

from rx_clinical import History, assess

from tests.lib.clinical.kit import at, fill, ldn, medicine, oxycodone, report

BEGUN = at("2026-04-01T09:00")
ALWAYS_KNOWN = at("2000-01-01T00:00")
LOPERAMIDE = medicine("6468", "loperamide", text="loperamide 2 mg", dose="8", days="10")
METHYLNALTREXONE = medicine("29899", "methylnaltrexone", text="methylnaltrexone", days="10")
MORPHINE_ER = medicine("7052", "morphine_er", text="morphine 30 mg ER", days="10")
TABLETS = medicine("7243", "ntx_oral", text="naltrexone 50 mg", dose="50", days="30")


def findings(catalogue, rule, *facts):
    found = assess(History(facts=facts, known_since=ALWAYS_KNOWN), catalogue).findings
    return [one for one in found if one.rule == rule]


def test_the_counterpart_is_the_medicine_that_was_there_first(catalogue):
    first, second = BEGUN, at("2026-04-03T09:00")
    loperamide_later = findings(catalogue, "OT-01", fill("n", first, TABLETS), fill("l", second, LOPERAMIDE))
    naltrexone_later = findings(catalogue, "OT-01", fill("l", first, LOPERAMIDE), fill("n", second, TABLETS))
    opioid_later = findings(catalogue, "OT-02", fill("p", first, METHYLNALTREXONE), fill("o", second, oxycodone()))
    peripheral_later = findings(catalogue, "OT-02", fill("o", first, oxycodone()), fill("p", second, METHYLNALTREXONE))

    assert [one.counterpart for one in loperamide_later] == ["ntx_oral"]
    assert [one.counterpart for one in naltrexone_later] == ["loperamide"]
    assert [one.counterpart for one in opioid_later] == ["methylnaltrexone"]
    assert [one.counterpart for one in peripheral_later] == ["oxycodone_ir"]


def test_a_medicine_beside_two_others_is_told_with_each(catalogue):
    second = at("2026-04-03T09:00")
    beside_two_antagonists = findings(
        catalogue, "OT-01", fill("n", BEGUN, TABLETS), fill("d", BEGUN, ldn()), fill("l", second, LOPERAMIDE)
    )
    beside_two_opioids = findings(
        catalogue,
        "OT-02",
        fill("o", BEGUN, oxycodone()),
        fill("m", BEGUN, MORPHINE_ER),
        fill("p", second, METHYLNALTREXONE),
    )

    assert {one.counterpart for one in beside_two_antagonists} == {"ntx_oral", "ntx_ldn"}
    assert {one.counterpart for one in beside_two_opioids} == {"oxycodone_ir", "morphine_er"}


def basis_of(found):
    return [one.event_id for one in found.basis]


def test_of_two_supplies_of_one_opioid_beside_methylnaltrexone_the_earlier_is_told(catalogue):
    facts = [
        report("used", at("2026-03-01T09:00"), oxycodone(None), kind="history"),
        fill("filled", BEGUN, oxycodone()),
        fill("p", at("2026-04-03T09:00"), METHYLNALTREXONE),
    ]

    (found,) = findings(catalogue, "OT-02", *facts)

    assert sorted(basis_of(found)) == ["p", "used"]
