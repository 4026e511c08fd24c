/** Names as the Kubernetes API allows them, lower-cased. */

/** At most 63 characters. */
export const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Labels at dots; what they are together is at most 253 characters long. */
export const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Longest targetRef.name that is kept: it has to fit a label. */
const TARGET_NAME_SIZE_MAX = 63;

/** The name of the object an endpoint stands for, whatever its kind: '' if it can't be a label. */
export function targetNameOf(text: string): string {
  const name = text.toLowerCase();
  return name.length > TARGET_NAME_SIZE_MAX || !SUBDOMAIN.test(name) ? '' : name;
}
