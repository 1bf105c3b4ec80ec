"""Serve checks over gRPC."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pharmacy.interactions.v1 import interactions_pb2, interactions_pb2_grpc
from pharmacy.prescriptions.v1 import prescriptions_pb2
from rx_clinical import Catalogue
from rx_clinical.model.codes import FormKey, Route, RxNormCode
from rx_clinical.model.facts import Medicine
from rx_contracts.edge import event as edge
from rx_contracts.edge.errors import EdgeError, validate
from rx_contracts.edge.fields import FIRST_YEAR, LAST_YEAR
from rx_contracts.patient_ref import PATIENT_INVALID, patient_ref_fault
from rx_contracts.wire.finding_messages import coverage, finding_to_proto
from rx_contracts.wire.times import instant, optional_timestamp
from rx_runtime.errors import InvalidInput
from rx_runtime.sites import SiteRegistry

from rx_interactions.domain.answer import CheckResult, Freshness
from rx_interactions.domain.dispense import Dispense
from rx_interactions.handlers import check_dispense
from rx_interactions.ports import Histories

SERVICE = "pharmacy.interactions.v1.InteractionService"
_RESPONSE_RESERVE_SECONDS = 0.01  # of the caller's deadline, so that a late history is still answered with its reason


class InteractionServicer(interactions_pb2_grpc.InteractionServiceServicer):
    """Translates messages; `handlers` decides the answer."""

    def __init__(
        self,
        histories: Histories,
        catalogue: Catalogue,
        sites: SiteRegistry,
        *,
        expected_interval: Callable[[str], timedelta],
        timeout_seconds: float,
        on_answer: Callable[[str], None],
    ) -> None:
        self._histories = histories
        self._catalogue = catalogue
        self._sites = sites
        self._expected_interval = expected_interval
        self._timeout_seconds = timeout_seconds
        self._on_answer = on_answer

    async def CheckDispense(  # noqa: N802  # named by the proto
        self,
        request: interactions_pb2.CheckDispenseRequest,
        context: Any,  # noqa: ANN401  # gRPC's context, untyped here
    ) -> interactions_pb2.CheckDispenseResponse:
        """Return the findings that handing over the medicine would raise."""
        namespace, value = _patient(request.patient)
        dispense = self._dispense(request)
        result = await check_dispense(
            namespace,
            value,
            dispense,
            histories=self._histories,
            catalogue=self._catalogue,
            expected_interval=self._expected_interval,
            timeout_seconds=_history_timeout(context.time_remaining(), self._timeout_seconds),
        )
        self._on_answer(result.answer.value)
        return _response(result, self._catalogue)

    def _dispense(self, request: interactions_pb2.CheckDispenseRequest) -> Dispense:
        site = self._sites.site(request.site_id) if request.site_id else self._sites.default_site
        return Dispense(
            medicine=_medicine(request),
            codings=[(coding.system, coding.code) for coding in request.codings],
            hand_over_time=_hand_over_time(request),
            site_id=site.id,
            zone=site.zone,
        )


def _history_timeout(remaining_seconds: float | None, longest_seconds: float) -> float:
    """Return the shorter of our limit and the caller's deadline, less the reserve for the response."""
    if remaining_seconds is None:
        return longest_seconds
    return max(0.0, min(longest_seconds, remaining_seconds - _RESPONSE_RESERVE_SECONDS))


def _patient(reference: prescriptions_pb2.PatientRef) -> tuple[str, str]:
    fault = patient_ref_fault(reference)
    if fault:
        raise InvalidInput(PATIENT_INVALID, fault)
    return reference.namespace, reference.value


def _hand_over_time(request: interactions_pb2.CheckDispenseRequest) -> datetime:
    if not request.HasField("hand_over_time"):
        raise InvalidInput("HAND_OVER_TIME_MISSING", "hand_over_time: is required")
    try:
        time = instant(request.hand_over_time)
    except (OverflowError, ValueError) as error:
        raise InvalidInput("HAND_OVER_TIME_OUT_OF_RANGE", "hand_over_time: the year is out of range") from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise InvalidInput("HAND_OVER_TIME_OUT_OF_RANGE", "hand_over_time: the year is out of range")
    return time


def _medicine(request: interactions_pb2.CheckDispenseRequest) -> Medicine:
    """Validate the medicine by the rules of the edge. Raises InvalidInput with the code of the edge."""
    stated = {
        "text": request.text,
        "codings": [{"system": coding.system, "code": coding.code} for coding in request.codings],
        "ingredients": list(request.ingredients),
        "form_key": request.form_key,
        "route": request.route,
        "directions": request.directions,
        "daily_dose_mg": request.daily_dose_mg,
        "days_supply": request.days_supply,
        "as_needed": request.as_needed,
    }
    try:
        valid = validate(edge.Medicine, {name: value for name, value in stated.items() if value})
    except EdgeError as error:
        field = error.pointer.strip("/").replace("/", ".") or "medicine"
        raise InvalidInput(error.code, f"{field}: {error.message}") from error
    return Medicine(
        text=valid.text,
        ingredients=tuple(map(RxNormCode, valid.ingredients)),
        form_key=FormKey(valid.form_key) if valid.form_key else None,
        route=Route.of(valid.route or ""),
        directions=valid.directions,
        daily_dose_mg=valid.daily_dose_mg,
        days_supply=valid.days_supply or None,  # 0 is missing, as in an event
        as_needed=valid.as_needed,
    )


def _response(result: CheckResult, catalogue: Catalogue) -> interactions_pb2.CheckDispenseResponse:
    history = result.history
    return interactions_pb2.CheckDispenseResponse(
        answer=f"ANSWER_{result.answer}",
        findings=[finding_to_proto(finding) for finding in result.findings],
        standing_findings=[finding_to_proto(finding) for finding in result.unchanged],
        coverage=coverage(result.assessment),
        gaps=result.gaps,
        history_known_since_time=optional_timestamp(history.known_since),
        sources=[_freshness(source) for source in history.sources],
        events_considered=len(history.facts),
        ruleset_seq=catalogue.ruleset_seq,
        ruleset_version=catalogue.ruleset_version,
    )


def _freshness(source: Freshness) -> prescriptions_pb2.SourceFreshness:
    return prescriptions_pb2.SourceFreshness(
        source=source.source, newest_recorded_time=optional_timestamp(source.newest_recorded_time)
    )
