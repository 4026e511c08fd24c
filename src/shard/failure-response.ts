/** A shard's failure response is that of every thread that answers. */
export { writeFailureResponse } from '../answer/failure-response.ts';
