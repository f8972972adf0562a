"use strict";
// The explorer's page. All that a dataset says becomes text or an attribute, never markup.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const LAYERS = ["boxes", "masks", "polygons"];
const EXAMPLES = [
  "n_digits >= 4 AND scaled",
  "len(list_filter(boxes, lambda it: it.right - it.left < 6)) > 0",
  "number = reverse(number) AND n_digits > 2",
  "SELECT key FROM labels ORDER BY hash(key) LIMIT 60",
  "SELECT split, n_digits, count(*) AS samples FROM labels GROUP BY ALL ORDER BY ALL",
];

let collections = [];
let panes = [];
const state = { question: emptyQuestion(), start: 0, count: 60 };

function emptyQuestion() {
  return { split: "", conditions: [], where: "", sort: "", descending: false };
}

// -- building elements ----------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function drawPicture(sample, words = "Image of") {
  const { width, height } = sample;
  const rectangles = sample.boxes.map(([digit, x, y, w, h], slot) =>
    draw("rect", { class: `slot${slot % 6}`, x, y, width: w, height: h }, draw("title", {}, digit)));
  const rings = sample.polygons.flatMap((own, slot) =>
    own.map((points) => draw("polygon", { class: `slot${slot % 6}`, points })));
  const size = { width, height };
  const svg = draw("svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `${words} ${sample.number || "an unlabelled number"}, ${sample.key}` },
    draw("image", { ...size, href: sample.image }),
    ...(sample.mask ? [draw("image", { ...size, class: "mask", href: sample.mask })] : []),
    draw("g", { class: "polygons" }, ...rings),
    draw("g", { class: "boxes" }, ...rectangles));
  svg.style.setProperty("--ratio", width / height);
  return svg;
}

function fillSelect(select, options) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

const describeCount = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

async function ask(path, body, signal) {
  // A request that is aborted ends what the program does for it.
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal,
  };
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw signal?.aborted ? signal.reason : new Error("the program has ended; start digit-sequence browse again");
  }
  if (response.ok) return JSON.parse(text);
  let told = text;
  try { told = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Error(told || `the program has answered ${response.status}`);
}

// -- the form -------------------------------------------------------------------------------------

function findColumn(name) {
  return collections[0].columns.find((column) => column.name === name);
}

function fillForm() {
  const first = collections[0];
  document.title = `${first.name} – digit-sequence browse`;
  byId("name").textContent = collections.map((it) => it.name).join("  |  ");
  byId("about").textContent = collections.map(describeCollection).join("  |  ");
  const splits = Object.entries(first.samples);
  const total = splits.reduce((sum, [, count]) => sum + count, 0);
  fillSelect(byId("split"), [["", `all (${total.toLocaleString("en")})`],
    ...splits.map(([name, count]) => [name, `${name} (${count.toLocaleString("en")})`])]);
  fillSelect(byId("digit"), [["", "any"], ...[...first.characters].map((it) => [it, it])]);
  const look = findColumn("look");
  byId("look-label").hidden = !look;
  if (look) fillSelect(byId("look"), [["", "any"], ...(look.words || []).map((it) => [it, it])]);
  byId("writer-label").hidden = !findWriter();
  fillSelect(byId("sort"), [["", "nothing"], ...first.columns.map((it) => [it.name, it.name])]);
  byId("examples").replaceChildren(...EXAMPLES.map((text) => make("li", {}, make("button", {
    type: "button", onclick: () => { byId("where").value = text; submit(); } }, text))));
  byId("columns").replaceChildren(make("dl", {}, ...first.columns.flatMap((column) => [
    make("dt", {}, column.name), make("dd", {}, describeColumn(column))])));
}

const findWriter = () => ["writers", "hand"].find(findColumn);

function describeCollection(it) {
  const counts = Object.entries(it.samples).map(([name, n]) => `${name} ${n.toLocaleString("en")}`);
  return `${it.kind}: ${counts.join(", ")}`;
}

function describeColumn(column) {
  const parts = [column.meaning];
  if (column.kind === "number" && column.low !== null) parts.push(`${column.low} to ${column.high}`);
  if (column.words?.length) parts.push(column.words.slice(0, 12).join(", "));
  if (column.kind === "flag") parts.push("true or false");
  if (column.per === "digit") parts.push("one for each digit");
  return parts.filter(Boolean).join("; ");
}

