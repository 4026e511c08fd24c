/**
 * Domain names as lists of labels. A label is a string of octets (char codes 0 … 255), so that every name round-trips;
 * the presentation form escapes what RFC 1035 §5.1 wants escaped.
 */
export type Labels = readonly string[];

/** `a\.b.example.` → ['a.b', 'example']; the trailing dot may be left out; `.` is the root. */
export function parseName(text: string): Labels {
  if (text === '.' || text === '') return [];
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === '\\') {
      const digits = /^\d{3}/.exec(text.slice(i + 1));
      label += digits === null ? text[i + 1]! : String.fromCharCode(Number(digits[0]));
      i += digits === null ? 1 : 3;
    } else if (character === '.') {
      if (label === '') throw new Error(`empty label in ${text}`);
      labels.push(label);
      label = '';
    } else {
      label += character;
    }
  }
  if (label !== '') labels.push(label);
  return labels;
}

/** Presentation form with a trailing dot. */
export function formatName(labels: Labels): string {
  if (labels.length === 0) return '.';
  return labels.map((label) => `${escapeLabel(label)}.`).join('');
}

function escapeLabel(label: string): string {
  let text = '';
  for (let i = 0; i < label.length; i++) {
    const code = label.charCodeAt(i);
    if (label[i] === '.' || label[i] === '\\') text += `\\${label[i]}`;
    else if (code < 0x21 || code > 0x7e) text += `\\${String(code).padStart(3, '0')}`;
    else text += label[i];
  }
  return text;
}

/** Wire form with root label. Label and name limits are not checked: tests send broken names too. */
export function nameToWire(labels: Labels): Uint8Array {
  const octets: number[] = [];
  for (const label of labels) {
    octets.push(label.length);
    for (let i = 0; i < label.length; i++) octets.push(label.charCodeAt(i));
  }
  octets.push(0);
  return Uint8Array.from(octets);
}

/** Octets of the wire form, root label included. */
export function wireSize(labels: Labels): number {
  return labels.reduce((size, label) => size + 1 + label.length, 1);
}

/** RFC 4343: only A–Z fold. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (character) => character.toLowerCase());
}

export function sameLabel(a: string, b: string): boolean {
  return lowerAscii(a) === lowerAscii(b);
}

/** Whether `name` is `suffix` or below it. */
export function endsWith(name: Labels, suffix: Labels): boolean {
  if (name.length < suffix.length) return false;
  return suffix.every((label, i) => sameLabel(label, name[name.length - suffix.length + i]!));
}

/** `labels` to the left of a suffix of `suffix.length` labels. */
export function leftOf(name: Labels, suffix: Labels): Labels {
  return name.slice(0, name.length - suffix.length);
}
