// FluxDB's live page. JSON values stay the text that they are. All data reaches the document by textContent alone.

import { Connection } from "./connection.js";
import { $, element, note, replaceKeepingFocus } from "./elements.js";
import { KeyBrowser } from "./keys.js";
import { linesOf, marked, membersOf, pretty, stringOf } from "./json.js";

const COUNTER = "counter";
const LOG_LINES_MAX = 200;
const HEARTBEAT_SECONDS = 20;
const PAUSE_MS = 50; // where there is nothing to wait for

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- what is watched

// key -> {text (null: no document), version, known, before (the text that was shown), op, events, pinned, passing}
// A key that is passing was opened in the browser of keys: the next one takes its place, unless it is kept.
const watched = new Map();
let inspected = COUNTER;

const connection = new Connection({
  onState(state, words) {
    $("state").dataset.state = state;
    $("state-text").textContent = words;
  },
  async onLive() {
    await Promise.all([...watched.keys()].map((key) => follow(key).catch((error) => {
      if (error.code === "connection_lost" || error.code === "auth") throw error;
      log("warning", key, "is not watched", error.message);
    })));
    if ($("login").open) $("login").close();
    keys.refresh();
    showInfo().catch(() => {});
  },
  onEvent(event) {
    const key = stringOf(event.get("key"));
    const op = stringOf(event.get("op"));
    const version = BigInt(event.get("version"));
    const text = op === "delete" ? null : event.get("new");
    log(op, key, `v${version}`, text === null ? "" : text);
    const entry = watched.get(key);
    if (entry) entry.events++;
    change(key, text, version, op);
  },
  async onEvicted(key) {
    log("warning", key, "fell behind", "read again, subscribed again");
    if (watched.has(key)) await follow(key).catch(() => {});
  },
  onLocked(wrong) {
    note($("login-note"), wrong ? "That password is wrong." : "", "bad");
    if (!$("login").open) $("login").showModal();
    $("password").value = "";
    $("password").focus();
  },
});

const keys = new KeyBrowser({ request: (...asked) => connection.request(...asked), open: browseTo });

const keyMember = (key) => ({ key: JSON.stringify(key) });

async function follow(key) {
  await connection.request("subscribe", keyMember(key));
  await refresh(key);
}

async function refresh(key) {
  const entry = watched.get(key);
  const events = entry?.events;
  const reply = await connection.request("get", keyMember(key));
  const found = reply.get("doc") === "null" ? null : membersOf(reply.get("doc"));
  const version = found ? BigInt(found.get("version")) : null;
  // An event that came meanwhile is newer than the reply that the key does not exist.
  if (found || entry?.events === events) change(key, found ? found.get("value") : null, version, "");
  return found && { text: found.get("value"), version };
}

function change(key, text, version, op) {
  const entry = watched.get(key);
  if (!entry) return;
  if (version === null ? entry.text === null : entry.version !== null && version <= entry.version) {
    if (entry.known) return;
  }
  if (entry.known) entry.before = entry.text;
  Object.assign(entry, { text, known: true, op: op || (entry.known ? "read again" : "") });
  if (version !== null) entry.version = version;
  showWatched();
  if (key === inspected) showInspected();
  if (key === COUNTER) showCounter();
}

function watch(key, { pinned = false, passing = false } = {}) {
  const entry = watched.get(key);
  if (entry) entry.passing &&= passing;
  else watched.set(key, { text: null, version: null, known: false, before: undefined, op: "", events: 0, pinned, passing });
  remember();
  inspect(key);
}

function remember() {
  const kept = [...watched].filter(([, entry]) => !entry.passing).map(([key]) => key);
  sessionStorage.setItem("fluxdb-watched", JSON.stringify(kept));
}

function browseTo(key) {
  for (const [other, entry] of watched) if (entry.passing && other !== key) unwatch(other);
  const shown = subscribeTo(key, { passing: true });
  const { top, bottom } = $("inspected-key").getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) $("inspector-card").scrollIntoView(); // on a phone it is below the keys
  return shown;
}

function inspect(key) {
  inspected = key;
  keys.choose(key);
  showWatched();
  showInspected();
}

async function unwatch(key) {
  watched.delete(key);
  remember();
  if (inspected === key) inspect(COUNTER);
  showWatched();
  await connection.request("unsubscribe", keyMember(key)).catch(() => {}); // a new connection won't subscribe to it
}

