// Polling: asks a URL again and again, and shows each new answer.
import {answer} from "./api.js";
import {away, trouble} from "./notice.js";

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
    const data = await fetched();
    asking = false;
    const next = failures ? Math.min(2 ** failures, LONGEST) : seconds;
    if (next) timer = setTimeout(ask, 1000 * next);  // before `show`, whose failure must not end the polling
    if (data !== undefined) show(data);
  }

  // The new data, null where there are none any more, undefined for no news.
  async function fetched() {
    try {
      const response = await fetch(url, {cache: "no-store", headers: tag ? {"If-None-Match": tag} : {},
        signal: AbortSignal.timeout?.(1000 * LONGEST)});  // a lost network may not end a request for minutes
      if (response.status >= 500) throw new Error(response.statusText);
      const data = response.status === 304 ? undefined : answer(response.status, await response.text());
      if (data) {
        tag = response.headers.get("ETag") || "";
        seconds = pause(data);
      }
      failures = 0;
      away(false);
      return data;
    } catch (error) {
      if (error.status === 404) {
        seconds = failures = 0;
        return null;
      }
      failures += 1;
      if (error.status) trouble(error.message);
      else if (failures > 1) away(true);
    }
  }

  document.addEventListener("visibilitychange", ask);
  ask();
  return ask;
}
