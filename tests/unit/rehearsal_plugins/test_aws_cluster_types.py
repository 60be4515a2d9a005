"""Clusters, their node groups and templates, and what stands in front of them, against a real moto server."""

import pytest

from tests.support.aws_rehearsal import REGION, Cloud

TAGS = {"owner": "a"}
TRUST = '{"Version":"2012-10-17","Statement":[]}'
CLUSTER = "aws:eks/cluster:Cluster"


def make_cluster(cloud: Cloud) -> tuple[str, list[str]]:
    """Return a cluster's name and its subnets."""
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnets = [
        cloud.make(
            "aws:ec2/subnet:Subnet", zone, vpcId=vpc, cidrBlock=f"10.0.{n}.0/24", availabilityZone=f"{REGION}{zone}"
        )
        for n, zone in enumerate("ab")
    ]
    cloud.make("aws:iam/role:Role", "role", assumeRolePolicy=TRUST)
    cluster = cloud.make(
        CLUSTER,
        "cluster",
        roleArn=cloud.output("role", "arn"),
        version="1.35",
        vpcConfig={"subnetIds": subnets, "endpointPrivateAccess": True, "endpointPublicAccess": False},
        enabledClusterLogTypes=["api", "audit"],
        encryptionConfig={
            "provider": {"keyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b"},
            "resources": ["secrets"],
        },
        accessConfig={"authenticationMode": "API"},
        tags=TAGS,
    )
    return cluster, subnets


def test_a_cluster_has_the_security_group_that_the_service_makes_and_takes_it_along(cloud: Cloud) -> None:
    cluster, subnets = make_cluster(cloud)
    network = cloud.output("cluster", "vpcConfig")
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[network["clusterSecurityGroupId"]])["SecurityGroups"][0]
    assert group["VpcId"] == network["vpcId"] == cloud.made["vpc"][1].id
    assert cloud.output("cluster", "identities")[0]["oidcs"][0]["issuer"].startswith("https://")
    cloud.change("cluster", enabledClusterLogTypes=["api"], tags={"owner": "b"})
    cloud.client("eks").update_cluster_config(
        name=cluster, resourcesVpcConfig={"subnetIds": subnets, "endpointPublicAccess": True}
    )
    assert "vpcConfig.endpointPublicAccess" in cloud.drift("cluster")
    cloud.remove_all()
    assert not [it for it in ec2.describe_security_groups()["SecurityGroups"] if it["GroupName"] != "default"]


def test_a_cluster_answers_as_the_rehearsal_s_own_control_plane(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLOOP_REHEARSAL_CLUSTER_ENDPOINT", "https://127.0.0.1:6443")
    monkeypatch.setenv("INFERLOOP_REHEARSAL_CLUSTER_CA", "Y2E=")
    make_cluster(cloud)
    assert cloud.output("cluster", "endpoint") == "https://127.0.0.1:6443"
    assert cloud.output("cluster", "certificateAuthority") == {"data": "Y2E="}
    assert cloud.output("cluster", "arn").endswith(":cluster/" + cloud.made["cluster"][1].id)
    cloud.remove_all()


def test_without_one_a_cluster_answers_as_the_service_does(cloud: Cloud) -> None:
    make_cluster(cloud)
    assert ".eks.amazonaws.com" in cloud.output("cluster", "endpoint")
    assert cloud.output("cluster", "certificateAuthority")["data"]
    cloud.remove_all()


def test_a_node_group_changes_its_size_labels_and_taints_in_place(cloud: Cloud) -> None:
    cluster, subnets = make_cluster(cloud)
    template = cloud.make(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "template",
        blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 50, "encrypted": "true"}}],
        metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
        updateDefaultVersion=True,
        tags=TAGS,
    )
    assert cloud.output("template", "latestVersion") == 1
    cloud.make(
        "aws:eks/nodeGroup:NodeGroup",
        "nodes",
        clusterName=cluster,
        nodeRoleArn=cloud.output("role", "arn"),
        subnetIds=subnets,
        instanceTypes=["g5.xlarge"],
        capacityType="SPOT",
        scalingConfig={"minSize": 0, "maxSize": 2, "desiredSize": 0},
        updateConfig={"maxUnavailable": 1},
        launchTemplate={"id": template, "version": "1"},
        labels={"pool": "small", "old": "yes"},
        taints=[{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
        tags=TAGS,
    )
    cloud.change(
        "nodes",
        scalingConfig={"minSize": 1, "maxSize": 4, "desiredSize": 1},
        labels={"pool": "large"},
        taints=[{"key": "dedicated", "value": "x", "effect": "NO_EXECUTE"}],
    )
    cloud.change(
        "template", blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 80, "encrypted": "true"}}]
    )
    assert cloud.output("template", "latestVersion") == cloud.output("template", "defaultVersion") == 2
    cloud.client("eks").update_nodegroup_config(
        clusterName=cluster, nodegroupName=cloud.output("nodes", "nodeGroupName"), scalingConfig={"maxSize": 9}
    )
    assert set(cloud.drift("nodes")) == {"scalingConfig.maxSize"}
    cloud.remove_all()


