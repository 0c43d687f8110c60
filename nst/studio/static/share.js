// Links to a run: making, copying and revoking them.
import {api} from "./api.js";
import {copied, open} from "./dialog.js";
import {button, element} from "./dom.js";
import {toast} from "./notice.js";
import {howToReach, isLocal} from "./reach.js";

const DAYS = [[1, "one day"], [7, "a week"], [30, "a month"], [365, "a year"]];

function row(share, revoked) {
  const rights = [share.settings && "with settings", share.downloads && "with downloads"].filter(Boolean).join(", ") || "images only";
  const revoke = button("Revoke", async () => {
    revoke.disabled = true;
    await revoked().catch(error => { revoke.disabled = false; toast(error.message); });
  }, {class: "link bad"});
  return element("li", {}, copied(share.url, "Link to this run"),
    element("p", {class: "caption"}, `${rights} · until ${new Date(share.expires).toLocaleDateString(undefined, {dateStyle: "medium"})} `, revoke));
}

// `shares` are those that exist; the list is changed in place.
export function shareDialog(run, shares) {
  const days = element("select", {}, ...DAYS.map(([value, text]) => element("option", {value, selected: value === 7}, text)));
  const check = text => { const box = element("input", {type: "checkbox"}); return [box, element("label", {class: "check"}, box, text)]; };
  const [settings, settingsLabel] = check("show the settings"), [downloads, downloadsLabel] = check("allow downloads");
  const list = element("ul", {class: "shares"});
  const draw = () => list.replaceChildren(...shares.map(share => row(share, async () => {
    await api("DELETE", `/api/shares/${share.id}`).catch(error => { if (error.status !== 404) throw error; });  // 404: it has ended
    shares.splice(shares.indexOf(share), 1);
    draw();
  })));
  const create = async event => {
    event.preventDefault();
    submit.disabled = true;
    try {
      shares.unshift(await api("POST", `/api/runs/${run}/shares`, {days: Number(days.value), downloads: downloads.checked, settings: settings.checked}));
      draw();
      list.firstChild.querySelector("input").focus();
    } catch (error) {
      toast(error.message);
    }
    submit.disabled = false;
  };
  const submit = element("button", {class: "primary"}, "Create a link");
  draw();
  open("Share this run", [element("p", {}, "Whoever has the link sees the images, on any device. Nobody can guess it, and you can revoke it."),
    isLocal(location.href) && howToReach(location.href),
    element("form", {class: "share", onsubmit: create},
      element("label", {class: "check"}, "The link is valid for", days), settingsLabel, downloadsLabel,
      submit), list].filter(Boolean));
}
