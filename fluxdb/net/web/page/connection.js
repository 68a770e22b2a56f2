// The connection to the server: requests, their replies, events; it comes back by itself.

import { membersOf, stringOf } from "./json.js";

const REPLY_SECONDS_MAX = 15;
const RETRY_MS = [200, 8000]; // the first and the longest wait before connecting again

export class RequestFailed extends Error {
  constructor(message, code, lost = false) {
    super(message);
    this.code = code;
    this.lost = lost; // whether it took effect is not known
  }
}

export class Connection {
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
