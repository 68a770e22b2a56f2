// FluxDB's live page. JSON values stay the text that they are: a number of 64 bits would not survive JSON.parse.
// All data reaches the document by textContent alone.

const COUNTER = "counter";
const LOG_LINES_MAX = 200;
const REPLY_SECONDS_MAX = 15;
const HEARTBEAT_SECONDS = 20;
const RETRY_MS = [200, 8000]; // the first and the longest wait before connecting again
const DIFF_CELLS_MAX = 1_000_000; // lines before times lines after; beyond it all is marked

const PAUSE_MS = 50; // where there is nothing to wait for

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const $ = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function note(target, text, kind = "") {
  target.textContent = text;
  target.className = `note ${kind}`;
}

// ---- JSON as text

const WORD = /[^\s"{}[\],:]+/y; // a number, true, false, null

function endOfString(text, at) {
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

function tokensOf(text) {
  const tokens = [];
  for (let at = 0; at < text.length;) {
    let end = at + 1;
    if (text[at] === '"') end = endOfString(text, at);
    else if (!"{}[],: \t\r\n".includes(text[at])) {
      WORD.lastIndex = at;
      end = at + WORD.exec(text)[0].length;
    }
    if (end > at + 1 || text[at].trim()) tokens.push(text.slice(at, end));
    at = end;
  }
  return tokens;
}

// The members of a JSON object, each as the text that it is.
function membersOf(text) {
  const members = new Map();
  const tokens = tokensOf(text);
  for (let at = 1, depth = 0, name = null, parts = []; at < tokens.length; at++) {
    const token = tokens[at];
    if (depth === 0 && (token === "," || token === "}")) {
      if (name !== null) members.set(name, parts.join(""));
      name = null;
      parts = [];
    } else if (name === null) {
      name = JSON.parse(token);
      at++; // the colon
    } else {
      parts.push(token);
      if (token === "{" || token === "[") depth++;
      if (token === "}" || token === "]") depth--;
    }
  }
  return members;
}

const stringOf = (text) => (text === undefined ? undefined : JSON.parse(text));

// As lines of [kind, text] pairs, indented.
function linesOf(text) {
  const tokens = tokensOf(text);
  const lines = [[]];
  let depth = 0;
  const put = (kind, words) => lines[lines.length - 1].push([kind, words]);
  const turn = () => lines.push(depth ? [["indent", "  ".repeat(depth)]] : []);
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (token === "{" || token === "[") {
      put("", token);
      if (next !== "}" && next !== "]") { depth++; turn(); }
    } else if (token === "}" || token === "]") {
      if (tokens[at - 1] !== "{" && tokens[at - 1] !== "[") { depth--; turn(); }
      put("", token);
    } else if (token === ",") { put("", token); turn(); }
    else if (token === ":") put("", ": ");
    else if (token[0] === '"') put(next === ":" ? "name" : "string", token);
    else put(/[tfn]/.test(token[0]) ? "word" : "number", token);
  });
  return lines;
}

const plain = (line) => line.map(([, words]) => words).join("");
const pretty = (text) => linesOf(text).map(plain).join("\n");

// Pairs of a mark ("", "added", "removed") and a line: the longest common subsequence stays.
function marked(before, after) {
  const same = (line) => plain(line).replace(/,$/, "");
  const a = before.map(same), b = after.map(same);
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const rows = a.length - head - tail, columns = b.length - head - tail;
  const result = after.slice(0, head).map((line) => ["", line]);
  const far = rows * columns > DIFF_CELLS_MAX;
  const length = far ? [] : Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1));
  for (let i = rows - 1; !far && i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      length[i][j] = a[head + i] === b[head + j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
    }
  }
  for (let i = 0, j = 0; i < rows || j < columns;) {
    if (!far && i < rows && j < columns && a[head + i] === b[head + j]) { result.push(["", after[head + j]]); i++; j++; }
    else if (i < rows && (far || j === columns || length[i + 1][j] >= length[i][j + 1])) result.push(["removed", before[head + i++]]);
    else result.push(["added", after[head + j++]]);
  }
  return result.concat(after.slice(after.length - tail).map((line) => ["", line]));
}

// ---- the connection

class RequestFailed extends Error {
  constructor(message, code, lost = false) {
    super(message);
    this.code = code;
    this.lost = lost; // whether it took effect is not known
  }
}

class Connection {
  #socket = null;
  #waiting = new Map(); // id -> {resolve, reject, timer}
  #nextId = 1;
  #attempt = 0;
  #timer = 0;
  #password = null;
  #lives = []; // who waits until it is live

  constructor({ onState, onLive, onEvent, onEvicted, onLocked }) {
    Object.assign(this, { state: "connecting", onState, onLive, onEvent, onEvicted, onLocked });
  }

