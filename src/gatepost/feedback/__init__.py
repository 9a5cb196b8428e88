"""What comes back after a server accepted a message: read, matched with the message, and applied once."""
