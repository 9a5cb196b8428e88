"""HTTP: JSON routes, pages for people, probes. Nothing here decides; the flows do."""
