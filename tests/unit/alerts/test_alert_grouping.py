from datetime import UTC, datetime, timedelta

import pytest
from rx_alerts.domain.grouping import MAX_NAME_CHARACTERS, desired_alerts
from rx_alerts.domain.model import AlertDisplay, AlertSeverity, SubjectKind
from rx_alerts.domain.reconcile import reconcile
from rx_clinical import load_catalogue

START = datetime(2026, 4, 15, 17, 45, tzinfo=UTC)
NOW = datetime(2026, 4, 14, 12, 0, 1, tzinfo=UTC)


def only_alert(case, *findings):
    ids = iter("ab")
    (change,) = reconcile([], case.found(1, *findings), now=NOW, new_id=lambda: next(ids))
    return change.alert


def rules(lines):
    return [line.rule for line in lines]


def test_two_opioids_against_one_antagonist_are_lines_of_one_alert_worst_first(case):
    ((subject, lines),) = desired_alerts(case.found(1, case.other_clash, case.clash).lines).items()

    assert (subject.kind, subject.name) == (SubjectKind.ANTAGONIST_COURSE, "ntx_ldn")
    assert rules(lines) == ["WR-02", "WR-03"]


def test_a_contraindicated_line_in_the_worklist_stands_before_a_major_one_that_interrupts(case):
    quiet = case.finding("WR-06", case.ldn, case.methadone, display="queue")
    ((_, lines),) = desired_alerts(case.found(1, case.other_clash, quiet).lines).items()

    assert rules(lines) == ["WR-06", "WR-03"]


def test_an_interacting_pair_in_the_profile_is_a_line_beside_the_course_of_its_opioid(case):
    ((_, lines),) = desired_alerts(case.found(1, case.pair, case.clash).lines).items()

    assert rules(lines) == ["WR-02", "PK-01"]


def test_an_interacting_pair_of_another_opioid_is_no_line_of_the_course(case):
    ((_, lines),) = desired_alerts(case.found(1, case.pair, case.other_clash).lines).items()

    assert rules(lines) == ["WR-03"]


def test_profile_findings_alone_open_no_alert(case):
    known = case.finding("OT-02", case.ldn, case.methadone, severity="info", display="profile", start=None)

    assert not desired_alerts(case.found(1, case.pair, known).lines)


def test_a_profile_finding_about_the_antagonist_is_a_line_of_its_course(case):
    known = case.finding("OT-02", case.ldn, case.oxycodone, severity="info", display="profile", start=None)
    ((_, lines),) = desired_alerts(case.found(1, known, case.clash).lines).items()

    assert rules(lines) == ["WR-02", "OT-02"]


def test_two_antagonists_are_two_alerts(case):
    contrave = case.basis("antagonist", "ntx_er_contrave")
    asked = desired_alerts(case.found(1, case.clash, case.finding("WR-01", contrave, case.methadone)).lines)

    assert sorted(subject.name for subject in asked) == ["ntx_er_contrave", "ntx_ldn"]


def test_deficient_data_on_the_antagonist_is_an_item_of_its_own(case):
    dose = case.finding("DQ-02", case.ldn, severity="moderate", display="queue", start=None)
    asked = desired_alerts(case.found(1, case.clash, dose).lines)

    assert sorted((subject.kind, rules(lines)) for subject, lines in asked.items()) == [
        (SubjectKind.ANTAGONIST_COURSE, ["WR-02"]),
        (SubjectKind.DATA, ["DQ-02"]),
    ]


def test_the_next_fill_of_the_same_product_joins_the_open_data_item(case):
    def unknown_dose(event):
        fill = case.basis("deficient", "ntx_ldn", event)
        return case.finding("DQ-02", fill, severity="moderate", display="queue", start=None)

    ((_, lines),) = desired_alerts(case.found(1, unknown_dose("fill-1"), unknown_dose("fill-2")).lines).items()

    assert len(lines) == 2


def test_an_interruptive_pair_without_antagonist_is_an_interaction_alert(case):
    mixed = case.finding("PA-02", case.basis("opioid", "butorphanol"), case.methadone, start=None)
    ((subject, _),) = desired_alerts(case.found(1, mixed).lines).items()

    assert (subject.kind, subject.name) == (SubjectKind.INTERACTION, "PA-02:butorphanol+methadone_oral")


def test_the_headline_and_severity_are_those_of_the_worst_line(case):
    alert = only_alert(case, case.other_clash, case.pair, case.clash)

    assert alert.headline == "WR-02 about ntx_ldn-1"
    assert alert.severity is AlertSeverity.CONTRAINDICATED
    assert alert.display is AlertDisplay.INTERRUPTIVE
    assert alert.site_id == "main-street"


def test_the_earliest_start_of_an_alert_is_the_latest_of_its_lines(case):
    assert only_alert(case, case.other_clash, case.clash).earliest_start_time == START
    assert only_alert(case, case.other_clash).earliest_start_time == START - timedelta(days=2)


