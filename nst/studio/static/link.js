// /link#CODE: joins this browser to the session of another device, once the person agrees.
import {api} from "./api.js";
import {$, setHidden, setText} from "./dom.js";

const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
addEventListener("hashchange", () => location.reload());  // another link in the same tab

function fail(message) {
  setText($("problem"), message);
  setHidden($("problem"), false);
}

if (!code) fail("This link is incomplete. Make a new one on the other device.");
$("link").querySelector("button").disabled = !code;
$("link").addEventListener("submit", async event => {
  event.preventDefault();
  try {
    await api("POST", "/link", {code});
    location.assign("/");
  } catch (error) {
    fail(error.message);
  }
});
