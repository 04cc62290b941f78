"""Scripts the browser runs in a page."""

# Dialogs would stop the page until somebody answers. Names, not a loop over window: pages look at these alone.
ANSWER_DIALOGS = """
for (const [name, answer] of [['alert', undefined], ['confirm', %s], ['prompt', null], ['print', undefined]])
  window[name] = (text = '') => { console.warn(`dialog: ${name}: ${text}`); return answer }
"""
SETTLE = """
const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const frame = () => Promise.race([new Promise((done) => requestAnimationFrame(() => done())), pause(250)])
await Promise.race([document.fonts.ready, pause(3000)])
await frame()
await frame()
"""
# Pictures that load lazily and parts that fade in when seen must be in the picture too.
SHOW_ALL = """
const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const frame = () => Promise.race([new Promise((done) => requestAnimationFrame(() => done())), pause(250)])
const [screens] = arguments
const [x, y] = [scrollX, scrollY]
const bottom = document.documentElement.scrollHeight - innerHeight
for (let screen = 1; screen <= screens && (screen - 1) * innerHeight < bottom; screen++) {
  scrollTo({ left: x, top: screen * innerHeight, behavior: 'instant' })
  await frame()
}
scrollTo({ left: x, top: y, behavior: 'instant' })
const images = [...document.images].filter((image) => !image.complete)
await Promise.race([Promise.allSettled(images.map((image) => image.decode())), pause(2000)])
for (const motion of document.getAnimations())
  if (motion.playbackRate > 0 && Number.isFinite(motion.effect?.getComputedTiming().endTime)) motion.finish()
await frame()
await frame()
"""
