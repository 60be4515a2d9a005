"""Who signs the certificates of a cluster: an ACME authority, or an authority of the cluster's own.

https://cert-manager.io/docs/configuration/. cert-manager itself is installed by operators.py.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.errors import SettingsError
from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.operator_account import ACCOUNTS, Operator

_API = "cert-manager.io/v1"
# Where the cluster's own authority, and accounts with others, are kept.
_NAMESPACE = ACCOUNTS[Operator.CERT_MANAGER].namespace


class GatewayRef(BaseModel):
    """A Gateway by which an authority reaches an answer to its challenge, on port 80."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: ObjectName
    name: ObjectName


class AcmeIssuerArgs(BaseModel):
    """An ACME authority, such as Let's Encrypt, and how it is shown that a name is ours.

    `dns01` needs a solver from the cloud, and no way in. `http01` is answered by pods beside the Gateway, which
    network policies of its namespace must let in on port 8089.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["acme"] = "acme"
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
    server: str = Field(default="https://acme-v02.api.letsencrypt.org/directory", pattern=r"^https://\S+$")
    challenge: Literal["dns01", "http01"] = "dns01"
    gateways: tuple[GatewayRef, ...] = ()


class OwnIssuerArgs(BaseModel):
    """An authority of the cluster's own, which clients must be told to trust."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["own"] = "own"
    common_name: str = Field(default="Inferloop cluster authority", min_length=1, max_length=64)
    validity_days: PositiveInt = 3650


class CertificateIssuerArgs(BaseModel):
    """The name by which certificates ask for the issuer, and its authority."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ObjectName = "public"
    authority: Annotated[AcmeIssuerArgs | OwnIssuerArgs, Field(discriminator="kind")] = OwnIssuerArgs()


class CertificateIssuer(pulumi.ComponentResource):
    """Make one ClusterIssuer. Output: issuer, its name. `resource` is what certificates are made after.

    `dns_solver` is cert-manager's `dns01` solver of a cloud's DNS; it holds no secret, as pods log in as themselves.
    Raises SettingsError where the challenge lacks what it needs.
    """

    Args: ClassVar[type[CertificateIssuerArgs]] = CertificateIssuerArgs
    issuer: pulumi.Output[str]
    resource: pulumi.Resource

    def __init__(
        self,
        name: str,
        args: CertificateIssuerArgs,
        *,
        dns_solver: ApiObject = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:CertificateIssuer", name, {}, opts)

        def custom(
            kind: str, child: str, metadata: ApiObject, spec: ApiObject, *needs: pulumi.Resource
        ) -> pulumi.Resource:
            return kubernetes.apiextensions.CustomResource(
                f"{name}-{child}",
                api_version=_API,
                kind=kind,
                metadata={**metadata, "labels": labels_of(Role.OPERATORS, name)},
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
            )

        authority = args.authority
        if isinstance(authority, AcmeIssuerArgs):
            spec = {"acme": acme_of(args.name, authority, dns_solver)}
            self.resource = custom("ClusterIssuer", "issuer", {"name": args.name}, spec)
        else:
            seed_name, root_name = f"{args.name}-seed", f"{args.name}-authority"
            seed = custom("ClusterIssuer", "seed", {"name": seed_name}, {"selfSigned": {}})
            root = custom(
                "Certificate",
                "authority",
                {"name": root_name, "namespace": _NAMESPACE},
                {
                    "isCA": True,
                    "commonName": authority.common_name,
                    "secretName": root_name,
                    "duration": f"{24 * authority.validity_days}h",
                    "privateKey": {"algorithm": "ECDSA", "size": 384},
                    "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": seed_name},
                },
                seed,
            )
            spec = {"ca": {"secretName": root_name}}
            self.resource = custom("ClusterIssuer", "issuer", {"name": args.name}, spec, root)
        self.issuer = pulumi.Output.from_input(self.resource.urn).apply(lambda _: args.name)
        self.register_outputs({"issuer": self.issuer})


def acme_of(name: str, args: AcmeIssuerArgs, dns_solver: ApiObject) -> ApiObject:
    """Return the issuer's `acme`. Raises SettingsError where its challenge could not be answered."""
    if args.challenge == "dns01":
        if dns_solver is None:
            raise SettingsError(
                f"issuer {name}: the cloud gives no DNS solver; set challenge: http01, or name a domain"
            )
        solver = {"dns01": dns_solver}
    else:
        if not args.gateways:
            raise SettingsError(
                f"issuer {name}: http01 needs a Gateway that is reached on port 80; list it in gateways"
            )
        solver = {
            "http01": {
                "gatewayHTTPRoute": {
                    "parentRefs": [
                        {
                            "group": "gateway.networking.k8s.io",
                            "kind": "Gateway",
                            "namespace": gateway.namespace,
                            "name": gateway.name,
                        }
                        for gateway in args.gateways
                    ]
                }
            }
        }
    return {
        "email": args.email,
        "server": args.server,
        "privateKeySecretRef": {"name": f"{name}-account"},
        "solvers": [solver],
    }
