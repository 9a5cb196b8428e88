// New mail appears without a reload: the server says that something changed, and the list is fetched again.
"use strict";
const list = document.getElementById("mails");
const announce = document.getElementById("announce");

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.getElementById("mails").childNodes);
  announce.textContent = announce.dataset.changed;
}

const changes = new EventSource(list.dataset.changes);
changes.addEventListener("changed", refresh);
