"""What an operator of phase 2 reads and runs, and what every later phase in a cloud has of it too."""

from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Dashboard, Gate, Prerequisite, Step, Trouble


def rehearsal_gates(stack: str) -> tuple[Gate, ...]:
    """Return the gates that a rehearsal of `stack` measures, with no account."""
    node = f"tests/engine/rehearsal_stacks/test_stacks.py::test_a_stack_is_rehearsed_from_up_to_destroy[{stack}]"
    return (
        Gate(
            name="A second `up` changes nothing",
            measures="resources that a second `pulumi up` of a rehearsed stack touches",
            test=node,
            operator="==",
            threshold=0,
            unit="resources",
        ),
        Gate(
            name="Nothing remains after `destroy`",
            measures="resources and objects that a rehearsed stack leaves behind",
            test=node,
            operator="==",
            threshold=0,
            unit="resources",
        ),
        Gate(
            name="No secret in plain text",
            measures="secrets found in the state, the outputs and the logs of a rehearsed stack",
            test=node,
            operator="==",
            threshold=0,
            unit="secrets",
        ),
    )


def rollback_steps(stack: str) -> tuple[Step, ...]:
    """Return the way back of `stack`; data is protected and stays."""
    return (
        Step(action="Take the last good version", command="git checkout <last good commit> && uv sync"),
        Step(action="See what going back would change", command=f"inferloop preview {stack}"),
        Step(action="Rehearse it, with no account", command=f"inferloop rehearse {stack}"),
        Step(action="Go back", command=f"inferloop up {stack}"),
    )


GUIDE = Guide(
    summary=(
        "A private network over three zones, a Kubernetes cluster with one small GPU pool, managed "
        "PostgreSQL, an image registry, buckets, secrets, certificates and monitoring; textnlp serves a model "
        "on GPUs, tabular captures tables on a schedule. Everything is encrypted, tagged and closed to the "
        "public but the gateways' names."
    ),
    prerequisites=(
        Prerequisite(
            name="An account of the cloud, and credentials for it",
            reason="the provider refuses any other account than the one that the settings name",
            command="aws sts get-caller-identity",
            remedy="log in, then set inferloop:account_id to the account's number",
        ),
        Prerequisite(
            name="Images by digest",
            reason="a tag may change what it names, so images are deployed by digest only",
            command="inferloop settings check staging-aws",
            remedy="build runtime/Containerfile, push it, and set inferloop:images.runtime and inferloop:images.tgi",
        ),
        Prerequisite(
            name="Quota for the pool's GPU machines",
            reason="new accounts may have none",
            command="aws service-quotas get-service-quota --service-code ec2 --quota-code L-DB2E81BA",
            remedy="ask for it in the cloud's console; it takes a day or two",
        ),
        Prerequisite(
            name="The names' DNS",
            reason="certificates are issued to whom the public names lead",
            command="dig +short models.staging.example.com",
            remedy="point each hostname at the address of its gateway's load balancer",
        ),
    ),
    success_criteria=rehearsal_gates("staging-aws"),
    rollback=rollback_steps("staging-aws"),
    dashboards=(
        Dashboard(name="Console", output="console_url", shows="state, request rate, time to first token, models"),
        Dashboard(name="Measurements", output="metrics_query_url", shows="every figure over time, by PromQL"),
    ),
    alerts=(
        Alert(
            name="GatewayErrors",
            expression=(
                'sum(rate(inferloop_gateway_requests_total{status=~"5.."}[5m])) / '
                "sum(rate(inferloop_gateway_requests_total[5m])) > 0.02"
            ),
            means="more answers are errors than the limit allows",
            action="docs/runbooks, then kubectl logs of the gateway and the model server",
        ),
    ),
    troubleshooting=(
        Trouble(
            symptom="`up` refuses because no digest is set",
            check="the message names the image",
            remedy="build and push it, then set inferloop:images.<name> to <repository>@sha256:<digest>",
        ),
        Trouble(
            symptom="A model server's pod stays Pending",
            check="kubectl describe pod; the scheduler names what it lacks",
            remedy="raise inferloop:pools.<pool>.minimum, or ask for quota",
        ),
        Trouble(
            symptom="`up` stops because something would be replaced",
            check="the message names the resource and the property that causes it",
            remedy="inferloop approve <stack> <resource>, or take the setting back",
        ),
        Trouble(
            symptom="A size is refused",
            check="the message names the machines that the region has",
            remedy="set inferloop:pools.<pool>.size to one of them",
        ),
    ),
)
