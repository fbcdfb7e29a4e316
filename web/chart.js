// A step chart of one number over time: a token keeps its value until its next change.

import { day, el, svg } from "./ui.js";

const HEIGHT = 260;
const EDGE = { top: 14, right: 14, bottom: 28, left: 36 };
/** Room for the names of bands. */
const NAMES = 66;

/**
 * `points` are {time, value, label, marked}, oldest first; the last value holds until `until`. `bands` are
 * {name, from} from the lowest on. `pick` is called with the place of the point that was clicked.
 */
export function chart({ points, until, bands, bounds, label, pick }) {
  const tip = el("div", { class: "tip", hidden: true });
  const holder = el("div", { class: "chart" }, tip);
  const start = points[0].time;
  const end = Math.max(until, points.at(-1).time + 1, start + 1);
  const [low, high] = range(points.map((point) => point.value), bounds);
  let selected = points.length - 1;
  let scale;
  let parts;

  function draw(width) {
    const [left, right, floor] = [EDGE.left, width - (bands.length ? NAMES : EDGE.right), HEIGHT - EDGE.bottom];
    const x = (time) => left + ((time - start) / (end - start)) * (right - left);
    const y = (value) => EDGE.top + ((high - value) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
    scale = { x, y, width };
    const line = points.map((point, place) => `${place ? "H" : "M"}${round(x(point.time))}${place ? "V" : " "}${round(y(point.value))}`).join("") + `H${round(right)}`;
    const marks = points.map((point, place) => point.marked &&
      svg("path", { class: "mark", d: diamond(x(point.time), y(point.value)), "data-place": place }));
    parts = {
      rule: svg("line", { class: "rule", y1: EDGE.top, y2: floor }),
      dot: svg("circle", { class: "dot", r: 6 }),
    };
    const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label },
      shades(bands, low, high, y, left, right),
      ticks(low, high).map((value) => [
        svg("line", { class: "gridline", x1: left, x2: right, y1: y(value), y2: y(value) }),
        svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, String(value))]),
      dates(start, end, width).map(([time, text]) => [
        svg("line", { class: "tick", x1: x(time), x2: x(time), y1: floor, y2: floor + 5 }),
        svg("text", { x: x(time), y: floor + 20, "text-anchor": "middle" }, text)]),
      svg("path", { class: "area", d: `${line}V${floor}H${round(left)}Z` }),
      svg("path", { class: "line", d: line }),
      marks, parts.rule, parts.dot);
    holder.querySelector("svg")?.remove();
    holder.prepend(picture);
    picture.addEventListener("pointermove", (event) => hover(near(event)));
    picture.addEventListener("pointerleave", () => (tip.hidden = true));
    picture.addEventListener("click", (event) => pick(near(event)));
    place(selected);
  }

  /** The change whose value holds at the pointer; close to a change, that change. */
  function near(event) {
    const at = event.clientX - holder.getBoundingClientRect().left;
    let best = 0;
    points.forEach((point, place) => {
      if (scale.x(point.time) <= at + 6) best = place;
    });
    return best;
  }

  function hover(number) {
    const point = points[number];
    tip.replaceChildren(el("strong", {}, point.label), el("span", {}, day(point.time)));
    tip.hidden = false;
    const at = scale.x(point.time);
    const half = tip.offsetWidth / 2;
    tip.style.left = `${Math.min(Math.max(at, half), scale.width - half)}px`;
    tip.style.top = `${Math.max(scale.y(point.value) - 14, 40)}px`;
  }

  function place(number) {
    const at = scale.x(points[number].time);
    parts.rule.setAttribute("x1", at);
    parts.rule.setAttribute("x2", at);
    parts.dot.setAttribute("cx", at);
    parts.dot.setAttribute("cy", scale.y(points[number].value));
  }

  const sizes = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && width !== scale?.width) draw(width);
  });
  sizes.observe(holder);
  return {
    node: holder,
    select(number) {
      selected = number;
      if (scale) place(number);
    },
    close: () => sizes.disconnect(),
  };
}

const round = (value) => Math.round(value * 10) / 10;
const diamond = (x, y) => `M${round(x)} ${round(y - 5)}l5 5l-5 5l-5-5z`;

/** The values with some air around them, within what the trait can be. */
function range(values, bounds) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  const air = Math.max((high - low) * 0.15, 4);
  low = Math.max(Math.floor(low - air), bounds.low ?? -Infinity);
  high = Math.min(Math.ceil(high + air), bounds.high ?? Infinity);
  return low < high ? [low, high] : [low - 1, low + 1];
}

function ticks(low, high) {
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6].find((step) => (high - low) / step <= 5) ?? high - low;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
  return found;
}

/** Years, or months where the time is short. */
function dates(start, end, width) {
  const [from, to] = [new Date(start), new Date(end)];
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  const most = Math.max(2, Math.floor(width / 90));
  const step = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find((step) => months / step <= most) ?? 2400;
  const found = [];
  let month = from.getUTCFullYear() * 12 + from.getUTCMonth();
  for (month = Math.ceil(month / step) * step; ; month += step) {
    const time = Date.UTC(Math.floor(month / 12), month % 12);
    if (time > end) return found;
    const name = new Date(time).toLocaleDateString("en-GB", { month: "short", timeZone: "UTC" });
    const year = String(Math.floor(month / 12));
    if (time >= start) found.push([time, step >= 12 || month % 12 === 0 ? year : name]);
  }
}

function shades(bands, low, high, y, left, right) {
  return bands.map((band, place) => {
    const bottom = place === 0 ? low : Math.max(band.from, low);
    const top = Math.min(bands[place + 1]?.from ?? high, high);
    if (top <= bottom) return null;
    const box = svg("rect", { class: "band", x: left, width: right - left, y: y(top), height: y(bottom) - y(top) });
    box.style.setProperty("--level", bands.length > 1 ? place / (bands.length - 1) : 0);
    const room = y(bottom) - y(top) > 14;
    return [box, room && svg("text", { class: "band-name", x: right + 8, y: (y(top) + y(bottom)) / 2 + 4 }, band.name)];
  });
}
