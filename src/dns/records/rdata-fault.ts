/** Something wrong with a record's data. */
export class RdataFault extends Error {
  /** where in the text it was read from; undefined: not known */
  at: number | undefined;

  constructor(message: string, at?: number) {
    super(message);
    this.name = 'RdataFault';
    this.at = at;
  }
}
