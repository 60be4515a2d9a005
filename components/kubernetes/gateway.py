"""The gateway on Kubernetes: the API layer before the model servers, with the stack's first API key.

It makes no way in from outside: that is ingress.py's work.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from components.contracts import DatabaseEndpoint, GatewayEndpoint, ModelEndpoint, SchemaState, SecretHandle
from components.kubernetes.api_object import ApiObject, ImageDigest
from components.kubernetes.first_key import first_key
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, pod_template, spread
from components.kubernetes.secret_files import revisions, secret_mounts, secret_path, secret_volumes
from components.kubernetes.service_account import service_account
from components.kubernetes.settings_file import SettingsFile
from components.kubernetes.traffic import Surroundings, network_policy, to_role

PORT = 8080
_PORT_NAME = "http"
_SETTINGS = "gateway.json"
_JOURNAL = "/var/lib/inferloop/journal"
_LEAVE_ENDPOINTS_S = 10
_MIB = 2**20


class GatewayArgs(BaseModel):
    """Image, size and first tenant. Between `replicas` and `max_replicas` the processor's load decides.

    `journal_mib` bounds the usage records that wait for the database. `model_port` is the model servers' port.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    runtime_image: ImageDigest
    surroundings: Surroundings
    stack: str
    replicas: PositiveInt = 2
    max_replicas: PositiveInt = 10
    target_cpu_percent: PositiveInt = 70
    autoscaled_elsewhere: bool = False
    cpu_millicores: PositiveInt = 500
    memory_mib: PositiveInt = 512
    journal_mib: PositiveInt = 1024
    model_port: PositiveInt = 8080
    drain_timeout_s: PositiveInt = 60
    tenant: str = "default"
    key_name: str = "first"

    @model_validator(mode="after")
    def _grow_upwards(self) -> Self:
        if self.max_replicas < self.replicas:
            raise ValueError(f"max_replicas is {self.max_replicas}, less than replicas ({self.replicas}); raise it")
        return self


