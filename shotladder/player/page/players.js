// Starts whichever player there is; each returns the name it goes by, and tells what goes wrong.

const HLS_TYPE = "application/vnd.apple.mpegurl";

const HELP = `This browser does not play HLS by itself. Open this address in Chromium, Chrome or Edge (142 or later) or in
Safari; or get a JavaScript player once, and give it to the command:
  npm pack hls.js && tar -xzf hls.js-*.tgz
  shotladder play DIR --player-js package/dist/hls.min.js
dash.js (dash.all.min.js) and Shaka Player (shaka-player.compiled.js) do as well.`;

function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = url;
    element.onload = resolve;
    element.onerror = () => reject(new Error("the file of --player-js could not be loaded"));
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

function startDash(video, problem) {
  const player = dashjs.MediaPlayer().create();
  player.on(dashjs.MediaPlayer.events.ERROR, (event) => problem(`dash.js: ${event.error.message}`, true));
  player.initialize(video, new URL("/manifest.mpd", location.href).href, false);
  return `dash.js ${player.getVersion()}`;
}

async function startShaka(video, problem) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", (event) => problem(`Shaka Player: error ${event.detail.code}`, true));
  await player.attach(video);
  await player.load("/manifest.mpd");
  return `Shaka Player ${shaka.Player.version}`;
}

/** Start a player on the video and return its name. `problem(text, fatal)` is told what goes wrong. */
export async function start(video, hasFile, problem) {
  if (hasFile) {
    await script("/-/player.js");
    if (window.Hls) return startHls(video, problem);
    if (window.dashjs) return startDash(video, problem);
    if (window.shaka) return startShaka(video, problem);
    throw new Error("the file of --player-js is none of hls.js, dash.js, Shaka Player");
  }
  if (!video.canPlayType(HLS_TYPE)) throw new Error(HELP);
  video.src = "/master.m3u8";
  return "the browser's own HLS";
}
