"""Jobs: a pod that runs once to its end, and is tried again when it fails."""

import hashlib

from components.kubernetes.api_object import ApiObject


def job_spec(template: ApiObject, *, deadline_s: int, retries: int) -> ApiObject:
    """Return the specification of a Job; the deadline covers all of its tries.

    Finished Jobs are not removed after a time: their absence would make every later `up` run them again.
    """
    return {
        "activeDeadlineSeconds": deadline_s,
        "backoffLimit": retries,
        "template": {
            "metadata": template["metadata"],
            "spec": {**template["spec"], "restartPolicy": "Never"},
        },
    }


def suffix_of(*parts: str) -> str:
    """Return a short digest: a Job cannot be changed, so that another input needs another name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
