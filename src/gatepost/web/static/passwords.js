// What helps to type a password: to see it, to know how long it is, and that Caps Lock is on. It never leaves the field:
// the hints repeat some of the server's rules, those that need no list, and the server alone decides.
"use strict";
(() => {
  const words = document.getElementById("words")?.dataset;
  const look = document.getElementById("show-password")?.content;
  if (!words || !look) return; // a page of the product's own

  const LEAST_DIFFERENT = 4; // characters
  const LONGEST_UNIT = 4; // characters: repeated they are no better than once
  const LEAST_RUN = 3; // keys
  const LEAST_WORD = 4; // characters of a name or an address
  const LEAST_OF_ONES_OWN = 8; // characters beside them
  const OF_ONES_OWN = /[^\p{Nd}\p{P}\s$+<=>^`|~]/gu; // neither digits nor signs
  const PAUSE_MS = 900; // who listens hears where the typing paused, not each key
  const ROWS = ["`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./", "abcdefghijklmnopqrstuvwxyz", "01234567890"];
  const RUNS = ROWS.flatMap((row) => [row, [...row].reverse().join("")]).join("\n");

  const pieces = (text) => (text.match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => word.length >= LEAST_WORD);

  function isWalk(text) {
    for (let at = 0; at < text.length; ) {
      let run = 1;
      let held = 1;
      while (at + run < text.length && RUNS.includes(text.slice(at, at + run + 1))) run += 1;
      while (text[at + held] === text[at]) held += 1;
      if (Math.max(run, held) < LEAST_RUN) return false;
      at += Math.max(run, held);
    }
    return true;
  }

  function isRegular(text) {
    const few = new Set(text).size < LEAST_DIFFERENT;
    const units = [1, 2, 3, 4].filter((length) => length <= LONGEST_UNIT && length * 2 <= text.length);
    return few || units.some((length) => text.startsWith(text.slice(length))) || isWalk(text);
  }

  function isPersonal(text, known) {
    let rest = text;
    for (const word of known.sort((one, other) => other.length - one.length)) rest = rest.replaceAll(word, "\n");
    return rest !== text && (rest.match(OF_ONES_OWN) ?? []).length < LEAST_OF_ONES_OWN;
  }

  function withoutLastLabel(address) {
    const at = address.lastIndexOf("@");
    return [address.slice(0, Math.max(at, 0)), ...address.slice(at + 1).split(".").slice(0, -1)].join(" ");
  }

  // The words of the address, of the name and of the product, as far as they stand in the form or are known to the page.
  function knownWords(form) {
    const [name, email, username] = ["name", "email", "username"].map((id) => form.querySelector(`#${id}`)?.value ?? "");
    const known = [name, withoutLastLabel(email), withoutLastLabel(username), words.product];
    return pieces(known.join(" ").normalize("NFC").toLowerCase());
  }

  function judge(input) {
    const text = input.value.normalize("NFC");
    const missing = Number(words.min) - [...text].length;
    if (text === "") return ["", ""];
    if (missing > 0) return ["short", words.missing.replace("{count}", missing)];
    const lower = text.toLowerCase();
    if (isRegular(lower)) return ["weak", words.regular];
    if (isPersonal(lower, knownWords(input.form))) return ["weak", words.personal];
    return ["good", words.enough];
  }

  function line(name, attributes = {}) {
    const made = document.createElement("p");
    made.className = name;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function addStrength(input, note) {
    const seen = line("strength", { "aria-hidden": "true" });
    const heard = line("quietly", { "aria-live": "polite" });
    note.append(seen, heard);
    let pause;
    const show = () => {
      const [level, text] = judge(input);
      seen.dataset.level = level;
      seen.textContent = text;
      clearTimeout(pause);
      pause = setTimeout(() => (heard.textContent = text), PAUSE_MS);
    };
    input.addEventListener("input", show);
    // What the server has just said of it stands there and needs no second voice.
    if (input.value && input.getAttribute("aria-invalid") !== "true") show();
  }

  function addCaps(input, note) {
    const caps = line("caps", { role: "status" });
    note.append(caps);
    const tell = (on) => (caps.textContent = on ? words.caps : "");
    const look = (event) => tell(event.getModifierState?.("CapsLock")); // a filled-in field sends keys without it
    input.addEventListener("keydown", look);
    input.addEventListener("keyup", look);
    input.addEventListener("blur", () => tell(false));
  }

  function setShown(input, button, shown) {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.querySelector(".stroke").setAttribute("visibility", shown ? "visible" : "hidden");
  }

  function addButton(input) {
    input.after(look.cloneNode(true));
    const button = input.nextElementSibling;
    button.setAttribute("aria-controls", input.id);
    button.addEventListener("click", () => setShown(input, button, input.type === "password"));
  }

  function help() {
    for (const input of document.querySelectorAll("#content .control > input[type=password]")) {
      if (input.parentElement.querySelector(".reveal")) continue;
      const note = input.closest(".field")?.querySelector(".note");
      addButton(input);
      if (note) addCaps(input, note);
      if (note && input.autocomplete === "new-password") addStrength(input, note);
    }
  }

  // Hidden again before it is sent: browsers remember what stands in a field of text.
  function hideAll(event) {
    for (const button of event.target.querySelectorAll(".reveal[aria-pressed=true]")) {
      setShown(document.getElementById(button.getAttribute("aria-controls")), button, false);
    }
  }

  document.addEventListener("submit", hideAll, { capture: true });
  document.addEventListener("htmx:after:swap", help);
  help();
})();
