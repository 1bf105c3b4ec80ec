"""Symptoms reported while a course of low-dose naltrexone lasts: LD-08 and LD-09."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rx_clinical.facts import PatientFact
from rx_clinical.ldn import Intake, intakes, low_dose
from rx_clinical.picture import Picture
from rx_clinical.windows import later

if TYPE_CHECKING:
    from datetime import datetime


def symptoms_in_courses(picture: Picture, meaning: str) -> Iterator[tuple[Intake, list[PatientFact]]]:
    """The first supply of each course with the symptoms of a meaning that were reported while it lasted, if any."""
    symptoms = picture.patient.symptoms(meaning)
    if not symptoms:
        return
    courses: dict[datetime, list[Intake]] = {}
    for intake in low_dose(intakes(picture)):
        courses.setdefault(intake.course_begin, []).append(intake)
    for course in courses.values():
        until = later(max(intake.until for intake in course), picture.catalogue.policy.ldn_course_gap)
        found = [fact for fact in symptoms if course[0].at <= fact.occurred.earliest < until]
        if found:
            yield course[0], found
