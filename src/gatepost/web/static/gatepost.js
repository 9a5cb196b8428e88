// Forms are sent in place where scripts run: htmx sends what the browser would have sent, and the answer's content takes
// the place of the page's. Without this file, or without htmx, the browser sends them itself, and every page still works.
"use strict";
(() => {
  const CONTENT = "#content";
  const FOOTER = "footer:outerHTML:footer"; // htmx's way to say: the answer's footer instead of the page's
  const REPLACE = "outerHTML settle:0";
  const MORPH = "outerMorph"; // changes what differs: a field keeps what was typed, passwords too

  const POLLING = "[data-while-visible]";

  // Until the answer is there, and where it leads elsewhere until the other page is. A button that were really disabled
  // would lose the focus.
  function setBusy(form, busy) {
    const set = (element, name) => (busy ? element.setAttribute(name, "true") : element.removeAttribute(name));
    set(form, "aria-busy");
    for (const button of form.querySelectorAll("button:not([type=button])")) set(button, "aria-disabled");
  }

  function isSentInPlace(form) {
    return window.htmx && form.getAttribute("method") === "post" && form.closest(CONTENT) && !form.closest("[data-native]");
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !isSentInPlace(form)) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return; // pressed twice
    setBusy(form, true);
    const here = { source: form, event, target: CONTENT, select: CONTENT, selectOOB: FOOTER, inPlace: true };
    htmx.ajax("POST", form.getAttribute("action"), here);
  });

  // The place of a problem that no answer of this page brought, made when it is needed, and with that problem alone.
  function makeSummary() {
    const main = document.querySelector(CONTENT);
    for (const old of main.querySelectorAll("#summary, [role=alert]")) old.remove();
    const summary = document.createElement("div");
    summary.id = "summary";
    const heading = main.querySelector("h1");
    heading ? heading.after(summary) : main.prepend(summary);
    return summary;
  }

  function tell(template) {
    const words = document.getElementById(template);
    if (!words) return;
    const summary = makeSummary();
    summary.append(words.content.cloneNode(true));
    focusOn(summary);
  }

  function focusOn(element, options) {
    const folded = element.closest("details:not([open])");
    if (folded) folded.open = true;
    if (!element.matches("input, select, button, a")) element.tabIndex = -1;
    element.focus(options);
  }

  // What a reader of the screen has to hear next: the first wrong field, what went wrong, or what page this is now.
  function focusAfter(status) {
    const main = document.querySelector(CONTENT);
    if (status < 400) {
      window.scrollTo(0, 0);
      focusOn(main.querySelector("h1") ?? main, { preventScroll: true });
      return;
    }
    const wrong = main.querySelector("[aria-invalid=true]");
    // Signing in: the password is what one types anew. The summary is an alert and is read out by itself.
    const password = main.querySelector("input[type=password][autofocus]");
    focusOn(wrong ?? password ?? main.querySelector("#summary, [role=alert]") ?? main);
    if (!wrong) password?.select();
  }

  // What was said of a field was said of what stood there before.
  document.addEventListener("input", ({ target }) => {
    if (target.getAttribute("aria-invalid") !== "true") return;
    target.removeAttribute("aria-invalid");
    target.closest(".has-error")?.classList.remove("has-error");
    document.getElementById(`${target.id}-error`)?.replaceChildren();
  });

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    // Nobody of ours reads it, and the address of a page may hold what nobody else should see.
    delete ctx.request.headers["HX-Current-URL"];
  });

  // What a page asks by itself: only while somebody looks, and what cannot be asked now is asked again soon.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && event.target.matches?.(POLLING)) event.preventDefault();
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !window.htmx) return;
    for (const element of document.querySelectorAll(POLLING)) htmx.trigger(element, "every");
  });

  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    if (ctx.response.status >= 400 && ctx.sourceElement.matches(POLLING)) event.preventDefault();
    if (!ctx.inPlace) return;
    ctx.swap = ctx.response.status < 400 ? REPLACE : MORPH;
    if (ctx.hx.retarget === "#summary") makeSummary();
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail;
    const main = tasks.find((task) => task.type === "main");
    if (!ctx.inPlace || main?.fragment.firstElementChild) return;
    event.preventDefault(); // no page of ours: a proxy's, or what stands behind a host application's redirect
    const { redirected, url } = ctx.response.raw;
    redirected ? window.location.assign(url) : tell("strange-answer");
  });

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    countDown();
    if (ctx.inPlace) focusAfter(ctx.response.status);
  });

  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx?.inPlace) tell("no-answer");
  });

  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (ctx.inPlace && !ctx.keepIndicators) setBusy(ctx.source, false);
  });

  // Back from the page a form led to, as the browser had kept it.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) for (const form of document.querySelectorAll("form[aria-busy]")) setBusy(form, false);
  });

  // Seconds that have to pass, counted down in words: `data-wait-s`, `data-wait-text` with {seconds}, and for a text
  // `data-wait-done`. A button cannot be pressed before. The server decides; this only spares a press in vain.
  const timers = new WeakMap();

  function countDown() {
    // An answer that changed the element has taken the mark away, and it counts anew.
    for (const element of document.querySelectorAll("[data-wait-s]:not([data-counting])")) begin(element);
  }

  function begin(element) {
    clearInterval(timers.get(element));
    const { waitS, waitText, waitDone } = element.dataset;
    const end = performance.now() + Number(waitS) * 1000;
    const after = waitDone ?? element.textContent;
    const timer = setInterval(show, 1000);
    timers.set(element, timer);
    element.dataset.counting = "";
    show();

    function show() {
      const seconds = Math.ceil((end - performance.now()) / 1000);
      const over = seconds <= 0 || !element.isConnected;
      if (element instanceof HTMLButtonElement) element.disabled = !over;
      element.textContent = over ? after : waitText.replace("{seconds}", seconds);
      if (over) clearInterval(timer);
    }
  }

  countDown();
})();
