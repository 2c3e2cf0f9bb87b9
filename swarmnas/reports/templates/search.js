// Draws the searches that the element #data holds. Text of a run only ever becomes text nodes and
// attributes; nothing is parsed as HTML.

const page = document.getElementById("page");
const tip = document.getElementById("tip");
let data = JSON.parse(document.getElementById("data").textContent);

const CURVES = {
  train_loss: "training loss", valid_loss: "validation loss",
  valid_accuracy: "validation accuracy", diversity: "swarm diversity",
  entropy: "entropy of the alphas",
};
const PANELS = [
  { title: "loss", curves: ["train_loss", "valid_loss"], height: 130 },
  { title: "validation accuracy", curves: ["valid_accuracy"], height: 90, top: 1 },
  { title: "swarm diversity", curves: ["diversity"], height: 80, top: 1 },
  { title: "entropy of the alphas", curves: ["entropy"], height: 80, top: 1 },
];
const COLOURS = {
  train_loss: "--train", valid_loss: "--valid", valid_accuracy: "--accuracy",
  diversity: "--diversity", entropy: "--entropy",
};
const MOVERS = {
  frozen: "alphas frozen", swarm: "a swarm moves the alphas",
  gradient: "the gradient moves the alphas", alternate: "swarm and gradient in turn",
};
const positions = {}; // slider id -> value, so that a redrawn page stands where it stood

// Small tools

function make(namespace, name, attributes, children) {
  const element = namespace ? document.createElementNS(namespace, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...[children === undefined ? [] : children].flat().filter((child) => child !== null));
  return element;
}
const html = (name, attributes, ...children) => make(null, name, attributes, children);
const svg = (name, attributes, ...children) =>
  make("http://www.w3.org/2000/svg", name, attributes, children);
const known = (value) => value !== null && value !== undefined;
const short = (value) => (known(value) ? String(Number(value.toPrecision(4))) : "–");

function show(event, text) {
  tip.owner = event.currentTarget;
  const box = event.currentTarget.getBoundingClientRect();
  const [x, y] = event.clientX ? [event.clientX, event.clientY] : [box.x + box.width / 2, box.bottom];
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(x + 14, innerWidth - tip.offsetWidth - 8);
  const below = y + 18 + tip.offsetHeight < innerHeight;
  tip.style.left = Math.max(8, left) + "px";
  tip.style.top = (below ? y + 18 : Math.max(8, y - tip.offsetHeight - 14)) + "px";
}
function hide(event) {
  // A page that scrolls to a focused mark moves others away from under the pointer.
  if (!event || event.currentTarget === tip.owner) tip.hidden = true;
}
const hints = (text) => ({
  onpointermove: (event) => { event.stopPropagation(); show(event, text); },
  onpointerleave: hide, onfocus: (event) => show(event, text), onblur: hide,
});

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function extent(values) { // Math.min(...values) has a limit of about 100,000 values
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) {
    found.push(Number(at.toPrecision(6)));
  }
  return found;
}

function path(points) {
  let drawn = "", up = true;
  for (const [x, y] of points) {
    if (!known(y)) { up = true; continue; }
    drawn += (up ? "M" : "L") + x.toFixed(1) + " " + y.toFixed(1);
    up = false;
  }
  return drawn;
}

function slider(id, label, count, text, changed) {
  const last = count - 1;
  const at = Math.min(positions[id] ?? last, last);
  const out = html("output", { for: id }, text(at));
  const input = html("input", {
    id, type: "range", min: 0, max: last, value: at, "aria-label": label, "aria-valuetext": text(at),
    oninput: () => {
      const value = Number(input.value);
      if (value === last) delete positions[id]; // at the end it follows a running search
      else positions[id] = value;
      input.setAttribute("aria-valuetext", text(value));
      out.textContent = text(value);
      changed(value);
    },
  });
  changed(at);
  return html("div", { class: "slider" }, html("span", { "aria-hidden": "true" }, label), input, out);
}

function table(columns, rows, name = "table") {
  return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
    html("table", {},
      html("thead", {}, html("tr", {}, ...columns.map((name) => html("th", { scope: "col" }, name)))),
      html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map((cell) => html("td", {}, cell)))))));
}

function details(title, ...children) {
  return html("details", {}, html("summary", {}, title), ...children);
}

// The course: phases as bands, curves, decisions

