// Ask the gateway for its data every two seconds and show it.

import { element, plot } from "/console/plot.js";

const REFRESH_MS = 2000;
const KEY = "inferloop-admin-key";
const byId = (id) => document.getElementById(id);
let latest = null;
let timer = null;

const whole = (value) => new Intl.NumberFormat().format(value);

function rate(value) {
  return value === null || value === undefined ? "–" : value >= 100 ? whole(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${(value / 1000).toFixed(value >= 10000 ? 1 : 2)} s` : `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;
}

function axis(value) {
  if (value >= 10000) return `${value / 1000}k`;
  return String(Number(value.toPrecision(3)));
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let index = 0;
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${value >= 100 || index === 0 ? Math.round(value) : value.toFixed(1)} ${units[index]}`;
}

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function html(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const cell = (content, kind) => {
  const made = html("td", kind ? { class: kind } : {});
  made.append(content instanceof Node ? content : String(content ?? "–"));
  return made;
};

const state = (text, kind) => html("span", { text, class: `state ${kind}` });

function moment(iso) {
  const time = new Date(iso);
  const ago = Math.max(0, (Date.now() - time.getTime()) / 1000);
  return html("time", { text: `${duration(ago)} ago`, datetime: iso, title: time.toLocaleString() });
}

function fill(body, rows, emptyText) {
  const columns = byId(body).parentElement.querySelectorAll("th").length;
  const empty = html("tr", {}, html("td", { text: emptyText, class: "empty", colspan: columns }));
  byId(body).replaceChildren(...(rows.length ? rows : [empty]));
}

function shards(count, healthy) {
  const made = html("span", { class: "shards", role: "img", "aria-label": `${count} shards` });
  for (let index = 0; index < Math.min(count, 16); index += 1) made.append(html("i", healthy ? {} : { class: "off" }));
  made.append(html("span", { text: String(count) }));
  return made;
}

function kept(run) {
  const all = run.rows_written + run.rows_quarantined;
  if (!all) return "–";
  const share = (run.rows_written / all) * 100;
  return element(
    "svg",
    { class: "kept", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": `${share.toFixed(1)} % of the rows were kept` },
    element("rect", { class: "good", x: 0, y: 0, width: share, height: 8 }),
    element("rect", { class: "bad", x: share, y: 0, width: 100 - share, height: 8 }),
  );
}

function server(item) {
  const { info } = item;
  const device = [info.model_device_type, info.model_dtype].filter(Boolean).join(", ").replace("torch.", "");
  return html(
    "tr",
    {},
    cell(item.model),
    cell(item.healthy ? state("Healthy", "good") : state("Away", "bad")),
    cell(info.num_shard ? shards(info.num_shard, item.healthy) : "–"),
    cell(device || "–"),
    cell(info.max_total_tokens ? `${whole(info.max_total_tokens)} tokens` : "–"),
    cell(whole(item.in_flight), "number"),
    cell(item.url),
  );
}

const RUN_STATES = { succeeded: ["Succeeded", "good"], running: ["Running", "warn"], failed: ["Failed", "bad"] };

function capture(run) {
  const ended = run.finished_at ? new Date(run.finished_at) : null;
  const badge = state(...(RUN_STATES[run.status] ?? [run.status, ""]));
  if (run.error) badge.title = run.error;
  return html(
    "tr",
    {},
    cell(run.job),
    cell(badge),
    cell(run.dataset ? `${run.dataset} v${run.version}` : "–"),
    cell(whole(run.rows_read), "number"),
    cell(whole(run.rows_written), "number"),
    cell(whole(run.rows_quarantined), "number"),
    cell(kept(run)),
    cell(ended ? duration((ended - new Date(run.started_at)) / 1000) : "–"),
    cell(moment(run.finished_at ?? run.started_at)),
  );
}

function model(item) {
  return html(
    "tr",
    {},
    cell(item.name),
    cell(item.version.length > 16 ? html("span", { text: `${item.version.slice(0, 12)}…`, title: item.version }) : item.version),
    cell(item.type),
    cell(bytes(item.size_bytes), "number"),
    cell(bytes(item.gpu_memory_required), "number"),
    cell(moment(item.updated_at)),
  );
}

function drawPlots() {
  if (!latest) return;
  const { series } = latest;
  const when = { start: series.start, step: series.step_s };
  plot(byId("plot-requests"), {
    ...when,
    label: axis,
    lines: [
      { name: "all", values: series.requests_per_s, colour: "c1", area: true },
      { name: "failed", values: series.errors_per_s.map((value) => value || null), colour: "c4" },
    ],
  });
  plot(byId("plot-first"), {
    ...when,
    label: (value) => (value === 0 ? "0" : milliseconds(value)),
    lines: [
      { name: "p95 in ms", values: series.first_token_p95_ms, colour: "c3" },
      { name: "p50 in ms", values: series.first_token_p50_ms, colour: "c2" },
    ],
  });
  plot(byId("plot-tokens"), {
    ...when,
    label: axis,
    lines: [{ name: "generated", values: series.tokens_per_s, colour: "c5", area: true }],
  });
}

function show(data) {
  latest = data;
  byId("gate").hidden = true;
  byId("content").hidden = false;
  byId("stack").textContent = data.stack;
  document.title = `${data.stack} · Inferloop`;
  byId("updated").textContent = `up ${duration(data.uptime_s)}`;
  setState(data.ready ? "Ready" : "Not ready", data.ready ? "good" : "bad");
  const { now } = data;
  byId("now-requests").textContent = rate(now.requests_per_s);
  byId("now-requests-more").textContent = now.errors_per_s > 0 ? `${rate(now.errors_per_s)} errors per second` : "no errors";
  byId("now-first").textContent = milliseconds(now.first_token_p50_ms);
  byId("now-first-more").textContent = now.first_token_p95_ms === null ? "no stream in the last minute" : `95 % within ${milliseconds(now.first_token_p95_ms)}`;
  byId("now-tokens").textContent = rate(now.tokens_per_s);
  const day = data.usage_24h;
  byId("now-tokens-more").textContent = day ? `${whole(day.completion_tokens)} in the last 24 hours` : "";
  byId("now-flight").textContent = whole(data.upstreams.reduce((sum, item) => sum + item.in_flight, 0));
  byId("now-flight-more").textContent = day ? `${whole(day.requests)} served in the last 24 hours` : "";
  const notices = Object.entries(data.reasons).map(([part, reason]) => html("p", { text: `Not ready: ${part}: ${reason}`, class: "notice bad" }));
  if (!data.database.ok) notices.push(html("p", { text: `${data.database.problem}. Usage waits in the journal; nothing is lost.`, class: "notice warn" }));
  // Replaced only when they change, so that they are not read out again and again.
  if (byId("notices").textContent !== notices.map((notice) => notice.textContent).join("")) byId("notices").replaceChildren(...notices);
  fill("servers", data.upstreams.map(server), "No model server is configured.");
  fill("captures", data.captures.map(capture), "Nothing was captured yet.");
  fill("models", data.models.map(model), "No model is registered yet.");
  drawPlots();
}

function setState(text, kind) {
  const badge = byId("state");
  if (badge.textContent !== text) badge.textContent = text;
  badge.className = `state ${kind}`;
}

function askForKey(problem) {
  byId("content").hidden = true;
  byId("gate").hidden = false;
  byId("gate-problem").textContent = problem;
  setState("Locked", "warn");
  byId("key").focus();
}

async function refresh() {
  clearTimeout(timer);
  const key = sessionStorage.getItem(KEY);
  try {
    const answer = await fetch("/console/data", { headers: key ? { authorization: `Bearer ${key}` } : {} });
    if (answer.status === 401 || answer.status === 403) {
      sessionStorage.removeItem(KEY);
      askForKey(key ? "This is not a key that opens the console." : "");
      return;
    }
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    setState("No connection", "bad");
    console.warn(error);
  }
  timer = setTimeout(refresh, document.hidden ? REFRESH_MS * 10 : REFRESH_MS);
}

byId("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId("key").value.trim());
  byId("key").value = "";
  refresh();
});
addEventListener("resize", drawPlots);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
refresh();
