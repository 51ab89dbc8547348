// The player page: the requests that the server logged, the state of the video, and charts of both.
// The rungs are derived from the log of the server, so that the page works with every player.

import {COLOURS, drawLadder, drawLevel, drawNetwork} from "/-/charts.js";
import {setupComparison} from "/-/compare.js";
import {showEdges} from "/-/edges.js";
import {listWorst, showMenus} from "/-/menus.js";
import {start} from "/-/players.js";

const TICK = 250;     // ms between two queries of the server
const STILL = 0.5;    // s without progress that count as a stall
const WINDOW = 120;   // s of the session that the charts show

const $ = (id) => document.getElementById(id);
const video = $("video");
const state = {requests: [], settled: 0, chosen: [], samples: [], stalls: [], waiting: null, began: null,
               startup: null, menus: {}, firstFrame: null, switches: 0, offset: 0, lastRung: null, done: new Set(), edges: [],
               steering: [],
               failed: false};
window.shotladder = state;  // for tests and for the console of the browser

const json = async (url) => (await fetch(url)).json();
const session = () => performance.now() / 1000 + state.offset;
const three = (value) => value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
const bits = (rate) => rate >= 1e9 ? `${three(rate / 1e9)} Gbit/s` : rate >= 1e6 ? `${three(rate / 1e6)} Mbit/s`
  : `${Math.round(rate / 1e3)} kbit/s`;
