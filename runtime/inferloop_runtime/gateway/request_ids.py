"""Make ids for requests that came without one."""

import os


def new_request_id() -> str:
    """Return a new id: `req_` and 128 random bits in hexadecimal."""
    return "req_" + os.urandom(16).hex()