function course(run, width) {
  const left = 44, right = 12, bandTop = 4, marksAt = 44;
  const count = run.epochs.length;
  const x = scale(0.5, Math.max(count, 2) + 0.5, left, width - right);
  const probes = Object.entries(run.probes).map(([name, values]) => ({
    title: name, height: 80, values: { [name]: values }, colour: "--entropy",
  }));
  const panels = [...PANELS, ...probes];
  let top = 64;
  const height = panels.reduce((sum, panel) => sum + panel.height + 32, top) + 18;
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "group",
    "aria-label": "Course of the search: phases, curves and decisions. The same as tables below.",
  });
  const names = labels(run.phases.map((stay) => [stay.name, x(stay.first - 0.5), x(stay.last + 0.5)]), 0, width);
  run.phases.forEach((stay, number) => {
    const from = x(stay.first - 0.5), to = x(stay.last + 0.5);
    const text = `${stay.name}, epochs ${stay.first} to ${stay.last}: ${MOVERS[stay.alphas]}` +
      (stay.optimizer ? ` (${stay.optimizer})` : "") + (stay.ended ? `\nended: ${stay.ended}` : "");
    drawing.append(
      svg("rect", { x: from, y: bandTop, width: to - from, height: height - bandTop - 18,
        fill: `var(--${stay.alphas})` }),
      svg("line", { x1: from, x2: from, y1: bandTop, y2: height - 18, class: "axis" }),
      svg("g", hints(text),
        svg("rect", { x: from, y: bandTop, width: to - from, height: 26, fill: "transparent" }),
        svg("text", { x: names[number].at, y: bandTop + 17, "font-weight": 600 }, names[number].text)));
  });
  for (const panel of panels) {
    top += 28;
    const series = panel.values || Object.fromEntries(panel.curves.map((name) => [name, run.curves[name]]));
    const values = Object.values(series).flat().filter(known);
    const limits = panel.top ? [0, panel.top] : values.length ? extent(values) : [0, 1];
    const y = scale(...limits, top + panel.height, top);
    drawing.append(svg("text", { x: left + 4, y: top - 9, "font-weight": 600 }, panel.title));
    for (const tick of ticks(...limits, panel.height / 40)) {
      drawing.append(
        svg("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: "axis", "stroke-width": 0.7 }),
        svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end", class: "quiet-text" }, String(tick)));
    }
    for (const [name, curve] of Object.entries(series)) {
      const colour = `var(${panel.colour || COLOURS[name]})`;
      const points = curve.map((value, at) => [x(at + 1), known(value) ? y(value) : null]);
      drawing.append(svg("path", {
        d: path(points), class: "curve", stroke: colour, "data-curve": name,
        "stroke-dasharray": name === "train_loss" ? "5 3" : null,
      }));
      points.forEach(([px, py], at) => { // a reading without neighbours has no line
        if (known(py) && !known((points[at - 1] || [])[1]) && !known((points[at + 1] || [])[1])) {
          drawing.append(svg("circle", { cx: px, cy: py, r: 3, fill: colour }));
        }
      });
    }
    if (panel.curves && panel.curves.length > 1) {
      drawing.append(svg("text", { x: width - right - 4, y: top - 9, "text-anchor": "end", class: "quiet-text" },
        "- - training   — validation"));
    }
    if (!values.length) {
      drawing.append(svg("text", { x: left + 8, y: top + 20, class: "quiet-text" }, "no reading yet"));
    }
    top += panel.height + 4;
  }
  for (const tick of ticks(1, Math.max(count, 2), width / 90)) {
    if (tick % 1 === 0) {
      drawing.append(svg("text", { x: x(tick), y: height - 4, "text-anchor": "middle", class: "quiet-text" }, String(tick)));
    }
  }
  drawing.append(svg("text", { x: 2, y: height - 4, class: "quiet-text" }, "epoch"));
  const cursor = svg("line", { y1: 60, y2: height - 18, stroke: "var(--mark)", "stroke-width": 1, visibility: "hidden" });
  const area = svg("rect", {
    x: left, y: 60, width: width - left - right, height: height - 78, fill: "transparent",
    onpointermove: (event) => {
      const box = drawing.getBoundingClientRect();
      const inside = ((event.clientX - box.left) / box.width) * width;
      const at = Math.round(((inside - left) / (width - right - left)) * Math.max(count, 2) + 0.5) - 1;
      if (at < 0 || at >= count) return;
      cursor.setAttribute("x1", x(at + 1));
      cursor.setAttribute("x2", x(at + 1));
      cursor.setAttribute("visibility", "visible");
      show(event, `epoch ${run.epochs[at]}\n` + readings(run, at).map(([name, value]) => `${name}: ${value}`).join("\n"));
    },
    onpointerleave: (event) => { hide(event); cursor.setAttribute("visibility", "hidden"); },
  });
  drawing.append(cursor, area, decisionMarks(run, x, marksAt, height - 18));
  return drawing;
}

function labels(bands, left, right) {
  // A name stands in its band, or further left where that is too narrow; many phases are cut.
  const gap = 5, placed = [], ruler = document.createElement("canvas").getContext("2d");
  ruler.font = "600 11px system-ui, sans-serif"; // as in search.css
  const long = (text) => ruler.measureText(text).width;
  for (const [text, from] of [...bands].reverse()) {
    right = Math.min(from + gap, right - gap - long(text));
    placed.unshift({ text, at: right });
  }
  if (right >= left) return placed;
  return bands.map(([text, from, to]) => {
    let cut = text;
    for (let end = text.length - 1; end > 0 && long(cut) > to - from; end--) cut = text.slice(0, end) + "…";
    return { text: cut, at: from + gap };
  });
}

function readings(run, at) {
  const all = { ...run.curves, ...run.probes };
  return Object.entries(all).filter(([, values]) => known(values[at]))
    .map(([name, values]) => [CURVES[name] || name, short(values[at])]);
}

function decisionText(decision) {
  return [`after epoch ${decision.epoch}: ${decision.reason}`, ...decision.actions].join("\n");
}

function decisionMarks(run, x, y, bottom) {
  // One stop for the Tab key; the arrows walk from mark to mark.
  const group = svg("g", { role: "group", "aria-label": "Decisions; walk them with the arrow keys" });
  const walk = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const marks = [...group.querySelectorAll(".decision")];
    const next = marks[marks.indexOf(event.currentTarget) + step];
    if (!next) return;
    event.preventDefault();
    event.currentTarget.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  };
  run.decisions.forEach((decision, number) => {
    const at = x(decision.epoch + 0.5), text = decisionText(decision);
    group.append(svg("g", {
      class: "decision", tabindex: number ? -1 : 0, role: "img", "aria-label": text.replaceAll("\n", "; "),
      onkeydown: walk, ...hints(text),
    },
      decision.switch
        ? svg("line", { x1: at, x2: at, y1: y, y2: bottom, stroke: "var(--mark)", "stroke-width": 1.4, "stroke-dasharray": "2 3" })
        : null,
      svg("circle", { class: "ring", cx: at, cy: y, r: 9 }),
      decision.diverged
        ? svg("path", { d: `M${at - 6} ${y - 6}l12 12m0 -12l-12 12`, stroke: "var(--valid)", "stroke-width": 3 })
        : decision.switch
        ? svg("path", { d: `M${at} ${y - 7}l7 7l-7 7l-7 -7z`, fill: "var(--mark)" })
        : svg("circle", { cx: at, cy: y, r: 3, fill: "var(--quiet)" })));
  });
  return group;
}