const readNumber = (input) => (input.value.trim() === "" ? null : Number(input.value));

function readForm() {
  const conditions = [];
  const add = (column, fields) => {
    if (Object.values(fields).some((it) => it !== null && it !== "")) conditions.push({ column, ...fields });
  };
  add("number", { equal: byId("number").value.trim() });
  add("n_digits", { low: readNumber(byId("least")), high: readNumber(byId("greatest")) });
  add("digit", { equal: byId("digit").value });
  if (findColumn("look")) add("look", { equal: byId("look").value });
  const writer = readNumber(byId("writer"));
  if (findWriter() && writer !== null) add(findWriter(), { low: writer, high: writer });
  for (const row of byId("conditions").children) {
    const [low, high, equal] = ["low", "high", "equal"].map((name) => row.querySelector(`[name=${name}]`));
    const column = row.querySelector("[name=column]").value;
    if (equal) add(column, { equal: equal.value.trim() });
    else add(column, { low: readNumber(low), high: readNumber(high) });
  }
  state.question = {
    split: byId("split").value, conditions, where: byId("where").value,
    sort: byId("sort").value, descending: byId("direction").getAttribute("aria-pressed") === "true",
  };
}

function writeForm() {
  // What the address of the page says, as it was when somebody left it.
  const question = state.question;
  byId("form").reset();
  byId("conditions").replaceChildren();
  byId("split").value = question.split in collections[0].samples ? question.split : "";
  byId("where").value = question.where;
  byId("sort").value = findColumn(question.sort) ? question.sort : "";
  setDirection(question.descending);
  const places = { number: "number", digit: "digit", look: "look" };
  for (const it of question.conditions) {
    if (places[it.column] && it.equal !== undefined) byId(places[it.column]).value = it.equal;
    else if (it.column === "n_digits") {
      byId("least").value = it.low ?? "";
      byId("greatest").value = it.high ?? "";
    } else if (it.column === findWriter()) byId("writer").value = it.low;
    else if (findColumn(it.column)) addCondition(it);
  }
}

function setDirection(isDescending) {
  byId("direction").setAttribute("aria-pressed", String(isDescending));
  byId("direction").textContent = isDescending ? "descending ↓" : "ascending ↑";
}

function addCondition(given) {
  const columns = collections[0].columns.filter((it) => ["number", "text", "flag"].includes(it.kind));
  const start = columns.find((it) => it.name === (given?.column ?? "blur_sigma")) ?? columns[0];
  const select = make("select", { name: "column", "aria-label": "Column" },
    ...columns.map((it) => make("option", { value: it.name }, it.name)));
  select.value = start.name;
  const row = make("div", { class: "condition" });
  const rebuild = (column, values = {}) => {
    const fields = column.kind === "number"
      ? ["low", "high"].map((name) => make("input", { name, type: "number", step: "any", value: values[name],
        placeholder: column[name] ?? "", "aria-label": `${column.name}, ${name === "low" ? "least" : "most"}` }))
      : [column.kind === "flag" || column.words?.length
        ? make("select", { name: "equal", class: "whole", "aria-label": column.name },
          ...["", ...(column.words?.length ? column.words : ["true", "false"])].map((it) =>
            make("option", { value: it }, it || "any")))
        : make("input", { name: "equal", class: "whole", type: "text", "aria-label": column.name, placeholder: "text, or a pattern with *" })];
    if (values.equal !== undefined) fields[0].value = values.equal;
    row.replaceChildren(select, remove, ...fields);
  };
  const remove = make("button", { type: "button", class: "quiet", "aria-label": "Remove this condition",
    onclick: () => { row.remove(); submit(); } }, "✕");
  select.addEventListener("change", () => rebuild(findColumn(select.value)));
  rebuild(start, given);
  byId("conditions").append(row);
  return select;
}

function submit() {
  readForm();
  state.start = 0;
  refresh();
}

function clearForm() {
  state.question = emptyQuestion();
  writeForm();
  submit();
}

// -- pages of samples -----------------------------------------------------------------------------

