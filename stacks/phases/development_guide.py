"""What an operator of phase 1 reads and runs: prerequisites, gates, rollback, what to watch and what to mend."""

from stacks.phases.guide import Guide
from stacks.phases.phase import Alert, Dashboard, Gate, Prerequisite, Step, Trouble

GUIDE = Guide(
    summary=(
        "PostgreSQL with pgvector, migrations, real model weights, the embedded model server, the gateway "
        "with its console, a captured data set and metrics, as supervised processes of one machine that "
        "listen on loopback only."
    ),
    prerequisites=(
        Prerequisite(
            name="Python 3.11 or newer, with pip",
            reason="everything but the engine is Python",
            command="python3 --version",
            remedy="install python3 and python3-venv with your system's package manager",
        ),
        Prerequisite(
            name="13 GiB of free disk space",
            reason="PyTorch's CUDA build and its cache take 7 GiB, building the engine 5 GiB, the stack 1 GiB",
            command="df -h .",
            remedy="free space, or move the checkout to a larger disk",
        ),
        Prerequisite(
            name="4 GiB of memory",
            reason="building the engine takes 3 GiB, the running stack 2 GiB",
            command="free -h",
            remedy="close other programs, or serve a smaller model",
        ),
        Prerequisite(
            name="The Pulumi engine with its Python language host",
            reason="every resource is made through it",
            command="pulumi version",
            remedy="make up",
        ),
    ),
    success_criteria=(
        Gate(
            name="A second `up` changes nothing",
            measures="resources that a second `pulumi up` touches",
            test="tests/engine/test_lifecycle.py::test_a_second_up_changes_nothing",
            operator="==",
            threshold=0,
            unit="resources",
        ),
        Gate(
            name="Drift is repaired, and only that",
            measures="share of injected drifts that `pulumi up` repairs without touching anything else",
            test="tests/engine/test_drift.py",
            operator="==",
            threshold=1,
            unit="share",
        ),
        Gate(
            name="No secret in plain text",
            measures="secrets found in state, logs, settings files and process arguments",
            test="tests/engine/test_secrets.py",
            operator="==",
            threshold=0,
            unit="secrets",
        ),
        Gate(
            name="Nothing remains after `destroy`",
            measures="processes, ports and files of the stack that remain",
            test="tests/engine/test_destroy.py",
            operator="==",
            threshold=0,
            unit="items",
        ),
        Gate(
            name="A killed process is back",
            measures="longest time from kill -9 of any process to a ready stack, model load apart",
            test="tests/engine/test_healing.py",
            operator="<=",
            threshold=10,
            unit="s",
        ),
        Gate(
            name="`up` without a change is quick",
            measures="wall-clock time of a no-op `pulumi up`",
            test="benchmarks/running_stack.py",
            operator="<=",
            threshold=5,
            unit="s",
        ),
        Gate(
            name="Set-up is quick",
            measures="wall-clock time of `make up` with warm caches",
            test="benchmarks/setup_time.py",
            operator="<=",
            threshold=20,
            unit="s",
        ),
        Gate(
            name="The gateway costs little",
            measures="gateway's throughput as a share of a bare pass-through's, with authentication and metering on",
            test="benchmarks/gateway_throughput.py",
            operator=">=",
            threshold=0.6,
            unit="share",
        ),
    ),
    rollback=(
        Step(action="Stop every process and keep the data", command="pulumi destroy -s dev --exclude-protected"),
        Step(action="Go back to the last good version", command="git checkout <last good commit> && uv sync"),
        Step(
            action="Go back to its migration, where it is older",
            command="inferloop-runtime migrate down --revision <revision> --dsn-file .inferloop/dev/secrets/dsn",
        ),
        Step(action="Bring the stack up again on the same data", command="pulumi up -s dev"),
    ),
    dashboards=(
        Dashboard(
            name="Console", output="console_url", shows="state, request rate, time to first token, shards, captures"
        ),
        Dashboard(name="Exporter", output="metrics_url", shows="every figure as Prometheus text"),
        Dashboard(name="Prometheus", output="prometheus_url", shows="the same over time, where it is installed"),
    ),
    alerts=(
        Alert(
            name="ProcessDown",
            expression="up == 0",
            means="a process answers no scrape",
            action="inferloop status, then inferloop logs <process>",
        ),
    ),
    troubleshooting=(
        Trouble(
            symptom="`up` says that a port is in use",
            check="the message names the process that holds it",
            remedy="end that process, or `pulumi config set --path 'inferloop:ports.gateway' 8081`",
        ),
        Trouble(
            symptom="`up` says that a process ends soon after its start",
            check="the message quotes the end of its log; the whole is in `<stack_dir>/log/<process>.log`",
            remedy="mend what the log names, then run `pulumi up` again",
        ),
        Trouble(
            symptom="`shards` is refused",
            check="the message names the degrees in which the model can be split",
            remedy="pulumi config set --path 'inferloop:model.shards' <degree>",
        ),
        Trouble(
            symptom="PostgreSQL does not start as root in a container",
            check="`unshare -U true` fails, and the log names a folder that the user nobody cannot enter",
            remedy="run as an ordinary user, or `chmod o+x` the folder that is named",
        ),
        Trouble(
            symptom="The machine was restarted and nothing answers",
            check="`inferloop status` says that the supervisor is not running",
            remedy="pulumi up -s dev",
        ),
        Trouble(
            symptom="A table, a data set or a weight file was lost or changed",
            check="`pulumi preview -s dev` shows an update of what owns it",
            remedy="pulumi up -s dev",
        ),
        Trouble(
            symptom="A secret must be replaced",
            check="its file lies in `<stack_dir>/secrets`",
            remedy="delete the file and run `pulumi up`: a new one is generated and applied",
        ),
    ),
)
