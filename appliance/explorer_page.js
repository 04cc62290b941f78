// Runs inside the page as a function body and returns plain facts of its state. Text of the page is only ever data.
// arguments[0]: {nonces: [str], targets: [{selector, nth}], words: [str]}
const asked = arguments[0];
const flat = (text) => (text || "").replace(/\s+/g, " ").trim();
const short = (text, length = 200) => flat(text).slice(0, length);

const visible = (el) => {
  if (!el.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const box = el.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};
const one = (node) => {
  const name = node.tagName.toLowerCase();
  if (node.id) return `${name}#${node.id}`;
  const known = [...node.classList].filter((c) => !/^(active|current|selected|open|show|on|done|completed)$/.test(c)).slice(0, 2);
  return name + known.map((c) => `.${c}`).join("");
};
const path = (el) => {
  const parts = [];
  for (let node = el; node && node !== document.body && node !== document.documentElement; node = node.parentElement) parts.unshift(one(node).replace(/\d+/g, "0"));
  return parts.join(">");
};
// The same without classes, which change when a control is used.
const bare = (el) => {
  const parts = [];
  for (let node = el; node && node !== document.body && node !== document.documentElement; node = node.parentElement)
    parts.unshift(node.tagName.toLowerCase() + (node.id ? `#${node.id.replace(/\d+/g, "0")}` : ""));
  return parts.join(">");
};
const found = ({ selector, nth }) => {
  try {
    return document.querySelectorAll(selector)[nth || 0] || document.querySelector(selector);
  } catch {
    return null;
  }
};
const CONTROL = "button, a[href], input, select, textarea, [role=button], [onclick]";

// Text that a reader sees in an item, without the words on its controls.
const itemText = (el) => {
  const parts = [];
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && parts.length < 60; node = walker.nextNode()) {
    const holder = node.parentElement;
    const control = holder.closest("button, select, textarea, [role=button], option, script, style");
    if (node.data.trim() && !(control && el.contains(control) && control !== el)) parts.push(flat(node.data));
  }
  return parts.join("\n").slice(0, 300);
};