class Gateway(pulumi.ComponentResource):
    """Run the API layer before one or more model servers, once the migrations are done.

    Outputs: url, console_url. Keys are secret. Usage that the database has not confirmed lies on the node's disk: it
    survives the container, and a drain writes it out, but it is lost with the node.
    """

    Args: ClassVar[type[GatewayArgs]] = GatewayArgs
    endpoint: GatewayEndpoint
    workload: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: GatewayArgs,
        *,
        namespace: pulumi.Input[str],
        upstreams: Sequence[ModelEndpoint],
        database: DatabaseEndpoint,
        schema: SchemaState,
        api_key: SecretHandle,
        admin_key: SecretHandle,
        priority_class: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Gateway", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        labels, selector = labels_of(Role.GATEWAY, name), selector_of(Role.GATEWAY, name)
        metadata: ApiObject = {"name": name, "namespace": namespace, "labels": labels}
        account = service_account(name, namespace=namespace, labels=labels, opts=inside)
        settings = SettingsFile(
            f"{name}-config",
            _SETTINGS,
            {
                "stack": args.stack,
                "host": "0.0.0.0",  # noqa: S104  # A pod's network is its own; policies decide who reaches it.
                "port": PORT,
                "dsn_file": secret_path("dsn"),
                "admin_key_file": secret_path("admin-key"),
                "upstreams": [{"model": it.model_id, "url": it.url} for it in upstreams],
                "journal_dir": _JOURNAL,
                "journal_max_bytes": args.journal_mib * _MIB,
                "console_access": "key",
                "drain_timeout_s": args.drain_timeout_s,
            },
            namespace=namespace,
            labels=labels,
            opts=inside,
        )
        secrets = {"dsn": database.dsn, "admin-key": admin_key}
        template = pod_template(
            labels=labels,
            service_account=account,
            annotations={**revisions(secrets), "inferloop.dev/schema": schema.revision},
            containers=[_server(args, settings, secrets)],
            volumes=[
                *secret_volumes(secrets),
                settings.volume,
                {"name": "journal", "emptyDir": {"sizeLimit": f"{args.journal_mib + 64}Mi"}},
            ],
            topologySpreadConstraints=spread(selector),
            terminationGracePeriodSeconds=args.drain_timeout_s + _LEAVE_ENDPOINTS_S + 5,
            priority_class=priority_class,
        )
        key = first_key(
            f"{name}-first-key",
            tenant=args.tenant,
            key_name=args.key_name,
            image=args.runtime_image,
            namespace=namespace,
            database=database,
            schema=schema,
            api_key=api_key,
            surroundings=args.surroundings,
            opts=inside,
        )
        scaled_here = not args.autoscaled_elsewhere and args.max_replicas > args.replicas
        deployment_spec: ApiObject = {
            **({} if scaled_here or args.autoscaled_elsewhere else {"replicas": args.replicas}),
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        }
        deployment = kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec=deployment_spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key]),
        )
        service_spec: ApiObject = {
            "selector": selector,
            "ports": [{"name": _PORT_NAME, "port": PORT, "targetPort": _PORT_NAME, "protocol": "TCP"}],
        }
        service = kubernetes.core.v1.Service(f"{name}-service", metadata=metadata, spec=service_spec, opts=inside)
        budget: ApiObject = {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget", metadata=metadata, spec=budget, opts=inside
        )
        if scaled_here:
            kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
                f"{name}-autoscaler", metadata=metadata, spec=_scaling(name, args), opts=inside
            )
        around = args.surroundings
        network_policy(
            f"{name}-traffic",
            selector,
            namespace=namespace,
            labels=labels,
            opts=inside,
            ingress=[around.from_edge(PORT), around.from_monitoring(PORT)],
            egress=[around.to_database(), to_role(Role.MODEL_SERVER, args.model_port)],
        )
        self.workload = deployment.metadata["name"]
        address = pulumi.Output.concat(
            "http://", service.metadata["name"], ".", pulumi.Output.from_input(namespace), f".svc:{PORT}"
        )
        url = pulumi.Output.all(deployment.id, address).apply(lambda known: str(known[1]))
        self.endpoint = GatewayEndpoint(
            url=url,
            console_url=pulumi.Output.concat(url, "/console"),
            metrics_url=pulumi.Output.concat(url, "/metrics"),
            api_key=api_key,
            admin_key=admin_key,
        )
        self.register_outputs({"url": url, "console_url": self.endpoint.console_url})


def _server(args: GatewayArgs, settings: SettingsFile, secrets: Mapping[str, SecretHandle]) -> ApiObject:
    def probe(path: str, **more: ApiObject) -> ApiObject:
        return {"httpGet": {"path": path, "port": _PORT_NAME}, "timeoutSeconds": 2, **more}

    return container(
        "gateway",
        args.runtime_image,
        command=("/opt/inferloop/bin/inferloop-runtime", "gateway"),
        args=("--config", settings.path),
        mounts=[*secret_mounts(tuple(secrets)), settings.mount, {"name": "journal", "mountPath": _JOURNAL}],
        resources=Resources(
            cpu_millicores=args.cpu_millicores,
            memory_mib=args.memory_mib,
            ephemeral_storage_mib=args.journal_mib + 512,
        ),
        ports=[{"name": _PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        startupProbe=probe("/healthz", periodSeconds=1, failureThreshold=60),
        # A gateway whose database is away still serves; one without a healthy model server does not.
        readinessProbe=probe("/readyz", periodSeconds=5, failureThreshold=2),
        livenessProbe=probe("/healthz", periodSeconds=10, failureThreshold=3),
        lifecycle={"preStop": {"sleep": {"seconds": _LEAVE_ENDPOINTS_S}}},
    )


def _scaling(name: str, args: GatewayArgs) -> ApiObject:
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": args.replicas,
        "maxReplicas": args.max_replicas,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": args.target_cpu_percent},
                },
            }
        ],
        # Streams are long: a replica that goes too soon is a drain for nothing.
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
