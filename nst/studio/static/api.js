// Requests to the studio. Every failure is an ApiError whose message a person can read.
import {away} from "./notice.js";

const message = text => text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");

export class ApiError extends Error {
  // `after`: the header Retry-After.
  constructor(status, body = {}, after = null) {
    super(message(body.error || (status ? `the studio answered with error ${status}` : "the studio does not answer; try again in a moment")));
    this.status = status;
    this.passing = status === 0 || status === 429 || status >= 500;  // trying again may help
    this.wait = Number(after) || 4;  // seconds until then
  }
}

export const headers = () => ({"X-CSRFToken": document.querySelector("meta[name=csrf-token]")?.content ?? ""});

function parsed(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

export function answer(status, text, after) {
  if (status === 401 && location.pathname !== "/login") location.assign("/login#ask");
  if (status < 200 || status >= 300) throw new ApiError(status, parsed(text), after);
  return parsed(text);
}

export async function api(method, url, body) {
  const options = {method, headers: headers(), cache: "no-store"};
  if (body !== undefined) Object.assign(options, {body: JSON.stringify(body), headers: {...options.headers, "Content-Type": "application/json"}});
  let response, text;
  try {
    response = await fetch(url, options);
    text = await response.text();
  } catch {
    throw new ApiError(0);
  }
  away(false);
  return answer(response.status, text, response.headers.get("Retry-After"));
}

// POST of a file, with its progress from 0 to 1, which fetch does not report. `signal` stops it.
export function send(url, file, {progressed = () => {}, signal} = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", event => event.lengthComputable && progressed(event.loaded / event.total));
    for (const end of ["error", "abort"]) request.addEventListener(end, () => reject(new ApiError(0)));
    signal?.addEventListener("abort", () => request.abort());
    request.addEventListener("load", () => {
      try {
        resolve(answer(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      } catch (error) {
        reject(error);
      }
    });
    request.send(file);
  });
}
