from datetime import UTC, datetime, timedelta

from rx_alerts.domain.deciding import decide
from rx_alerts.domain.grouping import alerts_asked_for
from rx_alerts.domain.model import Display, Kind, Severity

START = datetime(2026, 4, 15, 17, 45, tzinfo=UTC)
NOW = datetime(2026, 4, 14, 12, 0, 1, tzinfo=UTC)


def only_alert(case, *findings):
    ids = iter("ab")
    (change,) = decide([], case.found(1, *findings), now=NOW, new_id=lambda: next(ids))
    return change.alert


def rules(lines):
    return [line.rule for line in lines]


def test_two_opioids_against_one_antagonist_are_lines_of_one_alert_worst_first(case):
    ((subject, lines),) = alerts_asked_for(case.found(1, case.other_clash, case.clash).lines).items()

    assert (subject.kind, subject.name) == (Kind.ANTAGONIST_COURSE, "ntx_ldn")
    assert rules(lines) == ["WR-02", "WR-03"]


def test_a_contraindicated_line_in_the_worklist_stands_before_a_major_one_that_interrupts(case):
    quiet = case.finding("WR-06", case.ldn, case.methadone, display="queue")
    ((_, lines),) = alerts_asked_for(case.found(1, case.other_clash, quiet).lines).items()

    assert rules(lines) == ["WR-06", "WR-03"]


def test_an_interacting_pair_in_the_profile_is_a_line_beside_the_course_of_its_opioid(case):
    ((_, lines),) = alerts_asked_for(case.found(1, case.pair, case.clash).lines).items()

    assert rules(lines) == ["WR-02", "PK-01"]


def test_an_interacting_pair_of_another_opioid_is_no_line_of_the_course(case):
    ((_, lines),) = alerts_asked_for(case.found(1, case.pair, case.other_clash).lines).items()

    assert rules(lines) == ["WR-03"]


def test_profile_findings_alone_open_no_alert(case):
    known = case.finding("OT-02", case.ldn, case.methadone, severity="info", display="profile", start=None)

    assert not alerts_asked_for(case.found(1, case.pair, known).lines)


def test_a_profile_finding_about_the_antagonist_is_a_line_of_its_course(case):
    known = case.finding("OT-02", case.ldn, case.oxycodone, severity="info", display="profile", start=None)
    ((_, lines),) = alerts_asked_for(case.found(1, known, case.clash).lines).items()

    assert rules(lines) == ["WR-02", "OT-02"]


def test_two_antagonists_are_two_alerts(case):
    contrave = case.basis("antagonist", "ntx_er_contrave")
    asked = alerts_asked_for(case.found(1, case.clash, case.finding("WR-01", contrave, case.methadone)).lines)

    assert sorted(subject.name for subject in asked) == ["ntx_er_contrave", "ntx_ldn"]


def test_deficient_data_on_the_antagonist_is_an_item_of_its_own(case):
    dose = case.finding("DQ-02", case.ldn, severity="moderate", display="queue", start=None, family="data")
    asked = alerts_asked_for(case.found(1, case.clash, dose).lines)

    assert sorted((subject.kind, rules(lines)) for subject, lines in asked.items()) == [
        (Kind.ANTAGONIST_COURSE, ["WR-02"]),
        (Kind.DATA, ["DQ-02"]),
    ]


def test_the_next_fill_of_the_same_product_joins_the_open_data_item(case):
    def unknown_dose(event):
        fill = case.basis("deficient", "ntx_ldn", event)
        return case.finding("DQ-02", fill, severity="moderate", display="queue", start=None, family="data")

    ((_, lines),) = alerts_asked_for(case.found(1, unknown_dose("fill-1"), unknown_dose("fill-2")).lines).items()

    assert len(lines) == 2


def test_an_interruptive_pair_without_antagonist_is_an_interaction_alert(case):
    mixed = case.finding("PA-02", case.basis("opioid", "butorphanol"), case.methadone, family="partial", start=None)
    ((subject, _),) = alerts_asked_for(case.found(1, mixed).lines).items()

    assert (subject.kind, subject.name) == (Kind.INTERACTION, "PA-02:butorphanol+methadone_oral")


def test_the_headline_and_severity_are_those_of_the_worst_line(case):
    alert = only_alert(case, case.other_clash, case.pair, case.clash)

    assert alert.headline == "WR-02 about ntx_ldn-1"
    assert alert.severity is Severity.CONTRAINDICATED
    assert alert.display is Display.INTERRUPTIVE
    assert alert.site_id == "main-street"


def test_the_earliest_start_of_an_alert_is_the_latest_of_its_lines(case):
    assert only_alert(case, case.other_clash, case.clash).earliest_start_time == START
    assert only_alert(case, case.other_clash).earliest_start_time == START - timedelta(days=2)


def test_an_opioid_without_an_end_leaves_the_alert_without_an_earliest_start(case):
    ongoing = case.finding("WR-01", case.ldn, case.oxycodone, start=None, no_start="ONGOING_NO_END")

    assert only_alert(case, case.clash, ongoing).earliest_start_time is None
