/** What follows for a response from the plugin that wrote it. */
import { PLUGIN } from '../observability/shard-counters.ts';

/** Whether a plugin's responses pass `header`. */
export function isBehindHeader(plugin: number): boolean {
  switch (plugin) {
    case PLUGIN.SERVER:
    case PLUGIN.LOCAL:
    case PLUGIN.ANY:
    case PLUGIN.CHAOS:
    case PLUGIN.ACL:
    case PLUGIN.TSIG:
      return false;
    default:
      return true;
  }
}

/** Whether a plugin answers from a zone with records of its own (zone-step.ts). */
export function hasZone(plugin: number): boolean {
  return plugin === PLUGIN.FILE || plugin === PLUGIN.AUTO || plugin === PLUGIN.SECONDARY;
}

/** Whose records do not come in another order each time anyway. */
export function isFromElsewhere(plugin: number): boolean {
  return plugin === PLUGIN.TEMPLATE || plugin === PLUGIN.CACHE;
}
