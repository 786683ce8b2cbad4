// The figures next to the picture.

import { byId, fillList, fillMeter, make, meterRow, setText, show } from "./dom.js";

const SLOWEST = 8;

export function showBudget(budget) {
  setText(byId("total"), budget ? budget.total : "-");
  const mean = budget && budget.results > 1 ? `mean of ${budget.results}` : "";
  setText(byId("rate"), budget ? [budget.rate && `${budget.rate} per s`, mean].filter(Boolean).join(", ") : "");
  fillList(
    byId("budget").tBodies[0],
    budget ? budget.stages : [],
    () => make("tr", "", make("th"), make("td", "", make("span", "lane", make("i"))), make("td")),
    (row, stage) => {
      row.dataset.stage = stage.name;
      row.title = stage.meaning;
      row.children[0].scope = "row";
      setText(row.children[0], stage.name);
      const bar = row.children[1].firstElementChild.firstElementChild;
      bar.style.left = `${Math.min(100 * stage.begin, 99)}%`;
      bar.style.width = `${100 * stage.share}%`;
      setText(row.children[2], stage.text);
    },
  );
}

export function showEpochs(epochs) {
  const blocks = epochs ? epochs.blocks : [];
  const strip = byId("strip");
  const parts = epochs?.overhead ? [...blocks, { kind: "overhead", label: "", operation: "", share: epochs.overhead, text: "time of the runtime" }] : blocks;
  const whole = parts.reduce((sum, part) => sum + part.share, 0) || 1;
  fillList(
    strip,
    parts,
    () => make("i"),
    (bar, block) => {
      bar.dataset.kind = block.kind;
      bar.style.width = `${(100 * block.share) / whole}%`;
      bar.title = `${block.label} ${block.operation} ${block.kind}, ${block.text}`;
    },
  );
  const kinds = epochs ? epochs.kinds : [];
  strip.setAttribute("aria-label", kinds.length ? `Time by kind: ${kinds.map((k) => `${k.kind} ${k.text}`).join(", ")}` : "No epochs yet");
  show(strip, blocks.length > 0);
  fillList(byId("kinds"), kinds, () => make("li"), (item, kind) => {
    item.dataset.kind = kind.kind;
    item.title = kind.meaning;
    setText(item, `${kind.kind} ${kind.text}`);
  });
  const offload = byId("offload");
  const shares = epochs ? epochs.offload : [];
  if (!shares.length) {
    setText(offload, "No inference yet");
  } else {
    offload.replaceChildren("On the NPU: ", ...shares.flatMap(([what, text], index) => [index ? ", " : "", make("b", "", text), ` ${what}`]));
  }
  const slowest = [...blocks].sort((a, b) => b.share - a.share).slice(0, SLOWEST);
  show(byId("slowest-box"), slowest.length > 0);
  const most = slowest.length ? slowest[0].share || 1 : 1;
  fillList(
    byId("slowest").tBodies[0],
    slowest,
    () => make("tr", "", make("td", "kind"), make("td"), make("td", "", make("span", "lane", make("i"))), make("td")),
    (row, block) => {
      row.dataset.kind = block.kind;
      setText(row.children[0], block.kind);
      setText(row.children[1], `${block.label} ${block.operation}`);
      row.children[1].title = block.operation;
      row.children[2].firstElementChild.firstElementChild.style.width = `${(100 * block.share) / most}%`;
      setText(row.children[3], block.text);
    },
  );
  setText(byId("origin"), epochs && blocks.length ? `Mean of ${epochs.runs} runs; ${epochs.origin}` : "");
}

function showPairs(list, pairs) {
  fillList(
    list,
    pairs.flatMap(([name, text, fault]) => [{ name }, { text, fault }]),
    () => make("dt"),
    () => {},
  );
  [...list.children].forEach((child, index) => {
    const [name, text, fault] = pairs[Math.floor(index / 2)];
    const tag = index % 2 ? "DD" : "DT";
    const element = child.tagName === tag ? child : make(tag.toLowerCase());
    if (element !== child) {
      child.replaceWith(element);
    }
    setText(element, index % 2 ? text : name);
    element.classList.toggle("fault", index % 2 === 1 && Boolean(fault));
  });
}

export function showBoard(message) {
  const board = message.board;
  setText(byId("board"), board ? `${board.name} at ${board.url}` : "");
  show(byId("simulated"), Boolean(board?.simulated));
  setText(byId("note"), board?.simulated ? "The times are simulated: they are those of this computer, not of an NPU." : "");
  showEpochs(message.epochs);
  showPairs(byId("link"), message.link);
  const about = board ? [["firmware", board.firmware], ["protocol", board.protocol], ["id", board.id]] : [];
  showPairs(byId("facts"), [...about, ...message.facts]);
  fillList(byId("pools"), message.pools, meterRow, (row, pool) => fillMeter(row, [pool.name, pool.text, pool.share]));
  fillList(
    byId("networks").tBodies[0],
    message.networks,
    () => make("tr", "", make("th"), make("td"), make("td"), make("td"), make("td")),
    (row, network) => {
      row.children[0].scope = "row";
      [network.name, String(network.runs), network.rate, network.median, String(network.errors)].forEach((text, index) =>
        setText(row.children[index], text),
      );
    },
  );
  show(byId("programs-box"), message.programs.length > 0);
  fillList(
    byId("programs").tBodies[0],
    message.programs,
    () => make("tr", "", make("th"), make("td"), make("td"), make("td"), make("td")),
    (row, program) => {
      row.children[0].scope = "row";
      [program.name, program.rate, String(program.waiting), program.wait, String(program.leases)].forEach((text, index) =>
        setText(row.children[index], text),
      );
    },
  );
  const log = byId("log");
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  fillList(log, message.log, () => make("li"), (item, line) => {
    item.dataset.level = line.level;
    setText(item, `${line.at} ${line.level} ${line.text}`);
  });
  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
  show(log, message.log.length > 0);
  show(byId("log-empty"), message.log.length === 0);
}
