"""What a message says: addresses, drafts, templates, composing. No database, no network."""
