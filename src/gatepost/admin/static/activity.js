// The activity page, live: htmx brings each frame, uPlot draws what the frame says of the last minute, hour and day.
"use strict";
(() => {
  const live = document.getElementById("live");
  const state = document.getElementById("live-state");
  const box = document.getElementById("chart");
  const AGAIN_MS = 1000;
  const HEIGHT = 220;
  const STEPS_S = [10, 30, 60, 300, 600, 1800, 3600, 7200, 14400];
  const STEPS = [1, 10, 100, 1000, 10000, 100000].flatMap((one) => [one, 2 * one, 5 * one]);
  let chart = null;

  // ---- frames -------------------------------------------------------------------------------------------------

  function say(words) {
    if (state.textContent !== words) state.textContent = words;
  }

  // Signed out meanwhile, or not allowed any more: the page itself says which.
  function leaveIfRefused(status) {
    if (status === 401 || status === 403 || status === 404) location.reload();
  }

  live.addEventListener("htmx:before:response", (event) => {
    const { status } = event.detail.ctx.response;
    if (status === 200) return;
    event.preventDefault(); // what went wrong must not take the place of the frame
    leaveIfRefused(status);
  });
  live.addEventListener("htmx:sse:after:connection", () => say(state.dataset.live));
  live.addEventListener("htmx:sse:before:connection", ({ detail }) => {
    if (detail.connection.attempt > 0 && !document.hidden) say(state.dataset.lost);
  });
  live.addEventListener("htmx:sse:error", ({ detail }) => {
    say(state.dataset.lost);
    leaveIfRefused(detail.status);
  });

  function connect() {
    if (document.hidden || live._htmx?.sse) return;
    htmx.trigger(live, "connect");
  }

  // htmx has gone through the page before its extension was there: so the element gets its attributes now.
  function begin() {
    htmx.config.sse = { reconnectDelay: AGAIN_MS, reconnectMaxDelay: AGAIN_MS, reconnectJitter: 0.2 };
    live.setAttribute("hx-swap", "innerMorph");
    live.setAttribute("hx-trigger", "connect");
    live.setAttribute("hx-sse:connect", live.dataset.from);
    htmx.process(live);
    connect();
    // The extension comes back by itself once it was connected; where it never was, this does.
    setInterval(connect, 2 * AGAIN_MS);
  }

  // ---- the chart ----------------------------------------------------------------------------------------------

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function figures() {
    return JSON.parse(document.getElementById("figures").dataset.chart)[box.dataset.span];
  }

  function columns() {
    const span = figures();
    const until = span.until ?? 0;
    const first = until - span.accepted.length * span.width;
    const shown = (counts) => counts.map((count) => count || null); // nothing is drawn of nothing
    return [span.accepted.map((_, number) => first + number * span.width), shown(span.accepted), shown(span.given_up)];
  }

  function place(at) {
    return box.dataset.span === "minute" ? `${at} s` : new Date(at * 1000).toISOString().slice(11, 16);
  }

  function axis(more) {
    return {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
      ...more,
    };
  }

  function bars(label, stroke) {
    const paths = uPlot.paths.bars({ size: [0.8, 40], align: 1 });
    return { label, stroke, fill: stroke, paths, points: { show: false } };
  }

  function draw() {
    chart?.destroy();
    const options = {
      width: box.clientWidth - 2 * parseFloat(getComputedStyle(box).paddingLeft),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_, first, last) => [first, last + figures().width] },
        y: { range: (_, low, high) => [0, Math.max(high, 5)] },
      },
      axes: [
        axis({ values: (_, places) => places.map(place), space: 70, incrs: STEPS_S }),
        axis({ size: 50, incrs: STEPS }),
      ],
      series: [{}, bars("Accepted", colour("--accent")), bars("Failed or expired", colour("--wrong"))],
    };
    chart = new uPlot(options, columns(), box);
    describe();
  }

  function describe() {
    const [, accepted, givenUp] = columns();
    const sum = (values) => values.reduce((one, other) => one + other, 0);
    const span = document.querySelector(".views [aria-current]").textContent.toLowerCase();
    box.setAttribute("aria-label", `The ${span}: ${sum(accepted)} accepted, ${sum(givenUp)} failed or expired`);
  }

  document.addEventListener("htmx:after:swap", () => {
    chart.setData(columns());
    describe();
  });
  new ResizeObserver(() => {
    const width = box.clientWidth - 2 * parseFloat(getComputedStyle(box).paddingLeft);
    if (chart && width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
  }).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  draw();
  begin();
})();
