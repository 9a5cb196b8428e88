"""Every setting: what it is called, how its text is read, which values are safe together, and where it came from."""

from gatepost.settings.development import development_keys
from gatepost.settings.model import Settings
from gatepost.settings.setting import Setting
from gatepost.settings.smtp import SmtpServer
from gatepost.settings.table import SETTINGS

__all__ = ["SETTINGS", "Setting", "Settings", "SmtpServer", "development_keys"]
