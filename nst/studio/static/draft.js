// What a person is preparing: kept in this browser, so that a reload loses nothing. The server has the uploads.
// Another studio on this host has its own.
export const KEY = `nst-studio-draft-${document.querySelector("meta[name=studio]").content}`;

const empty = () => ({title: "", preset: "", contents: [], styles: [], settings: {}, masks: {}});

let stored = "";

export function load() {
  try {
    stored = localStorage.getItem(KEY);
    return {...empty(), ...JSON.parse(stored)};
  } catch {
    return empty();
  }
}

// Writes only what is new: a tab that takes over another one's draft must not write it over the next change there.
export function save(draft) {
  const text = JSON.stringify(draft);
  if (text === stored) return;
  stored = text;
  try {
    localStorage.setItem(KEY, text);
  } catch { /* private windows may have no storage: the draft lives as long as the page */ }
}

// Drops what the server no longer has, and adds what came from elsewhere: another device, a kept snapshot.
export function reconcile(draft, uploads) {
  const has = id => uploads.has(id), of = kind => [...uploads.values()].filter(each => each.kind === kind).map(each => each.id);
  draft.contents = [...new Set(draft.contents)].filter(has);
  draft.contents.push(...of("content").filter(id => !draft.contents.includes(id)));
  draft.styles = draft.styles.map(entry => entry.every(part => has(part.id)) ? entry : entry.filter(part => has(part.id))).filter(entry => entry.length);
  for (const entry of draft.styles) if (entry.length === 1) entry[0].weight = 1;
  const used = new Set(draft.styles.flat().map(part => part.id));
  draft.styles.push(...of("style").filter(id => !used.has(id)).map(id => [{id, weight: 1}]));
  const painted = [...uploads.values()].filter(each => each.content).map(each => [each.content, each.id]);
  draft.masks = Object.fromEntries([...painted, ...Object.entries(draft.masks)].filter(pair => pair.every(has)));
}

export const request = ({title, contents, styles, settings, masks}) => ({title: title.trim(), contents, styles, settings, masks});
