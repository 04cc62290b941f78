// Runs inside the page as a function body and returns a promise of plain facts. Text of the page is only ever data.
// arguments[0]: {phone: bool, components: [{name, accepted: [[r, g, b]]}], links: int}; with `axe` in scope when phone is false.
const asked = arguments[0];
const MAX_EACH = 20;

const visible = (el) => {
  if (!el.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const box = el.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && box.right + scrollX > 0 && box.bottom + scrollY > 0;
};

const selector = (el) => {
  const one = (node) => {
    const name = node.tagName.toLowerCase();
    if (node.id) return `${name}#${node.id}`;
    const classes = [...node.classList].slice(0, 2).map((c) => `.${c}`).join("");
    return name + classes;
  };
  const own = one(el);
  if (el.id || !el.parentElement || el === document.body) return own;
  const twins = [...el.parentElement.children].filter((twin) => one(twin) === own);
  const nth = twins.length > 1 ? `:nth-of-type(${[...el.parentElement.children].filter((t) => t.tagName === el.tagName).indexOf(el) + 1})` : "";
  const parent = el.parentElement === document.body ? "" : `${one(el.parentElement)} > `;
  return parent + own + nth;
};

const short = (text, length = 60) => {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > length ? `${flat.slice(0, length)}…` : flat;
};

// Colours in other notations (lab, color-mix, oklch) are painted and read back.
const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const known = new Map();
const painted = (colour) => {
  if (!CSS.supports("color", colour)) return null;
  if (!known.has(colour)) {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
    known.set(colour, { rgb: [red, green, blue], alpha: alpha / 255 });
  }
  return known.get(colour);
};

const channels = (colour) => {
  const plain = colour.match(/^rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)(?:[,/\s]+([\d.]+)(%?))?/);
  if (!plain) return painted(colour);
  const alpha = plain[4] === undefined ? 1 : plain[4] / (plain[5] ? 100 : 1);
  return { rgb: [+plain[1], +plain[2], +plain[3]], alpha };
};

const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) <= 3);

// Text that can be seen: one entry per element with text of its own.
const texts = () => {
  const found = new Map();
  const walker = document.createTreeWalker(document.body || document.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && found.size < 3000; node = walker.nextNode()) {
    const el = node.parentElement;
    if (!node.data.trim() || /^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|OPTION)$/.test(el.tagName)) continue;
    const known = found.get(el);
    if (known) {
      known.text += ` ${node.data}`;
      continue;
    }
    if (!visible(el) || parseFloat(getComputedStyle(el).fontSize) < 6) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width > 1 && box.height > 1) found.set(el, { el, text: node.data, box });
  }
  return [...found.values()];
};

const FIELDS = "input:not([type=hidden]), select, textarea";
const CONTROLS = `a[href], button, ${FIELDS}, summary, [role=button], [role=link], [onclick], [contenteditable=true]`;
const all = (what) => [...document.querySelectorAll(what)].filter(visible);

const styleFacts = () => {
  let declarations = 0;
  const count = (rules) => {
    for (const rule of rules) {
      if (declarations > 40) return;
      if (rule.selectorText !== undefined) {
        let matches = false;
        try {
          matches = document.querySelector(rule.selectorText.replace(/::?(before|after|hover|focus|active)\b[^,]*/g, "")) !== null;
        } catch {
          // a selector this browser does not know has no effect
        }
        if (matches) declarations += rule.style.length;
      } else if (rule.cssRules && (!rule.media || matchMedia(rule.media.mediaText).matches)) count(rule.cssRules);
    }
  };
  for (const sheet of [...document.styleSheets, ...document.adoptedStyleSheets]) {
    try {
      if (!sheet.disabled) count(sheet.cssRules);
    } catch {
      // a sheet from elsewhere cannot be read, and the fence keeps it from loading
    }
  }
  for (const el of document.querySelectorAll("[style]")) declarations += el.style.length;
  return declarations;
};

