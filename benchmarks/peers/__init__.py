"""What others would write: small FastAPI apps that do the same job in the usual ways."""
