// "Another device": a link that opens this session there.
import {api} from "./api.js";
import {copied, open} from "./dialog.js";
import {$, element} from "./dom.js";
import {howToReach, isLocal} from "./reach.js";
import {toast} from "./notice.js";

$("device")?.addEventListener("click", async () => {
  try {
    const {url, minutes} = await api("POST", "/api/link", {});
    open("Another device", [
      isLocal(url) && howToReach(url),
      element("p", {}, `Open this link ${isLocal(url) ? "in another browser of this computer" : "on your phone or another computer"} to see the same images and runs there. It works once, for ${minutes} minutes.`),
      copied(url, "Link for another device")
    ].filter(Boolean));
  } catch (error) {
    toast(error.message);
  }
});
