// Texts as bytes and back. The engine has no TextEncoder and no TextDecoder.

/** The bytes of a text; half of a surrogate pair is replaced. */
export function utf8(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text.toWellFormed?.() ?? text)), (c) => c.charCodeAt(0));
}

/** The text of bytes; what is no UTF-8 is replaced. */
export function fromUtf8(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.slice(at, at + 4096));
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return lossy(bytes);
  }
}

// First bytes of a character: how many follow, and the bounds of the next one (Unicode, table 3-7).
function follow(byte) {
  if (byte < 0x80) return [0];
  if (byte >= 0xc2 && byte <= 0xdf) return [1, 0x80, 0xbf];
  if (byte >= 0xe0 && byte <= 0xef) return [2, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf];
  if (byte >= 0xf0 && byte <= 0xf4) return [3, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf];
  return undefined;
}

function lossy(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++];
    const more = follow(first);
    let [left, least, most] = more ?? [0];
    let code = first & (left === 0 ? 0x7f : 0x3f >> left);
    while (left > 0 && bytes[at] >= least && bytes[at] <= most) {
      code = (code << 6) | (bytes[at++] & 0x3f);
      [left, least, most] = [left - 1, 0x80, 0xbf];
    }
    text += more && left === 0 ? String.fromCodePoint(code) : "\ufffd";
  }
  return text;
}
