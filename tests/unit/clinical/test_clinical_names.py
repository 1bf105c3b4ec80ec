"""Texts: what names an opioid or antagonist, what hides one, and what spaces the two by hours."""

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "take at bedtime, 6-8 hours after Norco, LDN 4.5 mg",
        "LDN: wait 4 h after your last opioid",
        "Keep naltrexone and oxycodone 12 to 18 hrs apart",
        "LDN every 24 hours, 6 hours before tramadol",
        "Do not stop. Take the naltrexone tonight and the methadone tomorrow, leave 8 hours between",
        "naltrexone 335 hours after methadone",
    ],
)
def test_spacing_by_hours_is_detected(catalogue, text):
    assert catalogue.names.spaces_by_hours(text)


@pytest.mark.parametrize(
    "text",
    [
        "Norco every 6 hours after meals, naltrexone at night",  # a dosing interval
        "naltrexone q 24 h after oxycodone was stopped",
        "LDN 4.5 mg at bedtime, 2 hours after food",  # no opioid
        "oxycodone 6 hours after surgery",  # no antagonist
        "methylnaltrexone 4 hours after morphine",  # acts on the gut
        "buprenorphine/naloxone: wait 12 hours after the last oxycodone",  # the naloxone is a deterrent
        "never take LDN 6 hours after Norco",
        "don\u2019t take LDN 6 hours after Norco",
        "naltrexone 336 hours after methadone",  # two weeks
        "naltrexone with oxycodone 6 hours" + " " * 60 + "after",  # too far apart
        "naltrexone 50 mg, oxycodone 5 mg, after 10 hourglasses",
    ],
)
def test_false_friends_of_spacing(catalogue, text):
    assert not catalogue.names.spaces_by_hours(text)


@pytest.mark.parametrize(
    ("gap", "cue_is_near", "negation_is_near"),
    [(30, True, True), (31, True, False), (40, True, False), (41, False, False)],
)
def test_a_cue_counts_within_forty_characters_of_the_hours_and_a_negation_within_thirty(
    catalogue, gap, cue_is_near, negation_is_near
):
    spaced, blanks = catalogue.names.spaces_by_hours, " " * gap
    assert spaced(f"LDN, oxycodone, after{blanks}6 hours") is cue_is_near
    assert spaced(f"LDN, oxycodone, 6 hours{blanks}after") is cue_is_near
    assert spaced(f"LDN, oxycodone, never{blanks}6 hours apart") is not negation_is_near
    assert spaced(f"LDN, oxycodone, apart 6 hours{blanks}never") is not negation_is_near


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("crush and snort", True),
        ("crushed in water", True),
        ("do not crush", False),
        ("do not crush, chew it", False),
        ("crush it, never snort it", True),
        ("never" + " " * 30 + "crush", False),
        ("never" + " " * 31 + "crush", True),
        ("take one capsule", False),
    ],
)
def test_directions_that_release_what_is_inside_unless_they_forbid_it(catalogue, text, told):
    assert catalogue.names.releases(text) is told


@pytest.mark.parametrize(
    "text",
    [
        "Methadose 40",
        "LDN capsule",
        "oxycodone/apap",
        "NALTREXONE",
        "Narcan nasal",
        "Methadone10mg",
        "LDN4.5mg",
        "bup_LDN",
    ],
)
def test_texts_that_name_an_opioid_or_antagonist(catalogue, text):
    assert catalogue.names_opioid_or_antagonist(text)


@pytest.mark.parametrize(
    "text", ["", "apomorphine", "methylnaltrexone", "Goldner", "opiumwax", "dextromethorphan", "atorvastatin"]
)
def test_texts_that_only_look_like_it(catalogue, text):
    assert not catalogue.names_opioid_or_antagonist(text)


def test_a_brand_hides_its_antagonist_and_a_full_name_does_not(catalogue):
    assert not catalogue.names.names_antagonist("Contrave ER 90/8")
    assert not catalogue.names.names_antagonist("Lybalvi 5/10")
    assert catalogue.names.names_antagonist("bupropion-naltrexone ER 90/8")
    assert catalogue.names.names_antagonist("compounded LDN")