def test_the_default_group_of_a_vpc_loses_its_rules_and_shows_those_that_come_back(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    group = cloud.make(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "none", vpcId=vpc, ingress=[], egress=[], tags=TAGS
    )
    ec2 = cloud.client("ec2")
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"] == []
    everybody = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everybody])
    assert set(cloud.drift("none")) == {"ingress[0]"}
    resource, state, wanted = cloud.made["none"]
    found = cloud.plugin.read(resource, state.id, state.properties, wanted)
    assert found is not None
    cloud.plugin.update(resource, state.id, found.properties, found.inputs, wanted)
    assert cloud.drift("none") == {}
    cloud.remove_all()


def test_a_balancer_with_its_listener_firewall_and_targets_comes_back_as_asked(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnets = [
        cloud.make(
            "aws:ec2/subnet:Subnet", zone, vpcId=vpc, cidrBlock=f"10.0.{n}.0/24", availabilityZone=f"{REGION}{zone}"
        )
        for n, zone in enumerate("ab")
    ]
    group = cloud.make("aws:ec2/securityGroup:SecurityGroup", "group", vpcId=vpc)
    balancer = cloud.make(
        "aws:lb/loadBalancer:LoadBalancer",
        "balancer",
        internal=False,
        subnets=subnets,
        securityGroups=[group],
        dropInvalidHeaderFields=True,
        idleTimeout=600,
        accessLogs={"bucket": "logs", "enabled": True},
        tags=TAGS,
    )
    assert cloud.output("balancer", "arnSuffix").startswith("app/balancer-")
    targets = cloud.make(
        "aws:lb/targetGroup:TargetGroup",
        "targets",
        vpcId=vpc,
        port=8080,
        protocol="HTTP",
        targetType="ip",
        deregistrationDelay=120,
        healthCheck={"path": "/health", "matcher": "200", "interval": 15},
        tags=TAGS,
    )
    cloud.make(
        "aws:lb/listener:Listener",
        "listener",
        loadBalancerArn=balancer,
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "forward", "targetGroupArn": targets}],
    )
    open_to = {"allow": {}}
    seen = {"cloudwatchMetricsEnabled": True, "metricName": "all", "sampledRequestsEnabled": True}
    rate = {
        "name": "rate",
        "priority": 0,
        "action": {"block": {}},
        "statement": {"rateBasedStatement": {"limit": 3000, "aggregateKeyType": "IP", "evaluationWindowSec": 300}},
        "visibilityConfig": seen,
    }
    cloud.make(
        "aws:wafv2/webAcl:WebAcl",
        "firewall",
        scope="REGIONAL",
        defaultAction=open_to,
        rules=[rate],
        visibilityConfig=seen,
        tags=TAGS,
    )
    cloud.make(
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "guarded",
        webAclArn=cloud.output("firewall", "arn"),
        resourceArn=balancer,
    )
    cloud.change("balancer", idleTimeout=60, tags={"owner": "b"})
    cloud.change("targets", deregistrationDelay=60, healthCheck={"path": "/ready"})
    cloud.change("firewall", rules=[{**rate, "action": {"count": {}}}], tags={"owner": "b"})
    cloud.client("wafv2").disassociate_web_acl(ResourceArn=balancer)
    assert not cloud.is_there("guarded")
    del cloud.made["guarded"]
    cloud.remove_all()


def test_an_instance_profile_holds_its_role_and_shows_when_it_lost_it(cloud: Cloud) -> None:
    role = cloud.make("aws:iam/role:Role", "role", assumeRolePolicy=TRUST)
    profile = cloud.make("aws:iam/instanceProfile:InstanceProfile", "profile", role=role, tags=TAGS)
    assert cloud.output("profile", "arn") == f"arn:aws:iam::123456789012:instance-profile/{profile}"
    cloud.client("iam").remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role)
    assert set(cloud.drift("profile")) == {"role"}
    cloud.client("iam").add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    cloud.remove_all()
