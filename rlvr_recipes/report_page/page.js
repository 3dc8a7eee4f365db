// The report's page. Whatever a policy wrote reaches the document as text nodes only, never as markup.
"use strict";

const PER_PAGE = 24; // completions
const SMOOTH_FROM = 60; // steps from which a curve gets a running mean
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SIGNS = { "####": ["####"], boxed: ["\\boxed", "\\fbox"], "<answer>": ["<answer>"], "the answer is": ["answer is", "answer"] };

// ------------------------------------------------------------------------------------------------------------ small tools

/** An element; children are elements or texts, null is left out. */
function el(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name in made && !name.startsWith("aria")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const allThere = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));

/** What the report's maker packed into the block with this id: base64 of gzip of JSON. */
async function unpack(id) {
  // Most blocks stand behind this script. One is whole once its line has ended; an element may follow it earlier.
  const after = document.getElementById(id)?.nextSibling;
  if (document.readyState === "loading" && after?.nodeType !== Node.TEXT_NODE) await allThere;
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const percent = (share) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)}%`);
const points = (share) => `${share < -0.0005 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
const count = (number) => number.toLocaleString("en-US");

/** A number as a reader wants it. */
function written(value, kind) {
  if (value === null || value === undefined) return "–";
  if (kind === "share") return `${(100 * value).toFixed(value !== 0 && Math.abs(value) < 0.01 ? 2 : 1)}%`;
  if (value !== 0 && (kind === "small" || Math.abs(value) < 0.001)) return value.toExponential(2).replace(/\.?0+e/, "e");
  return Math.abs(value) >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
}

// -------------------------------------------------------------------------------------------------------------- text shown

// What does not show, or turns the reading direction of what follows: it could hide what a policy wrote.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/** Text as nodes, with hidden characters made visible. */
function visible(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > from) nodes.push(text.slice(from, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(el("span", { className: "control", title: "a character that does not show" }, `U+${code}`));
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

/** Where the extracted answer stands: behind the last marker that it follows, else its last mention; or null. */
function answerPlace(text, extracted, where) {
  if (!extracted) return null;
  const alone = (at) => !/[\w.]/.test(text[at - 1] ?? " ") || !/^\w/.test(extracted);
  const ends = (at) => !/\w/.test(text[at + extracted.length] ?? " ") || !/\w$/.test(extracted);
  const lower = text.toLowerCase();
  for (const sign of SIGNS[where] ?? []) {
    for (let at = lower.lastIndexOf(sign); at >= 0; at = at ? lower.lastIndexOf(sign, at - 1) : -1) {
      const begin = text.indexOf(extracted, at + sign.length);
      if (begin >= 0 && begin - at < 400) return [begin, begin + extracted.length];
    }
  }
  for (let at = text.lastIndexOf(extracted); at >= 0; at = at ? text.lastIndexOf(extracted, at - 1) : -1) {
    if (alone(at) && ends(at)) return [at, at + extracted.length];
  }
  return null;
}

/** A completion with its answer marked. */
function completionText(text, extracted, where) {
  const place = answerPlace(text, extracted, where);
  if (text.trim() === "") return el("pre", { className: "text soft" }, text === "" ? "(nothing)" : "(only white space)");
  const shown = text.trim();
  const cut = text.indexOf(shown);
  if (place === null || place[0] < cut) return el("pre", { className: "text" }, visible(shown));
  const [begin, end] = [place[0] - cut, Math.min(place[1] - cut, shown.length)];
  const mark = el("mark", { title: "what was read as the answer" }, visible(shown.slice(begin, end)));
  return el("pre", { className: "text" }, visible(shown.slice(0, begin)), mark, visible(shown.slice(end)));
}

/** Why a completion was paid or not: what was read, by which marker, and the reason. */
function whyText(extracted, where, reason) {
  if (!reason && !extracted) return null;
  const read = extracted === null ? "no answer was read" : "read ";
  const by = where ? ` after ${where}` : "";
  return el(
    "footer", {}, read, extracted === null ? null : el("b", {}, visible(extracted)), extracted === null ? "" : by,
    reason ? [": ", visible(reason)] : "",
  );
}

/** The columns of a data row; long ones that the prompt shows already are left out. */
function columnsShown(columns, prompt) {
  const inPrompt = (text) => text.length > 15 && prompt.includes(text);
  const told = Object.entries(columns ?? {}).filter(([, value]) => value !== null && !inPrompt(String(value).trim()));
  return told.map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (text.length <= 80 && !text.includes("\n")) return el("div", { className: "small soft" }, `${name}: `, visible(text));
    return el("details", {}, el("summary", {}, name), el("pre", { className: "text" }, visible(text)));
  });
}

function promptShown(parts) {
  return parts.map(([role, text]) =>
    el("div", { className: "text" }, role && parts.length > 1 ? el("span", { className: "soft small" }, `${role}: `) : null, visible(text.trim())));
}

// ------------------------------------------------------------------------------------------------------------------ charts

const drawn = new Map(); // element -> function that draws it
let plotly = null; // a promise of the library

/** Loads the library that draws; it takes longer than all else on the page. */
function loadPlotly() {
  plotly ??= unpack("plotly").then((source) => {
    const nonce = document.querySelector("script[nonce]").nonce;
    document.head.append(el("script", { nonce, textContent: source }));
  });
  return plotly;
}

/** A chart's place; it is drawn once it comes near the window, and again when the theme changes. */
function plotPlace(draw, label, tall) {
  const place = el("div", { className: `plot${tall ? " tall" : ""}`, role: "img", "aria-label": label });
  drawn.set(place, draw);
  return place;
}

async function drawNow(place) {
  await loadPlotly();
  const { data, layout } = drawn.get(place)();
  const touch = matchMedia("(pointer: coarse)").matches;
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, tickfont: { size: 11 }, automargin: true };
  const { xaxis, yaxis, ...others } = layout;
  await Plotly.react(
    place, data,
    {
      margin: { l: 8, r: 10, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") }, hovermode: "x unified",
      dragmode: touch ? false : "zoom", // a finger scrolls the page
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 12 } },
      xaxis: { ...axis, showgrid: false, fixedrange: touch, ...xaxis }, yaxis: { ...axis, fixedrange: touch, ...yaxis }, ...others,
    },
    { displayModeBar: false, responsive: true },
  );
  place.dataset.drawn = "1";
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      near.unobserve(entry.target);
      drawNow(entry.target);
    }
  }
}, { rootMargin: "500px" });

