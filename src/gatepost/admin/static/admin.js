// What the operators' pages do in the browser beside htmx. Everything works without it, but keeps still.