function showWatched() {
  replaceKeepingFocus($("watched"), [...watched].map(([key, entry]) => {
    const item = element("li", entry.passing ? "passing" : "");
    const open = element("button", "open");
    open.type = "button";
    open.dataset.focus = `open ${key}`;
    open.setAttribute("aria-pressed", String(key === inspected));
    open.append(element("code", "", key), element("span", "badge", versionWords(entry)));
    open.onclick = () => inspect(key);
    item.append(open);
    if (entry.passing) {
      const keep = element("button", "quiet", "Keep");
      keep.type = "button";
      keep.dataset.focus = `keep ${key}`;
      keep.setAttribute("aria-label", `keep watching ${key}`);
      keep.onclick = () => watch(key);
      item.append(keep);
    }
    if (!entry.pinned) {
      const end = element("button", "quiet", "Stop");
      end.type = "button";
      end.dataset.focus = `end ${key}`;
      end.setAttribute("aria-label", `unsubscribe ${key}`);
      end.onclick = () => unwatch(key);
      item.append(end);
    }
    return item;
  }));
}

function versionWords(entry) {
  if (!entry.known) return "…";
  if (entry.text === null) return entry.version === null ? "nothing" : `deleted, v${entry.version}`;
  return `v${entry.version}`;
}

function showInspected() {
  const entry = watched.get(inspected);
  $("inspected-key").textContent = inspected;
  $("inspected-version").textContent = entry ? versionWords(entry) : "";
  const changed = entry?.before !== undefined;
  $("inspected-change").textContent = changed ? `${entry.op}: what changed is marked` : "";
  const lines = (text) => (text === null || text === undefined ? [[["nothing", "no document"]]] : linesOf(text));
  const all = entry?.known ? (changed ? marked(lines(entry.before), lines(entry.text)) : lines(entry.text).map((line) => ["", line])) : [];
  $("document").replaceChildren(...all.map(([mark, parts]) => {
    const line = element("span", `line ${mark}`);
    const hang = (parts[0]?.[0] === "indent" ? parts[0][1].length : 0) + 2; // where a long line goes on
    line.style.paddingLeft = `calc(1.8rem + ${hang}ch)`;
    line.style.textIndent = `-${hang}ch`;
    line.append(...parts.map(([kind, words]) => element("span", kind, words)));
    return line;
  }));
}

// ---- what the database takes

