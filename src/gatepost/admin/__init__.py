"""/admin: the operators' pages. They read, and act through the same flows as the JSON routes and the command line."""
