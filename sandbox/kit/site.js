/* Behaviour for sites made offline, by attributes alone; `#list` stands for the id of a list, table or box.
   <input type="search" data-search="#list">                  shows the items that contain the words
   <form data-find="#list">                                    brings the items that contain what was entered, below the form
   <select data-filter="#list">, <button data-filter="#list" data-value="Fiction">   shows the items of that kind; All shows all
   <select data-sort="#list">                                  orders the items by name, or by the number in the line that has the word
   <form data-add="#list">                                     adds an entry, kept in this browser, with Edit and Delete
   <form data-add="#list" data-check>                          and with a box that marks it as done
   <form data-answer="Thank you, we will call you.">           checks the fields, keeps what was sent, says so in the page
   <form> that nothing takes                                   does so too, or as data-add where its button adds something
   <form data-login="#area">                                   keeps accounts in this browser and then shows the area
   <form data-vote="#results">                                 counts a choice and shows all counts as bars
   <button data-put="#cart">                                   puts its card, with what was entered there, into the cart, with a total
   <button data-open="#details">, data-toggle="#panel">        shows a box, or shows and hides it
   <button data-report="#table">                               sums a table up
   <form data-report="#facts">                                 makes a report of what was entered and of the cards in #facts that it names
   <button data-choose="#board">, <select data-choose="#board">   chooses one of several, kept and shown above the box
   <button data-details>                                       shows the card it stands in large, hidden parts of it too
   <button data-answer="Thank you.">                           does what such a form does, for fields that stand in no form
   <button data-mark="Joined">                                 marks the card it stands in, kept in this browser; again takes it back
   <div class="cards" id="posts" data-comments="Reply">         gives each card replies of its own; Comment takes a name too
   <table data-chart>                                          draws its numbers as bars below it
   Letters that are not ASCII are escaped: a page may not say how it is written. */
