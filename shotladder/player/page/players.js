// Starts a player. Each function returns the name and version of its player and its menus (see menus.js), and reports
// errors to `problem`.

const HLS_TYPE = "application/vnd.apple.mpegurl";

const HELP = `This browser has no HLS player. Open this address in Chromium, Chrome or Edge (142 or later) or in Safari; or download
a JavaScript player once, and name it in the command:
  npm pack hls.js && tar -xzf hls.js-*.tgz
  shotladder play DIR --player-js package/dist/hls.min.js
dash.js (dash.all.min.js) and Shaka Player (shaka-player.compiled.js) work as well.`;

function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = url;
    element.onload = resolve;
    element.onerror = () => reject(new Error("the file of --player-js cannot be loaded"));
    document.head.append(element);
  });
}

// With several edges, a failed request goes to another edge instead of back to the same one.
const EDGE_WAIT = 4000;   // ms without an answer after which an edge counts as failed
const EDGE_PAUSE = 200;   // ms before a repeated request
// ms for a segment in dash.js, which does not cancel a request when it is steered away from a slow edge; longer than the
// TTL of the steering server (4 s), for which dash.js bans an edge, so that it does not ban all edges at once
const EDGE_LIMIT = 5000;

// hls.js does not repeat a request without a status, but it repeats other errors for up to half a minute
function hlsEdges() {
  const retry = {maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0};
  const policy = ({fragLoadPolicy, playlistLoadPolicy}) => [fragLoadPolicy.default, playlistLoadPolicy.default];
  const [fragment, playlist] = policy(Hls.DefaultConfig).map(
    (of) => ({default: {...of, maxTimeToFirstByteMs: EDGE_WAIT, errorRetry: retry, timeoutRetry: retry}}));
  return {fragLoadPolicy: fragment, playlistLoadPolicy: playlist};
}

// dash.js repeats a request three times at the same edge before it leaves it
function dashEdges() {
  return {streaming: {
    retryAttempts: {MediaSegment: 0, InitializationSegment: 0, IndexSegment: 0},
    fragmentRequestTimeout: EDGE_LIMIT,
  }};
}

// Shaka Player repeats a request once, at the next edge
function shakaEdges(count) {
  return {streaming: {retryParameters: {
    maxAttempts: count, baseDelay: EDGE_PAUSE, connectionTimeout: EDGE_WAIT, stallTimeout: EDGE_WAIT,
  }}};
}

function startHls(video, problem, edges) {
  const hls = new Hls(edges.length > 1 ? hlsEdges() : {});
  hls.on(Hls.Events.ERROR, (_, data) => problem(`hls.js: ${data.details}`, data.fatal));
  hls.loadSource("/master.m3u8");
  hls.attachMedia(video);
  return {name: `hls.js ${Hls.version}`, menus: {
    rung: () => rungMenu(hls.levels, hls.autoLevelEnabled ? -1 : hls.currentLevel, (level) => { hls.currentLevel = level; }),
    audio: () => trackMenu(hls.audioTracks, hls.audioTrack, (track) => { hls.audioTrack = track; }),
    text: () => offMenu(hls.subtitleTracks, hls.subtitleTrack, (track) => { hls.subtitleTrack = track; }),
  }};
}

const label = (track) => track.name || track.label || track.lang || track.language || "unnamed";

// "auto", then the rungs from the highest bitrate; `choose(-1)` is auto
function rungMenu(rungs, selected, choose) {
  const order = [-1, ...rungs.map((_, n) => n).sort((a, b) => rate(rungs[b]) - rate(rungs[a]))];
  const name = (n) => n < 0 ? "auto" : `${rungs[n].height}p, ${(rate(rungs[n]) / 1e6).toFixed(2)} Mbit/s peak`;
  return {options: order.map(name), selected: Math.max(0, order.indexOf(selected)), choose: (n) => choose(order[n])};
}

const rate = (rung) => rung.bitrate ?? rung.bandwidth ?? rung.bitsPerSecond ?? 0;

function trackMenu(tracks, selected, choose) {
  return {options: tracks.map(label), selected: Math.max(0, selected), choose};
}

function offMenu(tracks, selected, choose) {
  return {options: tracks.length ? ["off", ...tracks.map(label)] : [], selected: selected + 1, choose: (n) => choose(n - 1)};
}

// the JSON of ClearKey contains base64url, key files contain hexadecimal digits
function base64url(hex) {
  const bytes = hex.match(/../g).map((pair) => parseInt(pair, 16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function startDash(video, problem, keys, edges) {
  const player = dashjs.MediaPlayer().create();
  const {DOWNLOAD_ERROR_ID_CONTENT_CODE: segment, DOWNLOAD_ERROR_ID_INITIALIZATION_CODE: init} = dashjs.MediaPlayer.errors;
  // without a segment of one edge, dash.js goes on with another one
  const isFatal = (code) => edges.length < 2 || ![segment, init].includes(code);
  player.on(dashjs.MediaPlayer.events.ERROR, ({error}) => problem(`dash.js: ${error.message}`, isFatal(error.code)));
  if (edges.length > 1) player.updateSettings(dashEdges());
  const clearkeys = Object.fromEntries(Object.entries(keys).map((pair) => pair.map(base64url)));
  if (Object.keys(keys).length) player.setProtectionData({"org.w3.clearkey": {clearkeys}});
  // dash.js 5.2.1 asks the steering server once playback starts, and never if it does not know the manifest by then
  // (_onPlaybackStarted in src/streaming/controllers/StreamController.js)
  const ready = new Promise((resolve) => {
    player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, resolve);
    player.on(dashjs.MediaPlayer.events.ERROR, resolve);
  });
  player.initialize(video, new URL("/manifest.mpd", location.href).href, false);
  await ready;
  let pinned = -1;
  const pin = (index) => {
    pinned = index;
    player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: index < 0}}}});
    if (index >= 0) player.setRepresentationForTypeByIndex("video", index, true);
  };
  const tracks = (type) => player.isReady() && player.getActiveStream() ? player.getTracksFor(type) : [];
  const current = (type) => tracks(type).findIndex((track) => track.index === player.getCurrentTrackFor(type)?.index);
  const rungs = () => player.isReady() && player.getActiveStream() ? player.getRepresentationsByType("video") : [];
  return {name: `dash.js ${player.getVersion()}`, menus: {
    rung: () => rungMenu(rungs(), pinned, pin),
    audio: () => trackMenu(tracks("audio"), current("audio"), (n) => player.setCurrentTrack(tracks("audio")[n])),
    text: () => offMenu(tracks("text"), player.isTextEnabled() ? player.getCurrentTextTrackIndex() : -1, (n) => {
      player.enableText(n >= 0);
      player.setTextTrack(n);
    }),
  }};
}

