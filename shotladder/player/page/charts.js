// The three charts: functions that draw on a canvas and keep no state.

const DARK = matchMedia("(prefers-color-scheme: dark)").matches;
const [INK, SOFT, LINE] = DARK ? ["#e6ebf1", "#a3afbd", "#36414e"] : ["#1d2733", "#566273", "#e3e8ee"];
const ON_LIGHT = "#1d2733";  // text on a light cell
const FONT = "12px system-ui, sans-serif";
const LEFT = innerWidth < 600 ? 84 : 128, RIGHT = 10, FOOT = 20;
const SPAN = 300;  // s of the presentation that the rungs show at once
export const COLOURS = {trace: DARK ? "#2b3540" : "#dfe6ee", video: DARK ? "#58a9e8" : "#0072b2", other: "#cc79a7", rung: INK,
                        buffer: "#009e73", stall: DARK ? "#f0803c" : "#d55e00"};
const STALL_AREA = DARK ? "#4a2f1d" : "#f9ddc9";

// VMAF to colour: ColorBrewer's YlGnBu, light for low, dark for high
const SCALE = [[40, [255, 255, 204]], [60, [161, 218, 180]], [75, [65, 182, 196]], [88, [44, 127, 184]], [97, [37, 52, 148]]];

function colour(vmaf) {
  let [low, high] = [SCALE[0], SCALE[0]];
  for (const stop of SCALE) { low = high; high = stop; if (vmaf <= stop[0]) break; }
  const span = high[0] - low[0];
  const part = span ? Math.min(1, Math.max(0, (vmaf - low[0]) / span)) : 0;
  return low[1].map((value, n) => Math.round(value + part * (high[1][n] - value)));
}

function surface(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    [canvas.width, canvas.height] = [w, h];
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  return {pen, width, height};
}

function step(span, maxCount) {
  const min = span / maxCount, ten = 10 ** Math.floor(Math.log10(min));
  return ten * [1, 2, 5, 10].find((n) => n * ten >= min);
}

// minutes and seconds for long sessions
function clock(time, to) {
  if (to < 600) return `${+time.toFixed(2)} s`;
  return `${Math.floor(time / 60)}:${String(Math.round(time % 60)).padStart(2, "0")}`;
}

function timeAxis(pen, x, from, to, bottom) {
  pen.fillStyle = SOFT;
  pen.textBaseline = "top";
  pen.textAlign = "center";
  // a text takes about 55 pixels
  const every = step(to - from, Math.max(2, Math.min(12, (x(to) - x(from)) / 55)));
  for (let t = Math.ceil(from / every) * every; t <= to + 1e-6; t += every) {
    pen.fillText(clock(t, to), Math.min(x(t), x(to) - 12), bottom + 6);
  }
}

function valueAxis(pen, y, top, unit, left, right) {
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const every = step(top, 4);
  for (let value = 0; value <= top + 1e-9; value += every) {
    pen.fillStyle = LINE;
    pen.fillRect(left, Math.round(y(value)), right - left, 1);
    pen.fillStyle = SOFT;
    pen.fillText(`${+value.toFixed(3)} ${unit}`, left - 8, y(value));
  }
}

function cell(pen, x, y, width, height, vmaf, chosen) {
  const [r, g, b] = colour(vmaf);
  pen.fillStyle = `rgba(${r},${g},${b},${chosen ? 1 : 0.22})`;
  pen.fillRect(x, y, width, height);
  if (chosen && width > 6) {
    pen.strokeStyle = INK;
    pen.lineWidth = 2;
    pen.strokeRect(x + 1, y + 1, width - 2, height - 2);
  }
  if (width > 34) {
    pen.fillStyle = chosen && (r * 299 + g * 587 + b * 114) / 1000 < 140 ? "#fff" : chosen ? ON_LIGHT : "#8a95a3";
    pen.textAlign = "center";
    pen.fillText(vmaf.toFixed(width > 44 ? 1 : 0), x + width / 2, y + height / 2);
  }
}

/** Draw rungs by segments. `chosen[n]` is the rung of segment n, or undefined; rungs are drawn from the lowest at the bottom. */
export function drawLadder(canvas, presentation, chosen, at) {
  const rungs = presentation.video, row = 26, top = 9;
  const {pen, width, height} = surface(canvas, top + row * rungs.length + FOOT + 2);
  const bottom = height - FOOT, right = width - RIGHT;
  // a long presentation shows the surroundings of the playhead
  const from = Math.max(0, Math.min(at - SPAN / 5, presentation.duration - SPAN)), to = Math.min(presentation.duration, from + SPAN);
  const x = (time) => LEFT + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * (right - LEFT);
  rungs.forEach((rung, n) => {
    const y = bottom - row * (n + 1);
    pen.fillStyle = SOFT;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(rung.id, LEFT - 8, y + row / 2, LEFT - 10);
    presentation.segments.forEach((segment, s) => {
      if (segment.start >= to || segment.start + segment.duration <= from) return;
      const begin = x(segment.start), wide = x(segment.start + segment.duration) - begin;
      cell(pen, begin + 0.5, y + 1, Math.max(wide - 1, 0.6), row - 2, rung.segments[s].vmaf, chosen[s] === n);
    });
  });
  pen.fillStyle = SOFT;
  for (const time of presentation.shotStarts.filter((start) => start > from && start < to)) pen.fillRect(Math.round(x(time)), 0, 1, top - 2);
  timeAxis(pen, x, from, to, bottom);
  pen.fillStyle = COLOURS.stall;
  pen.fillRect(x(at) - 1, 0, 2, bottom);
}

