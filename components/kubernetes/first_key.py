"""The row of a stack's first API key, made from a secret that exists already."""

import pulumi
import pulumi_kubernetes as kubernetes

from components.contracts import DatabaseEndpoint, SchemaState, SecretHandle
from components.kubernetes.api_object import ApiObject
from components.kubernetes.jobs import job_spec, suffix_of
from components.kubernetes.labels import Role, labels_of, selector_of
from components.kubernetes.pods import Resources, container, pod_template
from components.kubernetes.secret_files import revisions, secret_mounts, secret_path, secret_volumes
from components.kubernetes.service_account import service_account
from components.kubernetes.traffic import Surroundings, network_policy


def first_key(
    name: str,
    *,
    tenant: str,
    key_name: str,
    image: str,
    namespace: pulumi.Input[str],
    database: DatabaseEndpoint,
    schema: SchemaState,
    api_key: SecretHandle,
    surroundings: Surroundings,
    opts: pulumi.ResourceOptions,
) -> kubernetes.batch.v1.Job:
    """Make the Job that stores the key's hash; it runs again when the key, the tenant or the schema changes.

    The key is a secret in the API keys' own format, and the database never holds more of it than its hash.
    """
    labels = labels_of(Role.FIRST_KEY, name)
    account = service_account(name, namespace=namespace, labels=labels, opts=opts)
    policy = network_policy(
        f"{name}-traffic",
        selector_of(Role.FIRST_KEY, name),
        namespace=namespace,
        labels=labels,
        opts=opts,
        egress=[surroundings.to_database()],
    )
    secrets = {"dsn": database.dsn, "api-key": api_key}
    ensure = container(
        "ensure-key",
        image,
        command=("/opt/inferloop/bin/inferloop-runtime", "key", "ensure"),
        args=(
            *("--dsn-file", secret_path("dsn")),
            *("--key-file", secret_path("api-key")),
            *("--tenant", tenant, "--name", key_name, "--scopes", "inference"),
        ),
        mounts=secret_mounts(tuple(secrets)),
        resources=Resources(cpu_millicores=100, memory_mib=256),
    )
    template = pod_template(
        labels=labels,
        service_account=account,
        annotations={**revisions(secrets), "inferloop.dev/schema": schema.revision},
        containers=[ensure],
        volumes=secret_volumes(secrets),
    )
    suffix = pulumi.Output.all(api_key.revision, schema.revision).apply(
        lambda known: suffix_of(tenant, key_name, image, *map(str, known))
    )
    metadata: ApiObject = {"name": pulumi.Output.concat(name, "-", suffix), "namespace": namespace, "labels": labels}
    return kubernetes.batch.v1.Job(
        f"{name}-job",
        metadata=metadata,
        spec=job_spec(template, deadline_s=300, retries=3),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[policy])),
    )
