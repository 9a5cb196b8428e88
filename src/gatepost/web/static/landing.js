// The link's token goes out of the address bar and the history; the form on the page still holds it.
history.replaceState(null, "", location.pathname);
