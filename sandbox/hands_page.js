// Runs in a world of its own beside the page: finds the controls, reads what is visible, waits until an act has had its
// effect and says what that was. The page sees neither its variables nor its functions.
if (window === window.top) globalThis['%CHANNEL%'] = (() => {
  const channel = '%CHANNEL%', maxMarks = 400, maxLines = 10000
  const pause = (ms) => new Promise((done) => setTimeout(done, ms))
  const frame = () => Promise.race([new Promise((done) => requestAnimationFrame(() => done())), pause(60)])
  const squeeze = (text) => (text ?? '').replace(/\s+/g, ' ').trim()
  const short = (text, length = 80) => { const flat = squeeze(text); return flat.length > length ? flat.slice(0, length - 1) + '…' : flat }
  const page = Math.random().toString(36).slice(2)

  // -- the rooms of a page: documents of frames of the same origin, and open shadow roots
  function rooms() {
    const found = []
    const enter = (root, path, dx, dy, host) => {
      const room = { root, path, dx, dy, host }
      found.push(room)
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) enter(element.shadowRoot, path, dx, dy, room)
        else if (element.localName === 'iframe' || element.localName === 'frame') {
          let inner = null
          try { inner = element.contentDocument } catch { /* another origin */ }
          if (!inner || !element.getClientRects().length) continue
          const box = element.getBoundingClientRect()
          const step = selectorOf(element)
          enter(inner, path ? `${path} >>> ${step}` : step, dx + box.x + element.clientLeft, dy + box.y + element.clientTop, room)
        }
      }
    }
    enter(document, '', 0, 0, null)
    return found
  }
  const documents = () => rooms().filter((room) => room.root.nodeType === 9)

  // -- talking to the hooks in the page's own world
  function tell(root, given) {
    let said = null
    const hear = (event) => { said = event.detail }
    root.addEventListener(`${channel}:answer`, hear)
    root.dispatchEvent(new CustomEvent(channel, { detail: JSON.stringify(given) }))
    root.removeEventListener(`${channel}:answer`, hear)
    return said === null ? null : JSON.parse(said)
  }
  const asks = (element, verb) =>
    !element.dispatchEvent(new CustomEvent(channel, { detail: JSON.stringify({ verb }), cancelable: true }))
  const tellAll = (given) => documents().map((room) => tell(room.root, given)).filter((said) => said !== null)

  // -- what can be seen
  const clipped = new Map()
  function isClipped(element) {
    // Inside a closed accordion or drawer: some ancestor shows nothing of what it holds.
    if (!element || element.nodeType !== 1) return false
    const known = clipped.get(element)
    if (known !== undefined) return known
    clipped.set(element, false)
    const style = element.ownerDocument.defaultView?.getComputedStyle(element)
    const shut = style && style.overflowY !== 'visible' && style.display !== 'inline' && element !== element.ownerDocument.documentElement
      && element !== element.ownerDocument.body && (element.clientHeight < 2 || element.clientWidth < 2)
    const parent = element.assignedSlot ?? element.parentElement ?? element.getRootNode().host
    const answer = shut || isClipped(parent)
    clipped.set(element, answer)
    return answer
  }
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !isClipped(element)
  function boxOf(element) {
    let best = null
    for (const box of element.getClientRects())
      if (box.width >= 1 && box.height >= 1 && (!best || box.width * box.height > best.width * best.height)) best = box
    return best
  }
  function isOnPage(box, view, element) {
    const width = Math.max(view.innerWidth, view.document.documentElement.scrollWidth)
    if (box.right + view.scrollX > 0 && box.x < width && box.bottom + view.scrollY > 0) return true
    // Scrolled out of some part of the page it can be scrolled back into.
    let [x, y] = [box.right + view.scrollX, box.bottom + view.scrollY]
    for (let node = element; node; node = node.parentElement) { x += node.scrollLeft; y += node.scrollTop }
    return x > 0 && y > 0 && box.x < width
  }

  function lines() {
    // One line per block, as a reader would see it; each with its element.
    clipped.clear()
    const found = []
    for (const { root } of rooms()) {
      const top = root.nodeType === 9 ? root.body : root
      if (!top) continue
      const view = (root.ownerDocument ?? root).defaultView
      const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT)
      const verdicts = new Map()
      let current = null
      while (walker.nextNode() && found.length < maxLines) {
        const node = walker.currentNode
        const text = node.data
        if (!text.trim()) { if (current && text) current.text += ' '; continue }
        const parent = node.parentElement ?? node.getRootNode().host
        if (!parent || ['script', 'style', 'noscript', 'template', 'textarea', 'option', 'title'].includes(parent.localName)) continue
        let verdict = verdicts.get(parent)
        if (verdict === undefined) {
          const box = seen(parent) ? boxOf(parent) ?? parent.parentElement?.getBoundingClientRect() : null
          let block = parent
          while (block !== top && block.parentElement && view.getComputedStyle(block).display === 'inline') block = block.parentElement
          verdict = box && isOnPage(box, view, parent) ? block : null
          verdicts.set(parent, verdict)
        }
        if (verdict === null) continue
        if (current && current.block === verdict) current.text += text
        else found.push(current = { block: verdict, element: parent, text })
      }
    }
    for (const line of found) line.text = short(line.text, 300)
    return found.filter((line) => line.text)
  }
  function fields() {
    const found = []
    for (const { root } of rooms())
      for (const element of root.querySelectorAll('input, textarea, select, [contenteditable=""], [contenteditable=true]'))
        if (element.type !== 'hidden') found.push({ element, value: valueOf(element), checked: element.checked ?? null })
    return found
  }
  const valueOf = (element) =>
    element.type === 'file' ? [...element.files].map((file) => file.name).join(', ') : element.isContentEditable ? squeeze(element.textContent) : element.value
  function storage() {
    const found = {}
    for (const [name, open] of [['local', () => localStorage], ['session', () => sessionStorage]])
      try { const store = open(); for (let n = 0; n < store.length; n++) found[`${name}:${store.key(n)}`] = store.getItem(store.key(n)) } catch { /* denied */ }
    if (document.cookie) found.cookie = document.cookie
    return found
  }
  function drawings() {
    // Only small ones are read: it takes time.
    const found = new Map()
    for (const { root } of rooms())
      for (const element of root.querySelectorAll('canvas')) {
        if (found.size >= 3 || element.width * element.height > 2_000_000) continue
        try { const text = element.toDataURL(); let hash = text.length; for (let n = 0; n < text.length; n += 7) hash = (hash * 31 + text.charCodeAt(n)) | 0; found.set(element, hash) } catch { /* tainted */ }
      }
    return found
  }
  const media = () => [...document.querySelectorAll('video, audio')].map((element) => `${element.paused} ${element.muted}`).join()
  const scrolls = () => rooms().map(({ root }) => root.nodeType === 9 ? [root.defaultView.scrollX, root.defaultView.scrollY].join() : '').join(';')
  function innerScrolls() {
    return [...document.querySelectorAll('*')].filter((element) => element.scrollTop || element.scrollLeft).map((element) => `${element.scrollLeft},${element.scrollTop}`).join(';')
  }
  function state() {
    return {
      url: location.href, title: document.title, lines: lines(), fields: fields(), storage: storage(), drawings: drawings(),
      media: media(), scrolls: scrolls() + '|' + innerScrolls(),
    }
  }

  // -- the controls
  const direct = 'a[href], area[href], button, input:not([type=hidden]), textarea, select, summary, [contenteditable=""], [contenteditable=true], ' +
    '[onclick], [role=button], [role=link], [role=checkbox], [role=radio], [role=switch], [role=tab], [role=menuitem], ' +
    '[role=menuitemcheckbox], [role=menuitemradio], [role=option], [role=slider], [role=spinbutton], [role=combobox], [role=textbox], [role=searchbox], [tabindex]:not([tabindex="-1"])'
  const textKinds = new Set(['text', 'email', 'number', 'password', 'search', 'tel', 'url'])
  const dateKinds = new Set(['date', 'time', 'datetime-local', 'month', 'week'])
  function kindOf(element) {
    const tag = element.localName, type = element.type
    if (tag === 'input') {
      if (['button', 'submit', 'reset', 'image'].includes(type)) return 'button'
      if (dateKinds.has(type)) return 'date'
      if (type === 'tel' || type === 'url') return 'text'
      return type
    }
    if (tag === 'textarea' || tag === 'select' || tag === 'button') return tag
    if (tag === 'a' || tag === 'area') return 'link'
    if (element.isContentEditable) return 'editable'
    const role = element.getAttribute('role')
    if (role === 'checkbox' || role === 'switch' || role === 'menuitemcheckbox') return 'checkbox'
    if (role === 'radio' || role === 'menuitemradio') return 'radio'
    if (role === 'link') return 'link'
    if (['button', 'tab', 'menuitem', 'option'].includes(role) || tag === 'summary') return 'button'
    return 'other'
  }
  function roleOf(element) {
    const given = squeeze(element.getAttribute('role')).split(' ')[0]
    if (given) return given
    switch (kindOf(element)) {
      case 'button': return 'button'
      case 'link': return 'link'
      case 'checkbox': return 'checkbox'
      case 'radio': return 'radio'
      case 'select': return 'combobox'
      case 'range': return 'slider'
      case 'number': return 'spinbutton'
      case 'search': return 'searchbox'
      case 'text': case 'email': case 'password': case 'textarea': case 'editable': return 'textbox'
      default: return kindOf(element)
    }
  }
  function labelOf(element) {
    const root = element.getRootNode()
    const by = squeeze(element.getAttribute('aria-labelledby'))
    if (by) { const words = squeeze(by.split(' ').map((id) => root.getElementById?.(id)?.textContent ?? '').join(' ')); if (words) return short(words) }
    const aria = squeeze(element.getAttribute('aria-label'))
    if (aria) return short(aria)
    if (element.labels?.length) {
      const words = [...element.labels].map((label) => { const copy = label.cloneNode(true); for (const inner of copy.querySelectorAll('select, textarea, button, input')) inner.remove(); return copy.textContent })
      if (squeeze(words.join(' '))) return short(words.join(' '))
    }
    if (['input', 'textarea', 'select'].includes(element.localName)) {
      // Unlabelled fields have their words just before them, or after a box to tick.
      const side = ['checkbox', 'radio'].includes(element.type) ? 'nextSibling' : 'previousSibling'
      for (let node = element[side], steps = 0; node && steps < 3; node = node[side], steps++) {
        if (node.nodeType === 1 && (node.id || node.matches(direct) || node.querySelector(direct))) break
        const words = short(node.textContent, 60)
        if (words && node.nodeType !== 8) return words
      }
    }
    return ''
  }
  function nameOf(element) {
    const label = labelOf(element)
    if (label) return label
    if (element.localName === 'input') {
      if (['button', 'submit', 'reset'].includes(element.type)) return short(element.value || { submit: 'Submit', reset: 'Reset' }[element.type])
      if (element.type === 'image') return short(element.alt)
    } else if (element.localName !== 'select' && element.localName !== 'textarea') {
      const words = short(element.innerText ?? element.textContent) || short([...element.querySelectorAll('img[alt], [aria-label], svg title')].map((inner) => inner.alt || inner.getAttribute('aria-label') || inner.textContent).join(' '))
      if (words) return words
    }
    return short(element.placeholder || element.title || element.name || element.id || '')
  }
  function selectorOf(element) {
    const parts = [], root = element.getRootNode()
    for (let node = element; node && node.nodeType === 1; node = node.parentElement) {
      const id = node.id && CSS.escape(node.id)
      if (id && root.querySelectorAll(`#${id}`).length === 1) { parts.unshift(`#${id}`); break }
      if (node.localName === 'body' || node.localName === 'html') { parts.unshift(node.localName); break }
      const kin = node.parentElement ?? node.getRootNode()
      const same = [...kin.children].filter((other) => other.localName === node.localName)
      parts.unshift(same.length > 1 ? `${node.localName}:nth-of-type(${same.indexOf(node) + 1})` : node.localName)
    }
    const own = parts.join(' > ')
    return root.host ? `${selectorOf(root.host)} >>> ${own}` : own
  }
  function around(element) {
    const place = element.closest('li, tr, article, fieldset, [class*="item"], [class*="card"], [class*="row"], section')
    return place && place !== element ? short(place.innerText ?? place.textContent, 100) : ''
  }
  function controls() {
    clipped.clear()
    const found = [], chosen = new Set()
    for (const room of rooms()) {
      const view = (room.root.ownerDocument ?? room.root).defaultView
      for (const element of room.root.querySelectorAll('*')) {
        if (!element.isConnected || ['html', 'body', 'head', 'script', 'style', 'option', 'label', 'iframe'].includes(element.localName)) continue
        let isDirect = element.matches(direct) || element.isContentEditable && !element.parentElement?.isContentEditable
        if (!isDirect) {
          const style = view.getComputedStyle(element)
          const hand = style.cursor === 'pointer' && element.parentElement && view.getComputedStyle(element.parentElement).cursor !== 'pointer'
          if (!hand && !asks(element, 'presses')) continue
          if (element.closest('label')?.control || element.closest('a[href], button, summary, [role=button], [onclick]')) continue
          const box = element.getBoundingClientRect()
          // A container that only listens for its children is no control.
          if (element.querySelector(direct) || box.width * box.height > view.innerWidth * view.innerHeight * 0.6) continue
        } else if (element.localName !== 'summary' && !['input', 'select', 'textarea', 'button', 'a'].includes(element.localName)) {
          const outer = element.parentElement?.closest('a[href], button')
          if (outer) continue
          if (!element.hasAttribute('role') && !element.isContentEditable && !element.hasAttribute('onclick') && element.querySelector(direct)) continue
        }
        if (element.closest('[inert]')) continue
        const shown = shownBy(element)
        const box = shown && boxOf(shown)
        if (!box || !isOnPage(box, view, element)) continue
        if (chosen.has(element)) continue
        chosen.add(element)
        found.push({ element, shown, box, room, view })
      }
    }
    // Reading order: rooms inside the page come where their host stands.
    found.sort((a, b) => {
      const x = placeInTop(a), y = placeInTop(b)
      if (x === y) return 0
      return x.compareDocumentPosition(y) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1
    })
    const counts = new Map()
    return found.slice(0, maxMarks).map((one, number) => {
      const role = roleOf(one.element), name = nameOf(one.element), key = `${role}\n${name}`
      const nth = counts.get(key) ?? 0
      counts.set(key, nth + 1)
      return { ...one, number, target: { role, name, selector: selectorOf(one.element), text: around(one.element), nth, frame: one.room.path } }
    })
  }
  function placeInTop({ element, room }) {
    for (let node = element; ;) {
      const root = node.getRootNode()
      if (root === document) return node
      node = root.host ?? root.defaultView?.frameElement
      if (!node) return element
    }
  }
  function shownBy(element) {
    // Boxes to tick are often hidden behind a drawn label.
    if (seen(element) && boxOf(element)) return element
    if (['checkbox', 'radio', 'file'].includes(element.type))
      for (const label of element.labels ?? []) if (seen(label) && boxOf(label)) return label
    return null
  }
  function markOf(one) {
    const { element, box, room, view } = one, kind = kindOf(element)
    const x = box.x + room.dx, y = box.y + room.dy
    const inView = x + box.width > 0 && y + box.height > 0 && x < innerWidth && y < innerHeight
    const aria = element.getAttribute('aria-checked')
    return {
      number: one.number, target: one.target, tag: element.localName, kind: kind === 'image' ? 'button' : kind,
      label: labelOf(element), placeholder: element.placeholder ?? '', value: kind === 'button' ? '' : short(valueOf(element) ?? '', 200),
      checked: ['checkbox', 'radio'].includes(element.type) ? element.checked : aria ? aria === 'true' : null,
      options: element.localName === 'select' ? [...element.options].filter((option) => !option.disabled).slice(0, 60).map((option) => short(option.text)) : [],
      disabled: isDisabled(element), required: Boolean(element.required), href: element.href && typeof element.href === 'string' ? element.href : '',
      form: element.form ? selectorOf(element.form) : '', x: Math.round(x), y: Math.round(y), width: Math.round(box.width), height: Math.round(box.height),
      in_view: inView, covered: inView && pointOf(one) === null,
    }
  }
  const isDisabled = (element) => element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true'
  function pointOf({ element, shown, room, view }) {
    // Some point of the control that is not under something else, in coordinates of the window; null if there is none.
    const boxes = [...shown.getClientRects()].filter((box) => box.width >= 1 && box.height >= 1).slice(0, 4)
    const top = element.ownerDocument
    for (const [fx, fy] of [[0.5, 0.5], [0.25, 0.5], [0.75, 0.5], [0.5, 0.2], [0.5, 0.8], [0.1, 0.5], [0.9, 0.5]])
      for (const box of boxes) {
        const x = box.x + box.width * fx, y = box.y + box.height * fy
        if (x < 0 || y < 0 || x >= view.innerWidth || y >= view.innerHeight) continue
        let hit = top.elementFromPoint(x, y)
        while (hit?.shadowRoot) { const inner = hit.shadowRoot.elementFromPoint(x, y); if (!inner || inner === hit) break; hit = inner }
        if (!hit) continue
        if (hit === element || hit === shown || shown.contains(hit) || element.contains(hit) || [...(element.labels ?? [])].some((label) => label.contains(hit)))
          return { x: x + room.dx, y: y + room.dy }
      }
    return null
  }
  function coverOf({ shown, view }) {
    const box = boxOf(shown)
    const hit = box && shown.ownerDocument.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
    return hit ? `${hit.localName}${hit.id ? '#' + hit.id : ''}` : 'nothing'
  }
  const fieldRoles = new Set(['textbox', 'searchbox', 'combobox', 'spinbutton', 'slider', 'date', 'color', 'file'])
  function unmoved(target) {
    // Mostly it is where it was: then nothing else need be looked at.
    for (const room of rooms()) {
      if (room.path !== target.frame || room.root.nodeType !== 9) continue
      let element = null
      try { element = room.root.querySelector(target.selector) } catch { return null }
      if (!element || roleOf(element) !== target.role || nameOf(element) !== target.name || around(element) !== target.text) return null
      clipped.clear()
      const shown = shownBy(element), view = room.root.defaultView, box = shown && boxOf(shown)
      return box && isOnPage(box, view, element) && !element.closest('[inert]') ? { element, shown, box, room, view, number: 0, target } : null
    }
    return null
  }
  function matching(target) {
    const all = controls()
    const exact = all.filter((one) => one.target.role === target.role && one.target.name === target.name && one.target.frame === target.frame)
    if (exact.length) {
      const bySelector = exact.find((one) => one.target.selector === target.selector)
      const sameWords = target.text ? exact.filter((one) => one.target.text === target.text) : []
      if (bySelector && (!target.text || bySelector.target.text === target.text || !sameWords.length)) return bySelector
      return sameWords[0] ?? exact.find((one) => one.target.nth === target.nth) ?? bySelector ?? exact[0]
    }
    const kin = all.filter((one) => one.target.role === target.role && one.target.frame === target.frame)
    const plain = (text) => text.toLowerCase().replace(/[^\p{L}]+/gu, ' ').trim()
    return kin.find((one) => one.target.selector === target.selector && (target.selector.startsWith('#') || plain(one.target.name) === plain(target.name)))
      ?? kin.find((one) => plain(one.target.name) && plain(one.target.name) === plain(target.name))
      // Words beside a field come and go; a button with other words is another button.
      ?? kin.find((one) => one.target.selector === target.selector && fieldRoles.has(target.role)) ?? null
  }

  // -- acts
  let before = null, aim = null, lastDrawings = null
  function isWatched() { return tell(document, { verb: 'ask' }) !== null }
  // What an act brings may go again before all is at rest, and before anybody asks.
  const glance = {
    shown: new Set(), next: 0, timer: 0,
    watcher: new MutationObserver(() => {
      const wait = glance.next - performance.now()
      if (wait <= 0) glance.look()
      else if (!glance.timer) glance.timer = setTimeout(glance.look, wait)
    }),
    look() {
      clearTimeout(glance.timer)
      glance.timer = 0
      for (const line of lines()) if (!glance.shown.has(line.text) && !asks(line.element, 'noise')) glance.shown.add(line.text)
      glance.next = performance.now() + 100
    },
    watch() {
      for (const { root } of rooms()) glance.watcher.observe(root, { subtree: true, childList: true, attributes: true, characterData: true })
    },
    stop() {
      glance.watcher.disconnect()
      clearTimeout(glance.timer)
      glance.timer = 0
    },
  }
  async function stillness(element) {
    const until = performance.now() + 1200
    const moves = () => element.ownerDocument.getAnimations().some((motion) => motion.playState === 'running'
      && Number.isFinite(motion.effect?.getComputedTiming().endTime) && motion.effect.target?.contains?.(element))
    while (moves() && performance.now() < until) await frame()
  }
  async function begin(given) {
    const refuse = (why) => ({ why, url: location.href })
    let one = null
    if (given.target) {
      one = unmoved(given.target) ?? matching(given.target)
      if (!one) return refuse('it is not on the page, or not visible')
      if (isDisabled(one.element)) return refuse('it is disabled')
      if (given.verb === 'type' && one.element.readOnly) return refuse('it can only be read')
      await stillness(one.shown)
      const box = boxOf(one.shown)
      if (!box) return refuse('it is not on the page, or not visible')
      if (box.y < 0 || box.bottom > one.view.innerHeight || box.x < 0 || box.right > one.view.innerWidth || one.room.path)
        one.shown.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' })
      if (one.room.path) one = unmoved(given.target) ?? matching(given.target) ?? one
    }
    const point = one && pointOf(one)
    if (one && !point && given.verb !== 'file') return refuse(`it is covered by ${coverOf(one)}`)
    // What is drawn anew between two acts is drawn by itself.
    const last = lastDrawings ?? drawings()
    if (!lastDrawings && last.size) { await frame(); await frame() }
    before = state()
    before.moving = new Set([...before.drawings].filter(([element, hash]) => last.has(element) && last.get(element) !== hash).map(([element]) => element))
    aim = one && { element: one.element, enter: given.enter, expected: null }
    tellAll({ verb: 'begin', prompt: given.prompt })
    glance.shown = new Set()
    glance.watch()
    const answer = { why: '', page, x: point?.x ?? 0, y: point?.y ?? 0, before: plain(before), direct: false, kind: one ? kindOf(one.element) : '' }
    if (one) perform(one, given, answer)
    return answer
  }
  function perform(one, given, answer) {
    const { element } = one, kind = kindOf(element)
    if (given.verb === 'type' && (kind === 'select')) given.verb = 'choose'
    if (given.verb === 'type' && (kind === 'date' || kind === 'range' || kind === 'color')) given.verb = 'set'
    if (given.verb === 'choose') {
      answer.direct = true
      const wish = squeeze(given.text).toLowerCase()
      if (element.localName !== 'select') { answer.why = 'it is not a select box'; return }
      const options = [...element.options].filter((option) => !option.disabled)
      const option = options.find((option) => squeeze(option.text).toLowerCase() === wish) ?? options.find((option) => option.value.toLowerCase() === wish)
        ?? options.find((option) => wish && squeeze(option.text).toLowerCase().includes(wish))
      if (!option) { answer.why = `it has no option "${short(given.text)}"`; return }
      element.focus()
      if (element.multiple) option.selected = true
      else element.selectedIndex = option.index
      fire(element)
      aim.expected = element.value
    } else if (given.verb === 'set') {
      answer.direct = true
      element.focus()
      element.value = given.text
      if (element.value === '' && given.text !== '') { answer.why = `it does not take "${short(given.text)}"`; return }
      aim.expected = element.value
      fire(element)
    } else if (given.verb === 'type') {
      if (kind !== 'editable' && !['input', 'textarea'].includes(element.localName) || ['checkbox', 'radio', 'file', 'button'].includes(kind)) { answer.why = 'it takes no text'; return }
      element.focus()
      if (kind === 'editable') element.ownerDocument.getSelection().selectAllChildren(element)
      else element.select()
      aim.expected = given.text
    } else if (given.verb === 'scroll') {
      answer.direct = true
      let node = element
      while (node && node.scrollHeight <= node.clientHeight + 1) node = node.parentElement
      ;(node ?? document.scrollingElement).scrollBy({ top: given.by, behavior: 'instant' })
    }
  }
  function fire(element) {
    element.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
    element.dispatchEvent(new Event('change', { bubbles: true }))
  }
  function plain(one) {
    return { url: one.url, title: one.title, texts: one.lines.map((line) => line.text), storage: one.storage }
  }

  async function settle(patience, cap) {
    const started = performance.now()
    let still = 0, last = -1, place = ''
    for (;;) {
      await frame()
      const said = tellAll({ verb: 'poll', limit: patience })
      let mutations = 0, busy = false, leaving = false
      for (const one of said) { mutations += one.mutations; busy ||= one.busy; leaving ||= one.leaving }
      const where = `${scrollX},${scrollY} ${location.href} ${document.title}`
      if (mutations !== last || where !== place) { still = 0; last = mutations; place = where } else still++
      const moving = document.readyState !== 'complete' || document.getAnimations().some((motion) => {
        if (motion.playState !== 'running' || !(motion.playbackRate > 0)) return false
        const rest = (motion.effect?.getComputedTiming().endTime ?? Infinity) - (motion.currentTime ?? 0)
        return Number.isFinite(rest) && rest <= patience && rest > 0
      })
      const time = performance.now() - started
      if (still >= 2) {
        if (!busy && !moving && !leaving) return true
      }
      if (time > (leaving ? 9000 : cap)) return false
    }
  }
  function painted() {
    // Chromium drops input that comes before the first paint.
    if (performance.getEntriesByName('first-paint').length || !document.body?.innerText.trim()) return null
    return new Promise((done) => new PerformanceObserver(() => done()).observe({ type: 'paint', buffered: true }))
  }
  async function finish(given) {
    const newcomer = given.page !== page
    if (newcomer) await Promise.race([Promise.all([document.fonts.ready, painted()]), pause(1000)])
    tellAll({ verb: 'resume' })
    if (!newcomer) glance.watch()
    const settled = await settle(newcomer ? given.load_patience : given.patience, given.cap)
    glance.stop()
    const after = state()
    const logs = tellAll({ verb: 'end' })
    const log = logs[0] ?? { dialogs: [], windows: [], downloads: [], outside: [], copies: [], attributes: [], shown: [], dialogCount: 0, mutations: 0, requests: 0, background: 0, inputs: 1, refusals: 0 }
    for (const other of logs.slice(1)) {
      for (const name of ['dialogs', 'windows', 'downloads', 'outside', 'copies', 'attributes', 'shown']) log[name].push(...other[name])
      for (const name of ['dialogCount', 'mutations', 'requests', 'background', 'inputs', 'refusals']) log[name] += other[name]
    }
    const answer = { page, settled, log, watched: logs.length > 0, after: plain(after), newcomer, other: false, added: [], removed: [] }
    if (!newcomer && before) compare(after, answer)
    lastDrawings = after.drawings
    return answer
  }
  function compare(after, answer) {
    const had = new Map(), has = new Map()
    for (const line of before.lines) had.set(line.text, (had.get(line.text) ?? 0) + 1)
    for (const line of after.lines) has.set(line.text, (has.get(line.text) ?? 0) + 1)
    const isNoise = (line) => line.element.isConnected ? asks(line.element, 'noise') : false
    for (const line of after.lines) { const left = had.get(line.text) ?? 0; if (left) had.set(line.text, left - 1); else if (!isNoise(line)) answer.added.push(line.text) }
    for (const line of before.lines) { const left = has.get(line.text) ?? 0; if (left) has.set(line.text, left - 1); else if (!isNoise(line)) answer.removed.push(line.text) }
    const known = new Set([...before.lines, ...after.lines].map((line) => line.text))
    for (const text of glance.shown) if (!known.has(text) && answer.log.mutations) answer.added.push(text)
    for (const { element, value, checked } of after.fields) {
      const old = before.fields.find((field) => field.element === element)
      if (!old) continue
      const isAim = aim?.element === element && aim.expected !== null
      const name = `field "${nameOf(element)}"`
      if (checked !== old.checked) answer.log.attributes.push(`${name}: ${checked ? 'ticked' : 'unticked'}`)
      else if (isAim ? value !== aim.expected : value !== old.value) {
        if (isAim && value === old.value && !aim.enter) { answer.log.attributes.push(`${name} kept ${short(value)}`); continue }
        answer.log.attributes.push(`${name}: "${short(isAim ? aim.expected : old.value)}" → "${short(value)}"`)
      } else continue
      answer.other = true
    }
    if (after.media !== before.media) { answer.other = true; answer.log.attributes.push('a medium was started or stopped') }
    if (after.scrolls !== before.scrolls) { answer.other = true; answer.log.attributes.push('scrolled') }
    for (const [element, hash] of after.drawings)
      if (!before.moving.has(element) && before.drawings.has(element) && before.drawings.get(element) !== hash) { answer.other = true; answer.log.attributes.push('a drawing changed') }
  }
  async function waitFor(given) {
    const until = performance.now() + given.timeout * 1000, wish = squeeze(given.text).toLowerCase()
    for (;;) {
      if (squeeze(lines().map((line) => line.text).join(' ')).toLowerCase().includes(wish)) return { found: true }
      if (performance.now() > until) return { found: false }
      await frame()
    }
  }

  return {
    watched: () => ({ watched: isWatched(), page }),
    marks: () => controls().map(markOf),
    find: (target) => { const one = matching(target); return one ? markOf(one) : null },
    begin, finish, wait: waitFor,
    back: () => { const can = window.navigation?.canGoBack ?? history.length > 1; if (can) history.back(); return can },
    forget: () => { sessionStorage.clear(); return true },
    scroll: ({ by }) => {
      // A page as high as the window scrolls inside its largest part.
      const can = (element) => element.scrollHeight > element.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(element).overflowY)
      const root = document.scrollingElement
      const inner = root.scrollHeight > innerHeight + 1 ? [] : [...document.querySelectorAll('body *')].filter(can)
      const area = (element) => element.clientWidth * element.clientHeight
      const part = inner.sort((a, b) => area(b) - area(a))[0] ?? root
      part.scrollBy({ top: by * Math.min(innerHeight, part === root ? innerHeight : part.clientHeight), behavior: 'instant' })
      return true
    },
    view: () => {
      const one = state()
      return { ...plain(one), fields: one.fields.map((field) => [nameOf(field.element), field.value ?? '', field.checked]), scrolls: one.scrolls }
    },
    element: (target) => (unmoved(target) ?? matching(target))?.element ?? null,
  }
})()
