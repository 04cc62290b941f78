// Runs in the page's own world before its scripts: knows what is still to come because of an act, what a background
// timer does, and what would leave the page (dialogs, windows, downloads, other sites). It answers over DOM events whose
// name no page knows. Best effort: work in workers, over sockets, or in browser functions taken from a fresh frame is
// not followed, and a page that calls document.open() sheds it.
(() => {
  const channel = '%CHANNEL%', firstPrompt = '%PROMPT%', patience = 2600, kept = 40
  const { setTimeout: later, clearTimeout: stopLater, setInterval: repeat, clearInterval: stopRepeat } = window
  const { requestAnimationFrame: nextFrame, cancelAnimationFrame: stopFrame } = window
  const { requestIdleCallback: whenIdle, cancelIdleCallback: stopIdle, fetch: load } = window
  const { apply } = Reflect, now = performance.now.bind(performance), write = JSON.stringify, read = JSON.parse
  const listen = EventTarget.prototype.addEventListener, send = document.dispatchEvent.bind(document)
  const Message = CustomEvent, getAttribute = Element.prototype.getAttribute
  const natives = new WeakMap(), sourceOf = Function.prototype.toString
  const disguise = (own, real) => { natives.set(own, real); return own }
  Function.prototype.toString = disguise(function toString() {
    return apply(sourceOf, natives.get(this) ?? this, [])
  }, sourceOf)
  Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false, configurable: true })

  // Loading is act 1. Outside an act, and in callbacks of earlier acts, whatever happens is background.
  let act = 1, acting = true, running = null, depth = 0, answer = firstPrompt
  const cause = () => running ?? (acting ? act : 0)
  // What a page starts by loading and keeps going is its clock, not its loading.
  const causeOf = (longest) => act === 1 && depth > longest ? 0 : cause()
  const pending = new Map()
  let log = fresh()
  function fresh() {
    return {
      dialogs: [], dialogCount: 0, windows: [], downloads: [], outside: [], copies: [], attributes: [], shown: [],
      mutations: 0, requests: 0, background: 0, inputs: 0, refusals: 0, leaving: '', touched: new WeakSet(),
    }
  }
  const keep = (list, text) => { if (list.length < kept) list.push(String(text).slice(0, 300)) }

  // -- changes of the document, credited to the act or to the background
  const noisy = new WeakMap()
  const observer = new MutationObserver((records) => credit(records, acting && (running === null || running === act)))
  const what = { subtree: true, childList: true, attributes: true, attributeOldValue: true, characterData: true,
    characterDataOldValue: true }
  observer.observe(document, what)
  const flush = (mine) => credit(observer.takeRecords(), mine)
  function credit(records, mine) {
    const lists = new Map()
    for (const record of records) {
      const { target, type, oldValue } = record
      if (type === 'childList') {
        const both = lists.get(target) ?? { added: '', removed: '', nodes: [], records: [] }
        both.records.push(record)
        for (const node of record.addedNodes) { both.added += markup(node); both.nodes.push(node) }
        for (const node of record.removedNodes) both.removed += markup(node)
        lists.set(target, both)
      } else if (type === 'attributes') {
        const value = apply(getAttribute, target, [record.attributeName])
        if (value !== oldValue && !onlyFocus(record.attributeName, oldValue, value))
          note(target, mine, `${nameOf(target)} ${record.attributeName}: ${short(oldValue)} → ${short(value)}`)
      } else if (target.data !== oldValue) note(target.parentNode ?? target, mine)
    }
    for (const [target, { added, removed, nodes, records: own }] of lists) {
      if (added === removed && !reordered(target, own)) continue
      note(target, mine)
      for (const node of nodes) {
        if (mine) { log.touched.add(node); const text = node.textContent?.trim(); if (text) keep(log.shown, text) }
      }
    }
  }
  // A list that is sorted by moving its nodes loses and gains the same; only their order tells. Undone backwards.
  function reordered(target, records) {
    if (records.length < 2 || records.length > 4000) return records.length > 1
    const now = [...target.childNodes]
    let then = now
    for (const { addedNodes, removedNodes, previousSibling } of [...records].reverse()) {
      const came = new Set(addedNodes)
      then = then.filter((node) => !came.has(node))
      then.splice(previousSibling ? then.indexOf(previousSibling) + 1 : 0, 0, ...removedNodes)
    }
    return then.map(markup).join('') !== now.map(markup).join('')
  }
  function note(target, mine, words) {
    if (mine) {
      log.mutations++
      log.touched.add(target)
      if (words) keep(log.attributes, words)
    } else {
      log.background++
      noisy.set(target, (noisy.get(target) ?? 0) + (running === null ? 1 : 3))
    }
  }
  const markup = (node) => node.nodeType === 1 ? node.outerHTML.slice(0, 20000) : node.nodeType === 3 ? node.data.trim() : ''
  const short = (value) => value === null ? 'none' : `"${value.slice(0, 60)}"`
  const nameOf = (node) => node.localName + (node.id ? `#${node.id}` : '')
  function onlyFocus(name, before, after) {
    if (/focus|hover/i.test(name)) return true
    if (name !== 'class') return false
    const [a, b] = [before ?? '', after ?? ''].map((text) => text.split(/\s+/).filter(Boolean))
    const changed = [...a.filter((word) => !b.includes(word)), ...b.filter((word) => !a.includes(word))]
    return changed.every((word) => /focus|hover/i.test(word))
  }
  const attachShadow = Element.prototype.attachShadow
  Element.prototype.attachShadow = disguise(function (options) {
    const root = apply(attachShadow, this, [options])
    observer.observe(root, what)
    return root
  }, attachShadow)

  // -- work that is still to come
  function run(origin, level, work, self, given) {
    const outer = running, above = depth, foreign = origin !== act || !acting
    if (foreign) flush(acting)
    running = origin
    depth = level
    try { return apply(work, self, given) } finally {
      if (foreign) flush(false)
      running = outer
      depth = above
      if (foreign && outer === null) carry(origin)
    }
  }
  function carry(origin) {
    // What waits for a promise goes on in microtasks, before anything else can happen; always back to null, because
    // two of these may overlap.
    running = origin
    void (async () => {
      for (let n = 0; n < 12; n++) await null
      flush(false)
      running = null
    })()
  }
  window.setTimeout = disguise(function setTimeout(work, delay, ...given) {
    if (typeof work !== 'function') return apply(later, window, [work, delay, ...given])
    const origin = causeOf(3), level = depth + 1, wait = Number(delay) || 0
    const id = apply(later, window, [function () { pending.delete(`t${id}`); return run(origin, level, work, this, given) }, delay])
    if (wait <= patience) pending.set(`t${id}`, { origin, due: now() + wait })
    return id
  }, later)
  window.setInterval = disguise(function setInterval(work, period, ...given) {
    if (typeof work !== 'function') return apply(repeat, window, [work, period, ...given])
    const origin = act === 1 ? 0 : cause(), level = depth + 1, wait = Number(period) || 0
    const id = apply(repeat, window, [function () {
      // A slow one has shown what it does after one turn; a quick one may be drawing something to its end.
      if (wait >= 500) pending.delete(`t${id}`)
      return run(origin, level, work, this, given)
    }, period])
    if (wait <= patience) pending.set(`t${id}`, { origin, due: now() + wait })
    return id
  }, repeat)
  for (const [name, real] of [['clearTimeout', stopLater], ['clearInterval', stopRepeat]])
    window[name] = disguise(function (id) { pending.delete(`t${id}`); return apply(real, window, [id]) }, real)
  window.requestAnimationFrame = disguise(function requestAnimationFrame(work) {
    const origin = causeOf(20), level = depth + 1
    const id = apply(nextFrame, window, [function (time) { pending.delete(`f${id}`); return run(origin, level, work, this, [time]) }])
    pending.set(`f${id}`, { origin, due: now() })
    return id
  }, nextFrame)
  window.cancelAnimationFrame = disguise(function (id) { pending.delete(`f${id}`); return apply(stopFrame, window, [id]) }, stopFrame)
  window.requestIdleCallback = disguise(function requestIdleCallback(work, options) {
    const origin = causeOf(3), level = depth + 1
    const id = apply(whenIdle, window, [function (idle) { pending.delete(`i${id}`); return run(origin, level, work, this, [idle]) }, options])
    pending.set(`i${id}`, { origin, due: now() })
    return id
  }, whenIdle)
  window.cancelIdleCallback = disguise(function (id) { pending.delete(`i${id}`); return apply(stopIdle, window, [id]) }, stopIdle)

  let requests = 0
  function waiting(promise) {
    const key = `r${++requests}`, origin = cause()
    pending.set(key, { origin, due: now() })
    // One turn later, so that what the answer sets off has been set off.
    const over = () => {
      apply(later, window, [() => pending.delete(key), 0])
      if (origin !== act || !acting) { flush(acting); carry(origin) }
    }
    return promise.then((value) => { over(); return value }, (error) => { over(); throw error })
  }
  const asked = () => { if (cause() === act && acting) log.requests++ }
  window.fetch = disguise(function fetch(...given) { asked(); return waiting(apply(load, window, given)) }, load)
  for (const name of ['json', 'text', 'blob', 'arrayBuffer', 'formData']) {
    const real = Response.prototype[name]
    Response.prototype[name] = disguise(function () { return waiting(apply(real, this, [])) }, real)
  }
  const sendRequest = XMLHttpRequest.prototype.send
  XMLHttpRequest.prototype.send = disguise(function (body) {
    asked()
    const key = `r${++requests}`
    pending.set(key, { origin: cause(), due: now() })
    apply(listen, this, ['loadend', () => apply(later, window, [() => pending.delete(key), 0])])
    return apply(sendRequest, this, [body])
  }, sendRequest)

  // -- what would leave the page or stop it
  const dialog = (name, text) => { log.dialogCount++; if (log.dialogs.length < 12) keep(log.dialogs, `${name}: ${text}`) }
  window.alert = disguise(function alert(text = '') { dialog('alert', text) }, window.alert)
  window.confirm = disguise(function confirm(text = '') { dialog('confirm', text); return true }, window.confirm)
  window.prompt = disguise(function prompt(text = '') { dialog('prompt', text); return answer }, window.prompt)
  window.print = disguise(function print() { dialog('print', '') }, window.print)
  // A question on leaving would stop the act; what the page does on leaving still happens.
  const stay = Event.prototype.preventDefault
  Event.prototype.preventDefault = disguise(function () { if (this.type !== 'beforeunload') apply(stay, this, []) }, stay)
  Object.defineProperty(BeforeUnloadEvent.prototype, 'returnValue', { get: () => '', set: () => {}, configurable: true })
  Object.defineProperty(window, 'onbeforeunload', {
    get: () => null, set: (work) => { if (typeof work === 'function') listen.call(window, 'beforeunload', (event) => { work(event) }) },
    configurable: true,
  })
  const isOurs = (address) => { try { return new URL(address, document.baseURI).origin === location.origin } catch { return false } }
  const absolute = (address) => { try { return new URL(address, document.baseURI).href } catch { return String(address) } }
  window.open = disguise(function open(address = '') {
    const url = address ? absolute(address) : 'about:blank'
    keep(log.windows, url)
    if (address && isOurs(url)) apply(later, window, [() => location.assign(url), 0])
    else if (address) keep(log.outside, url)
    return {
      closed: false, close() { this.closed = true }, focus() {}, blur() {}, print() {}, postMessage() {}, opener: window,
      document: document.implementation.createHTMLDocument(''), location: { href: url }, addEventListener() {},
    }
  }, window.open)
  const withName = (name) => name && !['_self', '_top', '_parent'].includes(name.toLowerCase()) && !(name in window.frames)
  function sameTab(event, element) {
    if (!element || !withName(element.target)) return
    const old = element.getAttribute('target')
    observer.takeRecords().length && flush(acting)
    element.setAttribute('target', '_self')
    observer.takeRecords()
    apply(later, window, [() => {
      if (!event.defaultPrevented) keep(log.windows, element.href ?? element.action)
      flush(acting)
      element.setAttribute('target', old)
      observer.takeRecords()
    }, 0])
  }
  apply(listen, window, ['click', (event) => {
    const link = event.composedPath().find((node) => node.localName === 'a' && node.href)
    if (link?.hasAttribute('download')) keep(log.downloads, link.getAttribute('download') || link.href)
    else sameTab(event, link)
  }, true])
  apply(listen, window, ['submit', (event) => sameTab(event, event.target), true])
  const clickLink = HTMLElement.prototype.click
  HTMLElement.prototype.click = disguise(function click() {
    if (!this.isConnected && this.localName === 'a' && this.hasAttribute('download'))
      keep(log.downloads, this.getAttribute('download') || this.href)
    return apply(clickLink, this, [])
  }, clickLink)
  const pasteboard = window.Clipboard?.prototype
  if (pasteboard) pasteboard.writeText = disguise(function (text) { keep(log.copies, text); return Promise.resolve() }, pasteboard.writeText)
  if (window.navigation) {
    apply(listen, navigation, ['navigate', (event) => {
      const url = event.destination.url
      if (event.downloadRequest !== null) return
      if (/^https?:/.test(url) && !isOurs(url) && event.cancelable && window === window.top) {
        keep(log.outside, url)
        event.preventDefault()
      } else if (!/^(https?|about|blob|data):/.test(url)) {
        keep(log.outside, url)
        // Chromium would ask which program is to open it, and take no more input until somebody answers.
        if (event.cancelable) event.preventDefault()
      } else if (!event.destination.sameDocument && !event.defaultPrevented) {
        log.leaving = url
        pending.set('leaving', { origin: act, due: now() })
        // A download or an empty answer never leaves.
        apply(later, window, [() => pending.delete('leaving'), 8000])
      }
    }])
    apply(listen, navigation, ['navigateerror', () => { pending.delete('leaving'); log.leaving = '' }])
  }

  // Chromium tells the visitor beside the field why a form is not sent; the document does not change.
  apply(listen, window, ['invalid', ({ target }) => {
    log.refusals++
    keep(log.attributes, `${nameOf(target)} refused: ${target.validationMessage}`)
  }, true])
  for (const name of ['mousedown', 'keydown']) apply(listen, window, [name, (event) => { if (event.isTrusted) log.inputs++ }, true])

  // Back from the browser's own cache of pages.
  apply(listen, window, ['pageshow', () => pending.delete('leaving')])

  // -- controls that only their listeners give away
  const listening = new WeakSet(), presses = new Set(['click', 'mousedown', 'pointerdown', 'touchstart', 'dblclick', 'mouseup', 'pointerup'])
  EventTarget.prototype.addEventListener = disguise(function addEventListener(type, ...rest) {
    if (presses.has(type) && this instanceof Element) listening.add(this)
    return apply(listen, this, [type, ...rest])
  }, listen)

  // -- answers
  function busy(limit) {
    const time = now()
    for (const [key, { origin, due }] of pending) {
      if (origin !== act || due - time > limit) continue
      if (due + patience < time && key !== 'leaving') { pending.delete(key); continue }
      return true
    }
    return false
  }
  const answers = {
    ask: () => ({ loading: act === 1 && acting }),
    begin: (given) => {
      flush(acting)
      pending.delete('leaving')
      act++
      acting = true
      log = fresh()
      answer = given.prompt
      return {}
    },
    resume: () => {
      flush(acting)
      acting = true
      return {}
    },
    poll: (given) => {
      flush(acting)
      return { mutations: log.mutations, busy: busy(given.limit), leaving: pending.has('leaving') }
    },
    end: () => {
      flush(acting)
      acting = false
      return log
    },
  }
  apply(listen, window, [channel, (event) => {
    const given = read(event.detail)
    event.stopImmediatePropagation()
    if (given.verb === 'presses') {
      if (listening.has(event.target) || typeof event.target.onclick === 'function') apply(stay, event, [])
    } else if (given.verb === 'noise') {
      let isNoise = false
      for (let node = event.target, up = 0; node && up < 4; node = node.parentNode, up++) {
        if (log.touched.has(node)) return
        if ((noisy.get(node) ?? 0) >= 3) isNoise = true
      }
      if (isNoise) apply(stay, event, [])
    } else {
      send(new Message(`${channel}:answer`, { detail: write(answers[given.verb](given)) }))
    }
  }, true])
})()