(() => {
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const find = (selector) => {
    try {
      return selector ? document.querySelector(selector) : null;
    } catch {
      return null; // not a selector
    }
  };
  const kept = (key) => {
    try {
      return JSON.parse(localStorage.getItem(`site:${key}`)) ?? [];
    } catch {
      return [];
    }
  };
  const keep = (key, value) => {
    try {
      localStorage.setItem(`site:${key}`, JSON.stringify(value));
    } catch {
      say(document.body, "This browser keeps nothing: what you enter is gone after leaving.");
    }
  };
  const say = (beside, text) => {
    let line = beside.parentElement?.querySelector(":scope > [data-status]");
    if (!line) beside.after((line = make("p", "", { role: "status", "data-status": "" })));
    line.textContent = text;
  };
  // What was said of a list before it changed is no longer so.
  const retell = (selector, text = "") => {
    for (const form of document.querySelectorAll("form[data-add]")) {
      const line = form.dataset.add === selector && form.parentElement.querySelector(":scope > [data-status]");
      if (line) line.textContent = text;
    }
  };
  // A label may hold its field, and that field its options.
  const worded = (label) => [...(label?.childNodes ?? [])].filter((node) => !node.matches?.("select, textarea")).map((node) => node.textContent).join("").trim();
  const label = (field) =>
    (worded(field.labels?.[0]) || field.placeholder || field.ariaLabel || field.name || "Value").trim().replace(/[:*\s]+$/, "");
  const fields = (form) => [...(form.elements ?? form.querySelectorAll("input, select, textarea"))].filter((field) => field.matches("input, select, textarea") && !/^(submit|button|reset|hidden)$/.test(field.type));
  const value = (field) => {
    if (field.type === "checkbox") return field.checked ? "yes" : "no";
    if (field.tagName === "SELECT") return field.selectedOptions[0]?.textContent.trim() ?? "";
    return field.type === "file" ? [...field.files].map((file) => file.name).join(", ") : field.value.trim();
  };
  const entry = (form) =>
    fields(form).filter((field) => field.type !== "radio" || field.checked).map((field) => [label(field), field.type === "password" ? "\u2022\u2022\u2022\u2022" : value(field)]);
  const key = (selector) => `${location.pathname}${selector}`;
  const cardOf = (part) => part.closest(".card, article, li, tr") ?? part.parentElement;
  const titleOf = (card) => (card.querySelector("h2, h3, h4, td, strong") ?? [...card.childNodes].find((node) => node.textContent.trim()) ?? card).textContent.trim().slice(0, 60);

  // Lists: whatever repeats inside the box.
  const body = (list) => list.querySelector(":scope > tbody") ?? list.tBodies?.[0] ?? list;
  const items = (list) => {
    const rows = [...body(list).children].filter((row) => !row.matches("[data-empty], script, template, h1, h2, h3, h4") && !row.querySelector(":scope > th:first-child:not([scope=row])"));
    return rows.length === 1 && rows[0].children.length > 2 && !rows[0].matches("tr, li, article, .card") ? [...rows[0].children] : rows;
  };
  // What can be read of it: its buttons would act on the list it was taken from.
  const copied = (item) => {
    const copy = item.cloneNode(true);
    copy.querySelectorAll("button, script, form").forEach((part) => part.remove());
    [copy, ...copy.querySelectorAll("[id]")].forEach((part) => part.removeAttribute("id"));
    copy.removeAttribute("data-entry");
    copy.hidden = false;
    copy.style.display = "";
    if (!copy.matches("li, tr")) return copy;
    const card = make("article", "", { class: "card" });
    card.append(make("p", copy.matches("tr") ? [...copy.cells].map((cell) => cell.textContent.trim()).join(" \u00b7 ") : copy.textContent.trim()));
    return card;
  };
  const chosen = new Map();
  const narrow = (selector) => {
    const list = find(selector);
    if (!list) return;
    const { words = "", kind = "" } = chosen.get(selector) ?? {};
    let shown = 0;
    const own = (item) => `${item.dataset.category ?? ""},${item.dataset.kind ?? ""}`.toLowerCase().split(/[,;|]/).flatMap((one) => [one.trim(), ...one.trim().split(/\s+/)]);
    const isNamed = items(list).some((item) => own(item).includes(kind)); // a kind that items have is no mere word of others
    for (const item of items(list)) {
      const text = `${item.textContent} ${item.dataset.category ?? ""} ${item.dataset.kind ?? ""}`.toLowerCase();
      const isKind = !kind || (isNamed ? own(item).includes(kind) : text.includes(kind));
      const fits = words.split(/\s+/).every((word) => text.includes(word)) && isKind;
      item.hidden = !fits;
      item.style.display = fits ? "" : "none";
      shown += fits;
    }
    let none = body(list).querySelector(":scope > [data-empty]");
    if (!none) body(list).append((none = make(list.matches("table, tbody") ? "tr" : list.matches("ul, ol") ? "li" : "p", "", { "data-empty": "" })));
    const isLost = !shown && Boolean(words || kind);
    none.textContent = isLost ? "Nothing found." : "";
    none.hidden = !isLost;
  };
  const choose = (selector, change) => {
    chosen.set(selector, { ...chosen.get(selector), ...change });
    narrow(selector);
    retell(selector);
  };
  const sort = (selector, by) => {
    const list = find(selector);
    if (!list) return;
    const weight = (item) => {
      const line = item.innerText.split("\n").find((text) => text.toLowerCase().includes(by.trim().toLowerCase()));
      const n = parseFloat((line?.match(/-?\d[\d,.]*/) ?? ["NaN"])[0].replace(/,/g, ""));
      return Number.isNaN(n) ? (item.querySelector("h2, h3, h4, td, strong") ?? item).textContent.trim() : n;
    };
    const sorted = items(list).map((item) => [weight(item), item]);
    sorted.sort(([a], [b]) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
    body(list).append(...sorted.map(([, item]) => item));
  };
  const isAll = (text) => /^(|all\b.*|any\b.*|everything|show all|select .*|choose .*)$/i.test(text.trim());

  const show = (selector, list, { pairs, done }, at) => {
    const isTable = list.matches("table, tbody");
    const item = isTable ? make("tr") : make(list.matches("ul, ol") ? "li" : "article", "", { class: "card" });
    item.dataset.entry = at;
    if (isTable) item.append(...pairs.map(([, text]) => make("td", text)));
    else pairs.forEach(([name, text], n) => item.append(n ? make("p", `${name}: ${text}`) : make("h3", text)));
    const tools = isTable ? make("td") : make("p");
    if (document.querySelector(`form[data-add="${selector}"][data-check]`)) {
      const box = make("input", "", { type: "checkbox", "data-done": selector });
      box.checked = done;
      const words = make("label");
      words.append(box, " Done");
      tools.append(words, " ");
      if (done) item.setAttribute("data-is-done", "");
      for (const part of [...item.children]) part.style.textDecoration = done ? "line-through" : "";
    }
    tools.append(make("button", "Edit", { type: "button", "data-edit": selector }), " ", make("button", "Delete", { type: "button", "data-delete": selector }));
    item.append(tools);
    body(list).prepend(item);
  };
  const showAll = (selector) => {
    const list = find(selector);
    if (!list) return;
    list.querySelectorAll("[data-entry]").forEach((old) => old.remove());
    kept(key(selector)).forEach((pairs, at) => show(selector, list, pairs, at));
    if (list.dataset.comments !== undefined) showComments(list);
    narrow(selector);
  };
  const change = (selector, edit) => {
    const all = kept(key(selector));
    edit(all);
    keep(key(selector), all);
    showAll(selector);
  };

  const submit = {
    add(form, selector) {
      const pairs = entry(form);
      const at = form.dataset.editing;
      change(selector, (all) => (at === undefined ? all.push({ pairs, done: false }) : (all[at].pairs = pairs)));
      delete form.dataset.editing;
      say(form, at === undefined ? `Added: ${pairs[0]?.[1] ?? "entry"}` : `Changed: ${pairs[0]?.[1] ?? "entry"}`);
      form.reset();
    },
    answer(form, text) {
      keep(key(`form:${form.id || form.dataset.answer}`), [...kept(key(`form:${form.id || form.dataset.answer}`)), entry(form)]);
      const sent = entry(form).filter(([, text]) => text).map(([name, text]) => `${name}: ${text}`).join(" \u00b7 ");
      say(form, `${text || "Thank you, it was received."} (${sent})`);
      form.reset?.();
    },
    login(form, selector) {
      const [name, secret] = [fields(form).find((field) => field.type !== "password"), fields(form).find((field) => field.type === "password")];
      const accounts = Object.fromEntries(kept("accounts"));
      const known = { admin: "admin123456", ...accounts };
      if (name.value in known && known[name.value] !== secret?.value) return say(form, "The password is not right. Please try again.");
      keep("accounts", Object.entries({ ...accounts, [name.value]: secret?.value ?? "" }));
      keep("user", [name.value]);
      greet(form, selector);
    },
    report(form, selector) {
      compose(form, selector);
    },
    find(form, selector) {
      const asked = fields(form).filter((field) => (field.type !== "radio" && field.type !== "checkbox") || field.checked);
      const meant = (field) => (field.tagName === "SELECT" && isAll(value(field)) ? "" : field.type === "radio" ? field.value : value(field));
      const words = asked.map(meant).join(" ").toLowerCase().split(/\s+/).filter(Boolean);
      if (!words.length) return say(form, "Please enter what to look for.");
      const list = find(selector);
      const told = (item) => `${item.textContent} ${item.dataset.category ?? ""} ${item.dataset.kind ?? ""}`.toLowerCase();
      const found = list ? items(list).filter((item) => words.every((word) => told(item).includes(word))) : [];
      form.parentElement.querySelector(":scope > [data-made=found]")?.remove();
      say(form, found.length ? `${found.length} found.` : "Nothing found.");
      if (!found.length) return;
      const box = make("div", "", { class: "cards", "data-made": "found" });
      box.append(...found.map(copied));
      form.parentElement.querySelector(":scope > [data-status]").after(box);
    },
    comment(form, selector) {
      const said = [titleOf(cardOf(form)), fields(form).map(value).join(": "), new Date().toLocaleString()];
      keep(key(`comments:${selector}`), [...kept(key(`comments:${selector}`)), said]);
      showComments(find(selector));
      say(form, "Posted.");
      form.reset();
    },
    vote(form, selector) {
      const choice = fields(form).find((field) => field.type === "radio" && field.checked) ?? fields(form).find((field) => field.tagName === "SELECT");
      if (!choice) return say(form, "Please choose an option first.");
      const text = choice.tagName === "SELECT" ? value(choice) : label(choice) || choice.value;
      keep(key(selector), [...kept(key(selector)), text]);
      say(form, `Your vote for ${text} was counted.`);
      bars(selector);
    },
  };
  // By its place among the page's own forms, made ones left out: those come after the page was read.
  const nth = (form) => [...document.forms].filter((one) => !one.closest("[data-made]")).indexOf(form);
  // A form that adds something and that nobody takes gets a list, and has it again when the page is loaded anew.
  const isForEntries = (form) => /^(add|create|new|post|publish|save)\b/i.test((form.querySelector("button:not([type=button], [type=reset])")?.textContent ?? form.querySelector("[type=submit]")?.value ?? "").trim());
  const adopt = (form) => {
    let list = form.parentElement.querySelector(":scope > :is(ul, ol, .cards, table)");
    if (!list) form.after((list = make("div", "", { class: "cards" })));
    list.id ||= `entries-${nth(form)}`;
    form.dataset.add = `#${list.id}`;
    if (/\b(tasks?|to-?dos?)\b/i.test(form.textContent)) form.dataset.check ??= "";
  };
  const greet = (form, selector) => {
    const [user] = kept("user");
    const area = find(selector);
    if (area) area.hidden = !user;
    if (user) say(form, `Welcome, ${user}. You are logged in.`);
  };
  const bars = (selector) => {
    const box = find(selector);
    const form = document.querySelector(`form[data-vote="${selector}"]`);
    if (!box || !form) return;
    const votes = kept(key(selector));
    const names = fields(form).flatMap((field) => (field.tagName === "SELECT" ? [...field.options].map((one) => one.textContent.trim()) : field.type === "radio" ? [label(field) || field.value] : []));
    box.replaceChildren(
      ...names.map((name) => {
        const count = votes.filter((vote) => vote === name).length;
        const line = make("p", `${name}: ${count} ${count === 1 ? "vote" : "votes"}`);
        line.append(make("meter", "", { min: 0, max: Math.max(1, votes.length), value: count, "aria-label": name }));
        return line;
      }),
    );
  };

  const showComments = (list) => {
    if (list.matches("table, tbody")) return; // a row has no room for them
    const word = list.dataset.comments.trim() || "Comment";
    for (const item of items(list)) {
      let box = item.querySelector(":scope > [data-made=comments]");
      if (!box) {
        box = make("div", "", { "data-made": "comments" });
        const form = make("form", "", { "data-comment": `#${list.id}` });
        const field = (text, tag) => {
          const words = make("label", `${text} `);
          words.append(make(tag, "", { name: text.toLowerCase().replace(/\W+/g, "-"), required: "" }));
          form.append(words);
        };
        if (word !== "Reply") field("Your name", "input");
        field(`Your ${word.toLowerCase()}`, "textarea");
        form.append(make("button", `Post ${word.toLowerCase()}`));
        box.append(form);
        item.append(box);
      }
      box.querySelectorAll(":scope > p").forEach((old) => old.remove());
      const said = kept(key(`comments:#${list.id}`)).filter(([title]) => title === titleOf(item));
      box.prepend(...said.map(([, text, when]) => make("p", `${text} \u00b7 ${when}`)));
    }
  };

  const price = (text) => parseFloat(text.match(/[$\u20ac\u00a3\u00a5]\s*([\d,.]+)|([\d,.]+)\s*(?:USD|EUR|[\u20ac\u00a3])/)?.slice(1).find(Boolean)?.replace(/,/g, "") ?? "0") || 0;
  const showCart = (selector) => {
    const cart = find(selector);
    if (!cart) return;
    const inside = kept(key(selector));
    cart.querySelectorAll("[data-inside]").forEach((old) => old.remove());
    inside.forEach(([name, cost], at) => {
      const line = make(cart.matches("ul, ol") ? "li" : "p", `${name}${cost ? ` \u2013 ${cost.toFixed(2)}` : ""} `, { "data-inside": at });
      line.append(make("button", "Remove", { type: "button", "data-remove": selector }));
      cart.append(line);
    });
    const total = inside.reduce((sum, [, cost]) => sum + cost, 0);
    cart.append(make(cart.matches("ul, ol") ? "li" : "p", `${inside.length} in the cart, total ${total.toFixed(2)}`, { "data-inside": "" }));
  };

  // They say when, and nobody adds them up.
  const areYears = (name, numbers) => /\byears?\b/i.test(name) && numbers.every((n) => Number.isInteger(n) && n > 1000 && n < 3000);
  const summary = (table) => {
    const heads = [...table.querySelectorAll("thead th, tr:first-child th")].map((cell) => cell.textContent.trim());
    const rows = items(table).filter((row) => !row.hidden).map((row) => [...row.children].map((cell) => cell.textContent.trim()));
    const number = (text) => (/^[^\p{L}\d]*\d/u.test(text ?? "") && !/\d{1,4}[-/]\d{1,2}[-/]/.test(text) ? parseFloat(text.replace(/[^\d.-]/g, "")) : NaN);
    const columns = heads.map((name, at) => ({ name, numbers: rows.map((row) => number(row[at])) })).filter(({ name, numbers }) => numbers.length && numbers.every((n) => !Number.isNaN(n)) && !areYears(name, numbers));
    return { rows, columns };
  };
  // What was entered, and of the box's cards those that an entry names; all of them where none is named.
  const words = (text) => text.toLowerCase().match(/[\p{L}\d]{3,}/gu) ?? [];
  const compose = (place, selector) => {
    const asked = fields(place).filter((field) => !/^(checkbox|radio)$/.test(field.type) && value(field));
    const ticked = fields(place).filter((field) => /^(checkbox|radio)$/.test(field.type) && field.checked).map((field) => label(field) || field.value);
    const names = (text, title) => words(text).some((word) => words(title).some((one) => one.startsWith(word) || word.startsWith(one)));
    const all = find(selector) && !find(selector).contains(place) ? items(find(selector)) : [];
    const title = (card) => (card.querySelector("h2, h3, h4, h5, dt, th, td, strong") ?? card).textContent;
    const typed = asked.filter((field) => field.tagName !== "SELECT").map(value);
    const byTick = all.filter((card) => ticked.some((text) => names(text, title(card))));
    const byWord = all.filter((card) => typed.some((text) => names(text, card.textContent)));
    // Where the form's own facts do not name it, what the rest of the page knows by that name.
    const free = asked.filter((field) => /^(text|search|textarea)$/.test(field.type)).map(value);
    const speaksOf = (card, text) => words(card.textContent).some((one) => words(text).some((word) => one.startsWith(word)));
    const page = [...document.querySelectorAll(".card")].filter((card) => !place.contains(card));
    const named = byWord.length ? [] : page.filter((card) => free.some((text) => speaksOf(card, text)));
    // One that was found by its code brings what else has its name.
    const isKin = (card, one) => words(title(one)).length && words(title(one)).every((word) => words(title(card)).includes(word));
    const others = page.filter((card) => named.some((one) => card === one || isKin(card, one)));
    const cards = [byTick, byWord, others, all].find((some) => some.length) ?? [];
    const isAbout = byWord.length || others.length || !typed.length;
    const looksUp = typed.length === 1 && free.length === 1;
    const lines = [["h3", `Report${typed[0] ? `: ${typed[0]}` : ""}`], ...asked.map((field) => ["p", `${label(field)}: ${value(field)}`])];
    if (!isAbout && all.length) lines.push(["p", `Nothing was found about \u201c${typed.join(", ")}\u201d by name: everything is shown.`]);
    else if (!isAbout && looksUp) lines.push(["p", `Nothing was found about \u201c${typed[0]}\u201d.`]);
    if (ticked.length) lines.push(["p", `Contents: ${ticked.join(", ")}`]);
    for (const card of cards) {
      const [head, ...rest] = card.innerText.split("\n").map((line) => line.trim()).filter(Boolean);
      lines.push(["h4", head ?? ""], ...rest.map((line) => ["p", line]));
    }
    keep(`report:${selector}`, lines);
    showReport(place, selector)?.scrollIntoView({ block: "nearest" });
  };
  const showReport = (place, selector) => {
    place.querySelector(":scope > [data-made=report]")?.remove();
    const lines = kept(`report:${selector}`);
    if (!lines.length) return null;
    const box = make("section", "", { class: "card", "data-made": "report" });
    box.append(...lines.map(([tag, text]) => make(tag, text)));
    const counted = figures(lines);
    if (counted.length > 1) box.append(drawn("In figures", counted.map(([head]) => head), counted.map(([, n]) => n)));
    place.append(box);
    return box;
  };
  // The first number of one kind below each heading: of the kind that most of them have, money and shares before others.
  const figures = (lines) => {
    const found = [];
    let head = "";
    for (const [tag, text] of lines) {
      if (tag === "h4") head = text;
      else if (head) for (const [, money, number, share] of text.matchAll(/([$\u20ac\u00a3\u00a5]?)\s*(\d[\d,]*(?:\.\d+)?)\s*(%?)/g)) found.push([head, parseFloat(number.replace(/,/g, "")), money + share]);
    }
    const of = (unit) => found.filter(([head, , is], at) => is === unit && at === found.findIndex((one) => one[0] === head && one[2] === unit));
    const units = [...new Set(found.map(([, , unit]) => unit))];
    return units.map(of).sort((one, other) => other.length - one.length || Boolean(other[0][2]) - Boolean(one[0][2]))[0] ?? [];
  };
  const report = (button) => {
    const table = find(button.dataset.report ?? button.dataset.chart);
    const place = button.closest("form") ?? (button.parentElement.querySelector("input, select, textarea") ? button.parentElement : null);
    if (place) {
      const empty = fields(place).find((field) => field.tagName === "INPUT" && !/^(checkbox|radio)$/.test(field.type) && !value(field));
      return empty ? say(button, `Please fill in: ${label(empty)}.`) : compose(place, button.dataset.report);
    }
    if (!table) return;
    const { rows, columns } = summary(table);
    const lines = columns.map(({ name, numbers }) => {
      const total = numbers.reduce((sum, n) => sum + n, 0);
      return `${name}: total ${total.toLocaleString()}, average ${(total / numbers.length).toLocaleString()}`;
    });
    if (!columns.length) lines.push(...rows.map((row) => row.join(": ")));
    const box = make("section", "", { class: "card", "data-made": "report" });
    box.append(make("h3", "Report"), make("p", `${rows.length} entries. ${new Date().toLocaleDateString()}`), ...lines.map((line) => make("p", line)));
    if (columns.length) box.append(drawn(columns[0].name, rows.map((row) => row[0]), columns[0].numbers));
    button.parentElement.querySelector(":scope > [data-made=report]")?.remove();
    button.after(box);
  };
  const chart = (table) => {
    const { rows, columns } = summary(table);
    if (!columns.length || table.nextElementSibling?.dataset.made === "chart") return;
    table.after(drawn(columns[0].name, rows.map((row) => row[0]), columns[0].numbers));
  };
  const drawn = (name, titles, numbers) => {
    const most = Math.max(...numbers.map(Math.abs), 1);
    const figure = make("figure", "", { "data-made": "chart" });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 600 ${numbers.length * 32}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${name} as bars`);
    numbers.forEach((n, at) => {
      const part = (tag, attributes, text = "") => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [one, is] of Object.entries(attributes)) element.setAttribute(one, is);
        element.textContent = text;
        svg.append(element);
      };
      part("text", { x: 0, y: at * 32 + 20, "font-size": 14, fill: "currentColor" }, titles[at].slice(0, 22));
      part("rect", { x: 190, y: at * 32 + 6, height: 20, rx: 4, width: (Math.abs(n) / most) * 320, fill: "var(--component, teal)" });
      part("text", { x: 198 + (Math.abs(n) / most) * 320, y: at * 32 + 20, "font-size": 13, fill: "currentColor" }, n.toLocaleString());
    });
    figure.append(svg, make("figcaption", name));
    return figure;
  };

  const press = {
    filter: (button) => {
      const kind = button.dataset.value ?? button.textContent;
      choose(button.dataset.filter, { kind: isAll(kind) ? "" : kind.trim().toLowerCase() });
    },
    delete: (button) => {
      change(button.dataset.delete, (all) => all.splice(button.closest("[data-entry]").dataset.entry, 1));
      retell(button.dataset.delete, "Deleted.");
    },
    edit: (button) => {
      const form = document.querySelector(`form[data-add="${button.dataset.edit}"]`);
      const at = button.closest("[data-entry]").dataset.entry;
      if (!form) return;
      kept(key(button.dataset.edit))[at].pairs.forEach(([, text], n) => {
        if (fields(form)[n] && !/^(radio|checkbox|file|password)$/.test(fields(form)[n].type)) fields(form)[n].value = text;
      });
      form.dataset.editing = at;
      fields(form)[0]?.focus();
    },
    put: (button) => {
      const card = cardOf(button);
      const typed = entry(card).filter(([, text]) => text).map(([name, text]) => `${name}: ${text}`).join(" \u00b7 ");
      const named = typed ? `${titleOf(card)} (${typed})` : titleOf(card);
      keep(key(button.dataset.put), [...kept(key(button.dataset.put)), [named, price(card.textContent)]]);
      showCart(button.dataset.put);
      say(button, "Added to the cart.");
    },
    remove: (button) => {
      const selector = button.dataset.remove;
      keep(key(selector), kept(key(selector)).filter((_, at) => String(at) !== button.closest("[data-inside]").dataset.inside));
      showCart(selector);
    },
    open: (button) => {
      const box = find(button.dataset.open);
      if (!box) return;
      if (box instanceof HTMLDialogElement) {
        if (!box.querySelector("[data-close]")) box.append(make("button", "Close", { type: "button", "data-close": "" }));
        box.showModal();
        return;
      }
      if (!box.hidden && box.id) location.hash = box.id; // in view or not, that is where one is now
      box.hidden = false;
      box.scrollIntoView({ block: "nearest" });
    },
    details: (button) => {
      const box = make("dialog", "", { "data-made": "details" });
      box.append(...[...cardOf(button).children].map((part) => part.cloneNode(true)));
      box.querySelectorAll("button, a.button, script, [data-made=comments] form").forEach((part) => part.remove());
      box.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
      box.querySelectorAll("[hidden]").forEach((part) => (part.hidden = false));
      box.append(make("button", "Close", { type: "button", "data-close": "" }));
      box.addEventListener("close", () => box.remove());
      document.body.append(box);
      box.showModal();
    },
    close: (button) => button.closest("dialog")?.close(),
    toggle: (button) => {
      const box = find(button.dataset.toggle);
      if (!box) return;
      box.hidden = !box.hidden;
      button.setAttribute("aria-expanded", String(!box.hidden));
    },
    choose: (button) => {
      keep(`choice:${button.dataset.choose}`, [button.textContent.trim()]);
      showChoice(button.dataset.choose);
    },
    mark: (button) => {
      const [name, all] = [marked(button), kept("marks")];
      keep("marks", all.includes(name) ? all.filter((one) => one !== name) : [...all, name]);
      showMark(button);
      const [card, mark] = name.split(/: (?=[^:]*$)/);
      say(button, all.includes(name) ? `No longer ${mark.toLowerCase()}: ${card}` : `${mark}: ${card}`);
    },
    report,
    chart: report,
    answer: (button) => {
      const place = button.closest("form") ?? button.parentElement;
      const empty = fields(place).find((field) => field.tagName === "INPUT" && !/^(checkbox|radio)$/.test(field.type) && !value(field));
      return empty ? say(button, `Please fill in: ${label(empty)}.`) : submit.answer(place, button.dataset.answer);
    },
  };
  const showChoice = (selector) => {
    const box = find(selector);
    const [choice] = kept(`choice:${selector}`);
    for (const button of document.querySelectorAll(`button[data-choose="${selector}"]`)) button.setAttribute("aria-pressed", String(button.textContent.trim() === choice));
    for (const list of document.querySelectorAll(`select[data-choose="${selector}"]`)) for (const option of list.options) option.selected ||= option.textContent.trim() === choice;
    if (!box || !choice) return;
    let line = box.querySelector(":scope > [data-made=choice]");
    if (!line) box.prepend((line = make("p", "", { "data-made": "choice", role: "status" })));
    line.textContent = `Chosen: ${choice}`;
    box.dataset.choice = choice.toLowerCase();
  };
  const marked = (button) => `${titleOf(cardOf(button))}: ${button.dataset.mark}`;
  const showMark = (button) => {
    button.dataset.unmarked ??= button.textContent.trim();
    const is = kept("marks").includes(marked(button));
    button.textContent = is ? `${button.dataset.mark} \u2713` : button.dataset.unmarked;
    button.setAttribute("aria-pressed", String(is));
  };

  // First of all listeners and the last one for what has an attribute: that says what it does, and a listener of the
  // page that fails would only undo it.
  document.addEventListener("click", (event) => {
    for (const name of Object.keys(press)) {
      const button = event.target.closest?.(`[data-${name}]:not(form, select, table)`);
      if (!button) continue;
      event.preventDefault();
      event.stopImmediatePropagation();
      press[name](button);
      return;
    }
  }, true);
  document.addEventListener("submit", (event) => {
    const name = Object.keys(submit).find((one) => one in event.target.dataset);
    if (!name) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    submit[name](event.target, event.target.dataset[name]);
  }, true);
  document.addEventListener("submit", (event) => {
    // Nobody took it: the page would be loaded anew, and what was entered be gone.
    if (event.defaultPrevented || !/^(#|)$/.test(event.target.getAttribute("action") ?? "")) return;
    event.preventDefault();
    if (!isForEntries(event.target)) return submit.answer(event.target, "");
    const at = `${location.pathname}${nth(event.target)}`;
    keep("adopted", [...kept("adopted"), at]);
    adopt(event.target);
    submit.add(event.target, event.target.dataset.add);
  });
  document.addEventListener("input", ({ target }) => {
    if (target.dataset.search) choose(target.dataset.search, { words: target.value.trim().toLowerCase() });
  });
  document.addEventListener("change", ({ target }) => {
    if (target.dataset.done) {
      const { entry: at } = target.closest("[data-entry]").dataset;
      return change(target.dataset.done, (all) => (all[at].done = target.checked));
    }
    if (target.dataset.sort) return sort(target.dataset.sort, target.selectedOptions[0]?.textContent ?? "");
    if (target.matches("select[data-choose]")) {
      keep(`choice:${target.dataset.choose}`, [value(target)]);
      return showChoice(target.dataset.choose);
    }
    if (!target.matches("select[data-filter]")) return;
    const kind = target.value || target.selectedOptions[0]?.textContent || "";
    choose(target.dataset.filter, { kind: isAll(kind) ? "" : kind.trim().toLowerCase() });
  });

  const start = () => {
    const every = (name, act) => document.querySelectorAll(`[data-${name}]`).forEach((one) => act(one.dataset[name], one));
    [...document.forms].forEach((form) => kept("adopted").includes(`${location.pathname}${nth(form)}`) && adopt(form));
    every("comments", (_, list) => {
      list.id ||= `talk-${[...document.querySelectorAll("[data-comments]")].indexOf(list)}`;
      showComments(list);
    });
    every("add", (selector, form) => find(selector) || adopt(form)); // what goes into no list would be seen nowhere
    every("add", showAll);
    every("put", showCart);
    every("vote", bars);
    document.querySelectorAll("form[data-report]").forEach((form) => showReport(form, form.dataset.report));
    every("choose", showChoice);
    every("mark", (_, button) => showMark(button));
    every("login", (selector, form) => greet(form, selector));
    every("chart", (_, table) => chart(table));
    every("toggle", (selector, button) => button.setAttribute("aria-expanded", String(!find(selector)?.hidden)));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
