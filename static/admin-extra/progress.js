// Keeps the progress of work that goes on in the background moving, and leads to what was made.
"use strict";

const EVERY = 2000;

async function follow(box) {
  const bar = box.querySelector("progress");
  const words = box.querySelector("[role=status]");
  try {
    const answer = await fetch(box.dataset.state, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const { percent, text, ended, url } = await answer.json();
    bar.value = percent;
    if (words.textContent !== text) words.textContent = text;
    if (ended) {
      // A list shows several: it is read again; a page of one leads on.
      if (url && !document.getElementById("result_list")) location.assign(url);
      else location.reload();
      return;
    }
  } catch {
    // The site is restarting, or the network is gone: asked again.
  }
  setTimeout(follow, EVERY, box);
}

addEventListener("load", () => {
  for (const box of document.querySelectorAll(".osd-progress[data-state]")) setTimeout(follow, EVERY / 4, box);
});
