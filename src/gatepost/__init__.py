"""Sign-up for FastAPI products and the mail that goes with it."""
