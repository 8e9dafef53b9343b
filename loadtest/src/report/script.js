"use strict";
// Comfort only: everything on this page can be read without it.
document.documentElement.classList.add("js");
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(on));
    for (const curve of document.querySelectorAll("#curves svg ." + button.dataset.series)) curve.classList.toggle("off", !on);
  });
}
const tip = document.getElementById("tip");
const latency = (us) => us < 1e3 ? us.toFixed(0) + " µs" : us < 1e6 ? (us / 1e3).toPrecision(3) + " ms" : (us / 1e6).toPrecision(3) + " s";
const clock = (s) => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
const axis = (text) => { const [kind, ...n] = text.split(" "); return { log: kind === "log", n: n.map(Number) }; };
const value = ({ log, n: [from, to, p, q] }, pixel) => { const part = (pixel - p) / (q - p); return log ? from * (to / from) ** part : from + (to - from) * part; };
for (const svg of document.querySelectorAll("svg[data-x]")) {
  const x = axis(svg.dataset.x), y = axis(svg.dataset.y);
  const lines = [...svg.querySelectorAll("path[data-name]")].map((path) => ({
    name: path.dataset.name,
    points: path.getAttribute("d").split(/[ML]/).filter(Boolean).map((p) => p.split(" ").map(Number)),
  }));
  const cursor = document.createElementNS(svg.namespaceURI, "line");
  cursor.setAttribute("class", "cursor off");
  cursor.setAttribute("y1", y.n[2]);
  cursor.setAttribute("y2", y.n[3]);
  svg.append(cursor);
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const near = (points) => points.reduce((a, b) => Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a);
    const hits = lines.map((line) => [line.name, near(line.points)]);
    if (!hits.length) return;
    const px = hits[0][1][0];
    cursor.setAttribute("x1", px);
    cursor.setAttribute("x2", px);
    cursor.classList.remove("off");
    const shown = (v) => y.log ? latency(v) : v.toFixed(1) + " /s";
    tip.textContent = [clock(value(x, px)), ...hits.map(([name, p]) => name + "  " + (Math.abs(p[0] - px) < 3 ? shown(value(y, p[1])) : "–"))].join("\n");
    tip.style.display = "block";
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.max(8, event.clientY - tip.offsetHeight - 10) + "px";
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; cursor.classList.add("off"); });
}
