// The link's token goes out of the address bar and the history; the form on the page still holds it.
const rest = new URLSearchParams(location.search);
rest.delete("token");
history.replaceState(null, "", location.pathname + (String(rest) && `?${rest}`));