/** Over how many steps of a run curves are averaged. */
const smoothing = (steps) => (steps >= SMOOTH_FROM ? Math.ceil(steps / 30) : 1);

/** A running mean over the last `width` values; nulls are left out. */
function smooth(values, width) {
  return values.map((value, at) => {
    const seen = values.slice(Math.max(0, at - width + 1), at + 1).filter((each) => each !== null);
    return value === null || !seen.length ? null : seen.reduce((a, b) => a + b, 0) / seen.length;
  });
}

function legend(names) {
  return el("div", { className: "legend" }, names.map(([name, number]) => {
    const line = el("i", {});
    line.style.borderTopColor = `var(--line-${number % 6})`;
    line.style.borderTopStyle = ["solid", "dashed", "dotted"][number % 3];
    return el("span", {}, line, name);
  }));
}

/** One of the training curves. */
function curveFigure(chart, runs) {
  const several = runs.length > 1;
  const numberOf = (line, at) => (several ? line.run : at);
  const nameOf = (line) => (several ? runs[line.run].name : line.name);
  const last = (line) => line.y.findLastIndex((value) => value !== null);
  const ends = chart.lines.map((line) => `${nameOf(line)} ${written(line.y[last(line)], chart.kind)} at step ${line.x[last(line)]}`);
  const longest = Math.max(...chart.lines.map((line) => line.x.length));
  const width = chart.name === "learning_rate" ? 1 : smoothing(longest);
  const known = chart.lines.flatMap((line) => line.y.filter((value) => value !== null));
  const [least, top] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
  const limited = chart.limit !== null && top > 0.4 * chart.limit;
  const draw = () => {
    const data = [];
    chart.lines.forEach((line, at) => {
      const number = numberOf(line, at);
      const style = { color: colour(`line-${number % 6}`), width: 2, dash: ["solid", "dash", "dot"][number % 3] };
      const given = { x: line.x, mode: line.x.length > 1 ? "lines" : "markers", type: "scatter", name: nameOf(line) };
      const form = chart.kind === "share" ? "%{y:.1%}" : "%{y:.4~g}";
      if (width > 1) data.push({ ...given, y: line.y, line: { ...style, width: 1, dash: "solid" }, opacity: 0.3, hoverinfo: "skip" });
      data.push({ ...given, y: width > 1 ? smooth(line.y, width) : line.y, line: style, hovertemplate: `${form}<extra>%{fullData.name}</extra>` });
    });
    if (limited) {
      const x = [chart.lines[0].x[0], chart.lines[0].x.at(-1)];
      data.push({ x, y: [chart.limit, chart.limit], mode: "lines", line: { color: colour("soft"), width: 1, dash: "dot" }, name: chart.limit_name, hoverinfo: "skip" });
    }
    const shapes = chart.alarms.map(([, step]) => (
      { type: "line", xref: "x", x0: step, x1: step, yref: "paper", y0: 0, y1: 1, line: { color: colour("alarm"), width: 1.5, dash: "dot" } }));
    const yaxis = chart.kind === "share" ? { tickformat: ".0%", rangemode: "tozero" } : { exponentformat: chart.kind === "small" ? "e" : "SI", rangemode: "tozero" };
    if (chart.kind === "share" && top - least < 0.02) yaxis.range = [Math.max(0, least - 0.05) - 0.01, Math.min(1, top + 0.05) + 0.01];
    return { data, layout: { shapes, yaxis, xaxis: { title: { text: "step", font: { size: 11 }, standoff: 4 } } } };
  };
  const now = chart.lines.length === 1 ? `${written(chart.lines[0].y[last(chart.lines[0])], chart.kind)} at step ${chart.lines[0].x[last(chart.lines[0])]}` : "";
  const notes = [chart.alarms.length ? "dotted: alarm" : "", limited ? `dotted: ${chart.limit_name}` : ""].filter(Boolean).join(", ");
  const figure = el(
    "figure", { id: `chart-${chart.name}` },
    el("figcaption", {}, el("h3", {}, chart.title), el("span", { className: "now" }, [now, notes].filter(Boolean).join("; "))),
    chart.lines.length > 1 && !several ? legend(chart.lines.map((line, at) => [line.name, at])) : null,
    plotPlace(draw, `${chart.title} by step: ${ends.join("; ")}`, false),
  );
  return figure;
}

