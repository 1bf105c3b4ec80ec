"""Findings of a methadone patient who is handed low-dose naltrexone, written as the monitor writes them."""

from datetime import UTC, datetime, timedelta

import pytest
from pharmacy.events.v1 import finding_pb2
from rx_alerts.adapters.finding_decoder import finding_set_from_bytes
from rx_alerts.domain.model import ReceivedFindings
from rx_contracts.wire.times import timestamp

START = datetime(2026, 4, 15, 17, 45, tzinfo=UTC)
FAMILIES = {
    "WR": "withdrawal",
    "BL": "blockade",
    "HN": "hidden",
    "PA": "partial",
    "PK": "exposure",
    "IN": "inducer",
    "OT": "other",
    "SX": "surgery",
    "LD": "ldn",
    "DQ": "data",
    "CP": "compounding",
}


def basis(role: str, product: str, event: str | None = None) -> finding_pb2.Basis:
    event = event or f"{product}-1"
    return finding_pb2.Basis(
        role=role,
        event_key=event.encode().ljust(16, b"."),
        event_id=event,
        source="demo",
        site_id="main-street",
        form_key=product,
        rx_number=f"RX-{event}",
    )


def finding(
    rule: str,
    *on: finding_pb2.Basis,
    severity: str = "contraindicated",
    display: str = "interruptive",
    start: datetime | None = START,
    no_start: str = "",
    counterpart: str | None = None,
) -> finding_pb2.Finding:
    """A finding that hangs on the first of these facts; its counterpart, unless stated, is the second."""
    if counterpart is None:
        counterpart = on[1].form_key if len(on) > 1 else ""
    return finding_pb2.Finding(
        finding_id=f"{rule}{on[0].event_id}".encode()[:16].ljust(16, b"."),
        rule=rule,
        family=FAMILIES[rule[:2]],
        severity=f"SEVERITY_{severity.upper()}",
        display=f"DISPLAY_{display.upper()}",
        anchor_key=on[0].event_key,
        anchor_event_id=on[0].event_id,
        counterpart=counterpart,
        active_from_time=timestamp(START),
        earliest_start_time=timestamp(start) if start else None,
        no_start_time_reason=no_start,
        text=f"{rule} about {on[0].event_id}",
        basis=on,
    )


class Cases:
    """The facts and findings that the tests speak of."""

    basis = staticmethod(basis)
    finding = staticmethod(finding)
    ldn = basis("antagonist", "ntx_ldn")
    methadone = basis("opioid", "methadone_oral")
    oxycodone = basis("opioid", "oxycodone_ir")
    ranitidine = basis("interacting", "ranitidine")
    rifampin = basis("interacting", "rifampin")
    embeda = basis("antagonist", "morphine_er_embeda")
    pregnancy = basis("patient", "pregnancy")
    operation = basis("patient", "procedure", "operation-7")
    clash = finding("WR-02", ldn, methadone)
    later_clash = finding("WR-02", ldn, methadone, start=START + timedelta(days=1))
    other_clash = finding("WR-03", ldn, oxycodone, severity="major", start=START - timedelta(days=2))
    pair = finding("PK-01", methadone, ranitidine, severity="info", display="profile", start=None)

    @staticmethod
    def found(
        position: int, *findings: finding_pb2.Finding, patient: bytes = b"p" * 16, ruleset: int = 1, build: int = 0
    ) -> ReceivedFindings:
        """The finding set of a patient at a position."""
        message = finding_pb2.FindingSet(
            patient=patient,
            build=build,
            ruleset_seq=ruleset,
            ruleset_version="v1",
            position=position,
            findings=findings,
        )
        return finding_set_from_bytes(message.SerializeToString())


@pytest.fixture
def case() -> Cases:
    return Cases()