function drawTrace(pen, x, y, from, to, trace) {
  const length = trace.durations.reduce((sum, d) => sum + d, 0);
  pen.fillStyle = COLOURS.trace;
  let time = Math.floor(from / length) * length;
  for (let n = 0; time < to; n = (n + 1) % trace.rates.length) {
    const end = time + trace.durations[n];
    if (end > from) {
      const begin = x(Math.max(time, from)), height = y(0) - y(trace.rates[n] / 1e6);
      pen.fillRect(begin, y(0) - height, x(Math.min(end, to)) - begin + 0.5, height);
    }
    time = end;
  }
}

/** Draw the network: the trace in the background, one bar per request, and the bitrate of the requested rung. */
export function drawNetwork(canvas, {from, to, top, trace, transfers}) {
  const {pen, width, height} = surface(canvas, +canvas.dataset.height);
  const right = width - RIGHT, bottom = height - FOOT;
  const x = (time) => LEFT + ((time - from) / (to - from)) * (right - LEFT);
  const y = (value) => bottom - (Math.min(value, top) / top) * (bottom - 8);
  if (trace) drawTrace(pen, x, y, from, to, trace);
  valueAxis(pen, y, top, "Mbit/s", LEFT, right);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, right - LEFT, height);
  pen.clip();
  for (const transfer of transfers) {
    const begin = x(transfer.first), wide = Math.max(x(transfer.end) - begin, 1.5), rate = y(transfer.rate / 1e6);
    pen.fillStyle = transfer.rung === undefined ? COLOURS.other : COLOURS.video;
    pen.globalAlpha = 0.55;
    pen.fillRect(begin, rate, wide, bottom - rate);
    pen.globalAlpha = 1;
    pen.fillRect(begin, rate, wide, 2);
  }
  drawChoices(pen, x, y, transfers.filter((transfer) => transfer.rung !== undefined), to);
  pen.restore();
  timeAxis(pen, x, from, to, bottom);
}

function drawChoices(pen, x, y, choices, to) {
  pen.strokeStyle = COLOURS.rung;
  pen.lineWidth = 2;
  pen.beginPath();
  choices.forEach((choice, n) => {
    const level = y(choice.bitrate / 1e6);
    pen.lineTo(x(choice.begin), level);
    pen.lineTo(x(n + 1 < choices.length ? choices[n + 1].begin : Math.min(choice.end, to)), level);
  });
  pen.stroke();
}

/** Draw the buffer: `samples` of [session time, buffer level in s], `stalls` of [begin, end]. */
export function drawLevel(canvas, {from, to, samples, stalls}) {
  const {pen, width, height} = surface(canvas, +canvas.dataset.height);
  const right = width - RIGHT, bottom = height - FOOT;
  const seen = samples.filter(([time]) => time >= from);
  const top = Math.max(5, ...seen.map(([, level]) => level)) * 1.08;
  const x = (time) => LEFT + ((time - from) / (to - from)) * (right - LEFT);
  const y = (value) => bottom - (value / top) * (bottom - 8);
  for (const [begin, end] of stalls.filter((stall) => stall[1] > from)) {
    pen.fillStyle = STALL_AREA;
    const first = x(Math.max(begin, from));
    pen.fillRect(first, 6, Math.max(x(end) - first, 1.5), bottom - 6);
    pen.fillStyle = COLOURS.stall;
    pen.fillRect(first, bottom - 3, Math.max(x(end) - first, 1.5), 3);
  }
  valueAxis(pen, y, top, "s", LEFT, right);
  if (seen.length) {
    pen.beginPath();
    seen.forEach(([time, level]) => pen.lineTo(x(time), y(level)));
    pen.strokeStyle = COLOURS.buffer;
    pen.lineWidth = 2;
    pen.stroke();
    pen.lineTo(x(seen.at(-1)[0]), bottom);
    pen.lineTo(x(seen[0][0]), bottom);
    pen.fillStyle = "rgba(0,158,115,.16)";
    pen.fill();
  }
  timeAxis(pen, x, from, to, bottom);
}