const NOT_LISTS = "nav, header, footer, select, datalist, [role=tablist], [role=menu], [role=navigation], head, svg, pre, code, fieldset";
const ITEM_NAME = /(?:^|[-_ ])(item|card|row|entry|task|todo|product|post|note|comment|line|recipe|event|expense|contact|book|movie|result|message|review|booking|transaction|tile|record)s?(?:$|[-_ ])/i;
const isItem = (el) => {
  const parent = el.parentElement;
  if (!parent || parent === document.body || el.closest(NOT_LISTS) || el.matches("button, a, label, input, option, p, h1, h2, h3, h4, span, br, script, style, thead, thead *")) return false;
  if (el.tagName === "TR") return parent.tagName !== "THEAD" && !el.querySelector("th:not([scope=row])");
  if (el.tagName === "LI") return true;
  if (!el.matches("div, article, section, figure")) return false;
  if (el.querySelector("main, nav, article article, ul, table")) return false;
  const twins = [...parent.children].filter((twin) => twin.tagName === el.tagName && one(twin).replace(/#.*/, "") === one(el).replace(/#.*/, ""));
  // A form makes it a part of the page, unless each of its kind has one: to answer a post, to take a thing.
  if (el.querySelector("form") && (twins.length < 2 || el.matches("section") || !twins.every((twin) => twin.querySelector("form")))) return false;
  return twins.length >= 2 ? !el.id || ITEM_NAME.test(el.className) : ITEM_NAME.test(String(el.className)) || el.tagName === "ARTICLE";
};
const itemOf = (el) => {
  for (let node = el; node && node !== document.body; node = node.parentElement) if (isItem(node)) return node;
  return null;
};

const look = (el) => {
  const states = ["aria-selected", "aria-pressed", "aria-current", "aria-expanded", "aria-checked"].filter((name) => el.hasAttribute(name)).map((name) => `${name}=${el.getAttribute(name)}`);
  return `${typeof el.className === "string" ? el.className : ""}|${states.join(" ")}|${short(el.innerText, 80)}`;
};
const itemLook = (el) => {
  const struck = [el, ...el.querySelectorAll("*")].slice(0, 40).some((node) => getComputedStyle(node).textDecorationLine.includes("line-through"));
  return `${el.className}|${struck ? "struck" : ""}|${getComputedStyle(el).opacity}|${[...el.querySelectorAll("*")].slice(0, 30).map((node) => (typeof node.className === "string" ? node.className : "")).join(",")}`;
};

const isDone = (el) => itemLook(el).includes("|struck|") || [...el.querySelectorAll("input[type=checkbox]")].some((box) => box.checked) || /\b(?:done|completed?|finished|checked)\b/.test(`${el.className} ${el.dataset.status || ""}`);

const lists = () => {
  const groups = new Map();
  for (const el of [...document.querySelectorAll("li, tr, article, section, figure, div")].slice(0, 3000)) {
    if (!isItem(el)) continue;
    if (!groups.has(el.parentElement)) groups.set(el.parentElement, []);
    if (visible(el)) groups.get(el.parentElement).push(el);
  }
  return [...groups].map(([parent, items]) => ({
    where: path(parent),
    items: items.slice(0, 60).map((el) => ({ text: itemText(el), look: itemLook(el), done: isDone(el), tags: short(Object.values(el.dataset).join(" "), 60) })).filter((item) => item.text),
    count: items.length,
  })).slice(0, 30);
};

// Like a reader who takes the words in order: one entry per element with text of its own.
const texts = () => {
  const seen = [];
  const walker = document.createTreeWalker(document.body || document.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && seen.length < 800; node = walker.nextNode()) {
    const el = node.parentElement;
    if (node.data.trim() && !/^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|OPTION)$/.test(el.tagName) && visible(el)) seen.push(short(node.data));
  }
  return seen;
};

const stores = () => {
  const kept = {};
  for (const [name, store] of [["local", () => localStorage], ["session", () => sessionStorage]]) {
    try {
      for (let n = 0; n < store().length && n < 50; n += 1) kept[`${name}:${store().key(n)}`] = String(store().getItem(store().key(n))).slice(0, 20000);
    } catch {
      // a page may not be allowed to store
    }
  }
  kept.cookie = document.cookie.slice(0, 4000);
  return kept;
};

const drawn = () => [...document.querySelectorAll("canvas")].filter(visible).slice(0, 3).map((canvas) => {
  try {
    const text = canvas.toDataURL();
    let sum = 0;
    for (let i = 0; i < text.length; i += 1) sum = (sum * 31 + text.charCodeAt(i)) | 0;
    return `${text.length}:${sum}`;
  } catch {
    return String(Math.random()); // what cannot be read may have changed
  }
});

const heading = (el) => {
  for (let node = el; node && node !== document.body; node = node.parentElement) {
    const first = node.querySelector(":scope > h1, :scope > h2, :scope > h3, :scope > h4, :scope > legend, :scope > header h1, :scope > header h2, :scope > header h3, :scope > div > h2, :scope > div > h3");
    if (first) return short(first.textContent, 80);
  }
  return short((document.querySelector("h1") || {}).textContent, 80);
};

// The box whose fields a button belongs to where there is no form: the smallest one around it that holds a field.
const TYPED = "input:not([type=checkbox]):not([type=radio]):not([type=hidden]):not([type=range]):not([type=color]):not([type=file]), textarea";
const beside = (el) => {
  const [step, wanted] = el.matches(TYPED) ? ["nextElementSibling", "button, [type=submit]"] : ["previousElementSibling", TYPED];
  for (let node = el[step], n = 0; node && n < 3; node = node[step], n += 1) if (node.matches(wanted)) return true;
  return false;
};
const groupOf = (el) => {
  if (el.form || el.closest("form")) return el.form || el.closest("form");
  if (el.matches("button, input, textarea") && beside(el)) return el.parentElement;
  const within = itemOf(el);
  for (let node = el.parentElement, up = 0; node && node !== document.body && up < 4; node = node.parentElement, up += 1) {
    if (node.matches("main, body, nav, header, footer, section section") || (within && node.contains(within) && node !== within)) return null;
    const typed = node.querySelector(TYPED);
    if (typed && visible(typed)) return node.querySelectorAll("button, [type=submit]").length <= 4 ? node : null;
  }
  return null;
};

const modal = () => {
  const boxes = [...document.querySelectorAll("dialog[open], [role=dialog], [role=alertdialog], [aria-modal=true], [class*=modal], [class*=lightbox], [class*=overlay], [class*=popup]")];
  const open = boxes.find((el) => {
    const style = getComputedStyle(el);
    if (!visible(el) || style.pointerEvents === "none" || !flat(el.innerText || "") && !el.querySelector("img, button")) return false;
    const box = el.getBoundingClientRect();
    const over = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    const covers = over && (el.contains(over) || over.contains(el));
    return (el.matches("dialog[open]") && el.matches(":modal")) || (/fixed|absolute/.test(style.position) && covers && box.width * box.height > 0.1 * innerWidth * innerHeight);
  });
  if (!open) return null;
  const inner = open.querySelector(":scope > div, :scope > article, :scope > section") || open;
  const box = inner.getBoundingClientRect();
  return { where: one(open), path: path(open), text: short(open.innerText, 120), backdrop: [Math.max(3, Math.min(innerWidth - 3, box.left / 2)), Math.max(3, box.top / 2)] };
};

const structure = (target) => {
  const el = found(target);
  if (!el) return null;
  const item = itemOf(el);
  const box = item && item.parentElement;
  const group = groupOf(el);
  const rest = group ? [...group.querySelectorAll("h1, h2, h3, legend, label")].map((node) => node.textContent).join(" ") : "";
  return {
    path: path(el),
    bare: bare(el),
    parent: el.parentElement ? path(el.parentElement) : "",
    siblings: el.parentElement ? [...el.parentElement.children].filter((twin) => twin.matches("button, a, [role=tab], [role=button]") && twin.tagName === el.tagName).length : 0,
    item: item ? { list: path(box), text: itemText(item), index: [...box.children].filter(visible).indexOf(item) } : null,
    group: group ? one(group) : "",
    group_path: group ? path(group) || "body" : "",
    is_form: !!group && group.tagName === "FORM",
    group_words: group ? short(`${group.id} ${group.className} ${heading(group)} ${rest}`, 300) : "",
    no_validate: !!group && group.noValidate === true,
    area: (el.closest("nav, [role=navigation]") ? "nav " : "") + (el.closest("header") ? "header " : "") + (el.closest("footer") ? "footer " : "") + (el.closest("dialog, [role=dialog]") ? "dialog" : ""),
    look: look(el),
    words: short(`${el.id} ${el.getAttribute("name") || ""} ${el.getAttribute("data-filter") || ""}`, 80),
    classes: short(`${typeof el.className === "string" ? el.className : ""} ${el.parentElement ? el.parentElement.className : ""} ${el.parentElement ? el.parentElement.id : ""}`, 120),
    heading: heading(el),
    role: el.getAttribute("role") || "",
    type: (el.getAttribute("type") || (el.tagName === "BUTTON" && el.form ? "submit" : "")).toLowerCase(),
    least: el.getAttribute("min") || "",
    most: el.getAttribute("max") || "",
    expanded: el.getAttribute("aria-expanded") || "",
    popup: el.hasAttribute("aria-haspopup") || el.hasAttribute("aria-controls") || el.tagName === "SUMMARY",
    where: place(el),
    own_text: short(el.textContent, 60),
    anchor: anchor(el),
  };
};

const place = (el) => {
  const around = el.closest("form, li, tr, article, nav, section, dialog, header, footer, table, div[id], div[class]");
  return around && around !== el ? one(around) : "";
};

// For a link to a place on this page: whether the place exists and whether it is in view already.
const anchor = (el) => {
  const href = (el.getAttribute("href") || "").trim();
  if (!/^#./.test(href)) return "";
  const id = decodeURIComponent(href.slice(1));
  const goal = document.getElementById(id) || document.getElementsByName(id)[0];
  if (!goal) return id === "top" ? "top" : "missing";
  const box = goal.getBoundingClientRect();
  return visible(goal) ? (box.top >= -5 && box.top < innerHeight ? "in-view" : "away") : "hidden";
};

const everywhere = document.body ? document.body.textContent : "";
const traces = (nonce) => {
  const low = nonce.toLowerCase();
  const kept = stores();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = [];
  for (let node = walker.nextNode(); node && seen.length < 6; node = walker.nextNode()) {
    if (!node.data.toLowerCase().includes(low) || /^(SCRIPT|STYLE|TEMPLATE)$/.test(node.parentElement.tagName)) continue;
    const item = itemOf(node.parentElement);
    seen.push({ visible: visible(node.parentElement), item: item ? itemText(item) : "", list: item ? path(item.parentElement) : "", text: short(node.data) });
  }
  const fields = [...document.querySelectorAll("input, textarea")].filter((field) => field.type !== "password" && field.value.toLowerCase().includes(low));
  return { seen, stored: Object.keys(kept).filter((key) => kept[key].toLowerCase().includes(low)), fields: fields.length };
};

const entry = performance.getEntriesByType("navigation")[0];
return {
  url: location.pathname + location.search + location.hash,
  title: short(document.title, 80),
  texts: texts(),
  lists: lists(),
  stored: stores(),
  drawn: drawn(),
  pictures: [...document.querySelectorAll("canvas, svg")].filter((el) => visible(el) && el.getBoundingClientRect().width > 150).length,
  modal: modal(),
  root: `${document.documentElement.className}|${document.documentElement.dataset.theme || ""}|${document.body ? document.body.className + (document.body.dataset.theme || "") : ""}`,
  scroll: [Math.round(scrollX), Math.round(scrollY)],
  status: entry ? entry.responseStatus || 0 : 0,
  nonces: asked.nonces.map(traces),
  counts: asked.words.map((word) => everywhere.toLowerCase().split(word.toLowerCase()).length - 1),
  controls: asked.targets.map(structure),
  tally: [...document.querySelectorAll(CONTROL)].filter(visible).map((el) => el.tagName + short(el.innerText || el.getAttribute("aria-label") || el.placeholder, 20)).join("|"),
  // Fields of a form often look alike from outside; which one of them it is decides.
  active: document.activeElement && document.activeElement !== document.body ? `${path(document.activeElement)} ${[...document.querySelectorAll("*")].indexOf(document.activeElement)}` : "",
  headings: asked.headings ? [...document.querySelectorAll("h1, h2, h3, th, label, button, nav a, dt, figcaption")].filter(visible).slice(0, 60).map((el) => ({ place: one(el), text: short(el.innerText, 80) })) : [],
};
