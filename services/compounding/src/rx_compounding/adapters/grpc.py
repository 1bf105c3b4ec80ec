"""Serve plans over gRPC."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pharmacy.compounding.v1 import compounding_pb2, compounding_pb2_grpc
from rx_runtime.errors import InvalidInput

from rx_compounding.domain.figures import Figures
from rx_compounding.domain.wording import number, weight
from rx_compounding.handlers import PlanSheet, plan_batch

SERVICE = "pharmacy.compounding.v1.CompoundingService"


class CompoundingServicer(compounding_pb2_grpc.CompoundingServiceServicer):
    """Translates messages; `handlers` decides the answer."""

    def __init__(self, figures: Figures, on_outcome: Callable[[str], None]) -> None:
        self._figures = figures
        self._on_outcome = on_outcome

    async def PlanBatch(  # noqa: N802  # named by the proto
        self,
        request: compounding_pb2.PlanBatchRequest,
        context: Any,  # noqa: ANN401, ARG002  # gRPC passes it
    ) -> compounding_pb2.PlanBatchResponse:
        """Return the weights of a batch."""
        try:
            planned = plan_batch(
                strength_mg=request.strength_mg,
                quantity=request.quantity,
                excess_pct=request.excess_pct,
                mean_tablet_weight_mg=request.mean_tablet_weight_mg,
                fill_weight_mg=request.fill_weight_mg,
                figures=self._figures,
            )
        except InvalidInput:
            self._on_outcome("refused")
            raise
        self._on_outcome("planned")
        return _response(planned)


def _response(planned: PlanSheet) -> compounding_pb2.PlanBatchResponse:
    plan = planned.plan
    return compounding_pb2.PlanBatchResponse(
        need_mg=number(plan.need_mg),
        batch_quantity=plan.batch_quantity,
        batch_need_mg=number(plan.batch_need_mg),
        tablets_exact=number(plan.tablets_exact),
        tablets_whole=plan.tablets_whole,
        powder_mg=_weight(plan.powder_mg),
        powder_waste_mg=_weight(plan.powder_waste_mg),
        waste_active_mg="" if plan.powder_mg is None else weight(plan.waste_active_mg),
        filler_mg=_weight(plan.filler_mg),
        blend_strength_pct="" if plan.blend_strength_pct is None else number(plan.blend_strength_pct),
        potency_low_mg=number(plan.potency_low_mg),
        potency_high_mg=number(plan.potency_high_mg),
        steps=planned.steps,
        cautions=planned.cautions,
        sources=planned.sources,
    )


def _weight(value: Decimal | None) -> str:
    return "" if value is None else weight(value)