// The cell: nodes in a column, an arc an edge

const STYLES = [
  [/none/, { stroke: "var(--quiet)", "stroke-dasharray": "1 5" }],
  [/skip/, { stroke: "var(--accuracy)", "stroke-dasharray": "7 4" }],
  [/pool/, { stroke: "var(--diversity)", "stroke-dasharray": "3 3" }],
  [/./, { stroke: "var(--train)" }],
];

function cell(name, part) {
  const targets = part.choices.map((choice) => choice[2]);
  const count = Math.max(...targets) + 1, gap = 62, middle = part.concat ? 84 : 44, radius = 14;
  const names = [...Array(count).keys()].map(String);
  const rows = count + (part.concat ? 1 : 0);
  const y = (node) => 24 + gap * node;
  const reach = (source, target) => 42 + 56 * (target - source - 1); // two labels fit side by side
  const deepest = Math.max(...part.choices.map(([, source, target]) => reach(source, target)));
  const width = middle + deepest + 60, height = y(rows - 1) + 26;
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", style: `max-width: ${width}px`,
    "aria-label": `Cell ${name}: ` + part.choices.map(([operation, source, target]) =>
      `${operation} from ${names[source]} to ${names[target]}`).join(", "),
  });
  const labels = [];
  for (const [operation, source, target] of part.choices) {
    const bulge = reach(source, target), [from, to] = [y(source), y(target)];
    const style = STYLES.find(([pattern]) => pattern.test(operation))[1];
    drawing.append(svg("path", {
      d: `M${middle + radius} ${from}C${middle + bulge * 1.3} ${from} ${middle + bulge * 1.3} ${to} ${middle + radius + 1} ${to}`,
      fill: "none", "stroke-width": 2.2, ...style,
    }));
    labels.push(svg("text", { x: middle + bulge, y: (from + to) / 2 + 4, "text-anchor": "middle", class: "halo" }, operation));
  }
  if (part.concat) {
    for (let node = part.inputs; node < count; node += 1) {
      const bulge = 14 + 8 * (count - node);
      drawing.append(svg("path", {
        d: `M${middle - radius} ${y(node)}C${middle - bulge * 1.6} ${y(node)} ${middle - bulge * 1.6} ${y(count)} ${middle - radius - 1} ${y(count)}`,
        fill: "none", stroke: "var(--quiet)", "stroke-width": 1.4,
      }));
    }
    names.push("");
  }
  names.forEach((text, node) => {
    const role = node < part.inputs ? "in" : node === names.length - 1 ? "out" : "";
    drawing.append(
      svg("circle", { cx: middle, cy: y(node), r: radius, fill: "var(--panel)", stroke: "var(--text)", "stroke-width": 1.3 }),
      svg("text", { x: middle, y: y(node) + 4, "text-anchor": "middle" }, text || role),
      svg("text", { x: middle - radius - 5, y: y(node) + 4, "text-anchor": "end", class: "quiet-text" }, text ? role : ""));
  });
  drawing.append(...labels);
  return drawing;
}