const imageFacts = () => {
  const broken = [];
  for (const image of document.images) {
    const source = image.getAttribute("src") || image.getAttribute("srcset") || "";
    if (!source && !image.currentSrc) broken.push({ place: selector(image), url: "", text: "has no src" });
    else if (image.complete && image.naturalWidth === 0)
      broken.push({ place: selector(image), url: image.currentSrc || image.src, text: `${short(source, 100)} does not load` });
  }
  return broken.slice(0, MAX_EACH);
};

const PLACEHOLDERS = [
  [/lorem ipsum|dolor sit amet|consectetur adipiscing/i, "filler text"],
  [/^(?:\.{3,}|…)$/, "an ellipsis in place of content"],
  [/^(?:TODO|FIXME)\s*[:(]/, "a note to the programmer"],
  [/^this is (?:an?|another) (?:example|sample)\b/i, "a sample in place of content"],
  [/^this is (?:an? |the )?(?:brief |short |detailed )?description\b|^this is where\b/i, "a note in place of content"],
  [/^(?:an? )?(?:brief |short |detailed )?description (?:of|about) (?:the|this|your) (?:\w+ ){0,2}(?:project|work|product|item|service|event|image)s?(?: here)?\.?$/i, "a note in place of content"],
  [/^(?:(?:description|content|text|details?) (?:of|for) (?:the |this )?(?:card|item|section|product|post|project|page|article)|description (?:of|for) (?:the |this )?[a-z]+) ?\d{1,2}\.?$/i, "a note in place of content"],
  [/^(?:some|another|more) (?:content|text|description)\.?$/i, "a note in place of content"],
  [/^(?:this is )?(?:an?|another) real (?:description|work|project|product|item|text|example|content|name)\b/i, "a note in place of content"],
  [/^(?:\d+|one|two|three) sentences? (?:below|about|for|on|of)\b/i, "an instruction in place of content"],
  [/^(?:project|product|item|company|event|article|service) (?:name|title)$/i, "a note in place of a name"],
  [/\[(?!sic\])[a-z][a-z' ]{2,40}\]/i, "a gap in brackets"],
  [/^no (?:information|data|content|details) (?:is )?available(?: yet)?\.?$/i, "a note in place of content"],
  [/^(?:hero section|section \d+)$/i, "a note in place of a heading"],
  [/\b(?:your|insert|add|place) (?:text|content|description|image|title)s? (?:goes )?here\b|^content goes here|^placeholder(?: text)?$|^sample text$/i, "a placeholder"],
  [/\[object Object\]|^undefined$|^NaN$|^null$|\$\{[\w.]+\}|\{\{\s*[\w.]+\s*\}\}/, "a value that was never filled in"],
];

// "Barber 1", "Barber 2": two of a kind that only a number tells apart; "12345": a number alone that is no year. What the
// world itself counts is left alone.
const COUNTED = /^(?:chapter|class|day|episode|floor|gate|grade|group|lane|lesson|level|module|month|part|phase|platform|player|question|room|round|season|stage|step|table|team|track|unit|version|volume|week|year|zone)$/i;
const NUMBER_ALONE = /^#?(?!(?:19|20)\d\d$)\d{3,}$/;
const NUMBERED = /^([a-z]+(?: [a-z]+)?) \d{1,2}$/i;
const wordOf = (name) => (NUMBER_ALONE.test(name) ? "" : name.match(NUMBERED)?.[1].toLowerCase());
const numberedNames = (shown) => {
  const named = shown
    .filter(({ el }) => el.closest("h2, h3, h4, h5, strong, dt"))
    .map(({ el, text }) => ({ el, text: text.trim(), word: wordOf(text.trim()) }))
    .filter(({ word }) => word !== undefined && !COUNTED.test(word.split(" ").at(-1)));
  const alike = named.filter(({ word, text }) => named.some((other) => other.word === word && other.text !== text));
  return alike.map(({ el, text }) => ({ place: selector(el), text: `a number in place of a name: "${short(text)}"` }));
};

const placeholderFacts = (shown) => {
  const found = [];
  for (const { el, text } of shown) {
    // What names a field or a column is meant so: "Service name" is a good label.
    if (el.closest("button, a, code, pre, input, textarea, label, legend, th, dt, select")) continue;
    const flat = text.replace(/\s+/g, " ").trim();
    const hit = PLACEHOLDERS.find(([pattern]) => pattern.test(flat));
    if (hit) found.push({ place: selector(el), text: `${hit[1]}: "${short(flat)}"` });
  }
  return found.slice(0, MAX_EACH);
};

// Something drawn that is no icon; a canvas nobody drew on is none.
const isFigure = (el) => {
  const box = el.getBoundingClientRect();
  if (box.width < 120 || box.height < 48) return false;
  if (el.tagName !== "CANVAS") return el.querySelector("rect, path, line, polyline, polygon, circle") !== null;
  const empty = Object.assign(document.createElement("canvas"), { width: el.width, height: el.height });
  try {
    return el.toDataURL() !== empty.toDataURL();
  } catch {
    return true; // pictures of others are drawn on it
  }
};

// An entry of a list with its own heading and something to read, and no figure anywhere in it.
const isBare = (heading, level) => {
  const entry = level > 2 && level < 7 && heading.closest("article, li, .card, .cards > *, .grid > *");
  return Boolean(entry) && !/\d/.test(entry.textContent) && !entry.querySelector("form, input, select, textarea, table, h1, h2");
};

// Headings in reading order, each with the amount of what stands below it up to the next one of its rank.
const outlineFacts = (shown) => {
  const found = [];
  for (const { el, text } of shown) {
    const heading = el.closest("h1, h2, h3, h4, h5, h6, caption, legend, summary");
    const level = heading ? Number(heading.tagName[1]) || 7 : 0;
    if (heading && found.at(-1)?.el !== heading)
      found.push({ el: heading, level, text: short(heading.textContent, 80), chars: 0, blocks: 0, controls: 0 });
    for (const above of found) above.open = above.open !== false && (above.el === heading || !level || level > above.level);
    for (const above of found.filter((one) => one.open && one.el !== heading)) {
      above.chars += Math.min(300, text.trim().length);
      above.blocks += 1;
    }
  }
  const after = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
  for (const [at, one] of found.entries()) {
    const next = found.slice(at + 1).find((other) => other.level <= one.level)?.el;
    const within = (what) => all(what).filter((el) => after(one.el, el) && (!next || after(el, next))).length;
    one.controls = within(`${FIELDS}, button, [role=button]`);
    one.blocks += one.controls + within("canvas, svg, img");
    one.figures = all("canvas, svg").filter((el) => isFigure(el) && after(one.el, el) && (!next || after(el, next))).length;
  }
  return found.slice(0, 120).map(({ el, level, text, chars, blocks, controls, figures }) => ({ level, text, chars, blocks, controls, figures, bare: chars > 0 && isBare(el, level) }));
};

// A section that is announced and holds nothing, and nothing that a script could fill. A banner may be a heading alone.
const emptySectionFacts = () =>
  all("section h2, section h3, article h2, article h3")
    .map((heading) => ({ heading, section: heading.closest("section, article") }))
    .filter(({ heading, section }) => section.textContent.trim() === heading.textContent.trim() && !/hero|banner|header/i.test(`${section.className} ${section.id}`))
    .filter(({ section }) => !section.querySelector("[id], img, svg, canvas, form, button, input, ul, ol, table, video, iframe"))
    .map(({ heading }) => ({ place: selector(heading), text: `nothing stands below "${short(heading.textContent, 60)}"` }));

// Two texts painted over each other. What an opaque layer covers is not painted, so it does not count.
const overlapFacts = (shown) => {
  const found = [];
  const boxes = shown.slice(0, 400).map(({ el, box }) => ({ el, box, area: box.width * box.height }));
  const opaqueUpTo = (el, stop) => {
    for (let node = el; node && node !== stop; node = node.parentElement) {
      const style = getComputedStyle(node);
      const colour = channels(style.backgroundColor);
      if ((colour && colour.alpha > 0.6) || style.backgroundImage !== "none") return true;
      if (style.position === "fixed" || style.position === "sticky") return true;
    }
    return false;
  };
  for (let i = 0; i < boxes.length && found.length < MAX_EACH; i += 1) {
    for (let j = i + 1; j < boxes.length; j += 1) {
      const [a, b] = [boxes[i], boxes[j]];
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (across < 6 || down < 6 || across * down < 0.25 * Math.min(a.area, b.area)) continue;
      if (a.el.contains(b.el) || b.el.contains(a.el)) continue;
      let common = a.el.parentElement;
      while (common && !common.contains(b.el)) common = common.parentElement;
      if (opaqueUpTo(a.el, common) || opaqueUpTo(b.el, common)) continue;
      found.push({ place: selector(b.el), text: `"${short(b.el.textContent, 30)}" lies over "${short(a.el.textContent, 30)}" of ${selector(a.el)}` });
      break;
    }
  }
  return found;
};

const idFacts = () => {
  const counts = {};
  for (const el of document.querySelectorAll("[id]")) counts[el.id] = (counts[el.id] || 0) + 1;
  return Object.entries(counts).filter(([id, n]) => id && n > 1).slice(0, MAX_EACH)
    .map(([id, n]) => ({ place: `#${id}`, text: `${n} elements have the id ${id}` }));
};

const anchorFacts = async () => {
  const found = [];
  const pages = new Map();
  for (const link of document.querySelectorAll("a[href]")) {
    const href = link.getAttribute("href").trim();
    if (/^#[^/!]+$/.test(href)) {
      const id = decodeURIComponent(href.slice(1));
      if (id !== "top" && !document.getElementById(id) && !document.getElementsByName(id).length && !link.hasAttribute("onclick"))
        found.push({ place: selector(link), text: `${href} leads nowhere: no element has that id` });
    } else if (link.origin === location.origin && link.pathname !== location.pathname && !link.hasAttribute("download"))
      pages.set(link.pathname, pages.get(link.pathname) || { link, href });
  }
  const checks = [...pages].slice(0, asked.links).map(async ([path, { link, href }]) => {
    let status = 0;
    try {
      status = (await fetch(path, { method: "HEAD", signal: AbortSignal.timeout(1500) })).status;
    } catch {
      return; // the page's own policy forbids asking, so nothing is known
    }
    if (status === 404 || status === 410) found.push({ place: selector(link), text: `${href} answers ${status}` });
  });
  await Promise.all(checks);
  return found.slice(0, MAX_EACH);
};

const TEXT_COUNTS = "h1, h2, h3, h4, h5, h6, a, button, label, th, summary, nav, nav *, i, svg, [role=button], input, select, textarea";

// Names of asked component colours that some visible element other than the page itself carries.
const componentColours = () => {
  const pageArea = document.documentElement.scrollWidth * document.documentElement.scrollHeight;
  const found = new Set();
  for (const el of document.querySelectorAll("body *")) {
    if (found.size === asked.components.length) break;
    if (/^(SCRIPT|STYLE|TEMPLATE|OPTION|BR)$/.test(el.tagName)) continue;
    const style = getComputedStyle(el);
    const seen = [];
    const own = (colour) => {
      const parsed = channels(colour);
      if (parsed && parsed.alpha > 0.5) seen.push(parsed.rgb);
    };
    own(style.backgroundColor);
    for (const stop of style.backgroundImage.match(/rgba?\([^)]*\)/g) || []) own(stop);
    for (const side of ["Top", "Right", "Bottom", "Left"])
      if (style[`border${side}Style`] !== "none" && parseFloat(style[`border${side}Width`]) >= 1) own(style[`border${side}Color`]);
    if (el.matches(TEXT_COUNTS) && (el.textContent.trim() || el.matches("input, svg"))) own(style.color);
    if (el instanceof SVGElement) [style.fill, style.stroke].forEach(own);
    const hits = asked.components.filter((colour) => colour.accepted.some((one) => seen.some((rgb) => near(rgb, one))));
    if (!hits.length || !visible(el)) continue;
    const box = el.getBoundingClientRect();
    if (box.width * box.height > 0.7 * pageArea) continue;
    hits.forEach((colour) => found.add(colour.name));
  }
  return [...found];
};

const overflowFacts = () => {
  const width = document.documentElement.clientWidth;
  const px = Math.max(0, document.scrollingElement.scrollWidth - width);
  if (px <= 1) return { px: 0, worst: null };
  let worst = null;
  for (const el of document.querySelectorAll("body *")) {
    const right = el.getBoundingClientRect().right;
    const parent = el.parentElement.getBoundingClientRect().right;
    if (right > width + 1 && (el.parentElement === document.body || parent <= width + 1) && (!worst || right > worst.right) && visible(el))
      worst = { right, place: selector(el), parent: selector(el.parentElement), width: Math.round(el.getBoundingClientRect().width) };
  }
  return { px, worst };
};

const controlFacts = (controls) => {
  const plain = controls.filter((el) => {
    if (!/^(BUTTON|INPUT|SELECT|TEXTAREA)$/.test(el.tagName) || /^(checkbox|radio|range|color|file)$/.test(el.type)) return false;
    const border = getComputedStyle(el).borderTopStyle;
    return border === "outset" || border === "inset";
  });
  const tiny = controls.filter((el) => {
    if (/^(checkbox|radio)$/.test(el.type) || getComputedStyle(el).display === "inline") return false;
    const box = el.getBoundingClientRect();
    return box.height < 24 || box.width < 24;
  });
  return { plain: plain.map(selector), tiny: tiny.slice(0, MAX_EACH).map((el) => {
    const box = el.getBoundingClientRect();
    return { place: selector(el), text: `${Math.round(box.width)} × ${Math.round(box.height)} px on a phone` };
  }) };
};

// Fields that stick out of the padding of their box: the usual trace of a missing box-sizing.
const spillFacts = () => all(FIELDS + ", button").filter((el) => {
  const [style, box] = [getComputedStyle(el), el.parentElement.getBoundingClientRect()];
  const parent = getComputedStyle(el.parentElement);
  if (/absolute|fixed/.test(style.position) || parent.display === "inline" || parent.overflowX !== "visible") return false;
  const inner = box.right - parseFloat(parent.borderRightWidth) - parseFloat(parent.paddingRight);
  return box.width > 0 && parseFloat(style.marginRight) >= 0 && el.getBoundingClientRect().right > inner + 4;
}).slice(0, MAX_EACH).map((el) => ({ place: selector(el), text: `sticks out of ${selector(el.parentElement)}` }));

const overlayFact = () => {
  const vite = document.querySelector("vite-error-overlay");
  if (vite) return short(vite.shadowRoot?.querySelector(".message")?.textContent || vite.textContent || "build error", 300);
  const other = document.querySelector("#webpack-dev-server-client-overlay, nextjs-portal [data-nextjs-dialog], body > iframe[style*='z-index: 2147483647']");
  return other ? short(other.textContent || "an error overlay covers the page", 300) : "";
};

// A page is judged as it looks after its entrance: finite animations are ended, reveals on scrolling are triggered.
const settle = async () => {
  const within = (promise, ms) => Promise.race([promise, new Promise((done) => setTimeout(done, ms))]);
  const frame = () => within(new Promise((done) => requestAnimationFrame(() => done())), 50);
  await within(document.fonts.ready, 400);
  await within(Promise.all([...document.images].filter((i) => !i.complete && i.loading !== "lazy")
    .map((i) => new Promise((done) => { i.addEventListener("load", done); i.addEventListener("error", done); }))), 400);
  const hidden = [...document.querySelectorAll("body *")].slice(0, 1500)
    .some((el) => getComputedStyle(el).opacity === "0" && el.textContent.trim().length > 20);
  if (hidden && !asked.phone) {
    for (let y = 0, steps = 0; y < document.documentElement.scrollHeight && steps < 12; y += innerHeight, steps += 1) {
      scrollTo(0, y);
      await frame();
    }
    scrollTo(0, 0);
    await frame();
  }
  for (const animation of document.getAnimations()) {
    try {
      animation.finish();
    } catch {
      // one that never ends has no last frame
    }
  }
};

const axeFacts = async () => {
  const rules = ["color-contrast", "button-name", "link-name", "input-button-name", "label", "select-name", "image-alt",
    "html-has-lang", "list", "listitem", "nested-interactive", "aria-roles", "aria-required-attr", "aria-valid-attr-value", "frame-title"];
  const result = await axe.run(document, { runOnly: { type: "rule", values: rules }, resultTypes: ["violations", "incomplete"], iframes: false, preload: false });
  // Text in the very colour of its background is left to a person's judgement by axe; nobody can read it.
  const unseen = result.incomplete.filter(({ id }) => id === "color-contrast").map((rule) => ({ ...rule, nodes: rule.nodes.filter((node) => node.any[0]?.data?.messageKey === "equalRatio") }));
  return [...result.violations, ...unseen].flatMap(({ id, impact, help, nodes }) => nodes.slice(0, MAX_EACH).map((node) => {
    const data = id === "color-contrast" ? node.any[0]?.data : null;
    const el = document.querySelector(node.target.join(" "));
    const text = data ? `"${short(el?.textContent || "", 30)}" in ${data.fgColor} on ${data.bgColor} has ${data.contrastRatio}:1, needs ${data.expectedContrastRatio}` : help;
    return { rule: id, impact, place: node.target.join(" "), text };
  }));
};

return (async () => {
  await settle();
  const shown = texts();
  const controls = all(CONTROLS);
  const pictures = all("img, svg, canvas, video").filter((el) => el.tagName !== "IMG" || el.naturalWidth > 0);
  const facts = {
    page_height: document.documentElement.scrollHeight,
    overflow: overflowFacts(),
    overlaps: overlapFacts(shown),
    spills: spillFacts(),
    text_chars: shown.reduce((sum, { text }) => sum + Math.min(300, text.replace(/\s+/g, " ").trim().length), 0),
    pictures: pictures.length,
    fields: all(FIELDS).length,
    controls: controlFacts(controls),
  };
  if (asked.phone) return facts;
  const byDefault = shown.filter(({ el }) => getComputedStyle(el).fontFamily === '"Times New Roman"');
  return Object.assign(facts, {
    title: document.title.trim(),
    heading: all("h1, h2, h3").some((el) => el.textContent.trim()),
    viewport: document.querySelector("meta[name=viewport]") !== null,
    blocks: shown.length + pictures.length + facts.fields,
    interactive: controls.length,
    declarations: styleFacts(),
    default_font: shown.length > 0 && byDefault.length > shown.length / 2,
    outline: outlineFacts(shown),
    words: shown.map(({ text }) => text).join(" ").replace(/\s+/g, " ").slice(0, 12000),
    overlay: overlayFact(),
    broken_images: imageFacts(),
    placeholders: placeholderFacts(shown),
    empty_sections: emptySectionFacts(),
    numbered_names: numberedNames(shown).slice(0, MAX_EACH),
    duplicate_ids: idFacts(),
    dead_anchors: await anchorFacts(),
    components: componentColours(),
    failed_fonts: [...document.fonts].filter((font) => font.status === "error").map((font) => font.family).slice(0, 5),
    axe: await axeFacts(),
  });
})();