/** Accuracy with its interval, one point per evaluation. */
function accuracyFigure(rows) {
  const draw = () => {
    const [low, high] = rows.reduce(([a, b], row) => [Math.min(a, row.accuracy[1]), Math.max(b, row.accuracy[2])], [1, 0]);
    const wide = high - low > 0.3;
    return {
      data: [{
        x: rows.map((row) => row.accuracy[0]), y: rows.map((_, at) => at), type: "scatter", mode: "markers",
        marker: { size: 11, color: rows.map((row) => colour(row.main ? "accent" : "soft")) },
        error_x: {
          type: "data", symmetric: false, array: rows.map((row) => row.accuracy[2] - row.accuracy[0]),
          arrayminus: rows.map((row) => row.accuracy[0] - row.accuracy[1]), color: colour("soft"), thickness: 2, width: 6,
        },
        text: rows.map((row) => `${row.label}: ${percent(row.accuracy[0])} [${percent(row.accuracy[1])}, ${percent(row.accuracy[2])}], n = ${row.n}`),
        hovertemplate: "%{text}<extra></extra>",
      }],
      layout: {
        hovermode: "closest",
        xaxis: { tickformat: ".0%", showgrid: true, range: wide ? [-0.02, 1.02] : [Math.max(-0.02, low - 0.1), Math.min(1.02, high + 0.1)] },
        yaxis: { tickvals: rows.map((_, at) => at), ticktext: rows.map((row) => row.short), range: [rows.length - 0.4, -0.6], showgrid: false, fixedrange: true },
      },
    };
  };
  const label = rows.map((row) => `${row.label} ${percent(row.accuracy[0])}`).join("; ");
  const place = plotPlace(draw, `Accuracy with 95 % intervals: ${label}`, false);
  place.style.height = `${60 + 44 * rows.length}px`;
  const decides = [...new Set(rows.map((row) => row.decides))].join(", ");
  return el("figure", {}, el("figcaption", {}, el("h3", {}, `Accuracy (${decides})`), el("span", { className: "now" }, `95 % intervals, ${sizes(rows)}`)), place);
}

function sizes(rows) {
  const different = [...new Set(rows.map((row) => row.n))];
  return different.length === 1 ? `n = ${count(different[0])}` : `n = ${different.map(count).join(", ")}`;
}

/** Accuracy by the number of exemplars in the prompt. */
function shotsFigure(chart) {
  const draw = () => ({
    data: chart.lines.map((line, at) => ({
      x: line.points.map((point) => point[0]), y: line.points.map((point) => point[1]), name: line.name, type: "scatter", mode: "lines+markers",
      line: { color: colour(`line-${at % 6}`), dash: ["solid", "dash", "dot"][at % 3], width: 2 }, marker: { size: 8, color: colour(`line-${at % 6}`) },
      error_y: {
        type: "data", symmetric: false, array: line.points.map((point) => point[3] - point[1]),
        arrayminus: line.points.map((point) => point[1] - point[2]), color: colour(`line-${at % 6}`), thickness: 1.5, width: 5,
      },
      text: line.points.map((point) => `${percent(point[1])} [${percent(point[2])}, ${percent(point[3])}], n = ${point[4]}`),
      hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
    })),
    layout: {
      xaxis: { title: { text: "exemplars in the prompt", font: { size: 11 }, standoff: 4 }, tickvals: [...new Set(chart.lines.flatMap((line) => line.points.map((point) => point[0])))] },
      yaxis: { tickformat: ".0%", range: [-0.03, 1.03] },
    },
  });
  return el(
    "figure", { className: "shots" },
    el("figcaption", {}, el("h3", {}, "Accuracy by exemplars in the prompt"), el("span", { className: "now" }, `${chart.title}, 95 % intervals`)),
    legend(chart.lines.map((line, at) => [line.name, at])), plotPlace(draw, `Accuracy by exemplars, ${chart.title}`, true),
  );
}