def test_an_opioid_without_an_end_leaves_the_alert_without_an_earliest_start(case):
    ongoing = case.finding("WR-01", case.ldn, case.oxycodone, start=None, no_start="ONGOING_NO_END")

    assert only_alert(case, case.clash, ongoing).earliest_start_time is None


def asked_for(case, *findings):
    """Rules of the lines of each alert."""
    return {
        (subject.kind, subject.name): rules(lines)
        for subject, lines in desired_alerts(case.found(1, *findings).lines).items()
    }


COURSE, INTERACTION, DATA = SubjectKind.ANTAGONIST_COURSE, SubjectKind.INTERACTION, SubjectKind.DATA
KINDS = {"WR": COURSE, "BL": COURSE, "HN": COURSE, "SX": COURSE, "LD": COURSE, "DQ": DATA, "CP": DATA} | dict.fromkeys(
    ("PA", "PK", "IN", "OT"), INTERACTION
)


@pytest.mark.parametrize("rule", sorted(load_catalogue().rules))
@pytest.mark.parametrize("basis", ["pair", "pair without antagonist", "anchor alone", "nothing"])
def test_a_finding_of_every_rule_opens_exactly_one_alert_whatever_its_basis_and_none_from_the_profile(
    case, rule, basis
):
    on = {
        "pair": (case.ldn, case.methadone),
        "pair without antagonist": (case.methadone, case.ranitidine),
        "anchor alone": (case.ldn,),
        "nothing": (case.ldn,),
    }[basis]
    loud, quiet = (case.finding(rule, *on, display=display) for display in ("queue", "profile"))
    for finding in (loud, quiet):
        if basis == "nothing":
            del finding.basis[:]
    family = load_catalogue().rules[rule].family

    assert loud.family == family
    assert [(kind, lines) for (kind, _), lines in asked_for(case, loud).items()] == [(KINDS[rule[:2]], [rule])]
    assert asked_for(case, quiet) == {}


def test_everything_that_speaks_against_one_antagonist_course_is_one_alert(case):
    blocked = case.finding("BL-01", case.oxycodone, case.ldn)
    thyroid = case.finding("LD-01", case.ldn, case.basis("interacting", "levothyroxine"), severity="major", start=None)
    pregnant = case.finding("LD-05", case.ldn, case.pregnancy, severity="major", start=None, counterpart="pregnancy")
    surgery = case.finding("SX-01", case.ldn, case.operation, severity="major", start=None, counterpart="operation-7")

    asked = asked_for(case, case.clash, blocked, thyroid, pregnant, surgery)

    assert asked == {(COURSE, "ntx_ldn"): ["BL-01", "WR-02", "LD-01", "LD-05", "SX-01"]}


def test_an_ldn_finding_without_a_word_for_the_other_side_opens_the_alert_of_its_course(case):
    young = case.finding("LD-06", case.ldn, severity="major", display="queue", start=None)

    assert asked_for(case, young) == {(COURSE, "ntx_ldn"): ["LD-06"]}


def test_a_finding_that_rests_on_two_antagonists_is_a_line_of_the_course_that_it_hangs_on(case):
    contrave = case.basis("antagonist", "ntx_er_contrave")
    both = case.finding("WR-02", case.ldn, contrave, case.methadone, counterpart="methadone_oral")

    assert asked_for(case, both) == {(COURSE, "ntx_ldn"): ["WR-02"]}


def test_a_blockade_is_a_line_of_the_antagonist_that_it_names_as_the_other_side(case):
    contrave = case.basis("antagonist", "ntx_er_contrave")
    blocked = case.finding("BL-01", case.oxycodone, contrave, case.ldn, counterpart="ntx_ldn")
    unnamed = case.finding("BL-02", case.oxycodone, case.ldn, contrave, counterpart="7243")

    assert asked_for(case, blocked) == {(COURSE, "ntx_ldn"): ["BL-01"]}
    assert asked_for(case, unnamed) == {(COURSE, "ntx_er_contrave"): ["BL-02"]}


def test_a_crushed_sequestered_product_is_its_own_course_even_if_its_basis_calls_it_an_opioid(case):
    crushed = case.finding("HN-02", case.embeda, start=None)
    as_opioid = case.finding("HN-02", case.basis("opioid", "morphine_er_embeda"), start=None)

    assert asked_for(case, crushed) == asked_for(case, as_opioid) == {(COURSE, "morphine_er_embeda"): ["HN-02"]}


def test_a_medicine_in_two_roles_is_the_antagonist_of_its_own_course(case):
    contrave = case.basis("antagonist", "ntx_er_contrave", "contrave-1")
    bupropion = case.basis("interacting", "bupropion", "contrave-1")
    clash = case.finding("WR-01", contrave, bupropion, case.methadone, counterpart="methadone_oral")

    assert asked_for(case, clash) == {(COURSE, "ntx_er_contrave"): ["WR-01"]}