function found(run) {
  if (!run.found) return [];
  const cells = Object.entries(run.found.cells);
  return [
    html("h3", {}, run.finished ? "The cell that was found" : "The cell so far"),
    run.finished ? null : html("p", { class: "quiet" }, "What the alphas of the last recorded epoch decode to."),
    html("div", { class: "wide" }, ...cells.map(([name, part]) =>
      html("div", {}, cells.length > 1 ? html("h4", {}, name) : null, cell(name, part)))),
    html("pre", {}, run.found.text),
  ];
}

// The candidates: a table a round

function candidates(run) {
  if (!run.candidates) return [];
  const { first, read_out: readOut, rounds } = run.candidates;
  return [
    html("h3", {}, "The candidates"),
    html("p", { class: "quiet" }, (readOut
      ? "The genotype below was read out of the alphas. It and others near it"
      : "The genotype below is the first that the limits allow. It and others near the one that was read out") +
      " were trained from scratch;" +
      (run.finished && rounds.length === 1 ? "" : " the best go on to a longer training, and") +
      " the first" + (rounds.length > 1 ? " of the last round" : "") + " is the answer." +
      (run.finished ? "" : " The search has not ended: more may follow.")),
    html("pre", {}, first),
    ...rounds.flatMap(({ title, columns, rows }) => {
      const shown = table(columns, rows, title);
      return rows.length > 30 ? [details(title, shown)] : [html("h4", {}, title), shown];
    }),
  ];
}

// The alphas: a table whose colours are the softmax

function ramp(share) {
  const style = getComputedStyle(document.documentElement);
  const ends = ["--ramp-low", "--ramp-high"].map((name) => style.getPropertyValue(name).trim().split(" ").map(Number));
  const mixed = ends[0].map((low, channel) => low + (ends[1][channel] - low) * share);
  const light = mixed.map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return `background: rgb(${mixed.map(Math.round).join(" ")}); color: ${luminance > 0.179 ? "#000" : "#fff"}`;
}

