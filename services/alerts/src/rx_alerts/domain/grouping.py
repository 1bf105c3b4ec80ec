"""Which alerts a set of findings asks for.

- One alert for each antagonist that a non-profile finding names; its lines are all findings that name this antagonist,
  and the profile findings about an opioid of these lines.
- A non-profile finding about deficient data, or without an antagonist, is an item of its own: one for each rule and
  set of medicines, so that a refill joins the item instead of opening another.
- A profile finding alone opens nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rx_alerts.domain.model import ANTAGONIST, DATA_FAMILY, OPIOID, Kind, Line, Subject


def alerts_asked_for(lines: Sequence[Line]) -> Mapping[Subject, tuple[Line, ...]]:
    """The lines of each alert that should be open, worst first, by subject."""
    groups: dict[Subject, set[Line]] = defaultdict(set)
    for line in lines:
        for subject in _subjects(line):
            groups[subject].add(line)
    open_groups = {subject: group for subject, group in groups.items() if any(line.opens_alert for line in group)}
    profile = [line for line in lines if not line.opens_alert and not line.products(ANTAGONIST)]
    return {
        subject: worst_first(group | _beside(subject, group, profile)) for subject, group in sorted(open_groups.items())
    }


def worst_first(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Most severe, then most prominent first; equal ones by rule and id, so that equal sets give equal orders."""
    return tuple(sorted(lines, key=lambda line: (-line.severity, -line.display, line.rule, line.finding_id)))


def _subjects(line: Line) -> list[Subject]:
    antagonists = line.products(ANTAGONIST)
    if antagonists and line.family != DATA_FAMILY:
        return [Subject(Kind.ANTAGONIST_COURSE, antagonist) for antagonist in antagonists]
    if not line.opens_alert:
        return []
    kind = Kind.DATA if line.family == DATA_FAMILY else Kind.INTERACTION
    return [Subject(kind, f"{line.rule}:{'+'.join(sorted(line.products()))}")]


def _beside(subject: Subject, group: set[Line], profile: list[Line]) -> set[Line]:
    if subject.kind is not Kind.ANTAGONIST_COURSE:
        return set()
    opioids = frozenset[str]().union(*(line.products(OPIOID) for line in group))
    return {line for line in profile if line.products() & opioids}
