"""What the pages of the browser's probes try, as scripts, and how one learns what came of it."""

from collections.abc import Mapping

from sandbox.browser import PageLoad
from sandbox.probe_room import Room

TELLS = """
const told = {}
const tell = (name, answer) => { told[name] = answer; document.documentElement.dataset.told = JSON.stringify(told) }
const soon = (ms) => new Promise((done) => setTimeout(done, ms))
const within = (work, otherwise) => Promise.race([work, soon(3000).then(() => otherwise)])
"""
# Waits until the page has told as many things as it is asked for, and no longer than ten seconds.
HEAR = """
for (let n = 0; n < 400; n++) {
  const told = JSON.parse(document.documentElement.dataset.told ?? '{}')
  if (Object.keys(told).length >= arguments[0]) return told
  await new Promise((done) => setTimeout(done, 25))
}
return JSON.parse(document.documentElement.dataset.told ?? '{}')
"""
SUBRESOURCES = """
const at = (kind) => `http://127.0.0.1:PORT/${kind}`
fetch(at('fetch'), { mode: 'no-cors' }).catch(() => 0)
fetch(at('kept'), { mode: 'no-cors', method: 'POST', body: 'x', keepalive: true }).catch(() => 0)
const request = new XMLHttpRequest(); request.open('POST', at('request')); request.send('x')
new Image().src = at('image')
new Audio(at('sound')).load()
new EventSource(at('events'))
navigator.sendBeacon(at('beacon'), 'x')
import(at('module')).catch(() => 0)
const add = (tag, more) => document.head.append(Object.assign(document.createElement(tag), more))
add('script', { src: at('script') })
add('link', { rel: 'stylesheet', href: at('sheet') })
add('link', { rel: 'preload', as: 'image', href: at('preload') })
add('iframe', { src: at('frame') })
document.fonts.add(new FontFace('x', `url(${at('font')})`)); document.fonts.load('1em x').catch(() => 0)
"""
WEB_SOCKET = """
const open = (address) => within(new Promise((answer) => {
  const socket = new WebSocket(address)
  socket.onopen = () => answer('open'); socket.onerror = () => answer('refused')
}), 'no answer')
open('ws://127.0.0.1:PORT/').then((answer) => tell('socket', answer))
open('ws://localhost:PORT/').then((answer) => tell('by name', answer))
"""
CALLS = """
const calls = new RTCPeerConnection({ iceServers: [{ urls: ['stun:127.0.0.1:PORT', 'stun:localhost:PORT'] }] })
let found = 0
calls.onicecandidate = (event) => { if (event.candidate && event.candidate.candidate) found++ }
calls.createDataChannel('x')
calls.setLocalDescription()
const ended = (done) => { calls.onicegatheringstatechange = () => calls.iceGatheringState === 'complete' && done() }
within(new Promise(ended))
  .then(() => tell('candidates', found ? 'found' : 'refused'))
"""
TRANSPORT = """
if (typeof WebTransport === 'undefined') tell('transport', 'absent')
else within(new WebTransport('https://127.0.0.1:PORT/').ready.then(() => 'open', () => 'refused'), 'no answer')
  .then((answer) => tell('transport', answer))
"""
LOCAL_FILES = """
fetch('file://SECRET').then(() => tell('fetch', 'read'), () => tell('fetch', 'refused'))
const picture = new Image()
picture.onload = () => tell('image', 'read'); picture.onerror = () => tell('image', 'refused')
picture.src = 'file://SECRET'
try {
  const request = new XMLHttpRequest(); request.open('GET', 'file://SECRET', false); request.send()
  tell('request', 'read')
} catch { tell('request', 'refused') }
document.body.append(Object.assign(document.createElement('iframe'), { src: 'file://SECRET' }))
location.href = 'file://SECRET'
"""
# Our own script sees into every frame of the site's origin; what it may not look into is told by an empty text.
SHOWN = """
const frame = document.querySelector('iframe')
return [location.protocol, frame.contentDocument?.body?.textContent ?? '']
"""
DOWNLOAD = """
const save = document.createElement('a')
save.download = 'NAME'; save.href = URL.createObjectURL(new Blob(['x'])); document.body.append(save); save.click()
location.href = '/NAME'
setTimeout(() => tell('saved', 'tried'), 300)
"""
CONTROL = """
fetch('http://127.0.0.1:PORT/json/version', { mode: 'no-cors' })
  .then(() => tell('PORT', 'answered'), () => tell('PORT', 'refused'))
"""
POPUPS = """
const at = (kind) => `http://127.0.0.1:PORT/${kind}`
tell('window', window.open(at('window')) ? 'opened' : 'refused')
const link = Object.assign(document.createElement('a'), { href: at('link'), target: '_blank', ping: at('ping') })
document.body.append(link); link.click()
setTimeout(() => tell('link', 'tried'), 300)
"""
PERMISSIONS = """
const asked = (name) => navigator.permissions.query({ name })
for (const name of ['geolocation', 'notifications', 'camera', 'microphone', 'midi', 'clipboard-read'])
  asked(name).then(({ state }) => tell(name, state === 'denied' ? 'refused' : state), () => tell(name, 'absent'))
const recording = navigator.mediaDevices.getUserMedia({ audio: true }).then(() => 'given', () => 'refused')
within(recording, 'no answer').then((answer) => tell('recording', answer))
"""
WORKER = """
self.addEventListener('install', (event) => {
  self.skipWaiting()
  event.waitUntil(fetch('http://127.0.0.1:PORT/worker', { mode: 'no-cors' }).catch(() => 0))
})
self.addEventListener('activate', (event) => event.waitUntil(clients.claim()))
const old = () => new Response('<title>old</title>', { headers: { 'content-type': 'text/html' } })
self.addEventListener('fetch', (event) => event.respondWith(old()))
"""
REGISTER = """
const ready = navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)
within(ready.then(() => 'ready', () => 'refused'), 'no answer').then((answer) => tell('worker', answer))
"""
THREADS = """
const script = `
  const at = (kind) => 'http://127.0.0.1:PORT/' + kind
  const tell = (kind, answer) => postMessage([kind, answer])
  fetch(at('fetch'), { mode: 'no-cors' }).then(() => tell('fetch', 'answered'), () => tell('fetch', 'refused'))
  try { importScripts(at('import')); tell('import', 'answered') } catch { tell('import', 'refused') }
  const socket = new WebSocket('ws://127.0.0.1:PORT/')
  socket.onopen = () => tell('socket', 'open'); socket.onerror = () => tell('socket', 'refused')`
new Worker(URL.createObjectURL(new Blob([script]))).onmessage = (event) => tell(...event.data)
"""
STORE = """
localStorage.setItem('a', '1'); sessionStorage.setItem('a', '1'); document.cookie = 'a=1; max-age=3600'
const opening = indexedDB.open('a'); opening.onsuccess = () => { opening.result.close(); tell('database', 'made') }
caches.open('a').then((cache) => cache.put('/a', new Response('x'))).then(() => tell('cache', 'made'))
"""
STORED = """
return { local: localStorage.length, session: sessionStorage.length, cookie: document.cookie.length,
  database: (await indexedDB.databases()).length, cache: (await caches.keys()).length }
"""
TAMPERING = """
JSON.stringify = JSON.parse = () => 'fake'
Array.prototype.map = () => ['fake']
document.querySelector = () => null
Object.defineProperty(document, 'title', { get: () => 'fake' })
Element.prototype.getBoundingClientRect = () => ({ width: 1 })
window.getComputedStyle = () => ({ color: 'fake' })
window.Promise = function () {}
window.secret = 1
"""
TRUTH = """
const heading = document.querySelector('h1')
return [[1, 2].map((n) => JSON.stringify(n)).join(), heading.textContent, getComputedStyle(heading).color,
  heading.getBoundingClientRect().width > 1, typeof secret].join(' ')
"""
TRAP = """
addEventListener('beforeunload', (event) => { event.preventDefault(); event.returnValue = 'stay' })
alert('once'); confirm('twice'); history.pushState({}, '', '/elsewhere')
setInterval(() => alert('again'), 20)
"""
BUSY_THREAD = "new Worker(URL.createObjectURL(new Blob(['for (;;) {}'])))"


def page(script: str, **words: object) -> bytes:
    """`words` stand in the script in capitals."""
    for name, word in words.items():
        script = script.replace(name, str(word))
    heading = "<h1 style='color:rgb(1, 2, 3)'>page</h1>"
    return f"<!doctype html><title>page</title><body>{heading}<script>{TELLS}{script}</script>".encode()


def opened(room: Room, script: str, more: Mapping[str, bytes] | None = None, **words: object) -> PageLoad:
    room.container.replace({"index.html": page(script, **words), **(more or {})})
    return room.page.open("/")


def heard(room: Room, count: int) -> dict[str, str]:
    """What the page told, once it told so many things or ten seconds have passed."""
    told: dict[str, str] = room.page.evaluate(HEAR, count)
    return told