function alphas(run, id) {
  const epochs = run.mixing.map((mixing, at) => at).filter((at) => Object.keys(run.mixing[at]).length);
  if (!epochs.length || !run.cells.length) return [];
  const holder = html("div", { class: "wide" });
  const draw = (at) => {
    const mixing = run.mixing[epochs[at]];
    holder.replaceChildren(...run.cells.map((part) => {
      const same = part.operations.every((names) => names.join() === part.operations[0].join());
      const head = part.operations[0].map((name, column) => (same ? name : `choice ${column + 1}`));
      return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `alphas of ${part.name}` },
        html("table", { class: "heat" },
          html("caption", { class: "quiet" }, run.cells.length > 1 ? part.name : ""),
          html("thead", {}, html("tr", {}, html("td", {}), ...head.map((name) => html("th", { scope: "col" }, html("span", {}, name))))),
          html("tbody", {}, ...mixing[part.name].map((row, edge) => {
            const best = row.indexOf(Math.max(...row));
            return html("tr", {}, html("th", { scope: "row" }, part.edges[edge]),
              ...row.map((share, column) => html("td", {
                style: ramp(share), class: column === best ? "top" : null,
                ...hints(`${part.edges[edge]}: ${part.operations[edge][column]} ${(100 * share).toFixed(1)} %`),
              }, share.toFixed(2).replace(/^0/, ""))));
          }))));
    }));
  };
  const control = slider(`${id}-alphas`, "epoch", epochs.length, (at) => `${run.epochs[epochs[at]]} of ${run.epochs.at(-1)}`, draw);
  return [
    html("h3", {}, "The alphas over time"),
    html("p", { class: "quiet" }, "Softmax of the alphas after an epoch: a row an edge, a column an operation; framed: the largest."),
    control, holder,
  ];
}

// The swarm on a plane, and where its best particle comes from

function lineage(run) {
  // For each generation, the ancestor of the particle nearest to the answer at its stay's end.
  const found = Array(run.swarm.length).fill(null);
  for (let at = run.swarm.length - 1, particle = null; at >= 0; at -= 1) {
    if (particle === null) particle = run.swarm[at].nearest;
    found[at] = particle;
    particle = run.swarm[at].fresh ? null : run.swarm[at].parents[particle] ?? null;
  }
  return found;
}

function swarm(run, id, width) {
  if (!run.swarm.length) return [];
  const ancestors = lineage(run), height = Math.min(width * 0.8, 380), pad = 16;
  const trail = run.points.filter(known);
  const everything = [...run.swarm.flatMap((generation) => generation.points), ...trail];
  const range = (axis) => extent(everything.map((p) => p[axis]));
  const x = scale(...range(0), pad, width - pad), y = scale(...range(1), height - pad, pad);
  const text = (at) => `generation ${at + 1} of ${run.swarm.length}`;
  const plane = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "The swarm on a plane" });
  plane.append(
    svg("rect", { width, height, fill: "var(--panel)" }),
    svg("path", { d: path(trail.map((p) => [x(p[0]), y(p[1])])), class: "curve", stroke: "var(--quiet)", "stroke-width": 1.3 }));
  const moves = svg("path", { class: "curve", stroke: "var(--valid)", "stroke-width": 0.8, opacity: 0.55 });
  const particle = (colour, r, text) => svg("circle", {
    class: "particle", r, fill: `var(${colour})`, stroke: "var(--panel)",
    onpointermove: (event) => show(event, text()), onpointerleave: hide,
  });
  const place = (dot, [px, py]) => { dot.setAttribute("cx", x(px)); dot.setAttribute("cy", y(py)); };
  const dots = svg("g", {});
  const best = particle("--train", 7, () => `particle ${best.dataset.number}, ancestor of the best`);
  const here = svg("path", { fill: "none", stroke: "var(--mark)", "stroke-width": 2, "pointer-events": "none" });
  plane.append(moves, dots, best, here);
  const tree = genealogy(run, ancestors, width);
  const draw = (at) => {
    const generation = run.swarm[at], before = run.swarm[at - 1];
    const answer = run.points[run.epochs.indexOf(generation.epoch)];
    moves.setAttribute("d", generation.fresh || !before ? "" : generation.points.map((p, i) =>
      path([before.points[generation.parents[i]] || p, p].map((q) => [x(q[0]), y(q[1])]))).join(""));
    while (dots.childElementCount > generation.points.length) dots.lastChild.remove();
    generation.points.forEach((p, i) => {
      const dot = dots.children[i] || dots.appendChild(particle("--valid", 4.5, () => `particle ${i + 1}`));
      place(dot, p);
    });
    place(best, generation.points[ancestors[at]] || [0, 0]);
    best.dataset.number = ancestors[at] + 1;
    here.setAttribute("d", answer ? `M${x(answer[0]) - 8} ${y(answer[1])}h16m-8 -8v16` : "");
    plane.setAttribute("aria-label",
      `The swarm on a plane, ${text(at)} in epoch ${generation.epoch}: ${generation.points.length} particles`);
    tree.point(at);
  };
  const control = slider(`${id}-swarm`, "generation", run.swarm.length,
    (at) => `${at + 1} of ${run.swarm.length}, epoch ${run.swarm[at].epoch}`, draw);
  return [
    html("h3", {}, "The swarm"),
    control,
    html("div", { class: "wide" },
      html("div", {}, html("h4", {}, "On a plane"), plane,
        html("p", { class: "quiet" }, "Each dot is a particle (the softmax of its alphas) on a fixed random plane, on which distances are true on average; a thin line leads to where it came from. Large dot: ancestor of the best particle. Cross: the search's alphas at the end of that epoch; grey line: their way.")),
      html("div", {}, html("h4", {}, "Genealogy of the best particle"), tree.drawing,
        html("p", { class: "quiet" }, "Generations to the right, the plane's first axis upwards. A particle's parent is the particle nearest to it in the recorded generation before, by the softmax of all alphas. Strong line: ancestors of the particle nearest to the swarm's answer."))),
  ];
}

