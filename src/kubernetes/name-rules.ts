/** Names as the Kubernetes API allows them, lower-cased. */

/** At most 63 characters. */
export const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Octets of a name of several labels. */
const SUBDOMAIN_SIZE_MAX = 253;

const DASH = 0x2d;
const DOT = 0x2e;

/**
 * Labels at dots, each with a letter or digit at both ends; what they are together is at most 253 characters long. A loop:
 * a regular expression takes several times as long for the names of endpoints, of which a large cluster has a hundred thousand.
 */
export function isSubdomain(name: string): boolean {
  const size = name.length;
  if (size === 0 || size > SUBDOMAIN_SIZE_MAX) return false;
  let before = DOT;
  for (let at = 0; at < size; at++) {
    const code = name.charCodeAt(at);
    if (code === DOT) {
      if (before === DOT || before === DASH) return false;
    } else if (code === DASH) {
      if (before === DOT) return false;
    } else if (!(code >= 0x61 && code <= 0x7a) && !(code >= 0x30 && code <= 0x39)) return false;
    before = code;
  }
  return before !== DOT && before !== DASH;
}

/** Longest targetRef.name that is kept: it has to fit a label. */
const TARGET_NAME_SIZE_MAX = 63;

/** The name of the object an endpoint stands for, whatever its kind: '' if it can't be a label. */
export function targetNameOf(text: string): string {
  const name = text.toLowerCase();
  return name.length > TARGET_NAME_SIZE_MAX || !isSubdomain(name) ? '' : name;
}
