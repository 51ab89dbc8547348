"use strict";
// Shows one shot below the charts, chosen by the slider or the pointer, and hides or shows the rungs.
const data = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("shot");
const inspector = document.getElementById("inspector");
const plots = [...document.querySelectorAll(".over-time .plot")];

const cursors = plots.map((plot) => {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("class", "cursor");
  plot.querySelector("svg").append(line);
  return line;
});

function element(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

function bitrate(value) {
  if (value < 999500) return (value / 1e3).toFixed(0) + " kbit/s";
  return (value / 1e6).toFixed(value < 9995000 ? 2 : 1) + " Mbit/s";
}

function show(index) {
  const shot = data.shots[index];
  const text = "Shot " + (index + 1) + ", " + shot.text;
  const position = 1000 * (shot.start + shot.end) / 2 / data.duration;
  for (const line of cursors) line.setAttribute("d", "M" + position + " 0V1000");
  slider.value = index + 1;
  slider.setAttribute("aria-valuetext", text);
  inspector.replaceChildren();
  const thumbnail = data.thumbnails[index];
  if (thumbnail) {
    const image = element("img");
    image.src = thumbnail;
    image.alt = "Middle frame of shot " + (index + 1);
    inspector.append(image);
  }
  const box = element("div");
  box.append(element("strong", text));
  const table = element("table");
  const head = table.createTHead().insertRow();
  for (const name of ["rung", "VMAF", "lowest frame", "bitrate", "quantiser"]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const rung of data.rungs) {
    const row = body.insertRow();
    const name = element("th", rung.id);
    name.scope = "row";
    row.append(name);
    const values = [rung.vmaf[index].toFixed(1), rung.vmaf_min[index].toFixed(1),
                    bitrate(rung.bits[index] / (shot.end - shot.start)), String(rung.quantisers[index])];
    for (const value of values) row.append(element("td", value));
  }
  const scroll = element("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Rungs of the shot");
  scroll.append(table);
  box.append(scroll);
  inspector.append(box);
}

slider.addEventListener("input", () => show(slider.value - 1));
for (const plot of plots) {
  const follow = (event) => {
    const box = plot.getBoundingClientRect();
    const time = data.duration * (event.clientX - box.left) / box.width;
    const index = data.shots.findLastIndex((shot) => shot.start <= time);
    if (index >= 0 && index !== slider.value - 1) show(index);
  };
  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
}
for (const button of document.querySelectorAll("[data-toggle]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    for (const series of document.querySelectorAll("[data-series=" + button.dataset.toggle + "]")) {
      series.style.display = shown ? "" : "none";
    }
  });
}
show(0);
