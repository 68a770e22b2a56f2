// JSON values as the text that they are: a number of 64 bits would not survive JSON.parse.

const DIFF_CELLS_MAX = 1_000_000; // lines before times lines after; beyond it all is marked
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
export function membersOf(text) {
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

// The items of a JSON array, each as the text that it is.
export function itemsOf(text) {
  const items = [];
  const tokens = tokensOf(text);
  for (let at = 1, depth = 0, parts = []; at < tokens.length; at++) {
    const token = tokens[at];
    if (depth === 0 && (token === "," || token === "]")) {
      if (parts.length) items.push(parts.join(""));
      parts = [];
    } else {
      parts.push(token);
      if (token === "{" || token === "[") depth++;
      if (token === "}" || token === "]") depth--;
    }
  }
  return items;
}

export const stringOf = (text) => (text === undefined ? undefined : JSON.parse(text));

// As lines of [kind, text] pairs, indented.
export function linesOf(text) {
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
export const pretty = (text) => linesOf(text).map(plain).join("\n");

// Pairs of a mark ("", "added", "removed") and a line: the longest common subsequence stays.
export function marked(before, after) {
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
