"""Pages for developers, on their own machine alone: the development mailbox and the mail templates."""
