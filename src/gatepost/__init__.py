"""Sign-up for FastAPI products and the mail that goes with it: the names a product needs, and nothing else."""

from gatepost.app import Gatepost, create_app
from gatepost.settings import Settings

__all__ = ["Gatepost", "Settings", "create_app"]
