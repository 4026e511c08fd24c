/** What follows for a response from the plugin that wrote it. */
import { PLUGIN } from '../observability/counters/shard-counters.ts';

/** Whether a plugin answers from a zone with records of its own (zone-step.ts). */
export function hasZone(plugin: number): boolean {
  return plugin === PLUGIN.FILE || plugin === PLUGIN.AUTO || plugin === PLUGIN.SECONDARY;
}

/** Whose records do not come in another order each time anyway. */
export function isFromElsewhere(plugin: number): boolean {
  switch (plugin) {
    case PLUGIN.TEMPLATE:
    case PLUGIN.CACHE:
    case PLUGIN.AUTOPATH:
    case PLUGIN.DNS64:
    case PLUGIN.SIIT:
      return true;
    default:
      return false;
  }
}