function makePanes() {
  panes = collections.map((collection, place) => {
    const pane = { place, collection, samples: [], reachable: 0 };
    pane.count = make("p", { class: "count", role: "status" });
    pane.error = make("p", { class: "error", role: "alert" });
    pane.body = make("div");
    pane.element = make("section", { class: "pane", "aria-label": collection.name },
      collections.length > 1 ? make("h2", {}, collection.name) : null, pane.count, pane.error, pane.body);
    if (collections.length === 1) byId("count").replaceChildren(pane.count);
    return pane;
  });
  byId("panes").classList.toggle("two", panes.length > 1);
  byId("panes").replaceChildren(...panes.map((pane) => pane.element));
}

async function refresh() {
  history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify({ ...state.question, start: state.start }))}`);
  await Promise.all(panes.map(fillPane));
  const reachable = Math.max(...panes.map((pane) => pane.reachable));
  const nPages = Math.max(1, Math.ceil(reachable / state.count));
  const page = Math.floor(state.start / state.count) + 1;
  byId("page").value = page;
  byId("page").max = nPages;
  byId("pages").textContent = `of ${nPages.toLocaleString("en")}`;
  for (const id of ["first", "previous"]) byId(id).disabled = page <= 1;
  for (const id of ["next", "last"]) byId(id).disabled = page >= nPages;
}

const isBusy = (pane) => pane.element.classList.contains("busy");

async function fillPane(pane) {
  pane.asked?.abort();
  const asked = pane.asked = new AbortController();
  pane.element.classList.add("busy");
  setTimeout(() => { if (isBusy(pane)) byId("cancel").hidden = false; }, 500);
  const withMasks = byId("masks").checked || byId("polygons").checked;
  let found;
  let told = "";
  try {
    found = await ask(`${pane.place}/page`, {
      question: state.question, start: state.start, count: state.count, with_masks: withMasks }, asked.signal);
  } catch (error) {
    told = error.message;
  }
  if (asked !== pane.asked) return; // another question was asked meanwhile
  pane.element.classList.remove("busy");
  byId("cancel").hidden = !panes.some(isBusy);
  const isFirst = pane.place === 0;
  (isFirst ? byId("error") : pane.error).textContent = told;
  if (isFirst) pane.error.textContent = told && matchMedia("(max-width: 900px)").matches ? told : "";
  pane.element.classList.toggle("stale", Boolean(told));
  if (!found) return;
  if (isFirst || found.faults.length) showFaults(found.faults);
  pane.samples = found.samples ?? [];
  pane.reachable = found.reachable ?? 0;
  if (found.head) {
    pane.count.textContent = describeCount(found.rows.length, "row");
    pane.body.replaceChildren(makeTable(found));
    return;
  }
  const last = Math.min(state.start + state.count, found.reachable);
  const capped = found.reachable < found.total ? `, the first ${found.reachable.toLocaleString("en")} can be shown` : "";
  pane.count.textContent = found.total
    ? `${(state.start + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${describeCount(found.total, "sample")}${capped}`
    : "No sample meets this.";
  fitZoom(pane);
  pane.body.replaceChildren(make("ul", { class: "tiles" }, ...pane.samples.map((sample, place) =>
    make("li", {}, makeTile(pane, sample, place)))));
}

function makeTile(pane, sample, place) {
  const label = sample.fault
    ? [make("span", { class: "fault" }, sample.fault)]
    : [drawPicture(sample), sample.number ? make("span", { class: "label" }, sample.number) : null];
  return make("button", {
    type: "button", class: "tile", "data-place": place, tabindex: place ? -1 : 0,
    onclick: () => openSample(pane, place),
  }, ...label, make("span", { class: "key" }, sample.key),
  sample.value ? make("span", { class: "value" }, `${state.question.sort} ${sample.value}`) : null);
}

function makeTable({ head, rows }) {
  return make("div", { class: "answer", tabindex: 0, role: "region", "aria-label": "Answer of the query" },
    make("table", {}, make("thead", {}, make("tr", {}, ...head.map((it) => make("th", { scope: "col" }, it)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((it) => make("td", {}, it)))))));
}

function showFaults(faults) {
  byId("faults").replaceChildren(...(faults.length
    ? [make("details", {}, make("summary", {}, `${describeCount(faults.length, "note")} on what was read`),
      make("ul", {}, ...faults.map((it) => make("li", {}, it))))]
    : []));
}

function turnTo(page) {
  const nPages = Number(byId("page").max);
  const chosen = Math.min(Math.max(1, Math.round(page) || 1), nPages);
  state.start = (chosen - 1) * state.count;
  return refresh();
}

const currentPage = () => Math.floor(state.start / state.count) + 1;

function showLayers() {
  for (const name of LAYERS) document.body.classList.toggle(`show-${name}`, byId(name).checked);
  for (const button of document.querySelectorAll("[data-layer]")) {
    button.setAttribute("aria-pressed", String(byId(button.dataset.layer).checked));
  }
  const needsShapes = byId("masks").checked || byId("polygons").checked;
  const lacksShapes = panes.some((pane) => pane.samples.some((it) => it.image && !it.mask));
  if (needsShapes && lacksShapes) refresh();
}

function setZoom(rows) {
  const zoom = byId("zoom");
  zoom.value = rows;
  document.documentElement.style.setProperty("--zoom", `${zoom.value}px`);
}

let isFitted = false;
function fitZoom(pane) {
  // At first as large as fills rows of three, or of one on a small screen.
  const ratios = pane.samples.filter((it) => it.image).map((it) => it.width / it.height);
  if (isFitted || pane.place || !ratios.length) return;
  isFitted = true;
  const width = pane.body.clientWidth;
  const perRow = Math.max(1, Math.round(width / 310));
  const columns = Math.floor((width - 12 * (perRow - 1)) / perRow) - 15;
  setZoom(Math.max(24, Math.floor(columns / Math.max(...ratios))));
}

function moveFocus(tile, key) {
  const tiles = [...tile.closest(".tiles").querySelectorAll(".tile")];
  const place = tiles.indexOf(tile);
  let next = tiles[place + { ArrowRight: 1, ArrowLeft: -1 }[key]];
  if (key === "ArrowUp" || key === "ArrowDown") {
    const box = tile.getBoundingClientRect();
    const sign = key === "ArrowDown" ? 1 : -1;
    const others = tiles.map((it) => [it, it.getBoundingClientRect()])
      .filter(([, other]) => sign * (other.top - box.top) > 4)
      .map(([it, other]) => [Math.abs(other.top - box.top) * 1000 + Math.abs(other.left - box.left), it]);
    next = others.sort((a, b) => a[0] - b[0])[0]?.[1];
  }
  if (!next) return;
  tile.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// -- one sample -----------------------------------------------------------------------------------

let open = null; // the sample that the dialog shows

async function openSample(pane, place) {
  const sample = pane.samples[place];
  const dialog = byId("sample");
  open?.asked.abort();
  open = { pane, place, key: sample.key, change: null, document: null, asked: new AbortController() };
  const own = open;
  byId("sample-title").textContent = sample.key;
  byId("draw-error").textContent = "";
  if (!dialog.open) dialog.showModal();
  byId("before").disabled = place === 0 && state.start === 0;
  byId("after").disabled = state.start + place + 1 >= pane.reachable;
  let found;
  try {
    found = await ask(`${pane.place}/sample`, { key: sample.key }, own.asked.signal);
  } catch (error) {
    if (own === open) byId("draw-error").textContent = error.message;
    if (own === open) byId("stage").replaceChildren();
    return;
  }
  if (own !== open) return;
  own.document = found;
  const picture = found.picture;
  byId("sample-title").textContent = picture.fault ? sample.key : `${picture.number}  ·  ${sample.key}`;
  byId("row").replaceChildren(make("tbody", {}, ...found.row.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))));
  const canDraw = !found.why_not;
  byId("drawing").hidden = byId("recipe").hidden = !canDraw;
  byId("draw-error").textContent = found.why_not ? `Cannot be drawn anew: ${found.why_not}` : "";
  if (canDraw) resetChange(); else showCommand(found);
  showStage();
  byId("groups").scrollTop = 0;
}

function resetChange() {
  const found = open.document;
  open.change = { number: found.number, sample_index: found.sample_index, settings: {}, recipe: {}, glyphs: [] };
  open.drawn = null;
  byId("draw-number").value = found.number;
  byId("draw-index").value = found.sample_index;
  byId("draw-seed").value = found.seed;
  byId("draw-error").textContent = "";
  fillSelect(byId("add"), [["", "a transform …"], ...found.unused.map((it) => [it.name, it.name])]);
  showCommand(found);
  showGroups(found.groups);
  showGlyphs(found.picture);
  showStage();
}

function showGlyphs(picture) {
  // A button for each digit: the next glyph of the split that stands for it.
  const characters = (picture.boxes ?? []).map(([character]) => character);
  const place = byId("glyphs");
  if (place.dataset.characters === characters.join("") && place.dataset.key === open.key) return;
  Object.assign(place.dataset, { characters: characters.join(""), key: open.key });
  place.replaceChildren(make("span", { class: "muted" }, "Another glyph (handwritten digit) for"), ...characters.map((character, slot) =>
    make("button", { type: "button", class: "quiet", "aria-label": `Another glyph for digit ${slot + 1}, ${character}`,
      onclick: () => {
        const steps = open.change.glyphs;
        open.change.glyphs = characters.map((_, other) => (steps[other] ?? 0) + Number(other === slot));
        redraw();
      } }, character)));
}

function showCommand(found) {
  byId("command").textContent = found.command ?? "";
  byId("fragment").textContent = found.fragment ?? "";
}

function showStage() {
  const picture = open.document.picture;
  const figures = [];
  if (picture.fault) figures.push(make("p", { class: "error" }, picture.fault));
  else figures.push(make("figure", {},
    make("figcaption", {}, open.drawn ? "As it was" : [picture.look, `${picture.width} × ${picture.height} pixels`].filter(Boolean).join(", ")),
    drawPicture(picture)));
  if (open.drawn) figures.push(make("figure", {}, make("figcaption", {}, "Drawn anew"), drawPicture(open.drawn, "Drawn anew:")));
  byId("stage").replaceChildren(...figures);
}

// One request at a time, and then what is wanted by then.
let isDrawing = false;
let isDrawingWanted = false;

async function redraw() {
  isDrawingWanted = true;
  if (isDrawing) return;
  isDrawing = true;
  try {
    while (isDrawingWanted && open) {
      isDrawingWanted = false;
      await redrawOnce(open);
    }
  } finally {
    isDrawing = false;
  }
}

async function redrawOnce(own) {
  try {
    const found = await ask(`${own.pane.place}/draw`, { key: own.key, ...own.change });
    if (own !== open) return;
    byId("draw-error").textContent = "";
    own.drawn = found.picture;
    showGlyphs(found.picture);
    showStage();
    showCommand(found);
    updateGroups(found.groups);
  } catch (error) {
    if (own === open) byId("draw-error").textContent = error.message;
  }
}

function changeSetting(path, value) {
  // A change of a block stands for those of its keys that were made before.
  for (const other of Object.keys(open.change.settings)) {
    if (other.startsWith(`${path}.`)) delete open.change.settings[other];
  }
  const block = Object.keys(open.change.settings).find((it) => path.startsWith(`${it}.`));
  if (block && open.change.settings[block]) {
    open.change.settings[block] = { ...open.change.settings[block], [path.slice(block.length + 1)]: value };
  } else {
    open.change.settings[path] = value;
  }
  redraw();
}

// -- controls -------------------------------------------------------------------------------------

let shown = new Map(); // by name of the group: what updates it

function showGroups(groups) {
  const opened = new Set([...shown].filter(([, it]) => it.details?.open).map(([name]) => name));
  shown = new Map();
  const ordered = [...groups].sort((a, b) => Number(b.is_applied && b.values.length > 0) - Number(a.is_applied && a.values.length > 0));
  byId("groups").replaceChildren(...ordered.map((group) => showGroup(group, opened.has(group.name))));
  findGroups();
}

function updateGroups(groups) {
  const names = groups.map((group) => group.name);
  const isSame = names.length === shown.size && names.every((name) => shown.has(name));
  const hasSameSize = isSame && groups.every((group) => group.values.every((it) =>
    shown.get(group.name).sizes.get(it.name) === it.values.length));
  if (!hasSameSize) showGroups(groups);
  else for (const group of groups) shown.get(group.name).update(group);
}

function showGroup(group, isOpen) {
  const state = make("span", { class: "state" });
  const rows = group.values.map((it) => showValue(it));
  const settings = group.controls.map((control) => makeControl(control, (value) => changeSetting(control.path, value)));
  const chance = group.controls.find((control) => control.path.endsWith(".probability"));
  const isOptional = /^(glyph|line)\./.test(group.name) && !["spacing", "overflow", "aspect"].some((it) => group.name.endsWith(`.${it}`));
  const always = chance ? make("button", { type: "button", class: "quiet",
    onclick: () => changeSetting(chance.path, 1) }, "draw it") : null;
  const off = isOptional ? make("button", { type: "button", class: "quiet",
    "aria-label": `Switch ${group.name} off`, onclick: () => changeSetting(group.name, null) }, "off") : null;
  const isWhole = group.values.length === 0;
  const details = settings.length && !isWhole
    ? make("details", { open: isOpen }, make("summary", {}, "Settings", make("span", { class: "hidden" }, ` of ${group.name}`)), ...settings.map((it) => it.element))
    : null;
  const element = make("section", { class: "group", "data-name": `${group.name} ${group.about}`.toLowerCase(), "aria-label": group.name },
    make("div", { class: "row" }, make("h3", {}, group.name), make("span", { class: "row" }, state, always, off)),
    make("p", { class: "about" }, group.about),
    make("div", { class: "values" }, ...rows.map((row) => row.element)), details, ...(isWhole ? settings.map((it) => it.element) : []));
  const update = (found) => {
    const isIdle = found.values.length > 0 && !found.is_applied;
    element.classList.toggle("idle", isIdle);
    state.textContent = isIdle ? "not drawn here" : "";
    if (always) always.hidden = !isIdle;
    found.values.forEach((value, place) => rows[place].update(value, found.is_applied));
    found.controls.forEach((control, place) => settings[place].update(control.value));
  };
  update(group);
  shown.set(group.name, { update, details, sizes: new Map(group.values.map((it) => [it.name, it.values.length])) });
  return element;
}

const showNumber = (value) => (typeof value === "number" ? String(Math.round(value * 1e4) / 1e4) : String(value) || "–");

function showValue(value) {
  // What a sample drew: sliders where it could have drawn something else.
  const plain = make("span", { class: "plain" });
  const line = make("div", { class: "control", title: value.meaning }, make("span", { class: "name" }, value.name), plain);
  const isOfDigits = value.per === "digit";
  const sliders = value.control ? value.values.map((_, slot) => makeSlider(slot)) : [];
  function makeSlider(slot) {
    const name = isOfDigits ? `${value.name}, digit ${slot + 1}` : value.name;
    const slider = make("input", { type: "range", "aria-label": name });
    const number = make("input", { type: "number", "aria-label": `${name}, exactly` });
    const set = (text) => {
      slider.value = number.value = text;
      element.classList.add("changed");
      if (isOfDigits) {
        open.change.recipe[value.name] = sliders.map((it) => Number(it.number.value));
        redraw();
      } else changeSetting(value.control.path, [Number(text), Number(text)]);
    };
    slider.addEventListener("input", () => set(slider.value));
    number.addEventListener("change", () => set(number.value));
    const element = make("div", { class: "control", title: value.meaning },
      make("span", { class: "name" }, value.name, isOfDigits ? make("span", { class: "muted" }, ` digit ${slot + 1}`) : null), slider, number);
    return { element, slider, number };
  }
  const update = (found, isApplied) => {
    const { control } = found;
    const canSlide = Boolean(control) && isApplied && sliders.length === found.values.length;
    line.hidden = canSlide;
    plain.textContent = found.values.map(showNumber).join(", ") || "none";
    sliders.forEach(({ element, slider, number }, slot) => {
      element.hidden = !canSlide;
      if (!canSlide) return;
      const drawn = found.values[slot];
      Object.assign(slider, { min: Math.min(control.low, drawn), max: Math.max(control.high, drawn), step: control.step });
      number.step = control.step;
      for (const input of [slider, number]) if (input !== document.activeElement) input.value = showNumber(drawn);
    });
  };
  return { element: make("div", {}, line, ...sliders.map((it) => it.element)), update };
}

function makeControl(control, onChange) {
  // A setting of the config, whatever kind of value it has.
  const [, , ...rest] = control.path.split(".");
  const name = make("span", { class: "name" }, rest.join(".") || "value");
  const line = make("div", { class: "control", title: control.about }, name);
  const change = (value) => { line.classList.add("changed"); onChange(value); };
  const [fields, put] = CONTROLS[control.kind](control, change);
  if (control.kind === "range") line.classList.add("pair-of");
  line.append(...fields);
  const update = (value) => { if (!line.contains(document.activeElement)) put(value); };
  return { element: line, update };
}

const limitsOf = ({ low, high, step }) => ({ min: low, max: high, step });

const CONTROLS = {
  number(control, change) {
    const slider = make("input", { type: "range", ...limitsOf(control), "aria-label": control.path });
    const number = make("input", { type: "number", step: control.step, "aria-label": `${control.path}, exactly` });
    const put = (value) => { slider.value = number.value = value; };
    slider.addEventListener("input", () => { put(slider.value); change(Number(slider.value)); });
    number.addEventListener("change", () => { put(number.value); change(Number(number.value)); });
    put(control.value);
    return [[slider, number], put];
  },
  range(control, change) {
    const ends = ["low", "high"];
    const sliders = ends.map((end) => make("input", { type: "range", ...limitsOf(control), "aria-label": `${control.path}, ${end}` }));
    const numbers = ends.map((end) => make("input", { type: "number", step: control.step, "aria-label": `${control.path}, ${end}, exactly` }));
    const span = make("div", { class: "span" }, ...sliders);
    const put = (values) => {
      values.forEach((value, end) => {
        numbers[end].value = sliders[end].value = value;
        const share = (value - control.low) / (control.high - control.low || 1);
        span.style.setProperty(`--${ends[end]}`, `${100 * Math.min(1, Math.max(0, share))}%`);
      });
    };
    const set = (end, text) => {
      const values = numbers.map((it) => Number(it.value));
      values[end] = Number(text);
      if (values[0] > values[1]) values[1 - end] = values[end]; // the other end goes along
      put(values);
      change(values);
    };
    sliders.forEach((slider, end) => slider.addEventListener("input", () => set(end, slider.value)));
    numbers.forEach((number, end) => number.addEventListener("change", () => set(end, number.value)));
    put(control.value);
    return [[numbers[0], span, numbers[1]], put];
  },
  switch(control, change) {
    const box = make("input", { type: "checkbox", "aria-label": control.path, onchange: () => change(box.checked) });
    const put = (value) => { box.checked = Boolean(value); };
    put(control.value);
    return [[box], put];
  },
  choice(control, change) {
    const select = make("select", { "aria-label": control.path, onchange: () => change(select.value) });
    fillSelect(select, control.options.map((it) => [it, it]));
    const put = (value) => { select.value = value; };
    put(control.value);
    return [[select], put];
  },
  text(control, change) {
    const input = make("input", { type: "text", class: "wide", "aria-label": `${control.path}, as JSON`, spellcheck: "false" });
    input.addEventListener("change", () => {
      try {
        change(JSON.parse(input.value));
      } catch {
        byId("draw-error").textContent = `${control.path}: expected JSON, such as ${control.value}`;
      }
    });
    const put = (value) => { input.value = value; };
    put(control.value);
    return [[input], put];
  },
};

function findGroups() {
  const wanted = byId("find").value.trim().toLowerCase();
  for (const element of byId("groups").children) element.hidden = !element.dataset.name.includes(wanted);
}

async function step(by) {
  const { pane } = open;
  const place = open.place + by;
  if (state.start + place < 0 || state.start + place >= pane.reachable) return;
  if (place >= 0 && place < pane.samples.length) return openSample(pane, place);
  await turnTo(currentPage() + by);
  return openSample(pane, by > 0 ? 0 : pane.samples.length - 1);
}

let toastTimer;
async function copy(kind) {
  const texts = { key: open.key, command: byId("command").textContent, fragment: byId("fragment").textContent };
  const names = { key: "key", command: "command", fragment: "config" };
  try {
    await navigator.clipboard.writeText(texts[kind]);
    toast(`The ${names[kind]} is copied`);
  } catch {
    byId("text-details").open = true;
    toast("The browser refuses to copy: select the text below");
  }
}

function toast(text) {
  const place = byId("sample").open ? byId("sample") : document.body;
  place.append(byId("toast"));
  byId("toast").textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { byId("toast").textContent = ""; }, 2500);
}

// -- what a visitor does --------------------------------------------------------------------------

function listen() {
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  byId("form").addEventListener("change", (event) => { if (event.target !== byId("where")) submit(); });
  byId("where").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  });
  byId("clear").addEventListener("click", clearForm);
  byId("cancel").addEventListener("click", () => {
    for (const pane of panes.filter(isBusy)) pane.asked.abort(new Error("the query was cancelled"));
  });
  byId("add-condition").addEventListener("click", () => addCondition().focus());
  byId("sort").addEventListener("change", submit);
  byId("direction").addEventListener("click", () => {
    setDirection(byId("direction").getAttribute("aria-pressed") !== "true");
    submit();
  });
  for (const name of LAYERS) byId(name).addEventListener("change", showLayers);
  for (const button of document.querySelectorAll("[data-layer]")) {
    button.addEventListener("click", () => byId(button.dataset.layer).click());
  }
  byId("zoom").addEventListener("input", () => setZoom(byId("zoom").value));
  byId("first").addEventListener("click", () => turnTo(1));
  byId("previous").addEventListener("click", () => turnTo(currentPage() - 1));
  byId("next").addEventListener("click", () => turnTo(currentPage() + 1));
  byId("last").addEventListener("click", () => turnTo(Number(byId("page").max)));
  byId("page").addEventListener("change", () => turnTo(Number(byId("page").value)));
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  byId("close").addEventListener("click", () => byId("sample").close());
  byId("sample").addEventListener("close", () => {
    const { pane, place, asked } = open;
    asked.abort();
    open = null;
    pane.body.querySelector(`[data-place="${place}"]`)?.focus();
  });
  byId("before").addEventListener("click", () => step(-1));
  byId("after").addEventListener("click", () => step(1));
  byId("reset").addEventListener("click", resetChange);
  byId("find").addEventListener("input", findGroups);
  byId("add").addEventListener("change", () => {
    const added = open.document.unused.find((it) => it.name === byId("add").value);
    byId("add").value = "";
    if (added) changeSetting(added.name, added.example);
  });
  byId("draw-number").addEventListener("change", () => {
    open.change.number = byId("draw-number").value;
    open.change.recipe = {};
    open.change.glyphs = [];
    redraw();
  });
  byId("draw-index").addEventListener("change", () => {
    open.change.sample_index = Number(byId("draw-index").value);
    open.change.recipe = {};
    redraw();
  });
  byId("draw-seed").addEventListener("change", () => {
    open.change.recipe = {};
    changeSetting("seed", Number(byId("draw-seed").value));
  });
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(button.dataset.copy));
  }
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const tile = event.target.closest(".tile");
  if (tile && !byId("sample").open && event.key.startsWith("Arrow")) {
    event.preventDefault();
    moveFocus(tile, event.key);
    return;
  }
  const toggle = { b: "boxes", m: "masks", p: "polygons" }[event.key];
  const zoom = Number(byId("zoom").value);
  if (toggle) byId(toggle).click();
  else if (event.key === "+") setZoom(zoom + 16);
  else if (event.key === "-") setZoom(zoom - 16);
  else if (byId("sample").open) {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  } else if (event.key === "/") {
    event.preventDefault();
    byId("filters").open = true;
    byId("where").focus();
  } else if (event.key === "?") byId("help").showModal();
  else if (event.key === "[") turnTo(currentPage() - 1);
  else if (event.key === "]") turnTo(currentPage() + 1);
}

async function begin() {
  const isSmall = matchMedia("(max-width: 900px)").matches;
  byId("filters").open = byId("row-details").open = !isSmall;
  try {
    collections = await ask("describe");
  } catch (error) {
    byId("name").textContent = error.message;
    return;
  }
  fillForm();
  makePanes();
  listen();
  try {
    const { start, ...question } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    state.question = { ...emptyQuestion(), ...question };
    state.start = Number(start) || 0;
  } catch { /* no address, or none of ours */ }
  writeForm();
  showLayers();
  await refresh();
}

begin();
