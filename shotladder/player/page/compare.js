// Two rungs of the same moment, one over the other, with a slider between them and one clock.

import {startRung} from "/-/players.js";

const $ = (id) => document.getElementById(id);
const APART = 0.04;  // s by which the second video may be off while it plays: one frame

function follow(first, second) {
  const align = () => { second.currentTime = first.currentTime; };
  first.addEventListener("play", () => second.play());
  first.addEventListener("pause", () => {
    second.pause();
    align();
  });
  first.addEventListener("seeking", align);
  first.addEventListener("ratechange", () => { second.playbackRate = first.playbackRate; });
  first.addEventListener("timeupdate", () => {
    if (!first.paused && !second.seeking && Math.abs(second.currentTime - first.currentTime) > APART) align();
  });
}

/** Prepare the comparison; `main` is the video of the page, whose time it begins at. */
export function setupComparison(presentation, main, keys, problem) {
  const rungs = presentation.video, sides = ["left", "right"];
  const chosen = [rungs.length - 1, Math.max(0, Math.floor((rungs.length - 1) / 2))];
  const videos = sides.map((side) => $(`${side}-video`)), stops = [null, null];
  const load = async (n) => {
    stops[n]?.();
    stops[n] = await startRung(videos[n], rungs[chosen[n]], keys, problem);
    videos[n].muted = true;
    $(`${sides[n]}-name`).textContent = `${rungs[chosen[n]].id}, VMAF ${rungs[chosen[n]].vmaf.mean.toFixed(1)}`;
    videos[n].currentTime = videos[1 - n].currentTime || main.currentTime;
  };
  sides.forEach((side, n) => {
    $(`${side}-rung`).replaceChildren(...rungs.map((rung, m) => new Option(rung.id, m)));
    $(`${side}-rung`).value = chosen[n];
    $(`${side}-rung`).addEventListener("change", (event) => {
      chosen[n] = +event.target.value;
      if (!$("compare-stage").hidden) load(n);
    });
  });
  const divide = () => {
    $("compare-stage").style.setProperty("--divide", `${$("divide").value}%`);
  };
  $("divide").addEventListener("input", divide);
  $("compare").addEventListener("click", async () => {
    main.pause();
    $("compare-stage").hidden = false;
    $("compare").hidden = true;
    divide();
    await load(0);
    await load(1);
  });
  $("compare-play").addEventListener("click", () => { if (videos[0].paused) videos[0].play(); else videos[0].pause(); });
  $("compare-time").addEventListener("input", (event) => { videos[0].currentTime = +event.target.value; });
  $("compare-time").max = presentation.duration;
  videos[0].addEventListener("timeupdate", () => { $("compare-time").value = videos[0].currentTime; });
  videos[0].addEventListener("play", () => { $("compare-play").textContent = "Pause"; });
  videos[0].addEventListener("pause", () => { $("compare-play").textContent = "Play"; });
  follow(...videos);
}
