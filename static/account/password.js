// The page behind mailed links. The token stands in the fragment, which browsers never send to a server, so that it
// reaches no access log and no Referer; it leaves the address bar as soon as it is read.
"use strict";

const token = new URLSearchParams(location.hash.slice(1)).get("token");
const outcome = document.getElementById("outcome");

if (token) history.replaceState(null, "", location.pathname);
const form = document.getElementById(token ? "choose" : "forgot");
form.hidden = false;
form.querySelector("input").focus();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = token ? chosen() : { email: document.getElementById("email").value };
  if (body) await send(body);
});

function chosen() {
  const password = document.getElementById("password").value;
  if (password === document.getElementById("again").value) return { token, password };
  outcome.textContent = form.dataset.differ;
  return null;
}

async function send(body) {
  const button = form.querySelector("button");
  button.disabled = true;
  outcome.textContent = "";
  try {
    const answer = await fetch(form.dataset.url, {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.hidden = true;
      outcome.textContent = form.dataset.done;
      return;
    }
    outcome.textContent = sentences((await answer.json()).error);
  } catch {
    outcome.textContent = outcome.dataset.down;
  } finally {
    button.disabled = false;
  }
}

function sentences(error) {
  const details = Object.values(error.details ?? {}).flat().filter((text) => typeof text === "string");
  return details.length ? details.join(" ") : error.message;
}
