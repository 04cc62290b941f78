// The verbs of the executable checks, run in the page's isolated world. Called as (verb, step, memory).
// Patterns are regular expressions, matched without regard to case at the beginning of a word.
const [verb, step, memory] = arguments

const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const norm = (text) => (text || '').replace(/\s+/g, ' ').trim()
const rx = (pattern) => new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})`, 'iu')
const matches = (text, pattern) => rx(pattern).test(text)
const has = (text, part) => norm(text).toLowerCase().includes(norm(part).toLowerCase())
const cut = (text, size = 60) => (text.length > size ? text.slice(0, size - 1) + '…' : text)

// What a person can see ------------------------------------------------------------------------------------------

function clipped(element) {
  for (let e = element, n = 0; e && e !== document.body && n < 12; e = e.parentElement, n++) {
    const style = getComputedStyle(e)
    if (style.overflowY !== 'visible' && e.clientHeight === 0 && style.display !== 'inline') return true
  }
  return false
}
function shown(element) {
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })) return false
  const box = element.getBoundingClientRect()
  if (box.width < 1 || box.height < 1) return false
  if (box.right + scrollX <= 0 || box.bottom + scrollY <= 0 || box.left >= document.documentElement.scrollWidth) return false
  return !clipped(element)
}
const BLOCK = /^(block|flex|grid|list-item|table|table-row|table-cell|table-caption|flow-root|inline-block|inline-flex)$/
function linesOf(root, without) {
  const lines = []
  let block = null
  const seen = new Map()
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
  for (let node = walker.currentNode; node; node = walker.nextNode()) {
    if (node.nodeType === 1) {
      if (node.matches('br')) block = null
      if (node.matches('input:not([type=checkbox]):not([type=radio]):not([type=hidden])') && (node.readOnly || node.disabled) && node.value && shown(node))
        lines.push(norm(node.value))
      continue
    }
    const parent = node.parentElement
    if (!parent || !norm(node.data) || parent.closest('script,style,noscript,template,option,select,textarea') || (without && parent.closest(without))) continue
    if (!seen.has(parent)) seen.set(parent, shown(parent))
    if (!seen.get(parent)) continue
    let holder = parent
    while (holder !== root && holder.parentElement && !BLOCK.test(getComputedStyle(holder).display)) holder = holder.parentElement
    if (holder === block && lines.length) lines[lines.length - 1] = norm(lines[lines.length - 1] + ' ' + node.data)
    else lines.push(norm(node.data))
    block = holder
  }
  return lines.filter(Boolean)
}
const dialogs = () => JSON.parse(document.documentElement.getAttribute('data-check-dialogs') || '[]')
function itemText(element) {
  if (!element.matches('tr')) return linesOf(element).join(' | ')
  const heads = [...(element.closest('table')?.querySelectorAll('th') || [])].map((th) => norm(th.textContent))
  return [...element.cells].map((cell, n) => (heads[n] ? `${heads[n]}: ` : '') + linesOf(cell).join(' ')).join(' | ')
}
// Siblings of one kind with text: cards, rows, list entries. Navigation, forms and footers are no lists of things.
function groups() {
  const found = []
  for (const parent of document.body.querySelectorAll('*')) {
    if (parent.children.length < 1 || parent.matches('form,fieldset,select,svg,tr,nav,footer,p,label') || parent.closest('nav,footer,svg,header nav')) continue
    const kinds = new Map()
    for (const child of parent.children) {
      if (child.matches('script,style,option,button,input,label,br,h1,h2,h3,p,th,form,a:not([class])') || !shown(child)) continue
      if (child.matches('tr') && !child.querySelector('td')) continue
      const kind = child.tagName + ' ' + (child.classList[0] || '')
      kinds.set(kind, [...(kinds.get(kind) || []), child])
    }
    for (const [kind, elements] of kinds) {
      const texts = elements.map(itemText)
      if (texts.filter((text) => text.length > 1).length) found.push({ kind, elements, texts })
    }
  }
  // A box around a list is no thing of a list itself.
  const lists = found.filter((group) => group.texts.length > 1)
  const holds = (e, text) => lists.some((group) => e !== group.elements[0] && e.contains(group.elements[0]) && group.texts.join('').length > text.length / 2)
  return found.filter((group) => !group.elements.some((e, n) => holds(e, group.texts[n])))
}
function snapshot() {
  const lists = groups()
  const area = canvasArea()
  return {
    url: location.pathname,
    scroll: Math.round(scrollY),
    lines: [...linesOf(document.body), ...dialogs()],
    groups: lists.filter((group) => group.texts.length > 1).map((group) => group.texts),
    active: [...document.querySelectorAll('[aria-selected=true],[aria-current],[aria-pressed=true],.active,.selected,.current,:checked,dialog[open]')]
      .filter(shown).map((e) => cut(norm(e.textContent || e.value || ''), 40)),
    looks: [document.body, ...document.body.querySelectorAll('main,section,button,[class*=board],[class*=canvas]')].slice(0, 60)
      .map((e) => { const s = getComputedStyle(e); return s.backgroundColor + s.color + s.borderColor }).join(';'),
    values: [...document.querySelectorAll('input,select,textarea')].filter(shown).map((e) => e.value + e.checked).join(';'),
    charts: charts().join(';'),
    board: board(),
    diagram: area && { shapes: shapes(area).map(shapeFacts), ink: ink(area) },
  }
}
// What crossed the wire comes back with its keys in another order.
const plain = (value) => JSON.stringify(value, (_, v) => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v))
const difference = (a, b) =>
  ['url', 'lines', 'active', 'looks', 'charts', 'values', 'board', 'diagram'].filter((key) => plain(a[key]) !== plain(b[key]))
async function quiet(most = 600) {
  let last = performance.now()
  const start = last
  const observer = new MutationObserver(() => (last = performance.now()))
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
  do await pause(30)
  while (performance.now() - start < most && (performance.now() - last < 90 || performance.now() - start < 90))
  observer.disconnect()
}

// Finding controls -----------------------------------------------------------------------------------------------

const CONTROLS = 'button,a,summary,[role=button],[role=tab],[role=menuitem],[role=link],[role=option],[role=switch],[role=checkbox],input[type=submit],input[type=button],input[type=checkbox],input[type=radio],[onclick],label[for]'
function labelOf(field) {
  const by = field.getAttribute('aria-labelledby')
  const labels = [...(field.labels || [])].map((label) => norm(label.textContent))
  if (by) labels.push(...by.split(/\s+/).map((id) => norm(document.getElementById(id)?.textContent)))
  if (field.getAttribute('aria-label')) labels.push(field.getAttribute('aria-label'))
  return norm(labels.join(' '))
}
function nameOf(element) {
  const words = element.matches('input,select,textarea') ? [labelOf(element), element.matches('[type=submit],[type=button]') ? element.value : ''] : []
  words.push(element.getAttribute('aria-label') || '', norm(element.innerText ?? element.textContent), element.title || '', ...[...element.querySelectorAll?.('img[alt]') || []].map((img) => img.alt))
  return norm([...new Set(words)].join(' '))
}
const split = (text) => (text || '').replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[-_]/g, ' ')
function hintOf(element) {
  const parts = [element, ...element.querySelectorAll('i,svg,img,use,span')].slice(0, 6)
  return norm(split(parts.map((e) => [e.id, e.getAttribute('class'), e.getAttribute('name'), e.getAttribute('src'), e.getAttribute('href')?.slice(0, 60), e.dataset?.action].join(' ')).join(' ')))
}
function reachable(element) {
  element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' })
  const box = element.getBoundingClientRect()
  const top = document.elementFromPoint(Math.min(innerWidth - 1, box.left + box.width / 2), box.top + box.height / 2)
  return !!top && (element.contains(top) || top.contains(element) || top.closest('label')?.control === element)
}
function pressables(root = document.body) {
  const list = [...root.querySelectorAll(CONTROLS)]
  const pointing = [...root.querySelectorAll('div,li,span,td,tr,article,img,h2,h3,h4,p,i,section')].filter(
    (e) => getComputedStyle(e).cursor === 'pointer' && getComputedStyle(e.parentElement).cursor !== 'pointer' && !e.querySelector('input,textarea,select'))
  return [...new Set([...list, ...pointing])].filter((e) => shown(e) && !e.disabled && e.getAttribute('aria-disabled') !== 'true')
}
function rankControls(pattern, root, kind) {
  const whole = new RegExp(`^\\W*(?:${pattern})\\W*$`, 'iu')
  const begins = new RegExp(`^\\W*(?:${pattern})`, 'iu')
  const bare = new RegExp(pattern, 'iu')
  const ranked = []
  for (const [order, element] of pressables(root).entries()) {
    if (kind === 'link' && !element.matches('a,button,[role=tab],[role=menuitem],[role=link],li,label,div,span')) continue
    if (kind === 'button' && element.matches('label')) continue
    const name = nameOf(element)
    let rank = name.length > 90 ? 9 : whole.test(name) ? 0 : begins.test(name) ? 1 : matches(name, pattern) ? 2 : 9
    if (rank === 9 && name.replace(/[^\p{L}]/gu, '').length < 3 && (bare.test(name) || matches(hintOf(element), pattern))) rank = 3
    if (rank === 9) continue
    const inForm = element.closest('form')
    if (element.closest('footer')) rank += 0.6
    if (kind === 'link' && !element.closest('nav,header,aside,[role=navigation],[role=tablist]')) rank += 0.3
    if (kind === 'button' && !element.matches('button,input,[role=button]')) rank += inForm ? 0.2 : 0.4
    ranked.push({ element, rank, order, name: name || hintOf(element) })
  }
  return ranked.sort((a, b) => a.rank - b.rank || a.order - b.order)
}
function smallest(text) {
  const holding = [...document.body.querySelectorAll('*')].filter((e) => !e.matches('script,style,option') && (has(e.textContent, text) || (e.matches('input[readonly],input:disabled') && has(e.value, text))) && shown(e))
  return holding.filter((e) => ![...e.children].some((child) => holding.includes(child)))
}
// The item that shows a text: the nearest ancestor that has a wished control, or the outermost box alone with it.
function itemOf(text, wish) {
  for (const leaf of smallest(text)) {
    let item = leaf
    for (let e = leaf, n = 0; e && e !== document.body && n < 7; e = e.parentElement, n++) {
      item = e
      if (wish && wish(e)) return e
      if (!wish && e.matches('li,tr,article,[class*=card],[class*=item],[class*=post],[class*=row],[class*=task]')) return e
    }
    if (!wish) return leaf.parentElement || item
  }
  return null
}
const FIELDS = 'input:not([type=hidden]):not([type=submit]):not([type=button]):not([type=reset]):not([type=image]),select,textarea,[contenteditable=true],[contenteditable=""]'
function fieldsIn(root) {
  return [...root.querySelectorAll(FIELDS)].filter((e) => (shown(e) || (e.matches('[type=radio],[type=checkbox]') && [...(e.labels || [])].some(shown))) && !e.disabled && !e.readOnly)
}
function fieldWords(field) {
  const before = field.previousElementSibling
  const near = labelOf(field) || (before && !before.matches(FIELDS) ? norm(before.textContent).slice(0, 80) : '') || norm(field.parentElement?.previousElementSibling?.matches?.('label,th,dt,td') ? field.parentElement.previousElementSibling.textContent : '').slice(0, 80)
  const legend = norm(field.closest('fieldset')?.querySelector('legend')?.textContent)
  return [norm(near + ' ' + legend), norm(field.placeholder || ''), split([field.name, field.id, field.getAttribute('class'), field.title].join(' '))]
}
function rankFields(pattern, root = document.body, only) {
  const ranked = []
  for (const [order, element] of fieldsIn(root).entries()) {
    if (only && !element.matches(only)) continue
    const rank = fieldWords(element).findIndex((words) => matches(words, pattern))
    if (rank >= 0 || (pattern.includes('search') && element.type === 'search')) ranked.push({ element, rank: rank < 0 ? 1 : rank, order })
  }
  return ranked.sort((a, b) => a.rank - b.rank || a.order - b.order).map((r) => r.element)
}
const TEXTUAL = 'input:not([type=checkbox]):not([type=radio]):not([type=range]):not([type=file]):not([type=color]),textarea,[contenteditable]'

// Acting ---------------------------------------------------------------------------------------------------------

function mouse(target, type, x, y, more = {}) {
  const given = { bubbles: true, cancelable: true, composed: true, clientX: x, clientY: y, button: 0, buttons: /up|click/.test(type) ? 0 : 1, ...more }
  target.dispatchEvent(type.startsWith('pointer') ? new PointerEvent(type, { pointerId: 1, isPrimary: true, pointerType: 'mouse', ...given }) : new MouseEvent(type, given))
}
function middle(element) {
  const box = element.getBoundingClientRect()
  return [box.left + box.width / 2, box.top + box.height / 2]
}
function clickOn(element) {
  const [x, y] = middle(element)
  for (const type of ['pointerover', 'mouseover', 'pointermove', 'mousemove', 'pointerdown', 'mousedown']) mouse(element, type, x, y)
  if (element.matches('input,textarea,select,button,a,[tabindex]')) element.focus()
  for (const type of ['pointerup', 'mouseup']) mouse(element, type, x, y)
  if (element.click) element.click()
  else mouse(element, 'click', x, y)
}
function key(target, name) {
  const given = { key: name, code: name, bubbles: true, cancelable: true, composed: true, keyCode: { Enter: 13, Delete: 46, Backspace: 8 }[name] || 0 }
  const free = target.dispatchEvent(new KeyboardEvent('keydown', given))
  if (free && name === 'Enter') target.dispatchEvent(new KeyboardEvent('keypress', given))
  if (free && name === 'Enter' && target.form && target.matches('input')) target.form.requestSubmit()
  target.dispatchEvent(new KeyboardEvent('keyup', given))
}
function put(field, value) {
  field.focus()
  if (field.matches('select')) {
    field.value = value
  } else if (field.matches('[contenteditable]')) {
    field.textContent = value
  } else {
    const proto = field.matches('textarea') ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype
    Object.getOwnPropertyDescriptor(proto, 'value').set.call(field, value)
  }
  field.dispatchEvent(new InputEvent('input', { bubbles: true, data: value, inputType: 'insertText' }))
  field.dispatchEvent(new Event('change', { bubbles: true }))
  if (!field.matches('select')) field.dispatchEvent(new KeyboardEvent('keyup', { key: value.slice(-1), bubbles: true }))
}
function sample(field) {
  if (field.matches('select')) {
    const options = [...field.options].filter((option) => !option.disabled && option.value !== '')
    return (options[1] && field.options[0].value !== '' && /select|choose|any|--/i.test(field.options[0].text) ? options[1] : options[0])?.value ?? ''
  }
  const low = field.min === '' || field.min === undefined ? 2 : +field.min
  const words = fieldWords(field).join(' ')
  switch (field.type) {
    case 'email': return 'ada.lovett@example.com'
    case 'tel': return '5550102000'
    case 'number': return String(/age/i.test(words) ? 34 : Math.max(low, Math.min(+(field.max || 1e9), /year|weight|height/i.test(words) ? 60 : low + 1)))
    case 'date': return field.max && field.max < '2031-05-17' ? field.max : /birth|dob/i.test(words) ? '1990-05-17' : '2031-05-17'
    case 'datetime-local': return '2031-05-17T18:30'
    case 'month': return '2031-05'
    case 'time': return '18:30'
    case 'url': return 'https://example.com/'
    case 'password': return 'Passw0rd!23'
  }
  if (matches(words, 'e-?mail')) return 'ada.lovett@example.com'
  if (matches(words, 'phone|mobile|tel|whats')) return '5550102000'
  if (matches(words, 'age|price|cost|amount|duration|quantity|guests|party|years|weight|height')) return '34'
  if (matches(words, 'date')) return '2031-05-17'
  if (matches(words, 'time')) return '18:30'
  if (matches(words, 'name')) return 'Ada Lovett'
  return 'Some sample words'
}
function fillAll(scope, values, skip) {
  const typed = []
  const left = [...values]
  const radios = new Set()
  for (const field of fieldsIn(scope)) {
    if (skip && matches(fieldWords(field).join(' '), skip)) continue
    if (field.matches('[type=file],[type=range],[type=color],[type=search]')) continue
    if (field.type === 'radio') {
      if (!radios.has(field.name)) (field.checked || clickOn(field), radios.add(field.name))
      continue
    }
    if (field.type === 'checkbox') {
      if (!field.checked) clickOn(field)
      continue
    }
    const at = field.matches(TEXTUAL) ? left.findIndex(([pattern]) => fieldWords(field).some((words) => matches(words, pattern))) : -1
    const value = at >= 0 ? left.splice(at, 1)[0][1] : sample(field)
    put(field, value)
    typed.push(value)
  }
  return { typed, left }
}
function submitOf(scope, pattern) {
  const named = rankControls(pattern, scope, 'button').map((r) => r.element).filter((e) => !e.matches('[type=checkbox],[type=radio],label'))
  return named[0] || scope.querySelector('button[type=submit],input[type=submit]') || [...scope.querySelectorAll('button:not([type=reset])')].filter((e) => shown(e) && !matches(nameOf(e), 'cancel|close|×|reset|clear')).at(-1)
}
function scopeOf(field) {
  const form = field.closest('form')
  if (form) return form
  for (let e = field.parentElement; e && e !== document.body; e = e.parentElement)
    if ([...e.querySelectorAll('button,input[type=submit],[role=button]')].some((b) => shown(b) && !b.disabled)) return e
  return document.body
}
function dragTo(source, target, x, y) {
  const [sx, sy] = middle(source)
  if (source.draggable) {
    const carried = new DataTransfer()
    const drag = (to, type, px, py) => to.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer: carried, clientX: px, clientY: py }))
    drag(source, 'dragstart', sx, sy)
    drag(target, 'dragenter', x, y)
    drag(target, 'dragover', x, y)
    drag(target, 'drop', x, y)
    drag(source, 'dragend', x, y)
    return
  }
  for (const type of ['pointerdown', 'mousedown']) mouse(source, type, sx, sy)
  for (const part of [0.3, 0.7, 1]) {
    const [px, py] = [sx + (x - sx) * part, sy + (y - sy) * part]
    const over = document.elementFromPoint(px, py) || target
    for (const type of ['pointermove', 'mousemove']) mouse(over, type, px, py)
  }
  const end = document.elementFromPoint(x, y) || target
  for (const type of ['pointerup', 'mouseup']) mouse(end, type, x, y)
}

// Charts, colours, boards, drawings ------------------------------------------------------------------------------

function inked(canvas) {
  try {
    const [w, h] = [Math.min(canvas.width, 200), Math.min(canvas.height, 150)]
    const small = new OffscreenCanvas(w, h).getContext('2d')
    small.drawImage(canvas, 0, 0, w, h)
    const bytes = small.getImageData(0, 0, w, h).data
    const counts = new Map()
    for (let n = 0; n < bytes.length; n += 4) {
      const pixel = (bytes[n] << 24) | (bytes[n + 1] << 16) | (bytes[n + 2] << 8) | bytes[n + 3]
      counts.set(pixel, (counts.get(pixel) || 0) + 1)
    }
    return w * h - Math.max(...counts.values())
  } catch { return 0 }
}
function charts() {
  const found = []
  for (const e of document.querySelectorAll('svg,canvas')) {
    const box = e.getBoundingClientRect()
    if (!shown(e) || box.width < 80 || box.height < 50) continue
    if (e.matches('canvas') ? inked(e) > 100 : e.querySelectorAll('path,rect,circle,polyline,line,polygon').length >= 3)
      found.push(e.tagName + (e.matches('canvas') ? inked(e) : e.innerHTML.length))
  }
  const meters = [...document.querySelectorAll('meter,progress,[role=progressbar]')].filter(shown)
  if (meters.length >= 3) found.push('meters' + meters.map((m) => m.value).join())
  for (const parent of document.body.querySelectorAll('div,ul,figure,section,tbody')) {
    const bars = [...parent.querySelectorAll('*')].filter((e) => /(height|width):\s*[\d.]+(%|px|rem|em|vh)/.test(e.getAttribute('style') || '') && getComputedStyle(e).backgroundColor !== 'rgba(0, 0, 0, 0)' && !e.matches('button,img,table') && shown(e))
    if (bars.length < 3 || bars.length > 60 || [...parent.children].some((child) => bars.every((bar) => child !== bar && child.contains(bar)))) continue
    const sizes = new Set(bars.flatMap((e) => [`w${Math.round(e.getBoundingClientRect().width)}`, `h${Math.round(e.getBoundingClientRect().height)}`]))
    if (sizes.size >= 3) found.push('bars' + [...sizes].join())
  }
  const round = [...document.querySelectorAll('div,figure')].filter((e) => /conic-gradient/.test(getComputedStyle(e).backgroundImage) && shown(e))
  return [...found, ...round.map((e) => getComputedStyle(e).backgroundImage)]
}
function rgb(text) {
  const numbers = (text.match(/[\d.]+/g) || []).map(Number)
  return numbers.length >= 3 && (numbers[3] ?? 1) > 0.5 ? numbers.slice(0, 3) : null
}
const hex = (code) => [1, 3, 5].map((n) => parseInt(code.slice(n, n + 2), 16))
const near = (colour, codes, most) => !!colour && codes.some((code) => Math.hypot(...hex(code).map((v, n) => v - colour[n])) <= most)
function backs(element) {
  const style = getComputedStyle(element)
  const gradient = (style.backgroundImage.match(/rgba?\([^)]*\)/g) || []).map(rgb)
  return [rgb(style.backgroundColor), ...gradient].filter(Boolean)
}
function colours() {
  const base = [document.body, document.documentElement].flatMap(backs)
  let [hits, points] = [0, 0]
  for (let x = 20; x < innerWidth; x += 60)
    for (let y = 20; y < innerHeight; y += 60) {
      points++
      const under = document.elementsFromPoint(x, y).find((e) => backs(e).length)
      if (under && backs(under).some((c) => near(c, step.background, 4))) hits++
    }
  const background = base.some((c) => near(c, step.background, 4)) || hits / points >= 0.4
  const parts = [...document.querySelectorAll('button,[role=button],input,select,header,nav,footer,th,a,h1,h2,h3,article,section,li,aside,table,label,[class*=card],[class*=btn],[class*=bar]')].filter(shown)
  let [filled, drawn] = [0, 0]
  for (const e of parts) {
    const style = getComputedStyle(e)
    if (backs(e).some((c) => near(c, step.component, 20))) filled++
    else if (near(rgb(style.color), step.component, 20) || ['Top', 'Left', 'Bottom'].some((side) => parseFloat(style[`border${side}Width`]) > 0 && near(rgb(style[`border${side}Color`]), step.component, 20))) drawn++
  }
  const buttons = parts.filter((e) => e.matches('button,[role=button],[class*=btn]')).length
  const component = filled >= 2 || (filled >= 1 && !buttons) || (filled >= 1 && drawn >= 1) || drawn >= 4
  const some = component || filled + drawn >= 1
  const asked = background && (base.length > 0 || component)
  const seen = `background ${base.length ? 'rgb(' + base[0] + ')' : 'not set'}${background ? ' fits' : ''}; component colour fills ${filled}, marks ${drawn} of ${parts.length} parts`
  return { ok: asked && component, part: (asked && base.length > 0) || some, seen }
}
function squares() {
  const sizes = new Map()
  for (const e of document.body.querySelectorAll('div,td,button,span,rect,li,a')) {
    const box = e.getBoundingClientRect()
    if (box.width < 20 || box.width > 160 || Math.abs(box.width - box.height) > 3 || !e.checkVisibility()) continue
    const size = Math.round(box.width / 2)
    sizes.set(size, [...(sizes.get(size) || []), { e, x: Math.round(box.left), y: Math.round(box.top) }])
  }
  for (const list of sizes.values()) {
    const places = new Map()
    for (const s of list) if (!places.has(s.x + ',' + s.y)) places.set(s.x + ',' + s.y, s)
    const all = [...places.values()]
    if (all.length === 64 && new Set(all.map((s) => s.x)).size === 8 && new Set(all.map((s) => s.y)).size === 8)
      return all.sort((a, b) => a.y - b.y || a.x - b.x).map((s) => s.e)
  }
  return null
}
function board() {
  const list = squares()
  if (!list) return null
  list[0].scrollIntoView({ block: 'start', behavior: 'instant' })
  scrollBy({ top: -20, behavior: 'instant' })
  const limit = list[0].getBoundingClientRect().width * 1.3
  const signs = list.map((square) => {
    const found = [square, ...document.elementsFromPoint(...middle(square)).filter((e) => e.getBoundingClientRect().width <= limit)]
    const drawn = new Set(found.flatMap((e) => [e, ...e.querySelectorAll('img,svg,i')]).map((e) => e.getAttribute('src') || (e.matches('svg') ? e.innerHTML.length + '' : '') || (/url/.test(getComputedStyle(e).backgroundImage) ? getComputedStyle(e).backgroundImage : '')).filter(Boolean))
    return norm([...new Set(found.map((e) => norm(e.textContent).replace(/^[a-h]?[1-8]?$/i, (t) => (/^[a-h1-8]{1,2}$/.test(t) ? '' : t))))].join('') + [...drawn].join())
  })
  return { signs, colours: list.map((e) => getComputedStyle(e).backgroundColor + getComputedStyle(e).fill) }
}
function canvasArea() {
  const big = (e) => { const box = e.getBoundingClientRect(); return box.width >= 200 && box.height >= 150 && shown(e) }
  const named = (words) => [...document.querySelectorAll('div,section,main,svg,canvas')].filter((e) => rx(words).test(split(`${e.id} ${e.getAttribute('class') || ''}`)) && big(e) && !e.querySelector('aside,form'))
  const area = named('canvas').sort((a, b) => a.contains(b) ? 1 : -1)[0] || [...document.querySelectorAll('canvas,svg')].find(big) || named('workspace|stage|diagram|paper|drawing|editor|board').at(-1)
  return area || null
}
function shapes(area) {
  const inner = area.getBoundingClientRect()
  const fits = (e) => { const box = e.getBoundingClientRect(); return box.width >= 12 && box.height >= 12 && box.width * box.height < 0.7 * inner.width * inner.height && shown(e) }
  const found = [...area.querySelectorAll('*')].filter((e) => (e instanceof SVGElement ? e.matches('rect,circle,ellipse,polygon,path,foreignObject') && !e.closest('defs') : !e.matches('button,label,input,select,option,p.hint,canvas,svg')) && fits(e))
  return found.filter((e) => !found.some((other) => other !== e && other.contains(e)))
}
function shapeFacts(e) {
  const box = e.getBoundingClientRect()
  const style = getComputedStyle(e)
  const text = norm(e.textContent || e.value || (e instanceof SVGElement ? e.parentElement.textContent : ''))
  const looks = ['backgroundColor', 'borderColor', 'borderWidth', 'borderStyle', 'borderRadius', 'fill', 'stroke', 'strokeWidth', 'color', 'fontSize', 'opacity']
  return { x: Math.round(box.left + scrollX), y: Math.round(box.top + scrollY), w: Math.round(box.width), h: Math.round(box.height), text, style: looks.map((k) => style[k]).join() }
}
const ink = (area) => [area, ...area.querySelectorAll('canvas')].filter((e) => e.matches('canvas')).map(inked).reduce((a, b) => a + b, 0)

// Expectations ---------------------------------------------------------------------------------------------------

const before = memory.before
const fresh = (lines) => lines.filter((line) => !before.lines.includes(line))
function expectText() {
  let lines = [...linesOf(document.body, 'nav'), ...(step.spoken ? dialogs() : [])]
  if (step.new) lines = fresh(lines)
  if (step.beside) {
    const item = itemOf(step.beside)
    lines = item ? linesOf(item) : []
  }
  const found = step.all.map((pattern) => lines.find((line) => matches(line, pattern)))
  const count = found.filter(Boolean).length
  const need = step.need || step.all.length
  const wrong = step.without && lines.find((line) => matches(line, step.without))
  if (wrong) return { ok: false, part: count >= need, seen: `should not say: ${cut(wrong)}` }
  const seen = count ? found.filter(Boolean).map((line) => cut(line, 50)).join(' / ') : `${step.new ? 'new text' : 'text'}: ${cut(lines.slice(0, 3).join(' / ') || 'none', 80)}`
  return { ok: count >= need, part: step.part > 0 && count >= step.part, seen: `${count} of ${step.all.length}: ${seen}` }
}
function expectGone() {
  const left = linesOf(document.body).find((line) => has(line, step.text))
  return { ok: !left, seen: left ? `still there: ${cut(left)}` : `${cut(step.text)} is gone` }
}
function expectItems() {
  let best = { ok: false, part: false, seen: 'no list' }
  for (const { texts, elements } of groups()) {
    if (step.new && texts.every((text) => before.lines.some((line) => has(text, line) && line.length > 3))) continue
    if (texts.length < (step.least || 2)) continue
    const whole = texts.filter((text) => text.length > 5)
    const counts = step.fields.map((pattern) => whole.filter((text) => matches(text, pattern)).length)
    const good = counts.filter((count) => count >= Math.max(2, 0.6 * whole.length)).length
    const ok = good === step.fields.length
    const part = step.part > 0 && good >= step.part
    if (ok > best.ok || (ok === best.ok && part > best.part) || best.seen === 'no list')
      best = { ok, part, seen: `${elements.length} items, ${good} of ${step.fields.length} fields: ${cut(whole[0] || '', 70)}` }
  }
  return best
}
const NONE = /\b(no|not|nothing|zero|0)\b.{0,40}\b(result|match|found|available|item|data|poem|post|task)/i
function expectOnly() {
  const now = linesOf(document.body)
  const all = new Set(groups().flatMap((group) => group.texts))
  const parts = (text) => text.split(' | ').map((part) => part.replace(/^[^:|]{1,20}: /, '')).filter((part) => part.length > 3)
  const visible = (text) => all.has(text) || parts(text).every((part) => now.some((line) => has(line, part)))
  let best = { ok: false, part: false, seen: 'nothing changed' }
  for (const texts of before.groups) {
    const [fit, rest] = [texts.filter((text) => has(text, step.term)), texts.filter((text) => !has(text, step.term))]
    if (!fit.length || !rest.length) continue
    const kept = fit.filter(visible).length
    const gone = rest.filter((text) => !visible(text)).length
    const ok = kept === fit.length && gone === rest.length
    const part = kept > 0 && gone > 0
    if (ok || (part && !best.ok)) best = { ok: ok || best.ok, part: true, seen: `${kept} of ${fit.length} with "${cut(step.term, 30)}" stay, ${gone} of ${rest.length} others go` }
  }
  const added = fresh(now)
  const told = added.filter((line) => has(line, step.term) && !NONE.test(line))
  if (!best.ok && told.length && added.length >= 2 && added.join(' ').length >= step.term.length + 25 && !added.some((line) => NONE.test(line))) {
    const items = groups().flatMap((group) => group.texts).filter((text) => added.some((line) => has(text, line)))
    const strange = items.filter((text) => !has(text, step.term) && !told.some((line) => has(line, text)))
    best = { ok: !strange.length || strange.length < items.length, part: true, seen: `shown for the term: ${cut(told[0], 50)} / ${cut(added.find((l) => l !== told[0]) || '', 50)}` }
  }
  return best
}
function subset() {
  const now = groups().filter((group) => group.texts.length).map((group) => group.texts)
  const all = new Set(now.flat())
  for (const texts of before.groups) {
    const kept = texts.filter((text) => all.has(text))
    if (kept.length && kept.length < texts.length) return { kept, all: texts }
  }
  return null
}
function monotone(texts) {
  const columns = texts.map((text) => text.split(' | '))
  const values = (n) => columns.map((column) => column[n] || '')
  const ordered = (list, compare) => list.every((v, n) => !n || compare(list[n - 1], v) <= 0)
  for (let n = 0; n < Math.min(8, columns[0].length); n++) {
    const list = values(n)
    if (new Set(list).size < 2) continue
    const plain = list.map((text) => text.replace(/^[^:]{1,20}: /, ''))
    const numbers = plain.map((text) => Date.parse(text) || parseFloat(text.replace(/[^\d.-]/g, '')))
    const inside = plain.map((text) => Date.parse((text.match(/\d{4}-\d\d-\d\d|\w+ \d{1,2},? \d{4}/) || [''])[0]))
    for (const sequence of [numbers, inside])
      if (sequence.every((v) => !Number.isNaN(v)) && (ordered(sequence, (a, b) => a - b) || ordered(sequence, (a, b) => b - a))) return true
    if (ordered(plain, (a, b) => a.localeCompare(b)) || ordered(plain, (a, b) => b.localeCompare(a))) return true
  }
  return false
}
function reordered() {
  for (const { texts } of groups()) {
    if (texts.length < 3) continue
    const old = before.groups.find((list) => list.length === texts.length && [...list].sort().join('\n') === [...texts].sort().join('\n'))
    if (old && old.join('\n') !== texts.join('\n')) return texts
  }
  return null
}
// Tries the options of one select box after another, then buttons, until the list answers.
async function tryChoices(answered, sorts) {
  const skip = /^(all|any|select|choose|--|sort by|filter by|show all)/i
  let tries = 0
  const selects = [...document.querySelectorAll('select')].filter((e) => shown(e) && (fieldWords(e).some((words) => matches(words, step.field)) || [...e.options].some((o) => matches(o.text, step.field))))
  for (const select of selects) {
    const first = select.value
    for (const option of [...select.options]) {
      if ((option.value === first && !sorts) || skip.test(option.text) || tries++ > 7) continue
      put(select, option.value)
      await quiet(300)
      if (answered()) return { answer: answered(), by: option.text }
      const apply = rankControls(step.apply || 'apply|filter|sort|go', scopeOf(select), 'button')[0]
      if (apply && !apply.element.matches('a') && scopeOf(select) !== document.body) {
        clickOn(apply.element)
        await quiet(400)
        if (answered()) return { answer: answered(), by: option.text }
      }
    }
    put(select, first)
    await quiet(200)
  }
  if (step.boxes) {
    for (const box of [...document.querySelectorAll('input[type=checkbox],input[type=radio]')].filter((e) => !e.closest('li,tr') && (shown(e) || [...(e.labels || [])].some(shown))).slice(0, 4)) {
      clickOn(box)
      await quiet(300)
      if (answered()) return { answer: answered(), by: labelOf(box) }
    }
  }
  for (const { element, name } of rankControls(step.buttons || step.field, document.body, 'button').filter((r) => !skip.test(r.name)).slice(0, 5)) {
    for (let n = 0; n < (sorts ? 2 : 1); n++) {
      if (!element.isConnected || !reachable(element)) continue
      tries++
      clickOn(element)
      await quiet(350)
      if (answered()) return { answer: answered(), by: name }
    }
  }
  return { answer: null, by: '', tries }
}
function diagramChange() {
  const area = canvasArea()
  if (!area) return { ok: false, seen: 'no drawing area' }
  const now = { shapes: shapes(area).map(shapeFacts), ink: ink(area) }
  const old = before.diagram || { shapes: [], ink: 0 }
  const same = now.shapes.length === old.shapes.length
  const count = `${old.shapes.length} shapes before, ${now.shapes.length} now`
  const pairs = same ? now.shapes.map((shape, n) => [shape, old.shapes[n]]) : []
  const drawn = now.ink !== old.ink
  switch (step.change) {
    case 'more': return { ok: now.shapes.length > old.shapes.length || now.ink > old.ink, seen: count }
    case 'fewer': return { ok: now.shapes.length < old.shapes.length || now.ink < old.ink, seen: count }
    case 'blank': return { ok: now.shapes.length === 0 && now.ink === 0, part: now.shapes.length <= old.shapes.length, seen: count }
    case 'moved': return { ok: pairs.some(([a, b]) => Math.hypot(a.x - b.x, a.y - b.y) > 9) || (!now.shapes.length && drawn), seen: `${count}; moved ${pairs.filter(([a, b]) => Math.hypot(a.x - b.x, a.y - b.y) > 9).length}` }
    case 'style': return { ok: pairs.some(([a, b]) => a.style !== b.style) || (!now.shapes.length && drawn), seen: `${count}; restyled ${pairs.filter(([a, b]) => a.style !== b.style).length}` }
    case 'text': return { ok: [...now.shapes.map((s) => s.text), ...linesOf(area)].some((text) => has(text, step.text)), seen: `texts: ${cut(now.shapes.map((s) => s.text).join(' / '), 90)}` }
  }
  throw new Error(`no change ${step.change}`)
}

const TABLE = {
  async snapshot() { return snapshot() },
  async clear() {
    localStorage.clear()
    sessionStorage.clear()
    for (const part of document.cookie.split(';')) document.cookie = part.split('=')[0] + '=;expires=Thu, 01 Jan 1970 00:00:00 GMT'
    for (const base of (await indexedDB.databases?.()) || []) indexedDB.deleteDatabase(base.name)
    return { ok: true, seen: '' }
  },
  // The page's own dialogs: told to the check and answered like a willing user.
  async prepare() {
    if (document.documentElement.hasAttribute('data-check-dialogs')) return { ok: true, seen: '' }
    document.documentElement.setAttribute('data-check-dialogs', '[]')
    document.documentElement.setAttribute('data-check-answer', memory.answer)
    const script = document.createElement('script')
    script.textContent = `{
      const root = document.documentElement
      const note = (text) => root.setAttribute('data-check-dialogs', JSON.stringify([...JSON.parse(root.getAttribute('data-check-dialogs')), String(text)].slice(-20)))
      window.alert = (text) => note(text)
      window.confirm = () => true
      window.prompt = () => root.getAttribute('data-check-answer')
      const real = Element.prototype.setPointerCapture
      Element.prototype.setPointerCapture = function (id) { try { real.call(this, id) } catch { } }
    }`
    document.head.append(script)
    script.remove()
    return { ok: true, seen: '' }
  },
  async status() {
    return { ok: true, seen: '', status: performance.getEntriesByType('navigation')[0]?.responseStatus ?? 200 }
  },
  async press() {
    let root = document.body
    if (step.beside) {
      root = itemOf(step.beside, (e) => rankControls(step.what, e, step.kind).length || (step.box && e.querySelector('input[type=checkbox]')))
      if (!root) return { ok: false, seen: `no control ${step.what} beside ${step.beside}` }
    }
    const box = step.box && [...root.querySelectorAll('input[type=checkbox]')].find((e) => shown(e) || [...(e.labels || [])].some(shown))
    const list = box ? [{ element: box, name: 'checkbox' }] : rankControls(step.what, root, step.kind)
    const chosen = list.slice(0, 6).find(({ element }) => element === box || reachable(element))
    if (!chosen) return { ok: false, seen: list.length ? `${list[0].name} is covered` : `no control named ${cut(step.what)}` }
    const target = chosen.element.getAttribute('href')
    const lost = target && /^#./.test(target) && !document.getElementById(decodeURIComponent(target.slice(1))) && !document.getElementsByName(target.slice(1)).length
    const local = target && /^#./.test(target) && !lost
    const scroll = Math.round(scrollY)
    setTimeout(() => clickOn(chosen.element), 0)
    await pause(10)
    return { ok: true, seen: `pressed ${cut(chosen.name, 40)}`, local: !!local, scroll }
  },
  async open_item() {
    const seenName = step.text
    const item = itemOf(seenName, (e) => pressables(e).length || getComputedStyle(e).cursor === 'pointer')
    const leaf = smallest(seenName)[0]
    if (!leaf) return { ok: false, seen: `no item ${seenName}` }
    const inner = item ? rankControls('view|details?|open|more|read|select|show|profile|manage', item, 'button') : []
    const own = leaf.closest(CONTROLS) || [leaf, leaf.parentElement, leaf.parentElement?.parentElement].find((e) => e && getComputedStyle(e).cursor === 'pointer')
    const chosen = own || inner[0]?.element || leaf
    reachable(chosen)
    setTimeout(() => clickOn(chosen), 0)
    await pause(10)
    return { ok: true, seen: `pressed ${cut(nameOf(chosen), 40)}` }
  },
  async nav_list() {
    const inNav = [...document.querySelectorAll('nav a,nav button,header a,header button,[role=navigation] a,[role=tablist] [role=tab],aside a,aside button')]
    const found = (inNav.some(shown) ? inNav : [...document.querySelectorAll('a[href]')]).filter((e) => shown(e) && !e.disabled && !e.closest('form') && nameOf(e))
    const list = step.buttons ? [...new Set([...found, ...document.querySelectorAll('button,[role=button],input[type=submit]')])].filter((e) => shown(e) && !e.disabled) : found
    const names = [...new Set(list.map(nameOf))].filter((name) => name.length > 1 && name.length < 50 && !matches(name, 'delete|remove'))
    return { ok: names.length > 0, seen: `${names.length} controls`, names: names.slice(0, step.most || 6) }
  },
  async press_name() {
    const element = [...document.querySelectorAll('a,button,[role=button],[role=tab],input[type=submit]')].find((e) => shown(e) && nameOf(e) === step.name)
    if (!element || !reachable(element)) return { ok: false, seen: `${step.name} is not there` }
    const target = element.getAttribute('href') || ''
    const local = /^#./.test(target) && !!document.getElementById(decodeURIComponent(target.slice(1)))
    const home = target === '#' || target === '#top'
    const current = element.matches('.active,.selected,.current,[aria-current],[aria-selected=true],[aria-pressed=true]')
    const guards = element.form && !element.form.checkValidity()
    const scroll = Math.round(scrollY)
    setTimeout(() => clickOn(element), 0)
    await pause(10)
    return { ok: true, seen: step.name, scroll, settled: local || current || (home && /home|logo/i.test(nameOf(element) + hintOf(element))) || !!guards }
  },
  async fill() {
    const fields = rankFields(step.field, step.beside ? itemOf(step.beside, (e) => rankFields(step.field, e, TEXTUAL).length) || document.body : document.body, step.kinds || TEXTUAL)
    const field = fields[0]
    if (!field) return { ok: false, seen: `no field named ${cut(step.field)}` }
    reachable(field)
    put(field, step.value)
    if (step.enter) key(field, 'Enter')
    if (step.submit) {
      const named = rankControls(step.submit, scopeOf(field), 'button').map((r) => r.element)
      const button = named.find((e) => !e.matches('label,[type=checkbox],[type=radio]')) || (field.form && submitOf(field.form, step.submit))
      await pause(60)
      if (button && button.isConnected) setTimeout(() => clickOn(button), 0)
      else key(field, 'Enter')
    }
    await pause(10)
    return { ok: true, seen: `typed ${cut(step.value, 40)}` }
  },
  async form() {
    const find = () => {
      const root = step.beside ? itemOf(step.beside, (e) => rankFields(step.having, e, TEXTUAL).length) : document.body
      return root && rankFields(step.having, root, step.any_kind ? undefined : TEXTUAL).find((field) => field.type !== 'search' && !matches(fieldWords(field).join(' '), 'search|filter'))
    }
    let field = find()
    if (!field && step.opener) {
      const root = step.beside ? itemOf(step.beside, (e) => rankControls(step.opener, e, 'button').length) : document.body
      for (const { element } of root ? rankControls(step.opener, root, 'button').slice(0, 3) : []) {
        if (!reachable(element)) continue
        clickOn(element)
        await quiet(500)
        field = find()
        if (field) break
      }
    }
    if (!field) return { ok: false, seen: `no form with ${cut(step.having)}` }
    const scope = scopeOf(field)
    if (step.empty) {
      for (const one of fieldsIn(scope).filter((e) => e.matches(TEXTUAL))) put(one, '')
    } else {
      // A second round for questions that come one page at a time.
      let round = 0
      let { typed } = { typed: [] }
      do {
        typed = fillAll(scope, step.values, step.skip).typed
        const next = rankControls('next|continue', scope, 'button').find((r) => !r.element.matches('[disabled]'))
        if (!next || rankControls(step.submit, scope, 'button').length) break
        clickOn(next.element)
        await quiet(400)
      } while (++round < 8)
    }
    const button = submitOf(scope, step.submit)
    const invalid = scope.matches('form') && !scope.noValidate && !scope.checkValidity()
    const message = invalid ? [...scope.elements].find((e) => e.willValidate && !e.checkValidity())?.validationMessage || '' : ''
    await pause(40)
    if (button) setTimeout(() => { reachable(button); clickOn(button) }, 0)
    else if (scope.matches('form')) setTimeout(() => scope.requestSubmit(), 0)
    else return { ok: false, seen: 'the form has no button' }
    await pause(10)
    return { ok: true, seen: `sent the form${message ? ' (' + message + ')' : ''}`, message }
  },
  async choose() {
    const pattern = step.option || '.'
    for (const select of [...document.querySelectorAll('select')].filter(shown)) {
      if (!fieldWords(select).some((words) => matches(words, step.field)) && ![...select.options].some((o) => step.option && matches(o.text, step.option))) continue
      const option = [...select.options].find((o) => !o.disabled && o.value !== select.value && o.value !== '' && matches(o.text, pattern)) || (step.option && [...select.options].find((o) => matches(o.text, pattern)))
      if (!option) continue
      put(select, option.value)
      await pause(20)
      return { ok: true, seen: `chose ${cut(option.text, 40)}`, text: norm(option.text), options: select.options.length }
    }
    if (step.option) {
      const named = rankControls(step.option, document.body, 'button').find((r) => reachable(r.element))
      if (named) {
        setTimeout(() => clickOn(named.element), 0)
        await pause(20)
        return { ok: true, seen: `pressed ${cut(named.name, 40)}`, text: named.name, options: 2 }
      }
    }
    const radios = fieldsIn(document.body).filter((e) => e.matches('[type=radio],[type=checkbox]') && (matches(labelOf(e), step.option || step.field) || matches(norm(e.closest('fieldset')?.querySelector('legend')?.textContent), step.field)))
    const radio = radios.find((e) => !e.checked)
    if (!radio) return { ok: false, seen: `nothing to choose for ${cut(step.field)}` }
    clickOn(radio)
    return { ok: true, seen: `ticked ${cut(labelOf(radio), 40)}`, text: labelOf(radio), options: radios.length }
  },
  async tick() {
    const boxes = [...document.querySelectorAll('input[type=checkbox],input[type=radio],[role=checkbox],select option')].filter((e) => e.matches('option') ? e.closest('select').multiple : shown(e) || [...(e.labels || [])].some(shown))
    let changed = 0
    for (const box of boxes) {
      const name = box.matches('option') ? box.text : `${labelOf(box)} ${box.value} ${norm(box.parentElement.textContent)}`
      const wish = matches(name, step.on) ? true : matches(name, step.off) ? false : null
      if (wish === null || (box.matches('option') ? box.selected : box.checked) === wish) { if (wish !== null) changed++; continue }
      if (box.matches('option')) { box.selected = wish; box.closest('select').dispatchEvent(new Event('change', { bubbles: true })) } else clickOn(box)
      changed++
    }
    return { ok: changed >= 2, seen: `${changed} boxes for ${cut(step.on, 30)} and ${cut(step.off, 30)}` }
  },
  async remember() {
    const usable = groups().filter((group) => group.texts.length > 1 && (!step.like || group.texts.filter((text) => matches(text, step.like)).length >= 2))
    usable.sort((a, b) => b.texts.join('').length * (b.elements[0].querySelector('h2,h3,h4,strong,td') ? 2 : 1) - a.texts.join('').length * (a.elements[0].querySelector('h2,h3,h4,strong,td') ? 2 : 1))
    for (const group of usable) {
      for (const text of group.texts.slice(step.second ? 1 : 0)) {
        const parts = text.split(' | ').map((part) => part.replace(/^[^:|]{1,20}: /, ''))
        const title = parts.find((part) => /\p{L}{3}/u.test(part) && part.length >= 4 && part.length <= 70 && group.texts.filter((other) => has(other, part)).length === 1)
        if (title) return { ok: true, seen: `item ${cut(title, 50)}`, text: title }
      }
    }
    return { ok: false, seen: 'no list of things' }
  },
  async filter() {
    const { answer, by } = await tryChoices(subset, false)
    if (!answer) return { ok: false, seen: 'no choice narrows a list' }
    const named = answer.all.filter((text) => has(text, by))
    const right = !named.length || (named.length === answer.kept.length && answer.kept.every((text) => has(text, by)))
    return { ok: right, part: true, seen: `"${cut(by, 30)}" leaves ${answer.kept.length} of ${answer.all.length}${right ? '' : ', not those of that name'}` }
  },
  async sort() {
    const { answer, by } = await tryChoices(reordered, true)
    if (!answer) return { ok: false, seen: 'no choice reorders a list' }
    const right = monotone(answer)
    return { ok: right, part: true, seen: `"${cut(by, 30)}" reorders ${answer.length} items${right ? '' : ', by nothing that shows'}` }
  },
  async text() { return expectText() },
  async gone() { return expectGone() },
  async items() { return expectItems() },
  async only() { return expectOnly() },
  async changed() {
    const kinds = difference(before, snapshot()).filter((kind) => !step.not.includes(kind))
    return { ok: kinds.length > 0, seen: kinds.length ? `changed: ${kinds.join(', ')}` : 'nothing changed' }
  },
  async chart() {
    const now = charts()
    const ok = now.length >= 1 && (!step.new || now.join(';') !== before.charts)
    return { ok, seen: `${now.length} charts` }
  },
  async colours() { return colours() },
  async fields() {
    const all = fieldsIn(document.body)
    const found = step.all.filter((pattern) => all.some((field) => fieldWords(field).slice(0, 2).some((words) => matches(words, pattern))))
    const labelled = all.filter((field) => labelOf(field) || field.placeholder).length
    return { ok: found.length >= step.need, part: step.part > 0 && found.length >= step.part, seen: `${found.length} of ${step.all.length} fields; ${labelled} of ${all.length} labelled` }
  },
  async marked() {
    const item = itemOf(step.text)
    if (!item) return { ok: false, seen: `no item ${step.text}` }
    const parts = [item, ...item.querySelectorAll('*'), item.parentElement]
    const struck = parts.some((e) => /line-through/.test(getComputedStyle(e).textDecorationLine))
    const ticked = [...item.querySelectorAll('input[type=checkbox],[role=checkbox]')].some((e) => e.checked || e.getAttribute('aria-checked') === 'true')
    const classed = [item, ...item.querySelectorAll('*')].some((e) => /complet|done|finish|checked/i.test(e.getAttribute('class') || '') && !e.matches('button,input'))
    const said = linesOf(item).some((line) => /^\W*(completed|done|undo|reopen|✓|✔)/i.test(line) && !(before.lines || []).includes(line))
    return { ok: struck || said || (ticked && classed) || ticked, seen: struck ? 'struck through' : ticked ? 'ticked' : said ? 'said in words' : 'no mark' }
  },
  async refused() {
    const lines = fresh([...linesOf(document.body), ...dialogs()])
    const told = lines.find((line) => matches(line, step.words))
    const native = document.querySelector('form :invalid')
    const message = memory.message || (native && native.validationMessage) || ''
    const thanks = step.unless && lines.find((line) => matches(line, step.unless))
    return { ok: !thanks && !!(told || memory.message), part: false, seen: thanks ? `accepted: ${cut(thanks)}` : told ? `told: ${cut(told)}` : message ? `browser says: ${message}` : 'no message' }
  },
  async keyboard() {
    const all = pressables().filter((e) => !e.matches('label,[type=hidden]'))
    const list = [...new Set([...all, ...fieldsIn(document.body)])]
    const able = list.filter((e) => e.tabIndex >= 0 && (!e.matches('a') || e.hasAttribute('href') || e.hasAttribute('tabindex')) || e.querySelector('a[href],button,input') || e.closest('label,a[href],button'))
    const share = list.length ? able.length / list.length : 0
    return { ok: list.length >= 4 && share >= 0.98, part: list.length >= 4 && share >= 0.7, seen: `${able.length} of ${list.length} controls take the focus` }
  },
  async board() {
    const now = board()
    if (!now) return { ok: false, seen: 'no board of 64 squares' }
    const filled = now.signs.filter(Boolean).length
    const rows = [0, 1, 6, 7].every((row) => now.signs.slice(row * 8, row * 8 + 8).every(Boolean))
    const old = memory.board
    switch (step.state) {
      case 'start': return { ok: rows && filled === 32, part: true, seen: `64 squares, ${filled} pieces` }
      case 'shown': return { ok: filled >= 2, part: true, seen: `64 squares, ${filled} pieces` }
      case 'restored': return { ok: !!old && old.signs.join() === now.signs.join(), part: !!old && !!before.board && before.board.signs.join() !== now.signs.join(), seen: 'compared with the board before the move' }
      case 'recoloured': return { ok: !!before.board && before.board.colours.join() !== now.colours.join() && filled >= 2, part: !!before.board && before.board.colours.join() !== now.colours.join(), seen: `squares ${now.colours[0]} / ${now.colours[1]}` }
    }
    throw new Error(`no state ${step.state}`)
  },
  async move() {
    for (const [from, to] of [[52, 36], [51, 35], [57, 42], [12, 28]]) {
      for (const way of ['press', 'drag']) {
        const start = board()
        if (!start) return { ok: false, seen: 'no board of 64 squares' }
        if (!start.signs[from] || start.signs[to]) break
        const inside = (n) => { const s = squares()[n]; const [x, y] = middle(s); const top = document.elementFromPoint(x, y); return top && (s.contains(top) || top.getBoundingClientRect().width < s.getBoundingClientRect().width * 1.3) ? top : s }
        if (way === 'press') {
          clickOn(inside(from))
          await quiet(250)
          clickOn(inside(to))
        } else {
          const piece = squares()[from].querySelector('[draggable=true]') || inside(from)
          const source = piece.closest('[draggable=true]') || piece
          dragTo(source, inside(to), ...middle(squares()[to]))
        }
        await quiet(300)
        const now = board()
        if (now && !now.signs[from] && now.signs[to] && now.signs[to].replace(/[^\p{So}\p{L}]/gu, '') === start.signs[from].replace(/[^\p{So}\p{L}]/gu, ''))
          return { ok: true, seen: `a piece went from square ${from} to ${to} by ${way}`, board: start }
      }
    }
    return { ok: false, seen: 'no piece moves by press or drag' }
  },
  async diagram() { return diagramChange() },
  async add_shape() {
    const area = canvasArea()
    if (!area) return { ok: false, seen: 'no drawing area' }
    const size = () => shapes(canvasArea()).length + ink(canvasArea())
    const count = size()
    const named = rankControls('add|rect|process|shape|box|square|node|circle|\\+', document.body, 'button').map((r) => r.element)
    for (const source of [...named, ...[...document.querySelectorAll('[draggable=true]')].filter(shown)].filter((e) => !area.contains(e) && !matches(nameOf(e), 'text|connect|arrow|line')).slice(0, 5)) {
      if (!source.isConnected || !reachable(source)) continue
      clickOn(source)
      await quiet(250)
      if (size() > count) return { ok: true, seen: `${cut(nameOf(source), 20)} adds a shape` }
      const box = canvasArea().getBoundingClientRect()
      const [x, y] = [box.left + box.width * 0.4, Math.min(innerHeight - 20, box.top + box.height * 0.4)]
      if (y < 0) continue
      const spot = document.elementFromPoint(x, y)
      if (spot && canvasArea().contains(spot)) {
        for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) mouse(spot, type, x, y)
        await quiet(250)
        if (size() > count) return { ok: true, seen: `${cut(nameOf(source), 20)} and a press on the canvas add a shape` }
        dragTo(source, spot, x, y)
        await quiet(250)
        if (size() > count) return { ok: true, seen: `dragging ${cut(nameOf(source), 20)} adds a shape` }
      }
    }
    return { ok: false, seen: 'no control adds a shape' }
  },
  async retype() {
    const old = [...document.querySelectorAll(TEXTUAL)].filter((e) => shown(e) && !e.readOnly && !e.disabled && has(e.value ?? e.textContent, step.old))
    const field = old.find((e) => !/search/i.test(fieldWords(e).join(' ')))
    if (!field) return { ok: true, seen: 'no field opens' }
    put(field, step.value)
    await pause(40)
    const button = rankControls(step.submit, scopeOf(field), 'button').find((r) => reachable(r.element))
    if (button) clickOn(button.element)
    else { key(field, 'Enter'); await pause(40); field.blur() }
    await pause(20)
    return { ok: true, seen: 'typed anew and saved' }
  },
  async about() {
    const lines = [...linesOf(document.body), ...[...document.querySelectorAll('input,button,a,img')].map((e) => `${e.placeholder || ''} ${nameOf(e)}`)]
    const missing = step.about.find((pattern) => !lines.some((line) => matches(line, pattern)))
    return { ok: !missing, seen: missing ? `the page says nothing of ${missing}` : '' }
  },
  async pick_shape() {
    const area = canvasArea()
    const shape = area && shapes(area).at(-1)
    if (!shape) return { ok: false, seen: 'no shape on the drawing area' }
    shape.scrollIntoView({ block: 'center', behavior: 'instant' })
    const top = document.elementFromPoint(...middle(shape)) || shape
    clickOn(shape.contains(top) ? top : shape)
    await quiet(250)
    if (step.key) key(document.activeElement || document.body, step.key)
    return { ok: true, seen: 'picked a shape' }
  },
  async drop_shape() {
    const area = canvasArea()
    if (!area) return { ok: false, seen: 'no drawing area' }
    const sources = pressablesOrDraggable().filter((e) => !area.contains(e))
    for (const source of sources.slice(0, 3)) {
      area.scrollIntoView({ block: 'center', behavior: 'instant' })
      const count = shapes(area).length + ink(area)
      const box = area.getBoundingClientRect()
      const [x, y] = [box.left + box.width * 0.6, box.top + box.height * 0.55]
      dragTo(source, document.elementFromPoint(x, y) || area, x, y)
      await quiet(400)
      const now = shapes(canvasArea())
      if (now.length + ink(canvasArea()) <= count) continue
      const placed = !now.length || now.some((s) => { const b = s.getBoundingClientRect(); return Math.hypot(b.left + b.width / 2 - x, b.top + b.height / 2 - y) < 150 })
      return { ok: placed, part: true, seen: placed ? 'dropped where the pointer was' : 'dropped at another place' }
    }
    return { ok: false, seen: sources.length ? 'dragging adds nothing' : 'nothing to drag from' }
  },
  async drag_shape() {
    const area = canvasArea()
    const shape = area && shapes(area).at(-1)
    if (!shape) return { ok: false, seen: 'no shape on the drawing area' }
    area.scrollIntoView({ block: 'center', behavior: 'instant' })
    const [x, y] = middle(shape)
    const box = area.getBoundingClientRect()
    const to = [x + (x + 130 < box.right ? 90 : -90), y + (y + 100 < box.bottom ? 60 : -60)]
    const source = shape.closest('[draggable=true]') || document.elementFromPoint(x, y) || shape
    dragTo(shape.contains(source) || source.contains(shape) ? source : shape, area, ...to)
    await quiet(300)
    return { ok: true, seen: 'dragged a shape' }
  },
  async edit_shape() {
    const area = canvasArea()
    const shape = area && shapes(area).at(-1)
    if (!shape) return { ok: false, seen: 'no shape on the drawing area' }
    document.documentElement.setAttribute('data-check-answer', step.text)
    shape.scrollIntoView({ block: 'center', behavior: 'instant' })
    const spot = document.elementFromPoint(...middle(shape)) || shape
    const target = shape.contains(spot) ? spot : shape
    clickOn(target)
    await quiet(200)
    const live = () => canvasArea() && shapes(canvasArea()).at(-1)
    const again = target.isConnected ? target : live() || target
    mouse(again, 'dblclick', ...middle(again), { detail: 2 })
    await quiet(250)
    const active = document.activeElement
    const inner = [...canvasArea().querySelectorAll(FIELDS)].filter(shown).at(-1)
    const panel = rankFields('text|label|name|content|title', document.body, TEXTUAL)[0]
    const field = (active && active.matches(TEXTUAL) && active) || inner || panel || (live()?.isContentEditable && live())
    if (field) {
      put(field, step.text)
      key(field, 'Enter')
      await pause(40)
      field.blur()
      const apply = rankControls('apply|update|save|ok|set|rename|edit', scopeOf(field), 'button')[0]
      if (apply && field === panel && reachable(apply.element)) clickOn(apply.element)
    } else {
      const button = rankControls('edit|rename|text|label', document.body, 'button')[0]
      if (button) clickOn(button.element)
    }
    await quiet(250)
    return { ok: true, seen: field ? 'typed a text for the shape' : 'asked to edit' }
  },
  async style_shape() {
    const area = canvasArea()
    const fields = [...document.querySelectorAll('input[type=color],input[type=range],select')].filter((e) => shown(e) && !e.disabled && (e.type === 'color' || fieldWords(e).some((w) => matches(w, 'colou?r|border|style|fill|stroke|font|size|width|thick'))))
    for (const field of fields) {
      put(field, field.type === 'color' ? '#d02090' : field.matches('select') ? [...field.options].find((o) => o.value !== field.value && o.value)?.value || '' : String(+field.max || 8))
      await quiet(150)
      const apply = rankControls('apply|update|set', document.body, 'button')[0]
      if (apply && reachable(apply.element)) clickOn(apply.element)
      await quiet(150)
      step.change = 'style'
      if (diagramChange().ok) break
    }
    if (!fields.length) {
      const swatches = [...document.querySelectorAll('[class*=swatch],[class*=color],[data-color],[data-fill]')].filter((e) => shown(e) && !area?.contains(e) && !e.children.length)
      const named = rankControls('colou?r|border|style|fill|red|green|blue', document.body, 'button').map((r) => r.element)
      const chosen = swatches[0] || named[0]
      if (!chosen) return { ok: false, seen: 'no control for colour or border' }
      clickOn(chosen)
      await quiet(250)
    }
    return { ok: true, seen: 'changed a style control' }
  },
}
function pressablesOrDraggable() {
  const named = 'rect|process|box|shape|square|node|circle|decision|diamond|start|ellipse|oval|text'
  return [...document.querySelectorAll('[draggable=true]')].filter(shown).concat(rankControls(named, document.body, 'any').map((r) => r.element))
}

const until = performance.now() + (memory.wait_ms || 0)
for (;;) {
  const answer = await TABLE[verb]()
  if (answer.ok || performance.now() >= until || !memory.wait_ms) return answer
  await pause(100)
}
