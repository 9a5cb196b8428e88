// What the operators' pages do in the browser beside htmx: a form is sent once, instants say how long ago they are, ids
// are copied by a button. Everything works without this file.
"use strict";
(() => {
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const AGO_EVERY_MS = 10_000;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });

  function ago(instant) {
    const seconds = Math.round((instant - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
    return words.format(Math.trunc(seconds / length), unit);
  }

  // An attribute, never text of the page: what the server sent stays as it is, for who copies or reads it.
  function sayAgo() {
    for (const time of document.querySelectorAll("main time[datetime]")) {
      const instant = Date.parse(time.dateTime);
      if (Number.isNaN(instant)) continue;
      time.dataset.ago = ago(instant);
      if (time.classList.contains("short")) time.title = time.dataset.ago;
    }
  }

  function offerCopies() {
    if (!navigator.clipboard) return; // browsers have one on HTTPS and on this machine only
    for (const code of document.querySelectorAll("main code.id:not([data-copied])")) {
      code.dataset.copied = "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy ${code.textContent}`);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      });
      code.after(button);
    }
  }

  function setBusy(form, busy) {
    const set = (element, name) => (busy ? element.setAttribute(name, "true") : element.removeAttribute(name));
    set(form, "aria-busy");
    for (const button of form.querySelectorAll("button:not([type=button])")) set(button, "aria-disabled");
  }

  // Pressed twice it would act twice; a file that is downloaded leaves the page where it is.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    else if (!form.hasAttribute("data-stays")) setBusy(form, true);
  });

  // Back from the page a form led to, as the browser had kept it.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) for (const form of document.querySelectorAll("form[aria-busy]")) setBusy(form, false);
  });

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    delete ctx.request.headers["HX-Current-URL"]; // nobody reads it, and it may hold an address somebody looked for
  });

  function dress() {
    sayAgo();
    offerCopies();
  }

  dress();
  setInterval(sayAgo, AGO_EVERY_MS);
  document.addEventListener("htmx:after:swap", dress);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  // Where a form came back: to the first field that is wrong, or to what went wrong.
  (document.querySelector("main [aria-invalid=true]") ?? document.getElementById("summary"))?.focus();
})();
