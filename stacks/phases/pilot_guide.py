"""What an operator of phase 3 reads and runs, beside what the phases before it have."""

from stacks.phases import staging_guide
from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Prerequisite, Trouble
from stacks.phases.staging_guide import rehearsal_gates, rollback_steps

_BEFORE = staging_guide.GUIDE

GUIDE = Guide(
    summary=(
        "Phase 2 in the shape of a production account: a database with a stand-by in another zone, a way out "
        "in each zone, backups that are kept from deletion and restored as a test, alarms with routes to "
        "people, a public zone, a load balancer behind a web application firewall, and a budget that warns before it "
        "is spent."
    ),
    prerequisites=(
        *_BEFORE["prerequisites"],
        Prerequisite(
            name="A domain whose parent zone is yours",
            reason="the stack makes the domain's own zone, and certificates wait until the parent delegates to it",
            command="dig +short NS example.com",
            remedy="after the first `up` begins, enter the output name_servers at the parent zone",
        ),
        Prerequisite(
            name="People who are told",
            reason="alarms that nobody reads are none",
            command="inferloop settings check pilot-aws",
            remedy="name mail addresses or an on-call service under inferloop:alerts; mail addresses must confirm once",
        ),
    ),
    success_criteria=rehearsal_gates("pilot-aws"),
    rollback=rollback_steps("pilot-aws"),
    dashboards=_BEFORE["dashboards"],
    alerts=(
        *_BEFORE["alerts"],
        Alert(
            name="BackupJobFailed",
            expression="aws_backup_number_of_backup_jobs_failed_sum > 0",
            means="a recovery point was not made",
            action="open the vault's jobs; the alarm's text names the resource",
        ),
    ),
    troubleshooting=(
        *_BEFORE["troubleshooting"],
        Trouble(
            symptom="The certificate stays pending",
            check="dig +short NS <domain> does not show the output name_servers",
            remedy="enter them at the parent zone; `up` may be run again meanwhile",
        ),
        Trouble(
            symptom="The load balancer answers 502 or 503, though the gateway's pods run",
            check=(
                "kubectl --namespace edge get targetgroupbindings,gateways,certificates, and the target group's health"
            ),
            remedy=(
                "a Gateway that is not programmed waits for its certificate; a binding without targets says why in "
                "kubectl --namespace entrance logs deployment/aws-load-balancer-controller"
            ),
        ),
        Trouble(
            symptom="The budget's alarm comes before anything was served",
            check="the cost explorer by the tag inferloop:stack",
            remedy="raise inferloop:budget.limit_usd_per_month, or lower the pools' minimum",
        ),
    ),
)
