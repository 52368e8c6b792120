"use strict";
const $ = (id) => document.getElementById(id);
const state = { pictures: [], pairs: [], some: false, at: 0, pair: 0, mode: "rate" };
let queue = [];
let key = "imagemill-review";

// Votes are kept until the server has confirmed them, also over a reload: with its own id, a vote sent twice counts once.
function keep() { try { localStorage.setItem(key, JSON.stringify(queue)); } catch { /* a private window */ } }

let sending = false;
async function send() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const [kind, vote] = queue[0];
    try {
      const answer = await fetch(`vote/${kind}`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(vote),
      });
      if (!answer.ok && answer.status !== 422) throw new Error(String(answer.status));
      queue.shift();
      keep();
      $("trouble").hidden = true;
    } catch {
      $("trouble").hidden = false;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
  sending = false;
}

function cast(kind, vote) {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(16).padStart(2, "0")).join("");
  queue.push([kind, { vote: id, ...vote }]);
  keep();
  send();
}

function show() {
  const rating = state.mode === "rate";
  $("rate").hidden = !rating;
  $("pairs").hidden = rating;
  $("to-rate").setAttribute("aria-pressed", String(rating));
  $("to-pairs").setAttribute("aria-pressed", String(!rating));
  if (rating) showPicture(); else showPair();
}

function showPicture() {
  const picture = state.pictures[state.at];
  $("picture").src = `picture/${state.at}`;
  $("picture").alt = picture.text || picture.id;
  $("caption").textContent = picture.text || picture.id;
  document.querySelectorAll(".stars button").forEach((button, i) => {
    button.textContent = i < (picture.stars || 0) ? "★" : "☆";
    button.setAttribute("aria-pressed", String(i + 1 === picture.stars));
  });
  $("favourite").setAttribute("aria-pressed", String(!!picture.favourite));
  $("reject").setAttribute("aria-pressed", String(!!picture.rejected));
  $("reason").hidden = !picture.rejected;
  $("reason").value = picture.reason || "";
  const rated = state.pictures.filter((p) => p.stars || p.rejected).length;
  $("progress").textContent = `${state.at + 1} of ${state.pictures.length}, ${rated} rated`;
}

function showPair() {
  const pair = state.pairs[state.pair];
  $("no-pairs").hidden = state.some;
  document.querySelector(".two").hidden = !pair;
  $("pair-caption").textContent = pair ? state.pictures[pair[0]].text : state.some ? "All pairs are compared." : "";
  if (pair) {
    $("a").querySelector("img").src = `picture/${pair[0]}`;
    $("b").querySelector("img").src = `picture/${pair[1]}`;
  }
  $("progress").textContent = state.pairs.length ? `${Math.min(state.pair + 1, state.pairs.length)} of ${state.pairs.length} pairs` : "";
}

function rate(change, onward) {
  const picture = state.pictures[state.at];
  Object.assign(picture, change);
  cast("rating", { image: picture.id, ...change });
  if (onward) step(1); else show();
}

function step(by) {
  state.at = Math.min(Math.max(state.at + by, 0), state.pictures.length - 1);
  show();
}

function choose(choice) {
  const pair = state.pairs[state.pair];
  if (!pair) return;
  cast("pair", { a: state.pictures[pair[0]].id, b: state.pictures[pair[1]].id, choice });
  state.pair += 1;
  show();
}

function reject() {
  const rejected = !state.pictures[state.at].rejected;
  rate({ rejected }, false);
  if (rejected) $("reason").focus();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === $("reason")) {
    if (event.key === "Enter" || event.key === "Escape") $("reason").blur();
    return;
  }
  const name = event.key.toLowerCase();
  const does = state.mode === "rate"
    ? { arrowleft: () => step(-1), arrowright: () => step(1), f: () => $("favourite").click(), x: reject }
    : { a: () => choose("a"), arrowleft: () => choose("a"), b: () => choose("b"), arrowright: () => choose("b"),
        t: () => choose("tie"), n: () => choose("both bad") };
  if (state.mode === "rate" && /^[1-5]$/.test(name)) does[name] = () => rate({ stars: Number(name) }, true);
  if (name === "c") does.c = () => { state.mode = state.mode === "rate" ? "pairs" : "rate"; show(); };
  if (does[name]) { event.preventDefault(); does[name](); }
});

for (let i = 1; i <= 5; i += 1) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `${i} star${i > 1 ? "s" : ""}`);
  button.setAttribute("aria-keyshortcuts", String(i));
  button.addEventListener("click", () => rate({ stars: i }, true));
  document.querySelector(".stars").append(button);
}
$("to-rate").addEventListener("click", () => { state.mode = "rate"; show(); });
$("to-pairs").addEventListener("click", () => { state.mode = "pairs"; show(); });
$("favourite").addEventListener("click", () => rate({ favourite: !state.pictures[state.at].favourite }, false));
$("reject").addEventListener("click", reject);
$("reason").addEventListener("change", () => rate({ rejected: true, reason: $("reason").value }, false));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("a").addEventListener("click", () => choose("a"));
$("b").addEventListener("click", () => choose("b"));
$("tie").addEventListener("click", () => choose("tie"));
$("both").addEventListener("click", () => choose("both bad"));

fetch("data").then((answer) => answer.json()).then((data) => {
  $("run").textContent = data.run;
  key = `imagemill-review ${data.run}`;
  try { queue = JSON.parse(localStorage.getItem(key) || "[]"); } catch { queue = []; }
  const done = new Set(data.compared.map((pair) => JSON.stringify(pair)));
  state.pictures = data.pictures;
  state.some = data.pairs.length > 0; // to be compared, or compared already
  state.pairs = data.pairs.filter(([a, b]) => !done.has(JSON.stringify([data.pictures[a].id, data.pictures[b].id])));
  state.at = Math.max(state.pictures.findIndex((p) => !p.stars && !p.rejected), 0);
  show();
  send();
  document.documentElement.dataset.ready = "yes";
});