  open() {
    clearTimeout(this.#timer);
    this.#turn("connecting", this.#attempt ? "reconnecting" : "connecting");
    // Beside the page, which may be below a path that a proxy cuts off. As http(s): new URL keeps that when it resolves.
    const socket = new WebSocket(new URL("ws", location.href).href.replace(/^http/, "ws"));
    this.#socket = socket;
    socket.onopen = () => this.#begin(socket);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#take(data);
    socket.onclose = ({ reason }) => socket === this.#socket && this.#lost(reason);
  }

  retryNow() {
    if (this.state === "offline") this.open();
  }

  signIn(password) {
    this.#password = password;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#begin(this.#socket);
    else this.open();
  }

  live() {
    return this.state === "live" ? Promise.resolve() : new Promise((resolve) => this.#lives.push(resolve));
  }

  // members: name -> JSON text. The reply's members.
  request(type, members) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new RequestFailed("there is no connection: nothing was sent", "connection_lost"));
    }
    const id = this.#nextId++;
    const parts = Object.entries({ type: JSON.stringify(type), id, ...members });
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#drop(socket), REPLY_SECONDS_MAX * 1000);
      this.#waiting.set(String(id), { resolve, reject, timer });
      socket.send(`{${parts.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`);
    });
  }

  async #begin(socket) {
    try {
      if (this.#password !== null) await this.request("auth", { password: JSON.stringify(this.#password) });
      await this.onLive();
    } catch (error) {
      if (socket !== this.#socket || error.code === "connection_lost") return;
      if (error.code === "auth") {
        const wrong = this.#password !== null;
        this.#password = null;
        this.#turn("locked", "password needed");
        this.onLocked(wrong);
      } else {
        this.#drop(socket);
      }
      return;
    }
    this.#attempt = 0;
    this.#turn("live", "live");
    this.#lives.splice(0).forEach((resolve) => resolve());
  }

  #take(text) {
    const message = membersOf(text);
    const waiting = this.#waiting.get(message.get("id"));
    if (waiting) {
      clearTimeout(waiting.timer);
      this.#waiting.delete(message.get("id"));
      if (stringOf(message.get("type")) === "error") {
        const unknown = message.get("maybe_applied") === "true";
        waiting.reject(new RequestFailed(stringOf(message.get("message")), stringOf(message.get("code")), unknown));
      } else {
        waiting.resolve(membersOf(message.get("data")));
      }
      return;
    }
    const type = stringOf(message.get("type"));
    if (type === "event") this.onEvent(membersOf(membersOf(message.get("data")).get("event")));
    if (type === "evicted") this.onEvicted(stringOf(message.get("key")));
  }

  // The server does not answer: don't wait for the closing handshake either.
  #drop(socket) {
    if (socket !== this.#socket) return;
    socket.close();
    this.#lost();
  }

  #lost(reason = "") {
    this.#socket = null;
    const words = reason ? `the server closed the connection: ${reason}` : "the connection was lost";
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new RequestFailed(words, "connection_lost", true));
    }
    this.#waiting.clear();
    if (this.state === "locked") return; // signIn opens it again
    const wait = Math.min(RETRY_MS[0] * 2 ** this.#attempt++, RETRY_MS[1]) * (0.75 + Math.random() / 2);
    this.#turn("offline", "no connection, trying again");
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #turn(state, words) {
    this.state = state;
    this.onState(state, words);
  }
}

// ---- what is watched

// key -> {text (null: no document), version, known, before (the text that was shown), op, events, pinned}
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

function watch(key, pinned = false) {
  if (!watched.has(key)) {
    watched.set(key, { text: null, version: null, known: false, before: undefined, op: "", events: 0, pinned });
  }
  sessionStorage.setItem("fluxdb-watched", JSON.stringify([...watched.keys()]));
  inspect(key);
}

function inspect(key) {
  inspected = key;
  showWatched();
  showInspected();
}

async function unwatch(key) {
  watched.delete(key);
  sessionStorage.setItem("fluxdb-watched", JSON.stringify([...watched.keys()]));
  if (inspected === key) inspect(COUNTER);
  showWatched();
  await connection.request("unsubscribe", keyMember(key)).catch(() => {}); // a new connection won't subscribe to it
}

function showWatched() {
  const focused = document.activeElement?.dataset?.focus;
  $("watched").replaceChildren(...[...watched].map(([key, entry]) => {
    const item = element("li");
    const open = element("button", "open");
    open.type = "button";
    open.dataset.focus = `open ${key}`;
    open.setAttribute("aria-pressed", String(key === inspected));
    open.append(element("code", "", key), element("span", "badge", versionWords(entry)));
    open.onclick = () => inspect(key);
    item.append(open);
    if (!entry.pinned) {
      const end = element("button", "quiet", "Unsubscribe");
      end.type = "button";
      end.dataset.focus = `end ${key}`;
      end.setAttribute("aria-label", `unsubscribe ${key}`);
      end.onclick = () => unwatch(key);
      item.append(end);
    }
    return item;
  }));
  if (focused) document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
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

async function subscribeTo(key) {
  const isNew = !watched.has(key);
  note($("watch-note"), key.endsWith("*") ? "A * stands for nothing else: this watches the one key of that name." : "");
  watch(key);
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
  showInfo().catch(() => {});
}, HEARTBEAT_SECONDS * 1000);

const earlier = sessionStorage.getItem("fluxdb-watched");
watch(COUNTER, true);
if (earlier) JSON.parse(earlier).forEach((key) => watch(key));
inspect(COUNTER);
connection.open();
