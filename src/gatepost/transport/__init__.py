"""Ways to submit a message: SMTP, a development folder, memory."""
