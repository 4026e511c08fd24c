/** What a step of the chain did with a question. */
export const STEP_RESULT = {
  /** the response is written */
  DONE: 0,
  /** a CNAME is written: its target is to be looked up, and what is found goes behind it */
  FOLLOW: 1,
  /** not this step's: the next one's */
  NEXT: 2,
  /** taken over by someone who answers later */
  PENDING: 3,
  /** the response is written; the addresses of an SRV target elsewhere may go to its additional section */
  GLUE: 4,
  /** nothing is answered, on purpose */
  WITHHELD: 5,
} as const;
