// Draw lines over time as SVG. Nothing is kept between drawings but the element itself.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 44, right: 6, top: 8, bottom: 22 };

export function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The least "round" number that is not below `value`, so that axes end on one.
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].find((step) => step * power >= value * 0.9999) * power;
}

// Unbroken runs of known values, as lists of [x, y].
function runs(values, x, y) {
  const found = [];
  let run = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (run.length) found.push(run);
      run = [];
    } else {
      run.push([x(index), y(value)]);
    }
  });
  if (run.length) found.push(run);
  return found;
}

const path = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/**
 * Draw into `place`. `lines`: [{values, colour, area, name}], all of one length; null is a gap.
 * `label(value)` writes a value of the vertical axis; `start` and `step` are seconds since the epoch.
 */
export function plot(place, { lines, start, step, label }) {
  const width = Math.max(place.clientWidth, 240);
  const height = Math.max(place.clientHeight, 120);
  const count = lines[0].values.length;
  const top = roundUp(Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0))));
  const x = (index) => MARGIN.left + (index / (count - 1)) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => height - MARGIN.bottom - (value / top) * (height - MARGIN.top - MARGIN.bottom);
  const newest = lines.map((line) => `${line.name} ${line.values.findLast((value) => value !== null) ?? "none"}`);
  const svg = element("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `The last ${Math.round((count * step) / 60)} minutes; newest: ${newest.join(", ")}`,
  });
  for (const share of [0, 0.5, 1]) {
    const at = y(top * share);
    svg.append(element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at }));
    svg.append(element("text", { x: MARGIN.left - 8, y: at + 4, "text-anchor": "end" }, label(top * share)));
  }
  for (const share of [0, 1 / 3, 2 / 3, 1]) {
    const time = new Date((start + share * (count - 1) * step) * 1000);
    const text = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    svg.append(element("text", { x: x(share * (count - 1)), y: height - 4, "text-anchor": anchor }, text));
  }
  for (const line of lines) {
    for (const run of runs(line.values, x, y)) {
      if (run.length === 1) {
        svg.append(element("circle", { class: `dot ${line.colour}`, cx: run[0][0], cy: run[0][1], r: 2.5 }));
        continue;
      }
      if (line.area) {
        const closed = `${path(run)}L${run.at(-1)[0]} ${y(0)}L${run[0][0]} ${y(0)}Z`;
        svg.append(element("path", { class: `area ${line.colour}`, d: closed }));
      }
      svg.append(element("path", { class: `line ${line.colour}`, d: path(run) }));
    }
  }
  place.replaceChildren(svg);
}
