"""The worked timelines in the docstrings of the rules, run against the core row by row.

Each row is recorded in this order. Its finding cell holds every finding of that rule that is new or changed with it:

    RULE severity [with COUNTERPART][, not before TIME | , no start][, until TIME][, from TIME]
        [, use by DATE][, at most N days]
    RULE withdrawn

`not before` is the earliest start, `until` the end where it differs, `from` where it counts later only; `no start`: an
opioid has no recorded end; `use by` and `at most`: the longest beyond-use date and days supply. Several are parted by
`; `.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from rx_clinical import History, assess, load_catalogue
from rx_clinical.model.facts import Fact
from rx_clinical.model.findings import Finding, NoStartTime, Severity

from tests.lib.clinical.timeline_events import Events, moment
from tools.rule_text import SHARED_REASONS, RuleText, Timeline, read_rule, reasons_of, rows_of, rule_files

RULES = [read_rule(path) for path in rule_files()]
TIMELINES = [(rule, number, one) for rule in RULES for number, one in enumerate(rule.timelines, 1)]
IDS = [f"{rule.rule_id}-{number}" for rule, number, _ in TIMELINES]
ALWAYS = datetime.min.replace(tzinfo=UTC)
_STATED = re.compile(
    r"(?P<rule>[A-Z]{2}-\d\d) (?:withdrawn|(?P<severity>[a-z]+)(?: with (?P<counterpart>[^,]+))?)"
    r"(?:, not before (?P<start>[\d: -]+)|, (?P<endless>no start))?(?:, until (?P<until>[\d: -]+))?"
    r"(?:, from (?P<begins>[\d: -]+))?(?:, use by (?P<bud>[\d-]+))?(?:, at most (?P<days>\d+) days)?"
)


@dataclass(frozen=True)
class Said:
    """What a cell states, or what the core says, of one finding."""

    rule: str
    severity: str | None  # None: withdrawn
    start: str | None = None
    endless: bool = False
    until: str | None = None
    begins: str | None = None
    bud: str | None = None
    days: str | None = None
    counterpart: str | None = None

    def matches(self, other: "Said") -> bool:
        """Equal, where the counterpart is stated on both sides it too."""
        named = self.counterpart and other.counterpart
        mine, theirs = (self.counterpart, other.counterpart) if named else (None, None)
        return (*self._rest, mine) == (*other._rest, theirs)

    @property
    def _rest(self) -> tuple[object, ...]:
        return (self.rule, self.severity, self.start, self.endless, self.until, self.begins, self.bud, self.days)


def stated(cell: str) -> list[Said]:
    """The findings that a cell states."""
    found = []
    for part in filter(None, cell.split("; ")):
        said = _STATED.fullmatch(part)
        assert said, f"{part!r} is not a finding"
        found.append(
            Said(
                said["rule"],
                said["severity"],
                said["start"],
                said["endless"] is not None,
                said["until"],
                said["begins"],
                said["bud"],
                said["days"],
                said["counterpart"],
            )
        )
    return found


def shown(time: datetime | None) -> str | None:
    """As timelines write times."""
    if time is None:
        return None
    return f"{time:%Y-%m-%d %H:%M:%S}" if time.second else f"{time:%Y-%m-%d %H:%M}"


def said_of(finding: Finding, recorded_at: datetime) -> Said:
    """A finding as a cell would state it."""
    return Said(
        finding.rule,
        finding.severity,
        shown(finding.earliest_start_time),
        finding.no_start_time_reason is NoStartTime.ONGOING_NO_END,
        shown(finding.ends_at) if finding.ends_at != finding.earliest_start_time else None,
        shown(finding.active_from) if finding.active_from > recorded_at else None,
        str(finding.max_bud) if finding.max_bud else None,
        str(finding.max_days_supply) if finding.max_days_supply is not None else None,
        finding.counterpart,
    )


def run(rule: RuleText, timeline: Timeline) -> Iterator[tuple[list[Said], list[Said], list[Finding]]]:
    """What each row states, what the core says new or changed with it, and all that it says of the rule then."""
    events, facts, held = Events(), list[Fact](), dict[bytes, Finding]()
    known = moment(timeline.known_from).earliest if timeline.known_from else ALWAYS
    for time, event, cell in timeline.rows:
        facts += events.read(time, event)
        found = assess(History(facts=facts, known_since=known), load_catalogue()).findings
        mine = {one.finding_id: one for one in found if one.rule == rule.rule_id}
        recorded_at = facts[-1].recorded_at
        changed = [
            said_of(one, recorded_at) for key, one in mine.items() if key not in held or _kept(one) != _kept(held[key])
        ]
        gone = [Said(one.rule, None, counterpart=one.counterpart) for key, one in held.items() if key not in mine]
        held = mine
        yield stated(cell), [*changed, *gone], list(mine.values())


def _kept(finding: Finding) -> tuple[object, ...]:
    return (finding.severity, finding.display, finding.earliest_start_time, finding.ends_at, finding.active_from)


@pytest.mark.parametrize(("rule", "number", "timeline"), TIMELINES, ids=IDS)
def test_each_row_says_what_the_timeline_states_and_no_more(rule: RuleText, number: int, timeline: Timeline):
    assert number
    assert timeline.rows
    for (time, event, _), (expected, got, _) in zip(timeline.rows, run(rule, timeline), strict=True):
        left = list(got)
        for one in expected:
            match = next((other for other in left if one.matches(other)), None)
            assert match is not None, f"{time} {event}: expected {one}, the core says {got}"
            left.remove(match)
        assert left == [], f"{time} {event}: the core says more than the timeline"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_the_timelines_show_every_case_of_the_table_and_no_other(rule: RuleText):
    ran = [one for timeline in rule.timelines for *_, found in run(rule, timeline) for one in found]
    told = {(severity, display) for _, severity, display in rule.cases if severity != "none"}

    assert {(str(one.severity), str(one.display)) for one in ran} == told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_a_finding_carries_only_reason_codes_that_its_page_names(rule: RuleText):
    ran = [one for timeline in rule.timelines for *_, found in run(rule, timeline) for one in found]
    carried = {str(code) for one in ran for code in one.reason_codes}

    assert carried - {*reasons_of(rule), *SHARED_REASONS} == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_the_cases_use_the_severities_and_displays_of_the_rule_table(rule: RuleText):
    row = next(row for row in rows_of("rules.csv") if row["rule_id"] == rule.rule_id)
    allowed = {one for one in Severity if one in f"{row['severity']} {row['condition']}"}
    if "one step lower" in row["severity"]:
        allowed |= {Severity.MODERATE}

    for _, severity, display in rule.cases:
        assert severity == "none" or (severity in allowed and display in row["display"])
