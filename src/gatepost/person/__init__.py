"""One person: everything that is stored about one address, written out or erased."""
