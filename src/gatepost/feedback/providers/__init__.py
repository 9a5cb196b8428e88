"""How each provider posts its events, and how each proves that it was the provider."""
