"""Group the findings of a patient into the alerts that should be open.

- A finding of a course family (withdrawal, blockade, hidden antagonist, LDN, surgery) is a line of the alert of its
  antagonist's course: one alert for each antagonist of a patient.
- A finding of any other family belongs to an item: one for each rule and set of medicines named, so that a refill joins
  the open item instead of opening another, whichever of the medicines started later.
- A finding of display `profile` opens no alert. It is a line of its own course or item if another finding opens that,
  else a related line of the courses whose medicines or events it names.

So every finding above `profile` is a line of exactly one alert, whatever its basis holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from rx_alerts.domain.model import ANTAGONIST, OPIOID, PATIENT_ROLES, AlertLine, Subject, SubjectKind

COURSE_FAMILIES = frozenset({"withdrawal", "blockade", "hidden", "ldn", "surgery"})
DATA_FAMILIES = frozenset({"data", "compounding"})
MAX_NAME_CHARACTERS = 200
"""Longest name of a subject: a unique index holds the names, and PostgreSQL bounds an index entry."""


def desired_alerts(lines: Sequence[AlertLine]) -> Mapping[Subject, tuple[AlertLine, ...]]:
    """Return the lines of each alert that should be open, worst first, by subject."""
    groups: dict[Subject, set[AlertLine]] = defaultdict(set)
    for line in lines:
        groups[subject_of(line)].add(line)
    desired = {subject: group for subject, group in groups.items() if any(line.opens_alert for line in group)}
    unassigned = {line for subject, group in groups.items() if subject not in desired for line in group}
    return {
        subject: worst_first(group | _related_profile_lines(subject, group, unassigned))
        for subject, group in sorted(desired.items())
    }


def worst_first(lines: Iterable[AlertLine]) -> tuple[AlertLine, ...]:
    """Sort lines by severity, then prominence, highest first; ties by rule and id, so that equal sets sort equally."""
    return tuple(sorted(lines, key=lambda line: (-line.severity, -line.display, line.rule, line.finding_id)))


def subject_of(line: AlertLine) -> Subject:
    """Return the subject of a finding: the one alert that it is a line of, if that is open."""
    if line.family in COURSE_FAMILIES:
        return Subject(SubjectKind.ANTAGONIST_COURSE, _bounded_name(_antagonist(line)))
    kind = SubjectKind.DATA if line.family in DATA_FAMILIES else SubjectKind.INTERACTION
    return Subject(kind, _bounded_name(f"{line.rule}:{'+'.join(sorted(_identifying_products(line)))}"))


def _bounded_name(name: str) -> str:
    """Return the name, or its hash if it is too long: a product without a code is named by its text, of any length."""
    return name if len(name) <= MAX_NAME_CHARACTERS else blake2b(name.encode(), digest_size=16).hexdigest()


def _antagonist(line: AlertLine) -> str:
    """Return the antagonist of the course: the anchor itself, else the counterpart, else the first one named.

    A finding that names no antagonist belongs to the medicine of its anchor, for example an opioid with a sequestered
    antagonist inside.
    """
    named = line.products(ANTAGONIST)
    preferred = (line.anchor_products & named, named & {line.counterpart}, named, line.anchor_products)
    return min(next((products for products in preferred if products), {line.counterpart}))


def _identifying_products(line: AlertLine) -> frozenset[str]:
    """Return the medicines that identify an item among those of its rule: anchor and counterpart, unordered.

    The rest of the basis may grow, and a growing item must stay the same item.
    """
    medicines = line.medicines
    anchor = line.anchor_products & medicines
    if anchor and line.counterpart in ("", *medicines):
        return anchor | ({line.counterpart} - {""})
    return medicines


def _related_profile_lines(subject: Subject, group: set[AlertLine], unassigned: Iterable[AlertLine]) -> set[AlertLine]:
    """Return the unassigned profile findings that the reader of this course must see."""
    if subject.kind is not SubjectKind.ANTAGONIST_COURSE:
        return set()
    medicines = frozenset[str]().union(*({_antagonist(line), *line.products(OPIOID)} for line in group))
    events = {basis.event_key for line in group for basis in line.basis if basis.role not in PATIENT_ROLES}
    return {
        line
        for line in unassigned
        if line.products() & medicines or (line.family in DATA_FAMILIES and line.anchor_key in events)
    }
