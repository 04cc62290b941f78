// The code editor and the side-by-side view. Both live in a shadow root, where their styles need no exception from the
// page's content policy.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { css } from '@codemirror/lang-css'
import { html } from '@codemirror/lang-html'
import { javascript } from '@codemirror/lang-javascript'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { MergeView } from '@codemirror/merge'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const languages = { html: html, htm: html, css: css, js: javascript, mjs: javascript, jsx: () => javascript({ jsx: true }), json: javascript }
// The page's own tokens reach into the shadow root, and with them its light and dark.
const look = EditorView.theme({
  '&': { fontSize: '13px', maxHeight: '72vh', background: 'var(--paper)', color: 'var(--ink)', border: '1px solid var(--line)' },
  '.cm-scroller': { fontFamily: 'ui-monospace, monospace', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { background: 'var(--panel)', color: 'var(--quiet)', border: '0' },
  '.cm-activeLine': { background: 'transparent' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'var(--accent-soft)' },
  '.cm-collapsedLines': { background: 'var(--panel)', color: 'var(--quiet)' },
})
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.tagName, tags.propertyName], color: 'var(--accent)' },
  { tag: [tags.string, tags.attributeValue, tags.number], color: 'var(--ok)' },
  { tag: [tags.comment, tags.meta, tags.attributeName], color: 'var(--quiet)' },
  { tag: tags.invalid, color: 'var(--bad)' },
])

const extensions = (path, more) => [
  lineNumbers(),
  history(),
  drawSelection(),
  indentOnInput(),
  bracketMatching(),
  highlightActiveLine(),
  highlightSelectionMatches(),
  syntaxHighlighting(colours),
  keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap]),
  languages[path.split('.').pop().toLowerCase()]?.() ?? [],
  look,
  more,
]

const shadowBefore = (element) => {
  const host = document.createElement('div')
  element.before(host)
  return host.attachShadow({ mode: 'open' })
}

// Put the editor in the place of a form's text area, which keeps what is sent. Escape, then Tab, leaves it.
export function edit(area, path, label) {
  const root = shadowBefore(area)
  const changed = EditorView.updateListener.of((update) => {
    if (update.docChanged) area.value = update.state.doc.toString()
  })
  const own = [changed, keymap.of([indentWithTab]), EditorView.contentAttributes.of({ 'aria-label': label })]
  const view = new EditorView({ state: EditorState.create({ doc: area.value, extensions: extensions(path, own) }), parent: root, root })
  view.scrollDOM.tabIndex = 0 // what scrolls can be reached by keys
  area.hidden = true
  return view
}

// Two versions of a file beside each other, read-only, before the element.
export function compare(element, path, a, b) {
  const root = shadowBefore(element)
  const still = [EditorState.readOnly.of(true), EditorView.lineWrapping]
  const view = new MergeView({
    a: { doc: a, extensions: extensions(path, still) },
    b: { doc: b, extensions: extensions(path, still) },
    parent: root,
    root,
    collapseUnchanged: { margin: 3, minSize: 6 },
  })
  for (const side of [view.a, view.b]) side.scrollDOM.tabIndex = 0
  element.hidden = true
  return view
}
