"""The worker: claims due messages, submits them, settles what came of it."""