function bytesWords(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
  return `${bytes >= 100 || unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

function secondsWords(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours >= 1) return `${hours} h ${minutes % 60} min`;
  return minutes >= 1 ? `${minutes} min` : `${seconds} s`;
}

async function showInfo() {
  const info = membersOf((await connection.request("info", {})).get("info"));
  const number = (name) => Number(info.get(name));
  const keys = number("keys");
  $("info").textContent = [
    stringOf(info.get("path")),
    `${keys.toLocaleString("en")} ${keys === 1 ? "key" : "keys"}`,
    `revision ${info.get("revision")}`,
    `${bytesWords(number("disk_bytes"))} on disk`,
    `${bytesWords(number("memory_bytes"))} of memory`,
    `up ${secondsWords(number("uptime_seconds"))}`,
  ].join(" \u00b7 ");
}

// ---- the counter

let clicks = 0n; // that are not stored yet
let storing = false;

function showCounter() {
  const entry = watched.get(COUNTER);
  $("counter").textContent = entry.known ? entry.text ?? "0" : "–";
  if (clicks !== 0n) note($("counter-note"), `${clicks > 0n ? "+" : ""}${clicks} on the way`);
  else if (storing) note($("counter-note"), "");
}

function add(amount) {
  clicks += BigInt(amount);
  showCounter();
  if (!storing) store();
}

// All clicks that have come so far go in one write, which takes effect only on the version that it was made from.
async function store() {
  storing = true;
  try {
    for (let conflicts = 0; clicks !== 0n;) {
      await connection.live();
      const entry = watched.get(COUNTER);
      const base = entry.text === null ? null : { text: entry.text, version: entry.version };
      if (base && !/^-?\d+$/.test(base.text)) throw new Error("the counter holds no whole number: set it to one first");
      const amount = clicks;
      const text = String(BigInt(base?.text ?? 0) + amount);
      try {
        const reply = await connection.request("set", { ...keyMember(COUNTER), value: text, if_version: base?.version ?? 0 });
        clicks -= amount;
        conflicts = 0;
        change(COUNTER, text, BigInt(reply.get("version")), "set");
      } catch (error) {
        if (error.code === "version_conflict") {
          await pause(Math.random() * Math.min(5 * ++conflicts, 100));
          await refresh(COUNTER).catch(() => {});
        } else if (error.code === "connection_lost") {
          if (error.lost) await settle(base, amount, text);
          else await pause(PAUSE_MS); // the socket is closing, and a later turn will report that
        } else {
          throw error;
        }
      }
    }
    showCounter();
  } catch (error) {
    clicks = 0n;
    showCounter();
    note($("counter-note"), error.message, "bad");
  } finally {
    storing = false;
  }
}

// The connection went while the write was in flight: the key's state now tells whether it took effect.
async function settle(base, amount, text) {
  for (;;) {
    await connection.live();
    let now;
    try {
      now = await refresh(COUNTER);
    } catch {
      await pause(PAUSE_MS);
      continue;
    }
    if (now?.version === base?.version) return; // it did not: the clicks go with the next write
    clicks -= amount;
    const ours = now && now.text === text && (!base || now.version === base.version + 1n);
    if (!ours) log("warning", COUNTER, "outcome unknown", `of ${amount}: others wrote while there was no connection`);
    return;
  }
}

// ---- the log, the forms

function log(what, key, version, text) {
  const item = element("li");
  const time = element("time", "", new Date().toLocaleTimeString([], { hour12: false }));
  const line = element("span", "value");
  line.append(element("code", "", key), ` ${version} `, element("span", "note", text.slice(0, 200)));
  item.append(time, element("span", `what ${what}`, what), line);
  $("log").prepend(item);
  while ($("log").children.length > LOG_LINES_MAX) $("log").lastChild.remove();
}

// JSON that was typed: its text, white space and all. Only its form is looked at here; the server looks at the rest.
function typedJson() {
  const text = $("value").value.trim();
  if (!text) throw new Error("type a JSON value first");
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(/^["{[\d-]/.test(text) ? error.message : `text needs double quotes: ${error.message}`);
  }
  if (text.isWellFormed && !text.isWellFormed()) throw new Error("half a surrogate pair is no text");
  return text;
}

// The version that a write asks for, as a member; none where nothing was typed.
function typedVersion() {
  const text = $("if-version").value.trim();
  return text ? { if_version: text } : {};
}

async function act(action, key) {
  if (action === "get") {
    const reply = await connection.request("get", keyMember(key));
    const found = reply.get("doc") === "null" ? null : membersOf(reply.get("doc"));
    if (!found) return `there is no ${key}`;
    $("value").value = pretty(found.get("value"));
    return `read: version ${found.get("version")}`;
  }
  const member = { set: "value", patch: "delta" }[action];
  const value = member && { [member]: typedJson() };
  const reply = await connection.request(action, { ...keyMember(key), ...value, ...typedVersion() });
  if (reply.get("deleted") === "false") return `there was no ${key}`;
  return `${action === "delete" ? "deleted" : "stored"}: version ${reply.get("version")}`;
}

// Below a key that was written or read and is not watched: a button to see its changes.
function offerToWatch(key) {
  if (watched.has(key)) return;
  const offer = element("button", "quiet", `Subscribe to ${key}`);
  offer.type = "button";
  offer.onclick = () => {
    offer.remove();
    subscribeTo(key);
  };
  $("write-note").append(offer);
}

$("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const action = event.submitter?.value ?? "set";
  const key = $("key").value;
  try {
    note($("write-note"), await act(action, key), "good");
    offerToWatch(key);
    if (action !== "get") keys.refresh();
  } catch (error) {
    note($("write-note"), error.lost ? `${error.message}: whether it was stored is not known` : error.message, "bad");
  }
});

$("watch").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("watch-key").value;
  $("watch-key").value = "";
  subscribeTo(key);
});

async function subscribeTo(key, { passing = false } = {}) {
  const isNew = !watched.has(key);
  const star = key.endsWith("*") && !passing;
  note($("watch-note"), star ? "A * stands for nothing else: this watches the one key of that name." : "");
  watch(key, { passing });
  if (!isNew || connection.state !== "live") return; // it is subscribed to when the connection is there
  try {
    await follow(key);
  } catch (error) {
    if (error.code === "connection_lost") return;
    watched.delete(key);
    inspect(COUNTER);
    note($("watch-note"), error.message, "bad");
  }
}

$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  connection.signIn($("password").value);
});
$("login").addEventListener("cancel", (event) => event.preventDefault());
$("clear-log").addEventListener("click", () => $("log").replaceChildren());
for (const button of document.querySelectorAll("[data-add]")) button.addEventListener("click", () => add(button.dataset.add));
window.addEventListener("online", () => connection.retryNow());
document.addEventListener("visibilitychange", () => document.hidden || connection.retryNow());
setInterval(() => {
  if (connection.state !== "live") return;
  refresh(COUNTER).catch(() => {});
  keys.refresh();
  showInfo().catch(() => {});
}, HEARTBEAT_SECONDS * 1000);

const earlier = sessionStorage.getItem("fluxdb-watched");
watch(COUNTER, { pinned: true });
if (earlier) JSON.parse(earlier).forEach((key) => watch(key));
inspect(COUNTER);
connection.open();