function genealogy(run, ancestors, width) {
  const height = Math.min(width * 0.8, 380), pad = 16;
  const firsts = run.swarm.flatMap((generation) => generation.points.map((p) => p[0]));
  const x = scale(0, Math.max(run.swarm.length - 1, 1), pad, width - pad);
  const y = scale(...extent(firsts), height - pad, pad);
  let all = "", best = "", origins = 1;
  run.swarm.forEach((generation, at) => {
    if (generation.fresh) return;
    const before = run.swarm[at - 1].points;
    generation.parents.forEach((parent, i) => {
      if (!before[parent]) return;
      const line = path([[x(at - 1), y(before[parent][0])], [x(at), y(generation.points[i][0])]]);
      all += line;
      if (i === ancestors[at]) {
        best += line;
        origins += parent !== i;
      }
    });
  });
  const cursor = svg("line", { y1: 0, y2: height, stroke: "var(--mark)", "stroke-dasharray": "3 3" });
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Genealogy of the best particle over ${run.swarm.length} generations, in which ${origins} particles carried its line`,
  },
    svg("rect", { width, height, fill: "var(--panel)" }),
    svg("path", { d: all, fill: "none", stroke: "var(--valid)", "stroke-width": 0.6, opacity: 0.45 }),
    svg("path", { d: best, fill: "none", stroke: "var(--train)", "stroke-width": 3 }),
    cursor,
    svg("g", {}, ...ancestors.map((particle, at) => {
      const generation = run.swarm[at], point = generation.points[particle];
      if (!point) return null;
      const from = generation.fresh ? "its line begins here" : generation.parents[particle] === particle
        ? "it was its own parent" : `its parent was particle ${generation.parents[particle] + 1}`;
      return svg("circle", { cx: x(at), cy: y(point[0]), r: 4, fill: "var(--train)",
        ...hints(`generation ${at + 1}, epoch ${generation.epoch}: particle ${particle + 1}; ${from}`) });
    }).filter(known)));
  return { drawing, point: (at) => { cursor.setAttribute("x1", x(at)); cursor.setAttribute("x2", x(at)); } };
}

// The page

function status(run) {
  if (run.finished) return "finished";
  if (data.live) return "running";
  if (run.candidates) return "broken off among its candidates";
  return run.epochs.length ? `broken off after epoch ${run.epochs.at(-1)}` : "broken off before its first epoch";
}

function repeat(run) {
  const links = Object.entries(run.repeat.files).flatMap(([name, text]) => [
    html("a", { download: name, href: "data:text/plain;charset=utf-8," + encodeURIComponent(text) }, name), " "]);
  return [
    html("h3", {}, "Repeat this run"),
    html("p", {}, "Save ", ...links, " and run, where its data set is:"),
    html("pre", {}, run.repeat.command),
    ...(run.finished || data.live ? [] : [html("p", {}, "Or let this one go on:"),
      html("pre", {}, `swarmnas search --resume ${run.path}`)]),
  ];
}

function section(run, number, width, alone) {
  const id = `run${number}`;
  const movers = [...new Set(run.phases.map((stay) => stay.alphas))];
  const parts = [
    alone ? null : html("h2", {}, run.name),
    html("p", {}, html("span", { class: "status" }, status(run))),
    html("dl", { class: "facts" }, ...Object.entries(run.facts).map(([name, value]) =>
      html("div", {}, html("dt", {}, name), html("dd", {}, value)))),
  ];
  if (run.epochs.length) {
    parts.push(
      html("h3", {}, "The course of the search"),
      html("p", { class: "legend" }, ...movers.map((mover) =>
        html("span", {}, html("i", { style: `background: var(--${mover})` }), MOVERS[mover])),
      html("span", {}, "◆ change of phase"), html("span", {}, "• goes on"),
      run.decisions.some((decision) => decision.diverged) ? html("span", {}, "✕ diverged") : null, html("span", {}, "reasons: point, or Tab and arrows")),
      course(run, width),
      details("Readings as a table", table(["epoch", ...Object.keys(run.curves).map((name) => CURVES[name]), "genotype"],
        run.epochs.map((epoch, at) => [String(epoch), ...Object.values(run.curves).map((values) => short(values[at])), run.genotypes[at] || "–"]))),
      details("Every decision with its reason", table(["after epoch", "decision"],
        run.decisions.map((decision) => [String(decision.epoch), [decision.reason, ...decision.actions].join("; ")]))));
  }
  const half = alone && width > 860 ? (width - 32) / 2 : width;
  parts.push(...found(run), ...candidates(run), ...alphas(run, id), ...swarm(run, id, half));
  parts.push(html("h3", {}, "How good is it?"));
  for (const said of run.said) parts.push(html("h4", {}, said.title), table(said.columns, said.rows));
  if (!run.said.length) {
    parts.push(html("p", {}, run.finished
      ? "No table was asked and nothing was trained yet. Train the cell beside random ones, or by a published protocol:"
      : "A search that has not ended has no cell to train."));
    if (run.finished) parts.push(html("pre", {}, `swarmnas compare ${run.path}\nswarmnas train ${run.path}`));
  }
  parts.push(...repeat(run),
    details("Settings", table(["setting", "value"], Object.entries(run.settings))),
    details("Versions", table(["package", "version"], Object.entries(run.versions))));
  return html("article", { class: "run", "aria-label": run.name }, ...parts.filter(known));
}

function overview() {
  const columns = [...new Set(data.runs.flatMap((run) => Object.keys(run.facts)))];
  return [
    html("h2", {}, "Side by side"),
    table(["run", "state", ...columns, "phases"], data.runs.map((run) => [
      run.name, status(run), ...columns.map((name) => run.facts[name] || "–"),
      run.phases.map((stay) => `${stay.name} ${stay.first}–${stay.last}`).join(", ")])),
  ];
}

function draw() {
  const focused = document.activeElement && document.activeElement.id;
  const open = [...page.querySelectorAll("details")].map((one) => one.open);
  hide();
  const many = data.runs.length > 1;
  const holder = html("div", { class: many ? "runs" : "" });
  page.replaceChildren(...(many ? overview() : []), holder);
  const columns = many ? getComputedStyle(holder).gridTemplateColumns.split(" ").length : 1;
  const width = Math.max(280, Math.floor((holder.clientWidth - 40 * (Math.min(columns, data.runs.length) - 1)) / Math.min(columns, data.runs.length)));
  data.runs.forEach((run, number) => holder.append(section(run, number, width, !many)));
  [...page.querySelectorAll("details")].forEach((one, at) => { one.open = open[at] || false; });
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
}

// Theme, size, news

document.addEventListener("themed", draw);
draw();

let drawnAt = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== drawnAt) { drawnAt = innerWidth; draw(); }
});
addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

async function refresh() {
  let text = null;
  try {
    text = await (await fetch("data.json", { cache: "no-store" })).text();
  } catch { /* the server is gone: what is drawn stays */ }
  if (text === null) {
    data.live = false;
    return draw();
  }
  if (text !== refresh.last) {
    refresh.last = text;
    data = JSON.parse(text);
    draw();
  }
  if (data.live) setTimeout(refresh, 2000);
}
if (data.live) setTimeout(refresh, 2000);
document.documentElement.dataset.ready = "yes";
