// Starts a player. Each function returns the name and version of its player, and reports errors to `problem`.

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

function startHls(video, problem) {
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, data) => problem(`hls.js: ${data.details}`, data.fatal));
  hls.loadSource("/master.m3u8");
  hls.attachMedia(video);
  return `hls.js ${Hls.version}`;
}

// the JSON of ClearKey contains base64url, key files contain hexadecimal digits
function base64url(hex) {
  const bytes = hex.match(/../g).map((pair) => parseInt(pair, 16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function startDash(video, problem, keys) {
  const player = dashjs.MediaPlayer().create();
  player.on(dashjs.MediaPlayer.events.ERROR, (event) => problem(`dash.js: ${event.error.message}`, true));
  const clearkeys = Object.fromEntries(Object.entries(keys).map((pair) => pair.map(base64url)));
  if (Object.keys(keys).length) player.setProtectionData({"org.w3.clearkey": {clearkeys}});
  player.initialize(video, new URL("/manifest.mpd", location.href).href, false);
  return `dash.js ${player.getVersion()}`;
}

async function startShaka(video, problem, keys) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", (event) => problem(`Shaka Player: error ${event.detail.code}`, true));
  player.configure({drm: {clearKeys: keys}});
  await player.attach(video);
  await player.load("/manifest.mpd");
  return `Shaka Player ${shaka.Player.version}`;
}

/** Start a player on the video, with the keys of an encrypted presentation, and return its name. Errors are reported to `problem(text, fatal)`. */
export async function start(video, {player_js: hasFile, keys}, problem) {
  if (hasFile) {
    await script("/-/player.js");
    if (window.Hls && Object.keys(keys).length) throw new Error("hls.js does not support keys; use dash.js or Shaka Player");
    if (window.Hls) return startHls(video, problem);
    if (window.dashjs) return startDash(video, problem, keys);
    if (window.shaka) return startShaka(video, problem, keys);
    throw new Error("the file of --player-js does not define hls.js, dash.js or Shaka Player");
  }
  if (!video.canPlayType(HLS_TYPE)) throw new Error(HELP);
  video.src = "/master.m3u8";
  return "HLS player of the browser";
}
