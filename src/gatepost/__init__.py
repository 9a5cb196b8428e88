"""Sign-up for FastAPI products and the mail that goes with it: the names a product needs, and nothing else."""

from gatepost.accounts.account import Account
from gatepost.app import Gatepost, create_app
from gatepost.mail.draft import Draft, IfUnknown, Priority
from gatepost.settings import Settings

__all__ = ["Account", "Draft", "Gatepost", "IfUnknown", "Priority", "Settings", "create_app"]