async function startShaka(video, problem, keys, edges) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", (event) => problem(`Shaka Player: error ${event.detail.code}`, true));
  player.configure({drm: {clearKeys: keys}});
  if (edges.length > 1) player.configure(shakaEdges(edges.length));
  await player.attach(video);
  await player.load("/manifest.mpd");
  let pinned = -1;
  // the variants of the chosen audio: one for each rung
  const variants = () => {
    const all = player.getVariantTracks(), active = all.find((track) => track.active);
    return all.filter((track) => track.audioId === active?.audioId);
  };
  return {name: `Shaka Player ${shaka.Player.version}`, menus: {
    rung: () => rungMenu(variants(), pinned, (n) => {
      pinned = n;
      player.configure({abr: {enabled: n < 0}});
      if (n >= 0) player.selectVariantTrack(variants()[n], true);
    }),
    audio: () => trackMenu(player.getAudioTracks(), player.getAudioTracks().findIndex((track) => track.active),
                           (n) => player.selectAudioTrack(player.getAudioTracks()[n])),
    text: () => offMenu(player.getTextTracks(), player.getTextTracks().findIndex((track) => track.active),
                        (n) => player.selectTextTrack(n < 0 ? null : player.getTextTracks()[n])),
  }};
}

// the browser chooses the rung itself
function startNative(video) {
  video.src = "/master.m3u8";
  const audio = () => [...(video.audioTracks ?? [])];
  const text = () => [...video.textTracks].filter((track) => track.kind !== "metadata");
  return {name: "HLS player of the browser", menus: {
    audio: () => trackMenu(audio(), audio().findIndex((track) => track.enabled),
                           (n) => audio().forEach((track, m) => { track.enabled = m === n; })),
    text: () => offMenu(text(), text().findIndex((track) => track.mode === "showing"),
                        (n) => text().forEach((track, m) => { track.mode = m === n ? "showing" : "disabled"; })),
  }};
}

/** Start a player on the video, with the keys of an encrypted presentation, and return its name and menus. Errors are reported to `problem(text, fatal)`. */
export async function start(video, {player_js: hasFile, keys, edges = []}, problem) {
  if (hasFile) {
    await script("/-/player.js");
    if (window.Hls && Object.keys(keys).length) throw new Error("hls.js does not support keys; use dash.js or Shaka Player");
    if (window.Hls) return startHls(video, problem, edges);
    if (window.dashjs) return startDash(video, problem, keys, edges);
    if (window.shaka) return startShaka(video, problem, keys, edges);
    throw new Error("the file of --player-js does not define hls.js, dash.js or Shaka Player");
  }
  if (!video.canPlayType(HLS_TYPE)) throw new Error(HELP);
  return startNative(video);
}

// the rendition of a player that is a rung of the presentation: of its height, with the nearest bitrate
function nearest(renditions, rung) {
  const far = (n) => Math.abs(rate(renditions[n]) - rung.peak_bitrate) + (renditions[n].height === rung.height ? 0 : 1e12);
  return renditions.map((_, n) => n).sort((a, b) => far(a) - far(b))[0];
}

/** Play one rung on a video, from files that are neither throttled nor logged. `start` has loaded the player before. */
export async function startRung(video, rung, keys, problem) {
  if (window.Hls) {
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) problem(`hls.js: ${data.details}`, false); });
    hls.loadSource(`/-/files/${rung.playlist}`);
    hls.attachMedia(video);
    return () => hls.destroy();
  }
  if (window.dashjs) {
    const player = dashjs.MediaPlayer().create();
    const clearkeys = Object.fromEntries(Object.entries(keys).map((pair) => pair.map(base64url)));
    if (Object.keys(keys).length) player.setProtectionData({"org.w3.clearkey": {clearkeys}});
    player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}}}});
    player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, () => {
      player.setRepresentationForTypeByIndex("video", nearest(player.getRepresentationsByType("video"), rung), true);
    });
    player.initialize(video, new URL("/-/files/manifest.mpd", location.href).href, false);
    return () => player.destroy();
  }
  if (window.shaka) {
    const player = new shaka.Player();
    player.configure({drm: {clearKeys: keys}, abr: {enabled: false}});
    await player.attach(video);
    await player.load("/-/files/manifest.mpd");
    const variants = player.getVariantTracks();
    player.selectVariantTrack(variants[nearest(variants, rung)], true);
    return () => player.destroy();
  }
  video.src = `/-/files/${rung.playlist}`;
  return () => { video.removeAttribute("src"); video.load(); };
}