// ---------------------------------------------------------------------------------------------------------------- sections

function table(head, rows, texts) {
  return el("div", { className: "wide", tabIndex: 0 }, el("table", { className: texts ? "texts" : "" },
    el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
}

/** The figures of all evaluations. */
function evaluations(rows) {
  const others = [...new Set(rows.flatMap((row) => Object.keys(row.others)))];
  const form = (name) => rows.some((row) => row.others[name]?.[1]);
  const head = ["", "n", "accuracy [95 %]", "lenient", ...others.map((name) => (form(name) ? `form (${name})` : name)), "cut off", "tokens", "tokens/s"];
  return table(head, rows.map((row) => [
    row.label, `${count(row.n)}${row.samples > 1 ? ` × ${row.samples}` : ""}`,
    `${percent(row.accuracy[0])} [${percent(row.accuracy[1])}, ${percent(row.accuracy[2])}]`, percent(row.lenient),
    ...others.map((name) => (row.others[name] === undefined ? "–" : form(name) ? percent(row.others[name][0]) : row.others[name][0].toFixed(3))),
    percent(row.cut_off), row.tokens === null ? "–" : row.tokens.toFixed(1), row.tokens_per_second === null ? "–" : count(Math.round(row.tokens_per_second)),
  ]));
}

function gainText(gain) {
  const [low, high] = gain.difference.interval;
  const parts = [`${points(gain.difference.value)} points [${points(low)}, ${points(high)}] on ${count(gain.n)} problems: ${gain.wins} won, ${gain.losses} lost, ${gain.ties} even`];
  if (gain.p !== null) parts.push(`McNemar p ${gain.p < 1e-6 ? "< 0.000001" : `= ${Number(gain.p.toPrecision(2))}`}`);
  if (gain.answers !== null) parts.push(`${points(gain.answers)} from more right answers, ${points(gain.form)} from their form`);
  return `${parts.join("; ")}.`;
}

function figures(run) {
  const [before, after] = ["before", "after"].map((when) => run.evaluated.find((row) => row.label.startsWith(`${when} training`)));
  const made = [];
  const one = (title, row, main) => el("div", { className: main ? "main" : "" }, el("span", {}, title), el("b", {}, percent(row.accuracy[0])), el("span", {}, `[${percent(row.accuracy[1])}, ${percent(row.accuracy[2])}]`));
  if (before) made.push(one("before training", before, !after));
  if (after) made.push(one("after training", after, true));
  if (run.gain) {
    const [low, high] = run.gain.difference.interval;
    made.push(el("div", {}, el("span", {}, "difference, points"), el("b", {}, points(run.gain.difference.value)), el("span", {}, `[${points(low)}, ${points(high)}]`)));
  }
  return made.length ? el("div", { className: "figures" }, made) : null;
}

function resultSection(runs) {
  const several = runs.length > 1;
  const rows = runs.flatMap((run) => run.evaluated.map((row) => {
    const label = several ? `${run.name}: ${row.label}` : row.label;
    return { ...row, label, main: row.label.startsWith("after"), short: label.length > 26 ? `${label.slice(0, 12)}…${label.slice(-13)}` : label };
  }));
  const trained = rows.filter((row) => /(before|after) training/.test(row.label));
  const short = trained.map((row) => ({ ...row, short: row.label.replace(/ training, [^:]*$/, "") }));
  const section = [el("h2", { id: "result" }, several ? "Results" : "Result")];
  if (!rows.length) return [...section, el("p", { className: "soft" }, "Nothing was evaluated in this run.")];
  if (!several) {
    const decides = rows[0].decides;
    section.push(figures(runs[0]), el("p", { className: "soft small" }, `Share of ${sizes(trained.length ? trained : rows).replace("n = ", "")} ${runs[0].split} problems that ${decides} pays in full, greedy decoding, with 95 % intervals.`));
  }
  for (const run of runs) if (run.gain) section.push(el("p", {}, several ? el("b", {}, `${run.name}: `) : null, gainText(run.gain)));
  if (short.length) section.push(accuracyFigure(short));
  section.push(evaluations(rows));
  const shots = runs.flatMap((run) => run.by_shots.map((chart) => ({ ...chart, title: several ? `${run.name}, ${chart.title}` : chart.title })));
  return [...section, ...shots.map(shotsFigure)];
}

function alarmSection(runs) {
  const told = runs.flatMap((run) => run.alarms.map((alarm) => {
    const [first, last] = [alarm.steps[0], alarm.steps.at(-1)];
    const when = first === last ? `step ${first}` : `${alarm.steps.length} times, steps ${first} to ${last}`;
    return el("li", {}, el("b", {}, alarm.name.replaceAll("_", " ")), ` (${runs.length > 1 ? `${run.name}, ` : ""}${when}): `, visible(alarm.text));
  }));
  return [el("h2", { id: "alarms" }, "Alarms"), told.length ? el("ul", { className: "alarms" }, told) : el("p", { className: "soft" }, "No alarm was recorded.")];
}

/** A run in one line: the policy, how long, where. */
function summaryOf(run) {
  const facts = Object.fromEntries(run.facts);
  const time = facts["Training time"] ? ` in ${facts["Training time"]}` : "";
  return [facts.Policy, facts.Weights, facts.Steps ? `${facts.Steps.split(",")[0]} steps${time}` : "", facts.Machine].filter(Boolean).join(" · ");
}

function commandBlock([title, words]) {
  const button = el("button", { type: "button" }, "Copy");
  button.onclick = async () => {
    await navigator.clipboard.writeText(words);
    button.textContent = "Copied";
  };
  return [el("div", { className: "small soft" }, `${title}:`), el("div", { className: "command" }, el("pre", {}, words), navigator.clipboard ? button : null)];
}

function setupSection(head) {
  const several = head.runs.length > 1;
  const made = [el("h2", { id: "setup" }, "What was trained")];
  if (several) {
    made.push(el("h3", {}, "Settings in which the runs differ"));
    made.push(head.differing.length ? table(["", ...head.runs.map((run) => run.name)], head.differing, true) : el("p", { className: "soft" }, "They do not differ in any."));
  }
  for (const run of head.runs) {
    const facts = el("dl", {}, run.facts.flatMap(([label, text]) => [el("dt", {}, label), el("dd", {}, text)]));
    const commands = [el("h3", {}, "The command that repeats it"), ...run.commands.flatMap(commandBlock)];
    made.push(several ? el("details", {}, el("summary", {}, run.name), facts, ...commands) : el("div", {}, facts, ...commands));
  }
  return made;
}

// ----------------------------------------------------------------------------------------------------- completions: a list

/** Units of one run and source, unpacked as they are looked at. */
class Source {
  constructor(stem, index) {
    this.stem = stem;
    this.index = index;
    this.held = new Map();
    this.begins = [0];
    for (const size of index.counts) this.begins.push(this.begins.at(-1) + size);
  }

  static async open(stem) {
    return new Source(stem, await unpack(stem));
  }

  get units() {
    return this.begins.at(-1);
  }

  async piece(number) {
    if (!this.held.has(number)) {
      if (this.held.size >= 12) this.held.delete(this.held.keys().next().value);
      this.held.set(number, await unpack(`${this.stem}-${number}`));
    }
    return this.held.get(number);
  }

  async unit(at) {
    let [low, high] = [0, this.begins.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.begins[middle] <= at) low = middle;
      else high = middle;
    }
    return (await this.piece(low))[at - this.begins[low]];
  }

  /** For every unit whether each of its texts holds the words; null when `stale()` says that nobody asks any more. */
  async search(words, textsOf, stale) {
    const found = [];
    for (let number = 0; number < this.index.counts.length; number++) {
      for (const unit of await unpack(`${this.stem}-${number}`)) found.push(textsOf(unit).map((text) => text.toLowerCase().includes(words)));
      if (stale()) return null;
    }
    return found;
  }
}

/** What the browser shows of the completions of training: one entry per completion. */
class Training {
  constructor(source, run) {
    this.source = source;
    this.run = run;
    const { size, step } = source.index;
    this.unitOf = [];
    this.within = [];
    size.forEach((number, unit) => {
      for (let i = 0; i < number; i++) {
        this.unitOf.push(unit);
        this.within.push(i);
      }
    });
    this.begins = [0];
    for (const number of size) this.begins.push(this.begins.at(-1) + number);
    this.dead = size.map((number, unit) => {
      const rewards = source.index.reward.slice(this.begins[unit], this.begins[unit] + number);
      return rewards.every((reward) => reward === rewards[0]);
    });
    this.steps = [step[0], step.at(-1)];
    this.first = source.index.pays[run.rewards[0]];
  }

  get total() {
    return this.source.index.total;
  }

  get size() {
    return this.unitOf.length;
  }

  noun = "completions";

  filters() {
    const [first, last] = this.steps;
    return [
      { name: "from", label: "step from", type: "number", min: first, max: last, placeholder: first },
      { name: "to", label: "to", type: "number", min: first, max: last, placeholder: last },
      { name: "verdict", label: "verdict", options: [["", "any"], ["right", "right"], ["wrong", "wrong"], ["unpaid", "right, not paid"], ["cut", "cut off"]] },
      { name: "group", label: "group", options: [["", "any"], ["mixed", "with different rewards"], ["dead", "dead: all the same"]] },
      { name: "reward", label: "reward", options: [["", "weighted sum"], ...this.run.rewards.map((name) => [name, name])] },
      { name: "least", label: "at least", type: "number", step: "any" },
      { name: "most", label: "at most", type: "number", step: "any" },
    ];
  }

  matches(wanted, found) {
    const { step, reward, lenient, cut_off, pays } = this.source.index;
    const values = wanted.reward ? pays[wanted.reward] : reward;
    const bound = (text, other) => (text === "" ? other : Number(text));
    const [from, to, least, most] = [bound(wanted.from, -Infinity), bound(wanted.to, Infinity), bound(wanted.least, -Infinity), bound(wanted.most, Infinity)];
    const bounded = wanted.least !== "" || wanted.most !== "";
    const verdicts = {
      right: (i) => this.first[i] === 1, wrong: (i) => this.first[i] !== 1,
      unpaid: (i) => lenient[i] === 1 && this.first[i] !== 1, cut: (i) => cut_off[i] === 1,
    };
    const verdict = verdicts[wanted.verdict];
    const shown = [];
    for (let i = 0; i < this.size; i++) {
      const unit = this.unitOf[i];
      if (step[unit] < from || step[unit] > to) continue;
      if (verdict && !verdict(i)) continue;
      if (wanted.group && this.dead[unit] !== (wanted.group === "dead")) continue;
      if (bounded && (values[i] === null || values[i] < least - 1e-6 || values[i] > most + 1e-6)) continue;
      if (found && !found[unit][this.within[i] + 1] && !found[unit][0]) continue;
      shown.push(i);
    }
    return shown;
  }

  texts = ([parts, , told]) => [parts.map((part) => part[1]).join("\n"), ...told.map((one) => one[0])];

  async render(entries) {
    const groups = [];
    for (const i of entries) {
      const unit = this.unitOf[i];
      if (groups.at(-1)?.unit !== unit) groups.push({ unit, entries: [] });
      groups.at(-1).entries.push(i);
    }
    const made = [];
    for (const group of groups) made.push(await this.group(group));
    return made;
  }

  async group({ unit, entries }) {
    const { step, place, size } = this.source.index;
    const [parts, columns, told] = await this.source.unit(unit);
    const right = told.filter((_, at) => this.first[this.begins[unit] + at] === 1).length;
    const prompt = parts.map((part) => part[1]).join("\n");
    const head = `Step ${step[unit]}, prompt ${place[unit]}: ${right} of ${size[unit]} right${this.dead[unit] && size[unit] > 1 ? ", a dead group" : ""}`;
    return el(
      "section", { className: "group" }, el("header", {}, head),
      el("div", { className: "question" }, promptShown(parts), columnsShown(columns, prompt)),
      el("div", { className: "completions" }, entries.map((i) => this.card(i, told[this.within[i]]))),
    );
  }

  card(i, [text, extracted, where, reason, tokens]) {
    const { reward, lenient, cut_off, pays } = this.source.index;
    const right = this.first[i] === 1;
    return el(
      "article", { "data-entry": i },
      el(
        "header", {}, verdictShown(right), el("span", {}, `reward ${written(reward[i], "number")}`),
        this.run.rewards.map((name) => el("span", {}, `${name} ${written(pays[name][i], "number")}`)),
        !right && lenient[i] === 1 ? el("span", {}, "the right answer is in it") : null,
        cut_off[i] ? el("span", {}, "cut off") : null, tokens === null ? null : el("span", {}, `${tokens} tokens`),
      ),
      completionText(text, extracted, where), whyText(extracted, where, reason),
    );
  }
}

function verdictShown(right) {
  return el("span", { className: `verdict ${right ? "right" : "wrong"}` }, right ? "right" : "wrong");
}

/** What the browser shows of held-out problems: one entry per problem, with the completion before and after. */
class HeldOut {
  constructor(source, run) {
    this.source = source;
    this.run = run;
    this.both = source.index.before.some((value) => value !== null) && source.index.after.some((value) => value !== null);
  }

  get total() {
    return this.source.index.total;
  }

  get size() {
    return this.source.units;
  }

  noun = "problems";

  filters() {
    const change = [["", "any"], ["flipped", "flipped"], ["won", "won: wrong, then right"], ["lost", "lost: right, then wrong"], ["right", "right both times"], ["wrong", "wrong both times"]];
    const single = [["", "any"], ["right", "right"], ["wrong", "wrong"]];
    return [
      { name: "verdict", label: "verdict", options: this.both ? change : single, value: this.both && this.source.index.flipped ? "flipped" : "" },
      { name: "lenient", label: "form", options: [["", "any"], ["unpaid", "right answer, not paid"]] },
      { name: "row", label: "row", type: "number", min: 0 },
    ];
  }

  matches(wanted, found) {
    const { row, before, after, lenient_before, lenient_after } = this.source.index;
    const tests = this.both
      ? {
        flipped: (b, a) => b !== null && a !== null && b !== a, won: (b, a) => b === 0 && a === 1, lost: (b, a) => b === 1 && a === 0,
        right: (b, a) => b === 1 && a === 1, wrong: (b, a) => b === 0 && a === 0,
      }
      : { right: (b, a) => (b ?? a) === 1, wrong: (b, a) => (b ?? a) === 0 };
    const test = tests[wanted.verdict];
    const shown = [];
    for (let i = 0; i < this.size; i++) {
      if (test && !test(before[i], after[i])) continue;
      if (wanted.lenient && !(lenient_before[i] === 1 && before[i] === 0) && !(lenient_after[i] === 1 && after[i] === 0)) continue;
      if (wanted.row !== "" && row[i] !== Number(wanted.row)) continue;
      if (found && !found[i].some(Boolean)) continue;
      shown.push(i);
    }
    return shown;
  }

  texts = ([columns, ...sides]) => [columns === null ? "" : Object.values(columns).join("\n"), ...sides.filter(Boolean).map((side) => side[0])];

  async render(entries) {
    const made = [];
    for (const i of entries) {
      const [columns, before, after] = await this.source.unit(i);
      const question = columns === null ? null : Object.entries(columns).find(([, value]) => typeof value === "string" && value.length > 15);
      const others = columns === null ? {} : Object.fromEntries(Object.entries(columns).filter(([name]) => name !== question?.[0]));
      made.push(el(
        "section", { className: "group" }, el("header", {}, `Row ${this.source.index.row[i]} of ${this.run.split}`),
        columns === null ? null : el("div", { className: "question" }, question ? el("div", { className: "text" }, visible(question[1])) : null, columnsShown(others, question?.[1] ?? "")),
        el("div", { className: "completions" }, this.card("before training", before), this.card("after training", after)),
      ));
    }
    return made;
  }

  card(when, side) {
    if (side === null) return null;
    const [text, extracted, where, reason, tokens, cutOff, pays] = side;
    return el(
      "article", {},
      el(
        "header", {}, el("b", {}, when), verdictShown(pays[0] === 1),
        this.run.rewards.slice(1).map((name, at) => el("span", {}, `${name} ${written(pays[at + 1], "number")}`)),
        cutOff ? el("span", {}, "cut off") : null, tokens === null ? null : el("span", {}, `${tokens} tokens`),
      ),
      completionText(text, extracted, where), whyText(extracted, where, reason),
    );
  }
}

// ---------------------------------------------------------------------------------------------- completions: the browser

class Browser {
  constructor(runs, place) {
    this.place = place;
    this.choices = runs.flatMap((run) => Object.entries(run.sources).map(([kind, stem]) => (
      { kind, stem, run, label: `${runs.length > 1 ? `${run.name}: ` : ""}${kind === "training" ? "in training" : "held-out problems"}` })));
    this.asked = 0;
  }

  async open(number) {
    const choice = this.choices[number];
    const source = await Source.open(choice.stem);
    this.list = choice.kind === "training" ? new Training(source, choice.run) : new HeldOut(source, choice.run);
    const tabs = this.choices.map((each, at) => el("button", { type: "button", "aria-pressed": String(at === number), onclick: () => this.open(at) }, each.label));
    this.fields = {};
    const filters = [...this.list.filters(), { name: "words", label: "holds the words", type: "search" }].map((filter) => this.field(filter));
    this.state = el("p", { className: "small", role: "status" });
    this.results = el("div", {});
    const prefix = source.index.prefix ?? [];
    const shown = prefix.length
      ? el("details", {}, el("summary", {}, `what all prompts begin with (${count(prefix.reduce((sum, part) => sum + part[1].length, 0))} characters)`),
        el("pre", { className: "text" }, prefix.map(([role, text]) => [role ? el("b", {}, `${role}\n`) : null, ...visible(text), role ? "\n" : null])))
      : null;
    this.pages = [this.pager(), this.pager()];
    const less = this.list.size < this.list.total
      ? el("p", { className: "soft small part" }, `${count(this.list.size)} of ${count(this.list.total)} ${this.list.noun} are in this report, `
        + `${choice.kind === "training" ? "whole groups, evenly over the steps" : "those that flipped first"}; all are in the run folder.`)
      : null;
    this.place.replaceChildren(
      el("div", { className: "tabs" }, this.choices.length > 1 ? tabs : null), less ?? "",
      el("form", { className: "filters", onsubmit: () => false }, filters), shown ?? "", this.state, this.pages[0].place, this.results, this.pages[1].place,
    );
    await this.filter();
  }

  field({ name, label, options, ...properties }) {
    const later = (wait) => () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.filter(), wait);
    };
    let input;
    if (options) {
      input = el("select", { onchange: later(0) }, options.map(([value, text]) => el("option", { value }, text)));
      input.value = properties.value ?? "";
    } else input = el("input", { ...properties, oninput: later(name === "words" ? 300 : 120) });
    input.name = name;
    this.fields[name] = input;
    return el("label", {}, label, input);
  }

  pager() {
    const move = (by) => () => this.show(this.page + by);
    const [back, on] = [el("button", { type: "button", onclick: move(-1) }, "Back"), el("button", { type: "button", onclick: move(1) }, "Next")];
    const number = el("input", { type: "number", min: 1, "aria-label": "page", onchange: () => this.show(Number(number.value) - 1) });
    const of = el("span", { className: "soft" });
    return { place: el("div", { className: "pages" }, back, el("span", {}, "page"), number, of, on), back, on, number, of };
  }

  async filter() {
    const mine = ++this.asked;
    delete this.results.dataset.page;
    const wanted = Object.fromEntries(Object.entries(this.fields).map(([name, input]) => [name, input.value]));
    const words = wanted.words.trim().toLowerCase();
    let found = null;
    if (words) {
      this.state.textContent = "searching …";
      found = await this.list.source.search(words, this.list.texts, () => mine !== this.asked);
      if (found === null) return;
    }
    this.entries = this.list.matches(wanted, found);
    this.state.textContent = `${count(this.entries.length)} of ${count(this.list.size)} ${this.list.noun}`;
    await this.show(0);
  }

  async show(page) {
    const most = Math.max(1, Math.ceil(this.entries.length / PER_PAGE));
    this.page = Math.min(most - 1, Math.max(0, Number.isFinite(page) ? Math.trunc(page) : 0));
    const mine = ++this.asked;
    delete this.results.dataset.page;
    const made = await this.list.render(this.entries.slice(this.page * PER_PAGE, (this.page + 1) * PER_PAGE));
    if (mine !== this.asked) return;
    this.results.replaceChildren(...made);
    for (const pager of this.pages) {
      pager.number.value = this.page + 1;
      pager.number.max = most;
      pager.of.textContent = `of ${count(most)}`;
      pager.back.disabled = this.page === 0;
      pager.on.disabled = this.page === most - 1;
      pager.place.hidden = most === 1;
    }
    this.results.dataset.page = this.page + 1;
  }
}

