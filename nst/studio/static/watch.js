// Polling: asks a URL again and again, and shows each new answer.
import {answer} from "./api.js";
import {away} from "./notice.js";

const LONGEST = 20;

// `pause(data)` is the time in seconds to the next request, 0 for never. Nothing is asked while the page is hidden; while
// the server is away, requests become rarer.
export function watch(url, pause, show) {
  let tag = "", seconds = 1, failures = 0, timer, asking = false;

  async function ask() {
    clearTimeout(timer);
    if (document.hidden) return;
    if (asking) return void (timer = setTimeout(ask, 300));
    asking = true;
    try {
      const response = await fetch(url, {cache: "no-store", headers: tag ? {"If-None-Match": tag} : {}});
      if (response.status >= 500) throw new Error(response.statusText);
      if (response.status !== 304) {
        const data = answer(response.status, await response.text());
        tag = response.headers.get("ETag") || "";
        seconds = pause(data);
        show(data);
      }
      failures = 0;
      away(false);
    } catch (error) {
      if (error.status === 404) return void show(null);
      failures += 1;
      if (failures > 1) away(true);
    } finally {
      asking = false;
    }
    const next = failures ? Math.min(2 ** failures, LONGEST) : seconds;
    if (next) timer = setTimeout(ask, 1000 * next);
  }

  document.addEventListener("visibilitychange", ask);
  ask();
  return ask;
}
