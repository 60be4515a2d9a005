"""What an operator of phase 8 reads and runs, beside what the phases before it have."""

from stacks.phases import enterprise_guide
from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Trouble
from stacks.phases.staging_guide import rehearsal_gates, rollback_steps

_BEFORE = enterprise_guide.GUIDE

GUIDE = Guide(
    summary=(
        "Phase 5 at the least cost: every model is scaled by its load, down to no replica where a cold start "
        "may be waited for, on spot machines or reserved ones, in the smallest size that its plan fits."
    ),
    prerequisites=_BEFORE["prerequisites"],
    success_criteria=rehearsal_gates("optimized-aws"),
    rollback=rollback_steps("optimized-aws"),
    dashboards=_BEFORE["dashboards"],
    alerts=(
        *_BEFORE["alerts"],
        Alert(
            name="ColdStartTooLong",
            expression=(
                "histogram_quantile(0.95, sum by (le) (rate(inferloop_gateway_first_token_seconds_bucket[15m]))) > 60"
            ),
            means="requests wait for a model that was scaled to none",
            action="raise inferloop:textnlp.models.<model>.autoscaling.minimum to 1, or its idle_s",
        ),
    ),
    troubleshooting=(
        *_BEFORE["troubleshooting"],
        Trouble(
            symptom="The first request of the day takes minutes",
            check="kubectl get scaledobjects -n textnlp shows no active replica",
            remedy="set inferloop:textnlp.models.<model>.autoscaling.minimum to 1 for the models that may not wait",
        ),
    ),
)
