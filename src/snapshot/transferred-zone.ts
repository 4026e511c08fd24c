/** Which zone an AXFR or IXFR question is about: the answering threads ask, and so does who writes the transfer. */
import { NOT_FOUND } from './reader.ts';
import { ROUTE, STEP, STEP_WORDS, ZONE_INFO, ZONE_RECORDS } from './snapshot-layout.ts';

/**
 * The step of a route that serves the zone whose apex has the name asked for.
 *
 * @param routeAt   word index of the ROUTE that was found for the name
 * @param nameSize  octets of the name in wire form, root label included
 * @returns word index of the step, NOT_FOUND: the name is no zone that can be transferred
 */
export function findTransferredZone(words: Uint32Array, routeAt: number, nameSize: number): number {
  let stepAt = routeAt + ROUTE.at.steps;
  for (let left = words[routeAt + ROUTE.at.stepCount]!; left > 0; left--) {
    const argumentAt = words[stepAt + 1]! * 2;
    if (words[stepAt] === STEP.KUBERNETES || words[stepAt] === STEP.EXTERNAL) {
      if (words[argumentAt + ZONE_INFO.at.zoneSize] === nameSize) return stepAt;
    } else if (words[stepAt] === STEP.ZONE && words[argumentAt + ZONE_RECORDS.at.zoneSize] === nameSize) {
      return stepAt;
    }
    stepAt += STEP_WORDS;
  }
  return NOT_FOUND;
}