const bytes = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.round(count / 1e3)} kB`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** Add an event to the list, the newest at the top; the server reports transfers later than the page sees its own events. */
function log(kind, title, text, time = session()) {
  const row = document.createElement("tr");
  row.className = kind;
  row.dataset.time = time;
  for (const value of [`${time.toFixed(2)} s`, title, text]) row.insertCell().textContent = value;
  $("events").insertBefore(row, [...$("events").rows].find((each) => +each.dataset.time <= time) ?? null);
}

function problem(text, fatal = true) {
  log("error", fatal ? "error" : "warning", text);
  if (!fatal) return;
  state.failed = true;
  $("notice").textContent = text;
  $("notice").hidden = false;
}

function prepare(presentation) {
  presentation.video.sort((a, b) => a.average_bitrate - b.average_bitrate);
  const [over, under] = presentation.frame_rate.split("/").map(Number);
  presentation.shotStarts = presentation.shots.slice(1).map((shot) => (shot.first_frame * under) / over);
  presentation.positions = new Map();
  presentation.video.forEach((rung, n) => rung.segments.forEach((segment, s) => {
    presentation.positions.set(segment.offset === undefined ? segment.url : `${segment.url}@${segment.offset}`, [n, s]);
  }));
  return presentation;
}

// [rung, segment] of a request: by file, or by file and byte offset of the segment
function segmentOf(presentation, request) {
  return presentation.positions.get(`${request.path}@${request.offset}`) ?? presentation.positions.get(request.path);
}

function segmentAt(presentation, time) {
  let found = 0;
  presentation.segments.forEach((segment, n) => { if (segment.start <= time + 1e-3) found = n; });
  return found;
}

function ahead() {
  for (let n = 0; n < video.buffered.length; n++) {
    // with a tolerance: a range rarely starts exactly at the current time
    if (video.buffered.start(n) <= video.currentTime + 0.1 && video.currentTime <= video.buffered.end(n)) {
      return video.buffered.end(n) - video.currentTime;
    }
  }
  return 0;
}

// update the state and the log with one finished request
function settle(presentation, request) {
  const found = segmentOf(presentation, request);
  if (!found) return;
  const [rung, segment] = found, name = presentation.video[rung].id, score = presentation.video[rung].segments[segment].vmaf;
  if (!request.whole) {
    log("down", "cancelled", `segment ${segment + 1} of ${name} after ${bytes(request.sent)}`, request.end);
    return;
  }
  state.chosen[segment] = rung;
  const change = state.lastRung === null ? 0 : Math.sign(rung - state.lastRung);
  if (change) state.switches++;
  state.lastRung = rung;
  const took = request.end - request.begin, title = ["down", "segment", "up"][change + 1];
  log(title, title === "segment" ? title : `switch ${title}`,
      `${segment + 1} of ${presentation.segments.length} from ${name}: ${bytes(request.sent)} in ${took.toFixed(2)} s,`
      + ` ${bits((8 * request.sent) / Math.max(took, 1e-3))}, VMAF ${score.toFixed(1)}`, request.end);
}

async function update(presentation) {
  const before = performance.now();
  const answer = await json(`/-/requests?since=${state.settled}`);
  state.offset = answer.now - (before + performance.now()) / 2000;
  state.requests.splice(state.settled, Infinity, ...answer.requests);
  state.edges = answer.edges ?? [];
  for (const line of (answer.steering ?? []).slice(state.steering.length)) {
    state.steering.push(line.text);
    log("seek", "steering", line.text, line.time);
  }
  // later requests may end first: each is settled once; the index is that of the first running request
  for (const request of answer.requests) {
    if (request.end !== null && request.number >= state.settled && !state.done.has(request.number)) {
      state.done.add(request.number);
      settle(presentation, request);
    }
  }
  while (state.done.has(state.settled)) state.settled++;
}

function transfers(presentation, now) {
  return state.requests.filter((request) => request.first_byte !== null && request.sent).map((request) => {
    const end = request.end ?? now, found = segmentOf(presentation, request);
    const rung = found && found[0];
    return {begin: request.begin, first: request.first_byte, end, rung, bitrate: found && presentation.video[rung].average_bitrate,
            rate: (8 * request.sent) / Math.max(end - request.first_byte, 1e-3)};
  });
}

function facts(presentation, now) {
  const at = segmentAt(presentation, video.currentTime), rung = state.chosen[at];
  const score = (n) => presentation.video[state.chosen[n]].segments[n].vmaf;
  if (rung !== undefined) {
    $("rung").textContent = presentation.video[rung].id;
    $("vmaf").textContent = score(at).toFixed(1);
  }
  const seen = presentation.segments.slice(0, at + 1).map((s, n) => [n, s.duration]).filter(([n]) => state.chosen[n] !== undefined);
  const length = seen.reduce((sum, [, duration]) => sum + duration, 0);
  if (length) $("mean").textContent = (seen.reduce((sum, [n, duration]) => sum + score(n) * duration, 0) / length).toFixed(1);
  const last = state.requests.findLast((request) => request.whole && segmentOf(presentation, request));
  if (last) $("throughput").textContent = bits((8 * last.sent) / Math.max(last.end - last.begin, 1e-3));
  const stalled = state.stalls.slice(1).reduce((sum, [a, b]) => sum + b - a, 0);
  const count = Math.max(0, state.stalls.length - 1);  // the first is the startup
  $("buffer").textContent = `${ahead().toFixed(1)} s`;
  $("startup").textContent = state.startup === null ? `${(now - state.began).toFixed(1)} s …` : `${state.startup.toFixed(2)} s`;
  $("stalls").textContent = count ? `${count}, ${stalled.toFixed(1)} s` : "none";
  $("switches").textContent = state.switches;
  $("downloaded").textContent = bytes(state.requests.reduce((sum, request) => sum + request.sent, 0));
}

function draw(presentation, network, now) {
  const from = Math.max(0, now - WINDOW), to = Math.max(now, 20);
  const moved = transfers(presentation, now);
  const rates = network ? Math.max(...network.rates) : 0;
  const peak = Math.max(...presentation.video.map((rung) => rung.peak_bitrate));
  // without a trace, the throughput is several Gbit/s; the axis ends near the bitrate of the top rung and cuts the bars
  const top = 1.1 * Math.max(peak, Math.min(rates, 4 * peak)) / 1e6;
  drawLadder($("ladder"), presentation, state.chosen, video.currentTime);
  drawNetwork($("network"), {from, to, top, trace: network, transfers: moved.filter((m) => m.end >= from)});
  drawLevel($("level"), {from, to, samples: state.samples, stalls: state.stalls});
}

// Intervals of waiting: the first is the startup, the others are stalls.
function beginWaiting(since = session()) {
  if (state.waiting || video.seeking || video.ended) return;
  state.stalls.push(state.waiting = [since, session()]);
  state.moved = [since, video.currentTime];
  if (state.startup !== null) log("stall", "stall", `at ${video.currentTime.toFixed(2)} s of the video`, since);
}

function endWaiting(end = session()) {
  if (!state.waiting) return;
  state.waiting[1] = end;
  const took = state.waiting[1] - state.waiting[0];
  state.waiting = null;
  state.moved = [session(), video.currentTime];
  if (state.startup === null) {
    state.startup = took;
    log("start", "startup", `first frame after ${took.toFixed(2)} s`);
  } else {
    log("start", "resume", `after ${took.toFixed(2)} s`);
  }
}

// some players stop without a `waiting` event
function standstill(now) {
  const [time, position] = state.moved;
  if (video.currentTime !== position || video.paused || video.seeking || video.ended) {
    state.moved = [now, video.currentTime];
    if (video.currentTime > position && !video.paused) endWaiting(state.startup === null ? state.firstFrame ?? now : now);
  } else if (now - time > STILL) {
    beginWaiting(time);
  }
}

function watch() {
  video.addEventListener("waiting", () => {
    state.firstFrame = null;
    beginWaiting();
  });
  // a player may report that it plays, and wait again before the first frame has passed: that is still the startup
  video.addEventListener("playing", () => {
    if (state.startup === null) state.firstFrame = session();
    else endWaiting();
  });
  video.addEventListener("timeupdate", () => {
    if (state.startup === null && video.currentTime > 0 && !video.paused) endWaiting(state.firstFrame ?? session());
  });
  video.addEventListener("seeking", () => log("seek", "seek", `to ${video.currentTime.toFixed(2)} s of the video`));
  video.addEventListener("ended", () => log("end", "end", `${video.currentTime.toFixed(2)} s of video in ${(session() - state.began).toFixed(2)} s`));
  video.addEventListener("error", () => problem(`video: ${video.error.message || "error " + video.error.code}`));
}

async function begin() {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "NotAllowedError") throw error;
    video.muted = true;  // browsers play audio only after a click
    await video.play();
  }
}

function headline(presentation, network, player) {
  document.title = `${presentation.title}: shotladder play`;
  $("title").textContent = presentation.title;
  const mean = network && network.rates.reduce((sum, rate, n) => sum + rate * network.durations[n], 0)
    / network.durations.reduce((sum, duration) => sum + duration, 0);
  const trace = network ? `network: ${network.name}, mean ${bits(mean)}` : "network: not throttled";
  $("lead").textContent = `${presentation.duration.toFixed(1)} s in ${presentation.shots.length} shots; ${presentation.video.length} rungs; ${trace}; ${player}`;
  const key = [["video", COLOURS.video], ["audio and playlists", COLOURS.other]];
  if (network) key.unshift(["trace", COLOURS.trace]);
  $("network-key").replaceChildren(...[...key, ["requested rung", COLOURS.rung]].flatMap(([name, colour]) => {
    const box = document.createElement("i");
    box.style.background = colour;
    return [box, name];
  }));
}

async function main() {
  await fetch("/-/restart", {method: "POST"});
  const [setup, loaded] = await Promise.all([json("/-/session"), json("/-/presentation.json")]);
  const presentation = prepare(loaded);
  headline(presentation, setup.trace, "");
  listWorst($("worst"), presentation, video);
  await update(presentation);
  state.began = session();
  state.moved = [state.began, 0];
  beginWaiting();
  watch();
  const tick = async () => {
    try {
      await update(presentation);
    } catch {
      problem("The server has stopped. Run shotladder play again.");
      return;
    }
    // the charts stop at the end of the video
    const now = video.ended ? state.samples.at(-1)[0] : session();
    standstill(now);
    if (state.waiting) state.waiting[1] = now;
    if (!video.ended) state.samples.push([now, ahead()]);
    facts(presentation, now);
    showMenus(state.menus);
    showEdges(state.edges, state.requests, (request) => {
      const found = segmentOf(presentation, request);
      return found ? `segment ${found[1] + 1} of ${presentation.video[found[0]].id}` : request.path.split("/").at(-1);
    });
    draw(presentation, setup.trace, now);
    setTimeout(tick, TICK);
  };
  $("again").addEventListener("click", () => location.reload());
  tick();
  const player = await start(video, setup, problem);
  state.menus = player.menus;
  setupComparison(presentation, video, setup.keys, problem);
  headline(presentation, setup.trace, `player: ${player.name}`);
  await begin();
}

main().catch((error) => problem(capital(error.message)));
