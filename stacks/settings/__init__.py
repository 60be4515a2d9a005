"""A stack's settings: frozen, one model for each cloud and phase, read from pulumi.Config in `loading` only.

Validation does no input or output; what needs a look at files is a phase's preflight.
"""

from stacks.settings.capture import STOCKS, CaptureJobSettings, ColumnSettings
from stacks.settings.checkout import CHECKOUT, PROJECT
from stacks.settings.loading import load_settings, parse_settings
from stacks.settings.local import DatabaseSettings, LocalSettings, PortSettings
from stacks.settings.members import MEMBERS, cloud_names, phases_of, settings_class
from stacks.settings.model import ModelSettings
from stacks.settings.section import Name, PortNumber, Section
from stacks.settings.stack import PhaseName, StackSettings

__all__ = [
    "CHECKOUT",
    "MEMBERS",
    "PROJECT",
    "STOCKS",
    "CaptureJobSettings",
    "ColumnSettings",
    "DatabaseSettings",
    "LocalSettings",
    "ModelSettings",
    "Name",
    "PhaseName",
    "PortNumber",
    "PortSettings",
    "Section",
    "StackSettings",
    "cloud_names",
    "load_settings",
    "parse_settings",
    "phases_of",
    "settings_class",
]
