"""Who may do what: KMS keys, IAM roles and policies, secrets."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update
from stacks.rehearsal.aws.types import tagging

IDENTITY = (
    ResourceType(
        type="aws:kms/key:Key",
        service="kms",
        id="KeyMetadata.KeyId",
        create=Call(
            operation="create_key", send=("description", "policy", "keyUsage", "customerMasterKeySpec", "multiRegion")
        ),
        read=(
            Call(
                operation="describe_key",
                params={"KeyId": "{id}"},
                result="(KeyMetadata.KeyState != 'PendingDeletion' && KeyMetadata.KeyManager == 'CUSTOMER') "
                "&& KeyMetadata || null",
            ),
            Call(operation="get_key_policy", params={"KeyId": "{id}", "PolicyName": "default"}),
            Call(
                operation="get_key_rotation_status",
                params={"KeyId": "{id}"},
                result="{enableKeyRotation: KeyRotationEnabled}",
            ),
            Call(operation="list_resource_tags", params={"KeyId": "{id}"}),
        ),
        delete=(
            Call(
                operation="schedule_key_deletion",
                params={"KeyId": "{id}", "PendingWindowInDays": "{deletionWindowInDays}"},
            ),
        ),
        updates=(
            Update(
                properties=("enableKeyRotation", "rotationPeriodInDays"),
                call=Call(
                    operation="enable_key_rotation",
                    params={"KeyId": "{id}", "RotationPeriodInDays": "{rotationPeriodInDays}"},
                    when="enableKeyRotation",
                ),
                on_create=True,
            ),
            Update(
                properties=("enableKeyRotation",),
                call=Call(operation="disable_key_rotation", params={"KeyId": "{id}"}, unless="enableKeyRotation"),
            ),
            Update(
                properties=("policy",),
                call=Call(
                    operation="put_key_policy", params={"KeyId": "{id}", "PolicyName": "default"}, send=("policy",)
                ),
            ),
            Update(
                properties=("description",),
                call=Call(operation="update_key_description", params={"KeyId": "{id}"}, send=("description",)),
            ),
        ),
        computed={"keyId": "{id}"},
        # moto rotates no key after a period of one's own.
        unread=frozenset({"rotationPeriodInDays"}),
        replaces=frozenset({"keyUsage", "customerMasterKeySpec", "multiRegion"}),
        tagging=tagging.by_arn("KeyId", value="{id}", created="Tags", pair=("TagKey", "TagValue")),
        listing=Listing(operation="list_keys", ids="Keys[].KeyId", verify=True),
    ),
    ResourceType(
        type="aws:kms/alias:Alias",
        service="kms",
        id="{name}",
        create=Call(operation="create_alias", params={"AliasName": "{name}"}, send=("targetKeyId",)),
        read=(
            Call(
                operation="list_aliases",
                result="Aliases[].{name: AliasName, targetKeyId: TargetKeyId, arn: AliasArn}",
                match="name",
            ),
        ),
        delete=(Call(operation="delete_alias", params={"AliasName": "{id}"}),),
        updates=(
            Update(
                properties=("targetKeyId",),
                call=Call(operation="update_alias", params={"AliasName": "{id}"}, send=("targetKeyId",)),
            ),
        ),
        computed={"targetKeyArn": "arn:{partition}:kms:{region}:{account}:key/{targetKeyId}"},
        replaces=frozenset({"name"}),
        listing=Listing(operation="list_aliases", ids="Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    ),
    ResourceType(
        type="aws:iam/role:Role",
        service="iam",
        id="Role.RoleName",
        create=Call(
            operation="create_role",
            params={"RoleName": "{name}", "AssumeRolePolicyDocument": "{assumeRolePolicy}"},
            send=("path", "description", "maxSessionDuration", "permissionsBoundary"),
        ),
        read=(
            Call(
                operation="get_role",
                params={"RoleName": "{id}"},
                result="merge(Role, {permissionsBoundary: Role.PermissionsBoundary.PermissionsBoundaryArn})",
                tells=("permissionsBoundary", "description"),
            ),
        ),
        delete=(Call(operation="delete_role", params={"RoleName": "{id}"}),),
        updates=(
            Update(
                properties=("assumeRolePolicy",),
                call=Call(
                    operation="update_assume_role_policy",
                    params={"RoleName": "{id}", "PolicyDocument": "{assumeRolePolicy}"},
                ),
            ),
            Update(
                properties=("description", "maxSessionDuration"),
                call=Call(
                    operation="update_role", params={"RoleName": "{id}"}, send=("description", "maxSessionDuration")
                ),
            ),
        ),
        renames={"assumeRolePolicy": "AssumeRolePolicyDocument", "name": "RoleName", "uniqueId": "RoleId"},
        replaces=frozenset({"name", "path"}),
        name="name",
        name_limit=64,
        tagging=Tagging(
            add="tag_role", remove="untag_role", member="RoleName", value="{id}", created={"Tags": "{tagList}"}
        ),
        listing=Listing(operation="list_roles", ids="Roles[?!starts_with(Path, '/aws-service-role/')].RoleName"),
    ),
    ResourceType(
        type="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        id="{role}:{name}",
        create=Call(
            operation="put_role_policy",
            params={"RoleName": "{role}", "PolicyName": "{name}", "PolicyDocument": "{policy}"},
        ),
        read=(
            Call(
                operation="get_role_policy",
                params={"RoleName": "{role}", "PolicyName": "{name}"},
                result="{role: RoleName, name: PolicyName, policy: PolicyDocument}",
            ),
        ),
        delete=(Call(operation="delete_role_policy", params={"RoleName": "{role}", "PolicyName": "{name}"}),),
        updates=(
            Update(
                properties=("policy",),
                call=Call(
                    operation="put_role_policy",
                    params={"RoleName": "{role}", "PolicyName": "{name}", "PolicyDocument": "{policy}"},
                ),
            ),
        ),
        replaces=frozenset({"role", "name"}),
        name="name",
        name_limit=128,
        part_of="aws:iam/role:Role",
    ),
    ResourceType(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        id="{role}/{policyArn}",
        create=Call(operation="attach_role_policy", params={"RoleName": "{role}", "PolicyArn": "{policyArn}"}),
        read=(
            Call(
                operation="list_attached_role_policies",
                params={"RoleName": "{role}"},
                result="AttachedPolicies[].{policyArn: PolicyArn}",
                match="policyArn",
            ),
        ),
        delete=(Call(operation="detach_role_policy", params={"RoleName": "{role}", "PolicyArn": "{policyArn}"}),),
        replaces=frozenset({"role", "policyArn"}),
        part_of="aws:iam/role:Role",
    ),
    ResourceType(
        type="aws:iam/instanceProfile:InstanceProfile",
        service="iam",
        id="InstanceProfile.InstanceProfileName",
        create=Call(operation="create_instance_profile", params={"InstanceProfileName": "{name}"}, send=("path",)),
        read=(
            Call(
                operation="get_instance_profile",
                params={"InstanceProfileName": "{id}"},
                result="InstanceProfile.{name: InstanceProfileName, arn: Arn, path: Path, uniqueId: InstanceProfileId, "
                "role: Roles[0].RoleName, tags: Tags}",
                tells=("role",),
            ),
        ),
        delete=(
            Call(
                operation="remove_role_from_instance_profile",
                params={"InstanceProfileName": "{id}", "RoleName": "{role}"},
                when="role",
            ),
            Call(operation="delete_instance_profile", params={"InstanceProfileName": "{id}"}),
        ),
        updates=(
            Update(
                properties=("role",),
                call=Call(
                    operation="add_role_to_instance_profile",
                    params={"InstanceProfileName": "{id}", "RoleName": "{role}"},
                    when="role",
                ),
                on_create=True,
            ),
        ),
        replaces=frozenset({"name", "path", "role"}),
        name="name",
        name_limit=128,
        tagging=Tagging(
            add="tag_instance_profile",
            remove="untag_instance_profile",
            member="InstanceProfileName",
            value="{id}",
            created={"Tags": "{tagList}"},
        ),
        listing=Listing(operation="list_instance_profiles", ids="InstanceProfiles[].InstanceProfileName"),
    ),
    ResourceType(
        type="aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        id="ARN",
        create=Call(operation="create_secret", send=("name", "description", "kmsKeyId")),
        read=(
            Call(operation="describe_secret", params={"SecretId": "{id}"}, result="!DeletedDate && @ || null"),
            Call(
                operation="get_resource_policy",
                params={"SecretId": "{id}"},
                result="ResourcePolicy && {policy: ResourcePolicy}",
                optional=True,
                tells=("policy",),
            ),
        ),
        delete=(Call(operation="delete_secret", params={"SecretId": "{id}", "ForceDeleteWithoutRecovery": True}),),
        updates=(
            Update(
                properties=("description", "kmsKeyId"),
                call=Call(operation="update_secret", params={"SecretId": "{id}"}, send=("description", "kmsKeyId")),
            ),
            Update(
                properties=("policy",),
                call=Call(
                    operation="put_resource_policy",
                    params={"SecretId": "{id}", "ResourcePolicy": "{policy}"},
                    when="policy",
                ),
                on_create=True,
            ),
            Update(
                properties=("policy",),
                call=Call(operation="delete_resource_policy", params={"SecretId": "{id}"}, unless="policy"),
            ),
        ),
        replaces=frozenset({"name"}),
        name="name",
        name_limit=512,
        tagging=tagging.by_arn("SecretId", value="{id}", created="Tags"),
        listing=Listing(operation="list_secrets", ids="SecretList[].ARN"),
    ),
    ResourceType(
        type="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        id="VersionId",
        create=Call(operation="put_secret_value", params={"SecretId": "{secretId}"}, send=("secretString",)),
        read=(
            Call(
                operation="get_secret_value",
                params={"SecretId": "{secretId}", "VersionId": "{id}"},
                result="{arn: ARN, versionId: VersionId, versionStages: VersionStages, secretString: SecretString}",
            ),
        ),
        # A version ends with its secret.
        delete=(),
        replaces=frozenset({"secretId", "secretString"}),
        part_of="aws:secretsmanager/secret:Secret",
    ),
)
"""The types of this module."""
