// The site's own web server. Two listening unix sockets are handed to it as open descriptors: `http` shows the
// published folder to whoever holds the host side, `control` takes files and orders from the host alone.
// Nothing inside the container can reach either socket by a path.
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import process from 'node:process'

const options = Object.fromEntries(process.argv.slice(2).map((word) => word.replace(/^--/, '').split('=')))
const site = path.resolve(options.site)
const kit = options.kit ? path.resolve(options.kit) : null
const singlePage = options['single-page'] === 'yes'
const ownsProcesses = options['owns-processes'] === 'yes'
let published = '.'

const TYPES = {
  html: 'text/html; charset=utf-8', htm: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8', mjs: 'text/javascript; charset=utf-8', cjs: 'text/javascript; charset=utf-8',
  json: 'application/json', map: 'application/json', webmanifest: 'application/manifest+json',
  txt: 'text/plain; charset=utf-8', md: 'text/markdown; charset=utf-8', csv: 'text/csv; charset=utf-8',
  xml: 'application/xml', svg: 'image/svg+xml', png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg',
  gif: 'image/gif', webp: 'image/webp', avif: 'image/avif', ico: 'image/x-icon', bmp: 'image/bmp',
  woff: 'font/woff', woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf', wasm: 'application/wasm',
  mp3: 'audio/mpeg', ogg: 'audio/ogg', wav: 'audio/wav', mp4: 'video/mp4', webm: 'video/webm', pdf: 'application/pdf',
}

const typeOf = (file) => TYPES[path.extname(file).slice(1).toLowerCase()] ?? 'application/octet-stream'
const isInside = (folder, file) => file === folder || file.startsWith(folder + path.sep)

// A file's real path if it lies in `root` even after every link is followed, else null.
function realInside(root, name) {
  try {
    const real = fs.realpathSync(path.join(root, name))
    return isInside(fs.realpathSync(root), real) ? real : null
  } catch {
    return null
  }
}

function publishedRoot() {
  const root = path.join(site, published)
  return realInside(site, published) ? root : null
}

// {file} to send, {folder: true} when a slash is missing, or null.
function locate(name) {
  const places = [[publishedRoot(), name]]
  if (kit && name.startsWith('/kit/')) places.push([kit, name.slice('/kit'.length)])
  for (const [root, relative] of places) {
    const real = root && realInside(root, relative)
    if (!real) continue
    const stat = fs.lstatSync(real)
    if (stat.isFile()) return { file: real, size: stat.size }
    if (!stat.isDirectory()) continue
    const index = realInside(root, path.join(relative, 'index.html'))
    if (!index || !fs.lstatSync(index).isFile()) continue
    return name.endsWith('/') ? { file: index, size: fs.lstatSync(index).size } : { folder: true }
  }
  return null
}

function pathOf(url) {
  const raw = url.split(/[?#]/, 1)[0]
  try {
    const name = path.posix.normalize('/' + decodeURIComponent(raw))
    return /[\0\\]/.test(name) ? null : name
  } catch {
    return null
  }
}

function sendText(response, status, text, headers = {}) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers })
  response.end(text)
}

function sendFile(request, response, status, found) {
  const headers = { 'content-type': typeOf(found.file), 'content-length': found.size, 'cache-control': 'no-store' }
  if (request.method === 'HEAD' || found.size === 0) {
    response.writeHead(status, headers)
    return response.end()
  }
  const stream = fs.createReadStream(found.file, { end: found.size - 1, flags: fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW })
  stream.once('open', () => response.writeHead(status, headers))
  stream.on('error', () => (response.headersSent ? response.destroy() : sendText(response, 404, 'Not found')))
  response.on('close', () => stream.destroy())
  stream.pipe(response)
}

function show(request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return sendText(response, 405, 'This site has no server side: only GET and HEAD work.', { allow: 'GET, HEAD' })
  const name = pathOf(request.url)
  if (name === null) return sendText(response, 400, 'Bad path')
  const found = locate(name)
  if (found?.folder) {
    const query = request.url.indexOf('?')
    const target = encodeURI(name) + '/' + (query < 0 ? '' : request.url.slice(query))
    return sendText(response, 301, '', { location: target })
  }
  if (found) return sendFile(request, response, 200, found)
  if (singlePage && !path.extname(name) && locate('/index.html'))
    return sendFile(request, response, 200, locate('/index.html'))
  const page = locate('/404.html')
  if (page) return sendFile(request, response, 404, page)
  const absent = publishedRoot() ? `Not found: ${name}` : `Not found: the site has no folder ${published} yet.`
  sendText(response, 404, absent)
}

// Whatever a command left: what lies in a folder is first moved to the top under a name of ours. So no path grows
// longer than the kernel takes, however deep the folders, and no name needs to be text. Links are removed, never followed.
function empty(folder) {
  const list = (place) => fs.readdirSync(place, { withFileTypes: true, encoding: 'buffer' })
  const inside = (place, name) => Buffer.concat([Buffer.from(place), Buffer.from('/'), Buffer.from(name)])
  for (let entries = list(folder); entries.length; entries = list(folder))
    for (const entry of entries) {
      const full = inside(folder, entry.name)
      if (!entry.isDirectory()) {
        fs.unlinkSync(full)
        continue
      }
      fs.chmodSync(full, 0o700)
      for (const inner of list(full)) {
        if (inner.isDirectory()) fs.chmodSync(inside(full, inner.name), 0o700)
        fs.renameSync(inside(full, inner.name), inside(folder, crypto.randomUUID()))
      }
      fs.rmdirSync(full)
    }
}

// Body: one JSON line [[path, size], ...], then the contents one after the other. Synchronous throughout, so no
// page request can see half a site.
function replace(body) {
  const line = body.indexOf(10)
  const list = JSON.parse(body.subarray(0, line).toString('utf8'))
  for (const [name] of list)
    if (path.posix.normalize(name) !== name || name.startsWith('/') || name.startsWith('..')) throw new Error(`bad path ${name}`)
  if (ownsProcesses) sweep()
  empty(site)
  let offset = line + 1
  for (const [name, size] of list) {
    const full = path.join(site, name)
    fs.mkdirSync(path.dirname(full), { recursive: true })
    fs.writeFileSync(full, body.subarray(offset, offset + size), { flag: 'wx' })
    offset += size
  }
}

// Ends whatever earlier commands left running. Only in a PID namespace of our own: anywhere else this would be murder.
function sweep() {
  const others = () => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== 1 && pid !== process.pid)
  for (let round = 0, left = others(); left.length && round < 200; round++, left = others())
    for (const pid of left)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // already gone
      }
}

const orders = {
  'GET /ready': () => {},
  'PUT /files': replace,
  'PUT /published': (body) => { published = body.toString('utf8') },
  'POST /sweep': () => { if (ownsProcesses) sweep() },
}

async function obey(request, response) {
  const order = orders[`${request.method} ${request.url}`]
  if (!order) return sendText(response, 404, 'no such order')
  const parts = []
  for await (const part of request) parts.push(part)
  try {
    order(Buffer.concat(parts))
    sendText(response, 200, 'done')
  } catch (error) {
    sendText(response, error.code === 'ENOSPC' ? 507 : 500, String(error.message))
  }
}

function listen(handler, fd) {
  const server = http.createServer(handler)
  // A client may close its own direction as soon as it has asked.
  server.httpAllowHalfOpen = true
  server.on('error', (error) => { throw error })
  server.listen({ fd: Number(fd) })
}

listen(show, options.http)
listen(obey, options.control)
