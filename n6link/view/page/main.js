// The page: what arrives from the server is shown, what the viewer does is sent to it.

import { byId, fillList, fillMeter, make, meterRow, setText, show } from "./dom.js";
import { Painter } from "./painter.js";
import { showBoard, showBudget } from "./panels.js";
import { Socket } from "./socket.js";

const STATES = { connected: "connected", waiting: "waiting for the board", lost: "board lost, searching" };
const CALM = 200; // milliseconds between two changes of the list of results
const TEXT = ["text-generation", "text-classification"];
const SOUND = /\.(wav|flac|ogg|aiff?)$/i; // where the browser does not know the type of a file

const painter = new Painter(byId("canvas"));
let held = false;
let present = {}; // the newest message of the topic "show"
let painted = 0;
let changedItems = 0;
let expected = false; // whether this viewer has sent a file
let announced = true; // whether the result of this file was announced

const socket = new Socket(
  { board, show: showChoice, scene, budget: showBudget, text, refused: ({ text: sentence }) => complain(sentence) },
  () => document.body.classList.add("online"),
  () => setState("server", "the program n6link view has ended, or cannot be reached"),
);

// ---- what arrives

function setState(state, reason) {
  const pill = byId("state");
  pill.dataset.state = state;
  setText(pill, state === "server" ? "page not connected" : STATES[state]);
  pill.title = reason;
  complain(reason, "state");
}

// Sentences about problems, by their origin; the alert shows the first one.
const problems = { command: "", show: "", state: "" };

function complain(sentence, origin = "command") {
  problems[origin] = sentence;
  const first = problems.state || problems.show || problems.command;
  const alert = byId("problem");
  show(alert, Boolean(first));
  setText(alert, first);
}

function board(message) {
  setState(message.state, message.state === "connected" ? "" : message.reason);
  showBoard(message);
}

function showChoice(message) {
  const another = message.network !== present.network || message.choice !== present.choice;
  present = message;
  const select = byId("network");
  fillList(select, message.networks, () => make("option"), (option, network) => {
    option.value = network.name;
    setText(option, network.name);
  });
  select.value = message.network ?? "";
  setText(byId("task"), message.task || (message.network ? "without a card" : ""));
  const forText = TEXT.includes(message.task);
  show(byId("text-mode"), forText);
  show(byId("picture-mode"), !forText);
  show(byId("sampling"), message.task === TEXT[0]);
  setText(byId("prompt-label"), message.task === TEXT[1] ? "Text to classify" : "Text to continue");
  setText(byId("write"), message.task === TEXT[1] ? "Classify" : "Generate");
  if (another && message.example) {
    byId("prompt").value = message.example;
  }
  if (another) {
    announced = !expected;
    expected = false;
    painter.clear();
    showBudget(null);
    setText(byId("summary"), "\u00a0");
    fillList(byId("items"), [], meterRow, fillMeter);
    byId("canvas").setAttribute("aria-label", "No picture yet");
  }
  const kind = message.hears ? "sound" : "picture";
  setText(byId("invite"), `Drop a ${kind} here`);
  setText(byId("choose-label"), `Choose a ${kind}`);
  setText(byId("drop-label"), `Drop the ${kind}`);
  setText(byId("seen-title"), `What the network ${message.hears ? "hears" : "sees"}`);
  byId("file").accept = message.hears ? "audio/*" : "image/*";
  show(byId("example"), !message.hears);
  show(byId("invitation"), message.source === "none");
  show(byId("seen"), message.source !== "none");
  show(byId("waiting"), another && message.source !== "none" && !message.problem);
  show(byId("live"), message.live && message.source !== "live");
  show(byId("again"), message.source === "still");
  show(byId("hold"), message.source === "live");
  setText(byId("source"), message.title);
  complain(message.problem, "show");
}

async function scene(message) {
  if (held || message.network !== present.network) {
    return;
  }
  await painter.show(message);
  painted += 1;
  document.documentElement.dataset.painted = painted; // for measurements
  document.documentElement.dataset.first ??= Math.round(performance.now());
  show(byId("waiting"), false);
  const now = performance.now();
  if (now - changedItems >= CALM || present.source !== "live") {
    changedItems = now;
    setText(byId("summary"), message.summary);
    fillList(byId("items"), message.items, meterRow, fillMeter);
    byId("canvas").setAttribute("aria-label", `${present.title}: ${message.summary}`);
  }
  if (!announced) {
    announced = true;
    setText(byId("announce"), message.summary);
  }
}

function text(message) {
  const output = byId("text");
  const classes = message.items;
  output.classList.toggle("writing", !message.done);
  output.replaceChildren(...(classes || !message.prompt ? [] : [make("b", "", message.prompt)]), message.text);
  setText(byId("text-note"), message.done && message.note ? message.note : "");
  fillList(byId("text-items"), classes ?? [], meterRow, fillMeter);
  show(byId("stop"), !message.done);
}

// ---- what the viewer does

byId("network").addEventListener("change", (event) => {
  complain("");
  socket.send({ do: "choose", network: event.target.value });
});
byId("choose").addEventListener("submit", (event) => event.preventDefault());
byId("again").addEventListener("click", () => socket.send({ do: "again" }));
byId("live").addEventListener("click", () => socket.send({ do: "watch" }));
byId("stop").addEventListener("click", () => socket.send({ do: "stop" }));
byId("hold").addEventListener("click", hold);
byId("example").addEventListener("click", () => post("/example", null));
byId("file").addEventListener("change", (event) => {
  look(event.target.files[0]);
  event.target.value = "";
});
byId("text-mode").addEventListener("submit", (event) => {
  event.preventDefault();
  complain("");
  socket.send({
    do: "write",
    text: byId("prompt").value,
    tokens: Number(byId("tokens").value),
    temperature: Number(byId("temperature").value),
  });
});

function hold() {
  held = !held;
  byId("hold").setAttribute("aria-pressed", String(held));
}

// Sends a file; the answer is a sentence if it cannot be used.
async function look(file) {
  if (file) {
    const sound = file.type.startsWith("audio/") || SOUND.test(file.name);
    await post(`/${sound ? "sound" : "picture"}?name=${encodeURIComponent(file.name)}`, file);
  }
}

async function post(path, body) {
  complain("");
  expected = true;
  if (held) {
    hold();
  }
  try {
    const answer = await fetch(path, { method: "POST", body });
    if (!answer.ok) {
      expected = false;
      const { problem } = await answer.json().catch(() => ({ problem: `the file was refused (${answer.status})` }));
      complain(problem);
    }
  } catch {
    expected = false;
    complain("the file could not be sent; try again");
  }
}

// A file may be dropped anywhere, or pasted.
let inside = 0;
const withFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragenter", (event) => {
  if (withFiles(event)) {
    inside += 1;
    show(byId("drop"), true);
  }
});
document.addEventListener("dragleave", (event) => {
  if (withFiles(event)) {
    inside -= 1;
    show(byId("drop"), inside > 0);
  }
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  show(byId("drop"), false);
  look(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => look(event.clipboardData.files[0]));

// Keys, except while a text or a list has the focus.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) {
    return;
  }
  if (event.key === "o") {
    byId("file").click();
  } else if (event.key === "h" && present.source === "live") {
    hold();
  } else if (event.key === "n" && present.networks?.length) {
    const names = present.networks.map((network) => network.name);
    socket.send({ do: "choose", network: names[(names.indexOf(present.network) + 1) % names.length] });
  }
});
