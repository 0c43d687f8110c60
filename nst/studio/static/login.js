// The access token: from the link that the studio printed (/login#TOKEN), or typed.
import {api} from "./api.js";
import {$, setHidden, setText} from "./dom.js";

async function enter(token) {
  try {
    await api("POST", "/login", {token});
    location.assign("/");
  } catch (error) {
    setText($("problem"), error.message);
    setHidden($("problem"), false);
    $("token").focus();
  }
}

$("login").addEventListener("submit", event => {
  event.preventDefault();
  if ($("token").value.trim()) enter($("token").value.trim());
});

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function fromLink() {
  const given = location.hash.slice(1);
  if (!given || given === "ask") return;  // "ask": sent here by a page
  history.replaceState(null, "", location.pathname);  // the token does not stay in the URL or the history
  enter(decoded(given));
}

addEventListener("hashchange", fromLink);  // the link is opened in a tab that is here already
fromLink();