@pytest.mark.parametrize(
    ("rule", "display"), [("IN-01", "interruptive"), ("IN-02", "queue"), ("PK-01", "interruptive"), ("PA-01", "queue")]
)
def test_a_pair_is_one_item_whichever_of_the_two_started_later(case, rule, display):
    again = case.basis("opioid", "methadone_oral", "methadone-2")
    first = case.finding(rule, case.rifampin, case.methadone, severity="moderate", display=display, start=None)
    later = case.finding(
        rule, again, case.rifampin, severity="moderate", display=display, start=None, counterpart="9384"
    )

    assert asked_for(case, first, later) == {(INTERACTION, f"{rule}:methadone_oral+rifampin"): [rule, rule]}


def test_an_item_stays_the_same_when_it_comes_to_rest_on_more(case):
    alvimopan = case.basis("interacting", "alvimopan")
    first = case.finding("OT-03", alvimopan, case.oxycodone, start=None)
    grown = case.finding("OT-03", alvimopan, case.oxycodone, case.methadone, case.pregnancy, start=None)
    alone = case.finding("OT-03", alvimopan, case.oxycodone, case.methadone, start=None, counterpart="")

    assert (
        list(asked_for(case, first)) == list(asked_for(case, grown)) == [(INTERACTION, "OT-03:alvimopan+oxycodone_ir")]
    )
    assert list(asked_for(case, alone)) == [(INTERACTION, "OT-03:alvimopan")]


def test_pairs_without_an_antagonist_stay_apart_from_the_course_and_from_each_other(case):
    inducer = case.finding("IN-01", case.rifampin, case.methadone, severity="major", start=None)
    mixed = case.finding("PA-02", case.basis("opioid", "butorphanol"), case.methadone, start=None)

    assert asked_for(case, case.clash, inducer, mixed) == {
        (COURSE, "ntx_ldn"): ["WR-02"],
        (INTERACTION, "IN-01:methadone_oral+rifampin"): ["IN-01"],
        (INTERACTION, "PA-02:butorphanol+methadone_oral"): ["PA-02"],
    }


def test_profile_findings_of_a_course_are_lines_of_its_alert_and_those_of_another_are_not(case):
    contrave = case.basis("antagonist", "ntx_er_contrave")
    review, other = (
        case.finding("LD-10", antagonist, severity="info", display="profile", start=None)
        for antagonist in (case.ldn, contrave)
    )

    assert asked_for(case, case.clash, review, other) == {(COURSE, "ntx_ldn"): ["WR-02", "LD-10"]}


def test_a_profile_finding_of_a_pair_that_has_an_item_is_a_line_of_that_item_alone(case):
    loud = case.finding("PK-01", case.ranitidine, case.methadone, severity="moderate", start=None)
    quiet = case.finding(
        "PK-01", case.basis("opioid", "methadone_oral", "methadone-2"), case.ranitidine, severity="info",
        display="profile", start=None, counterpart="9143",
    )  # fmt: skip

    assert asked_for(case, case.clash, loud, quiet) == {
        (COURSE, "ntx_ldn"): ["WR-02"],
        (INTERACTION, "PK-01:methadone_oral+ranitidine"): ["PK-01", "PK-01"],
    }


def test_deficient_data_in_the_profile_is_read_beside_the_course_that_rests_on_it(case):
    clash = case.finding("WR-02", case.ldn, case.methadone, case.ranitidine)

    def deficient(rule, fact):
        same = case.basis("deficient", fact.form_key or "as the source calls it", fact.event_id)
        return case.finding(rule, same, severity="info", display="profile", start=None)

    beside = [deficient("DQ-01", case.methadone), deficient("DQ-01", case.ldn), deficient("DQ-07", case.ranitidine)]
    elsewhere = deficient("DQ-01", case.oxycodone)

    assert asked_for(case, clash, *beside, elsewhere) == {(COURSE, "ntx_ldn"): ["WR-02", "DQ-01", "DQ-01", "DQ-07"]}


def test_too_many_facts_are_one_item_of_a_patient(case):
    crowded = case.finding("DQ-06", case.ldn, severity="moderate", display="queue", start=None)
    del crowded.basis[:]
    alert = only_alert(case, crowded)

    assert (alert.subject.name, alert.site_id, alert.earliest_start_time) == ("DQ-06:", "", None)


def test_a_product_that_is_known_only_by_a_page_of_text_has_a_name_that_an_index_takes(case):
    pages = [
        case.finding("DQ-03", case.basis("deficient", f"methadone {'ö' * 1_000}{number}"), severity="major", start=None)
        for number in (1, 2)
    ]
    first, second = (subject.name for subject in desired_alerts(case.found(1, *pages).lines))

    assert first != second
    assert max(len(first), len(second)) <= MAX_NAME_CHARACTERS
