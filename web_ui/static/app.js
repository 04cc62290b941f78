// What reading does not need: live text, keys, the comparison's slider, the preview's bar. Everything else is plain HTML.
'use strict'
{
  const $ = (selector) => document.querySelector(selector)
  const text = $('#text')
  const most = 20000

  // -- a run, live ---------------------------------------------------------------------------------------------------
  const stream = $('#stream')
  if (stream && text) {
    const stages = JSON.parse($('#stage').dataset.stages)
    let began = Date.now()
    let shown = ''
    setInterval(() => {
      $('#clock').textContent = `${Math.round((Date.now() - began) / 1000)} s`
    }, 1000)
    stream.addEventListener('stage', (event) => {
      const data = JSON.parse(event.detail.data)
      began = Date.parse(data.at)
      $('#stage').textContent = (stages[data.stage] ?? data.stage) + (data.drafts > 1 ? ` (${data.drafts}×)` : '')
      if (data.stage === 'thinking') {
        shown = text.textContent = ''
        $('#files').replaceChildren()
      }
    })
    stream.addEventListener('text', (event) => {
      // Drafts come side by side; the first one is shown.
      const parts = Object.entries(JSON.parse(event.detail.data))
      const [n, words] = parts[0] ?? []
      if (n === undefined || (text.dataset.n && text.dataset.n !== n && Number(n) > Number(text.dataset.n) && parts.length > 1)) return
      if (text.dataset.n !== n) shown = ''
      text.dataset.n = n
      shown = (shown + words).slice(-most)
      const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40
      text.textContent = shown
      if (atEnd) text.scrollTop = text.scrollHeight
      const names = new Set([...shown.matchAll(/<(?:file|boltAction)\b[^>]*?(?:path|filePath)="([^"]+)"/g)].map((found) => found[1]))
      if (/<!doctype html/i.test(shown)) names.add('index.html')
      $('#files').replaceChildren(...[...names].map((name) => Object.assign(document.createElement('li'), { textContent: name })))
    })
    stream.addEventListener('status', (event) => {
      // What came before the page was made is told again, with the text that belongs to it.
      if (Number(event.detail.id) > Number(stream.dataset.seen) && !['queued', 'running'].includes(JSON.parse(event.detail.data).status)) location.reload()
    })
  }

  // -- keys ----------------------------------------------------------------------------------------------------------
  const steps = () => [...document.querySelectorAll('.card h3 a[data-step]')]
  const stop = () => {
    const button = $('.act button.stop')
    if (button && confirm($('#keys').dataset.sure)) button.closest('form').requestSubmit()
  }
  const letters = $('#letters')
  letters.checked = localStorage.getItem('letters') !== 'off'
  letters.addEventListener('change', () => localStorage.setItem('letters', letters.checked ? 'on' : 'off'))
  $('[data-keys]')?.addEventListener('click', () => $('#keys').showModal())
  const go = (key) => {
    const link = $(`a[data-key="${key}"]`)
    if (link) return link.click()
    const all = steps()
    if (!all.length) return
    const at = all.indexOf(document.activeElement)
    const next = all[at < 0 ? (key === 'j' ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + (key === 'j' ? 1 : -1)))]
    next.focus()
    next.scrollIntoView({ block: 'center' })
  }
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) return document.activeElement?.closest('form[data-send]')?.requestSubmit()
    if (event.ctrlKey || event.metaKey || event.altKey || document.activeElement?.matches('textarea, select, input:not([type=checkbox], [type=range]), [contenteditable]')) return
    if (localStorage.getItem('letters') === 'off') return
    if (event.key === '?') $('#keys').showModal()
    else if (event.key === 'x') stop()
    else if (event.key === 'j' || event.key === 'k') go(event.key)
  })

  // -- forms ---------------------------------------------------------------------------------------------------------
  document.addEventListener('submit', (event) => {
    const question = event.target.dataset.confirm
    if (question && !confirm(question)) event.preventDefault()
  })
  document.addEventListener('click', (event) => {
    const idea = event.target.closest('[data-fill]')
    if (!idea) return
    const field = document.getElementById(idea.dataset.fill)
    field.value = idea.textContent.trim()
    field.focus()
  })

  // -- a model from this browser: sent as it is, so that nothing has to hold it twice --------------------------------------
  const upload = $('form[data-upload]')
  if (upload) {
    upload.hidden = false
    upload.addEventListener('submit', (event) => {
      event.preventDefault()
      const [file, bar, said] = [upload.elements.file.files[0], upload.querySelector('progress'), upload.querySelector('.bad')]
      const sending = new XMLHttpRequest()
      sending.open('POST', `${upload.dataset.upload}?name=${encodeURIComponent(file.name)}`)
      sending.setRequestHeader('X-Token', upload.dataset.token)
      sending.upload.onprogress = (at) => (bar.value = at.loaded / at.total)
      const failed = (words) => {
        bar.hidden = true
        said.hidden = false
        said.textContent = words
      }
      sending.onerror = () => failed(upload.dataset.lost)
      sending.onload = () => {
        if (sending.status === 204) return location.reload()
        failed(sending.getResponseHeader('Content-Type').startsWith('text/html') && sending.responseText.includes('<main') ? upload.dataset.lost : sending.responseText)
      }
      bar.hidden = false
      said.hidden = true
      sending.send(file)
    })
  }

  const drawing = $('.timeline .scroll')
  const band = $('.best-band')
  if (drawing && band && band.x.baseVal.value + band.width.baseVal.value > drawing.clientWidth) drawing.scrollLeft = band.x.baseVal.value - drawing.clientWidth / 2

  // -- comparison ----------------------------------------------------------------------------------------------------
  const slider = $('[data-slider]')
  if (slider) {
    const label = $('.slide')
    label.hidden = false
    slider.classList.add('on')
    label.querySelector('input').addEventListener('input', (event) => slider.style.setProperty('--at', `${event.target.value}%`))
  }

  // -- preview -------------------------------------------------------------------------------------------------------
  const preview = $('[data-preview]')
  if (preview) {
    const frame = preview.querySelector('iframe')
    let loads = 0
    frame.addEventListener('load', () => loads++)
    const open = (path) => {
      frame.src = new URL(path.replace(/^\/+/, ''), preview.dataset.preview).href
    }
    preview.addEventListener('click', (event) => {
      const button = event.target.closest('button')
      if (!button) return
      if (button.dataset.do === 'reload') open(preview.querySelector('input').value)
      if (button.dataset.do === 'back' && loads > 1) history.back()
      if (button.dataset.width !== undefined) {
        preview.classList.toggle('phone', button.dataset.width === '375')
        preview.classList.toggle('tablet', button.dataset.width === '768')
        for (const other of preview.querySelectorAll('[data-width]')) other.setAttribute('aria-pressed', String(other === button))
      }
    })
    preview.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault()
      open(preview.querySelector('input').value)
    })
  }

  // -- curves --------------------------------------------------------------------------------------------------------
  for (const figure of document.querySelectorAll('[data-curves]')) import(figure.dataset.by).then((module) => module.draw(figure))

  // -- code ----------------------------------------------------------------------------------------------------------
  const editor = $('form[data-editor]')
  if (editor) {
    const area = editor.querySelector('textarea')
    import(editor.dataset.editor).then((module) => module.edit(area, editor.elements.path.value, editor.elements.path.value))
  }
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-beside]')
    if (!button) return
    button.hidden = true
    const [module, a, b] = await Promise.all([import(button.dataset.editor), ...[button.dataset.a, button.dataset.b].map((url) => (url ? fetch(url).then((answer) => answer.text()) : ''))])
    module.compare(button.parentElement.querySelector('.diff'), button.dataset.beside, a, b)
  })
}
