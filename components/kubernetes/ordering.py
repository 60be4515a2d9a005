"""Order among components: everything below one waits for resources elsewhere.

`depends_on` of a component reaches none of its children (https://www.pulumi.com/docs/iac/concepts/resources/components/),
and an object whose custom resource definition or webhook is not there yet is refused.
"""

from collections.abc import Sequence

import pulumi


def after(resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    """Return options by which a component and all of its children are made after `resources`, and removed before."""
    waited = list(resources)

    def wait(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(depends_on=waited))
        return pulumi.ResourceTransformationResult(props=args.props, opts=options)

    return pulumi.ResourceOptions(transformations=[wait] if waited else [])
