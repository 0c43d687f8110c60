// What a person should know about a link that leads to this computer: on another device it leads to that device.
import {element} from "./dom.js";

const hostOf = url => new URL(url).hostname;
export const isLocal = url => /^(localhost|127[\d.]+|\[::1\])$/.test(hostOf(url));

// How others reach the studio, for a dialog with such a link.
export const howToReach = url => element("p", {}, `The host name ${hostOf(url)} leads each device to itself. For other devices, start the studio with `,
  element("code", {}, "nst studio --host 0.0.0.0"), `, enter the access token that it prints, and replace ${hostOf(url)} in links with this computer's host name or IP address in your network.`);
