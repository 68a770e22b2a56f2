// The browser of keys: those that begin with a prefix, in their order, a page at a time. A page is read again after
// writes of this window and now and then; every read names its place by a key, so nothing shifts when others write.

import { $, element, note, replaceKeepingFocus } from "./elements.js";
import { itemsOf, membersOf, stringOf } from "./json.js";

const PAGE_KEYS = 20;
const TYPING_MS = 250; // without a key press, before a prefix counts as typed

export class KeyBrowser {
  #prefix = "";
  #keys = []; // of the page that is shown
  #from = {}; // the members of the request that shows it again
  #isFirst = true;
  #more = false;
  #turn = 0; // of requests: an answer to any but the last one is late
  #timer = 0;

  // request(type, members): the reply's members. open(key): it was chosen.
  constructor({ request, open }) {
    this.request = request;
    this.open = open;
    this.chosen = null;
    $("browse").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#browse();
    });
    $("prefix").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#browse(), TYPING_MS);
    });
    $("keys-first").addEventListener("click", () => this.#show({}));
    $("keys-next").addEventListener("click", () => this.#show({ after: JSON.stringify(this.#keys.at(-1)) }));
    $("keys-previous").addEventListener("click", () => this.#showPrevious());
    $("keys").addEventListener("keydown", (event) => this.#move(event));
  }

  // Read the same page again.
  refresh() {
    return this.#show(this.#from);
  }

  choose(key) {
    this.chosen = key;
    this.#draw();
  }

  #browse() {
    clearTimeout(this.#timer);
    this.#prefix = $("prefix").value;
    return this.#show({});
  }

  async #page(turn, members) {
    const prefix = JSON.stringify(this.#prefix);
    const [page, count] = await Promise.all([
      this.request("scan", { prefix, limit: PAGE_KEYS, keys_only: true, ...members }),
      this.request("count", { prefix }),
    ]);
    if (turn !== this.#turn) return null;
    const keys = itemsOf(page.get("entries")).map((entry) => stringOf(membersOf(entry).get("key")));
    return { keys, more: page.get("more") === "true", count: Number(count.get("count")) };
  }

  async #show(from) {
    const turn = ++this.#turn;
    try {
      const page = await this.#page(turn, from);
      if (!page) return;
      if (!page.keys.length && from.after) { // all behind that key have gone
        await this.#show({});
        return;
      }
      this.#take(from, page);
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  // The page before is read backwards from the first key of this one. If less than a page is left, that is the first page.
  async #showPrevious() {
    const turn = ++this.#turn;
    try {
      const page = await this.#page(turn, { after: JSON.stringify(this.#keys[0]), reverse: true });
      if (!page) return;
      if (!page.more) await this.#show({});
      else this.#take({ start: JSON.stringify(page.keys.at(-1)) }, { ...page, keys: page.keys.reverse(), more: true });
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  #take(from, page) {
    this.#from = from;
    this.#keys = page.keys;
    this.#more = page.more;
    this.#isFirst = !from.after && !from.start;
    const what = page.count === 1 ? "key" : "keys";
    $("keys-count").textContent = `${page.count.toLocaleString("en")} ${what}`;
    const none = this.#prefix ? "No key begins so." : "The database is empty.";
    note($("keys-note"), page.keys.length ? "" : none);
    this.#draw();
  }

  #fail(turn, error) {
    if (turn === this.#turn && error.code !== "connection_lost") note($("keys-note"), error.message, "bad");
  }

  #draw() {
    replaceKeepingFocus($("keys"), this.#keys.map((key) => this.#item(key)));
    const focused = document.activeElement;
    $("keys-first").disabled = $("keys-previous").disabled = this.#isFirst;
    $("keys-next").disabled = !this.#more;
    $("keys-pages").hidden = this.#isFirst && !this.#more;
    if (focused?.disabled) ($("keys").querySelector("button") ?? $("prefix")).focus();
  }

  #item(key) {
    const item = element("li");
    const button = element("button", "open");
    button.type = "button";
    button.dataset.focus = key;
    button.title = key;
    button.setAttribute("aria-pressed", String(key === this.chosen));
    const name = element("code");
    if (this.#prefix) name.append(element("span", "prefix", this.#prefix));
    name.append(key.slice(this.#prefix.length));
    button.append(name);
    button.onclick = () => this.open(key);
    item.append(button);
    return item;
  }

  #move(event) {
    const buttons = [...$("keys").querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(to, buttons.length - 1))].focus();
  }
}
