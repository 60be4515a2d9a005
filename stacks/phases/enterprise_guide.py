"""What an operator of phase 5 reads and runs, beside what the phases before it have."""

from stacks.phases import scale_up_guide
from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Prerequisite, Trouble
from stacks.phases.staging_guide import rehearsal_gates, rollback_steps

_BEFORE = scale_up_guide.GUIDE

GUIDE = Guide(
    summary=(
        "Phase 4 for regulated tenants: quotas for each tenant, a record of calls, configuration and threats "
        "that is kept from change, the cloud's services reached inside the network, and policy packs whose "
        "every rule is mandatory."
    ),
    prerequisites=(
        *_BEFORE["prerequisites"],
        Prerequisite(
            name="The account's recorder and threat detector are free",
            reason="an account has one of each",
            command="aws configservice describe-configuration-recorders",
            remedy="set inferloop:audit.record_configuration or detect_threats to false where another stack runs them",
        ),
    ),
    success_criteria=rehearsal_gates("enterprise-aws"),
    rollback=rollback_steps("enterprise-aws"),
    dashboards=_BEFORE["dashboards"],
    alerts=(
        *_BEFORE["alerts"],
        Alert(
            name="QuotaNearlyUsed",
            expression='kube_resourcequota{type="used"} / ignoring(type) kube_resourcequota{type="hard"} > 0.9',
            means="a tenant's pods ask for nearly all that it may have",
            action="raise inferloop:tenants.<tenant>, or lower what its models ask for",
        ),
    ),
    troubleshooting=(
        *_BEFORE["troubleshooting"],
        Trouble(
            symptom="A pod is refused because of the quota",
            check="kubectl describe resourcequota -n <tenant>",
            remedy="raise inferloop:tenants.<tenant>",
        ),
    ),
)