// ---------------------------------------------------------------------------------------------------------------- the page

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
  for (const place of drawn.keys()) if (place.dataset.drawn) drawNow(place);
}

async function open() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  document.getElementById("theme").onclick = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  const head = await unpack("head");
  const { runs } = head;
  const several = runs.length > 1;
  const missing = runs.flatMap((run) => run.missing.map((text) => (several ? `${run.name}: ${text}` : text)));
  const alarms = runs.reduce((sum, run) => sum + run.alarms.length, 0);
  const title = several ? [...new Set(runs.map((run) => run.recipe))].join(", ") : runs[0].recipe;
  const main = document.getElementById("main");
  const place = el("div", { id: "browser" });
  const curves = head.charts.length ? el("div", { className: "grid" }, head.charts.map((chart) => curveFigure(chart, runs))) : el("p", { className: "soft" }, "No step was logged.");
  const wide = smoothing(Math.max(0, ...head.charts.flatMap((chart) => chart.lines.map((line) => line.x.length))));
  const sources = runs.some((run) => Object.keys(run.sources).length);
  main.append(
    el("h1", {}, several ? `${title}: ${runs.length} runs` : title),
    ...runs.map((run) => el("div", { className: "summary soft" }, several ? el("b", {}, `${run.name}: `) : null, summaryOf(run))),
    ...(several ? [] : [el("div", { className: "soft path" }, runs[0].path), el("div", { className: "intro" }, commandBlock(runs[0].commands[0]))]),
    missing.length ? el("ul", { className: "notes", "aria-label": "What is missing" }, missing.map((text) => el("li", {}, visible(text)))) : "",
    ...resultSection(runs).filter(Boolean),
    el("h2", { id: "curves" }, "Curves"), wide > 1 ? el("p", { className: "soft small" }, `Pale: each step; bold: the mean of the last ${wide}.`) : "", several ? legend(runs.map((run, at) => [run.name, at])) : "", curves,
    ...alarmSection(runs),
    el("h2", { id: "completions" }, "Completions"), sources ? place : el("p", { className: "soft" }, "There are none in the folder."),
    ...setupSection(head),
    el("footer", { className: "page" }, "Made by rlvr_recipes.report from the run folder. Nothing on this page comes from the network."),
  );
  const sections = [["result", "Result"], ["curves", "Curves"], ["alarms", `Alarms${alarms ? ` (${alarms})` : ""}`], ["completions", "Completions"], ["setup", "What was trained"]];
  document.getElementById("links").append(...sections.map(([id, text]) => el("a", { href: `#${id}` }, text)));
  addEventListener("beforeprint", () => drawn.forEach((_, each) => drawNow(each)));
  const browsed = sources ? new Browser(runs, place).open(0) : null;
  const places = [...drawn.keys()];
  const seen = places.filter((each) => each.getBoundingClientRect().top < innerHeight).map(drawNow);
  await Promise.allSettled(seen);
  for (const each of places) if (!each.dataset.drawn) near.observe(each);
  await Promise.all([browsed, ...seen]); // whatever failed is said
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

open();
