// Curves over the table below them, which says the same without them.
import uPlot from 'uplot'

const HEIGHT = 220

export const draw = (figure) => {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const { over, names, values, range } = JSON.parse(figure.dataset.curves)
  const looks = [{ stroke: token('--accent'), width: 2 }, { stroke: token('--works'), width: 2, dash: [6, 4] }]
  const axis = { stroke: token('--quiet'), grid: { stroke: token('--line'), width: 1 }, ticks: { stroke: token('--line') } }
  const options = {
    width: figure.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false }, y: range ? { range } : {} },
    axes: [{ ...axis, incrs: [1, 2, 5, 10, 20, 50, 100] }, axis],
    series: [{ label: over }, ...names.map((label, at) => ({ label, spanGaps: true, points: { size: 6 }, ...looks[at] }))],
  }
  const place = document.createElement('div')
  figure.prepend(place)
  let plot = new uPlot(options, values, place)
  new ResizeObserver(() => plot.setSize({ width: figure.clientWidth, height: HEIGHT })).observe(figure)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    plot.destroy()
    place.remove()
    draw(figure)
  })
}
