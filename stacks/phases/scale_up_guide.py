"""What an operator of phase 4 reads and runs, beside what the phases before it have."""

from stacks.phases import pilot_guide
from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Prerequisite, Trouble
from stacks.phases.staging_guide import rehearsal_gates, rollback_steps

_BEFORE = pilot_guide.GUIDE

GUIDE = Guide(
    summary=(
        "Phase 3 under load: several GPU pools, spot capacity with on-demand fall-back, replicas that follow "
        "waiting requests and generated tokens, nodes that follow replicas, a cache, cached images, and "
        "models that are split over several GPUs."
    ),
    prerequisites=(
        *_BEFORE["prerequisites"],
        Prerequisite(
            name="Quota for the large machines, spot and on-demand",
            reason="sharded models need eight GPUs in one machine",
            command="aws service-quotas get-service-quota --service-code ec2 --quota-code L-417A185B",
            remedy="ask for it in the cloud's console, or reserve a capacity block",
        ),
    ),
    success_criteria=rehearsal_gates("scale-aws"),
    rollback=rollback_steps("scale-aws"),
    dashboards=_BEFORE["dashboards"],
    alerts=(
        *_BEFORE["alerts"],
        Alert(
            name="ReplicasAtMaximum",
            expression=(
                "kube_horizontalpodautoscaler_status_current_replicas == kube_horizontalpodautoscaler_spec_max_replicas"
            ),
            means="the load wants more replicas than the settings allow",
            action="raise inferloop:textnlp.models.<model>.autoscaling.maximum, and its pool's maximum",
        ),
    ),
    troubleshooting=(
        *_BEFORE["troubleshooting"],
        Trouble(
            symptom="Replicas stay Pending although the pool may grow",
            check="kubectl describe nodeclaims",
            remedy="ask for quota, allow more machine families in inferloop:node_autoscaling, or set fallback_maximum",
        ),
    ),
)
