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

const given = decodeURIComponent(location.hash.slice(1));
if (given) {
  history.replaceState(null, "", location.pathname);  // the token does not stay in the address or the history
  enter(given);
}
