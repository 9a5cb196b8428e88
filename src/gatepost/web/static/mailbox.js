// New mail appears without a reload: the server says that something changed, and htmx fetches what is there now.
"use strict";
const changes = document.getElementById("changes");
let seen = changes.dataset.seen;
let stream = null;

// A window nobody looks at holds no connection: browsers have only a few for one host.
function listen() {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (stream === null) {
    stream = new EventSource(`${changes.dataset.from}?seen=${seen}`);
    stream.addEventListener("changed", (event) => {
      seen = event.data;
      htmx.trigger(changes, "changed");
    });
  }
}

document.addEventListener("visibilitychange", listen);
listen();
