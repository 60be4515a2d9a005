"""How long logs can be kept: CloudWatch takes these numbers of days and no other."""

from typing import Annotated

from pydantic import AfterValidator

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _is_offered(days: int) -> int:
    if days not in RETENTION_DAYS:
        longer = next((offered for offered in RETENTION_DAYS if offered > days), RETENTION_DAYS[-1])
        raise ValueError(f"logs cannot be kept for {days} days; take {longer}, or one of {RETENTION_DAYS}")
    return days


Retention = Annotated[int, AfterValidator(_is_offered)]
