/** `header`: flags of a response that are as the operator wants them, whoever it is from. */
import { FLAGS_HIGH_AT } from '../dns/wire-header.ts';

/** @param headerFlags  POLICY.headerFlags */
export function setHeaderFlags(view: DataView, messageAt: number, headerFlags: number): void {
  const flags = view.getUint16(messageAt + FLAGS_HIGH_AT);
  view.setUint16(messageAt + FLAGS_HIGH_AT, (flags & ~(headerFlags >>> 16)) | (headerFlags & 0xffff));
}
