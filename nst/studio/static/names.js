// Names of settings and presets for people.

// Words that are not written as in a setting's or a preset's name.
const WORDS = {artistyle: "ArtiStyle", avgpool: "average pooling", ema: "EMA", nnst: "NNST", strotss: "STROTSS", tv: "TV", vgg16: "VGG-16"};

export const capitalized = text => text.charAt(0).toUpperCase() + text.slice(1);

// "tv_weight" within a sentence: "TV weight".
export const wordsOf = name => name.split(/[-_]/).map(word => WORDS[word] || word).join(" ");

export const nameOf = name => capitalized(wordsOf(name));
