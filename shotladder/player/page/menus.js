// The menus of rung, audio and subtitles, and the list of the weakest moments.
// A menu is {options: [text], selected: number, choose(number)}; a player that has no such choice gives no menu.

const WORST = 5;  // moments in the list

const clock = (time) => `${Math.floor(time / 60)}:${String(Math.floor(time % 60)).padStart(2, "0")}`;

function fill(select, menu, single) {
  const texts = menu?.options ?? [];
  if (select.dataset.texts !== JSON.stringify(texts)) {
    select.dataset.texts = JSON.stringify(texts);
    select.replaceChildren(...texts.map((text, n) => new Option(text, n)));
    select.onchange = () => menu.choose(+select.value);
  }
  select.disabled = texts.length < 2;
  if (!texts.length) select.replaceChildren(new Option(single));
  else if (document.activeElement !== select) select.value = menu.selected;
}

/** Show the menus of a player; called again, it shows tracks that the player found later. */
export function showMenus(menus) {
  fill(document.getElementById("pin"), menus.rung?.(), "auto");
  fill(document.getElementById("audio"), menus.audio?.(), "as the player chooses");
  fill(document.getElementById("text"), menus.text?.(), "as the player chooses");
}

/** List the shots with the lowest VMAF in the top rung, or the segments of a presentation without shot results. */
export function listWorst(list, presentation, video) {
  const top = presentation.video.at(-1);
  const moments = top.shots?.length
    ? top.shots.map((shot, n) => ({name: `Shot ${n + 1}`, start: presentation.shots[n].start, vmaf: shot.vmaf}))
    : top.segments.map((segment, n) => ({name: `Segment ${n + 1}`, start: presentation.segments[n].start, vmaf: segment.vmaf}));
  moments.sort((a, b) => a.vmaf - b.vmaf);
  list.replaceChildren(...moments.slice(0, WORST).map((moment) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${moment.name} at ${clock(moment.start)}: VMAF ${moment.vmaf.toFixed(1)} in the top rung`;
    button.addEventListener("click", () => {
      // a frame later, so that the previous shot is not shown
      video.currentTime = moment.start + 0.05;
      video.play();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}
