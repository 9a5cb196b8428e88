"""What is wrong with mail templates, told before a mail goes out. Pure; docs/reference/mail-rules.md has the rules."""
