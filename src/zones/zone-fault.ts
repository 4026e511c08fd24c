/** A zone that cannot be served, or a record that cannot be part of one. The message is what is said to the operator. */
export class ZoneFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ZoneFault';
  }
}
