// The edges: which one serves what, and buttons that stop, slow or drain one.

const $ = (id) => document.getElementById(id);
const STATES = [["up", "run"], ["down", "kill"], ["slow", "slow down"], ["drained", "drain"]];
const size = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.round(count / 1e3)} kB`;

async function set(name, state) {
  await fetch(`/-/edge?name=${encodeURIComponent(name)}&state=${state}`, {method: "POST"});
}

function card(edge) {
  const box = document.createElement("div"), text = document.createElement("p");
  box.id = edge.name;
  const head = document.createElement("strong");
  head.textContent = edge.name;
  text.append(head, document.createElement("span"));
  box.append(text, ...STATES.map(([state, label]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.dataset.state = state;
    button.addEventListener("click", () => set(edge.name, state));
    return button;
  }));
  return box;
}

/** Show the edges with what they have sent; `requests` are those of the log, `names(request)` names the segment of one. */
export function showEdges(edges, requests, names) {
  if (!edges?.length) return;
  $("edge-section").hidden = false;
  if (!$("edges").children.length) $("edges").append(...edges.map(card));
  const last = requests.findLast((request) => request.edge && request.sent);
  for (const edge of edges) {
    const own = requests.filter((request) => request.edge === edge.name && request.sent);
    const sent = own.reduce((sum, request) => sum + request.sent, 0), latest = own.at(-1);
    const box = $(edge.name);
    box.className = `${edge.state}${last?.edge === edge.name ? " active" : ""}`;
    box.querySelector("span").textContent = ` ${edge.state}; ${own.length} requests, ${size(sent)}`
      + (latest ? `; last: ${names(latest)}` : "");
    for (const button of box.querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.state === edge.state);
  }
}
